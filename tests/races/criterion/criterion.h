/*
 * As much of Criterion as the tests of threads use. Criterion's own memory lies where ThreadSanitizer has its shadow,
 * so for these programs there is no Criterion: the tests of a file run one after another in one process.
 */
#ifndef RACES_CRITERION_H
#define RACES_CRITERION_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    const char *label;
    void (*run)(void);
} races_tests[32];
static int races_count, races_failed;

#define Test(suite, test)                                                    \
    static void suite##_##test(void);                                        \
    __attribute__((constructor)) static void suite##_##test##_is_there(void) \
    {                                                                        \
        races_tests[races_count].label = #suite "/" #test;                   \
        races_tests[races_count++].run = suite##_##test;                     \
    }                                                                        \
    static void suite##_##test(void)

/* The rest, where there is any, is a format and what it prints. */
#define cr_expect(condition, ...)                                                    \
    do {                                                                             \
        if (!(condition)) {                                                          \
            races_failed++;                                                          \
            fprintf(stderr, "%s:%d: not true: %s.", __FILE__, __LINE__, #condition); \
            fprintf(stderr, " " __VA_ARGS__);                                        \
            fprintf(stderr, "\n");                                                   \
        }                                                                            \
    } while (false)
#define cr_assert(condition, ...)             \
    do {                                      \
        const int failed = races_failed;      \
        cr_expect(condition, "" __VA_ARGS__); \
        if (races_failed > failed)            \
            exit(1);                          \
    } while (false)
#define cr_expect_not(condition, ...) cr_expect(!(condition), "" __VA_ARGS__)
#define cr_expect_eq(a, b, ...)       cr_expect((a) == (b), "" __VA_ARGS__)
#define cr_expect_lt(a, b, ...)       cr_expect((a) < (b), "" __VA_ARGS__)
#define cr_expect_gt(a, b, ...)       cr_expect((a) > (b), "" __VA_ARGS__)

int main(void)
{
    for (int i = 0; i < races_count; i++) {
        fprintf(stderr, "%s\n", races_tests[i].label);
        unsetenv("HOTOOL_KERNELS"); /* as in a process of its own */
        races_tests[i].run();
    }
    return races_failed ? 1 : 0;
}

#endif
