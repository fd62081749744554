/* Profiles of plans: rows by plugin call, counts that are known, stacks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "exec/profile.h"

static const ho_profile_row *find(const ho_profile_row *rows, size_t count, const char *plugin, int line, bool product)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].plugin, plugin) == 0 && rows[i].line == line && rows[i].product == product)
            return &rows[i];
    cr_assert_fail("no row of %s, line %d", plugin, line);
    return NULL;
}

/* tanh(x w) of plugin "a", and its square, of plugin "b", `runs` times. */
static void run_some(const char *name, int runs)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const ho_node x = ho_node_leaf(g, "x", ho_shape_of(2, (int64_t[]){64, 48}));
    const ho_node w = ho_node_leaf(g, "w", ho_shape_of(2, (int64_t[]){48, 40}));
    ho_graph_source_enter(g, "a", "/somewhere/a.c", 7);
    const ho_node y = ho_node_unary(g, HO_OP_TANH, ho_node_matmul(g, x, w));
    ho_graph_source_enter(g, "b", "b.c", 9);
    const ho_node z = ho_node_binary(g, HO_OP_MUL, y, y);
    const ho_node inputs[] = {x, w};
    ho_plan *plan = ho_plan_new(g, HO_F32, inputs, 2, &z, 1, &error);
    cr_assert(plan, "%s", error.text);
    ho_plan_profile_as(plan, name);
    float *numbers = calloc(64 * 48 + 48 * 40 + 64 * 40, sizeof *numbers);
    for (int i = 0; i < runs; i++)
        ho_plan_run(plan, (const void *[]){numbers, numbers + 64 * 48}, (void *[]){numbers + 64 * 48 + 48 * 40});
    ho_plan_free(plan);
    ho_graph_free(g);
    free(numbers);
}

Test(profile, rows_are_plugin_calls_and_add_up)
{
    run_some("before", 3);
    ho_profile_enable(true);
    run_some("step", 3);
    run_some("step", 2);
    run_some("other", 1);
    run_some("never run", 0);
    ho_profile_enable(false);
    run_some("after", 3);
    size_t count;
    ho_profile_row *rows = ho_profile_rows(&count);
    cr_assert_eq(count, 6, "%zu rows", count);
    double seconds = 0;
    for (size_t i = 0; i < count; i++) {
        const bool steps = strcmp(rows[i].program, "step") == 0;
        cr_expect(steps || strcmp(rows[i].program, "other") == 0, "%s", rows[i].program);
        cr_expect_eq(rows[i].runs, steps ? 5 : 1);
        cr_expect_float_eq(rows[i].flops, rows[i].product ? (steps ? 5 : 1) * 2.0 * 64 * 48 * 40 : 0, 0);
        cr_expect(rows[i].seconds > 0 && (i == 0 || rows[i].seconds <= rows[i - 1].seconds));
        seconds += rows[i].seconds;
    }
    const ho_profile_row *product = find(rows, count, "a", 7, true), *tanh_row = find(rows, count, "a", 7, false);
    cr_expect_str_eq(product->file, "a.c");
    cr_expect_float_eq(product->bytes / (double)product->runs, 4.0 * (64 * 48 + 48 * 40 + 64 * 40), 0);
    /* tanh reads and writes; the square reads twice and writes. */
    cr_expect_float_eq(tanh_row->bytes / (double)tanh_row->runs, 4.0 * 2 * 64 * 40, 0);
    const ho_profile_row *square = find(rows, count, "b", 9, false);
    cr_expect_float_eq(square->bytes / (double)square->runs, 4.0 * 3 * 64 * 40, 0);
    /* One kernel computes both, and each has half of its time. */
    const ho_profile_row *pair[2] = {NULL, NULL};
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].program, "other") == 0 && !rows[i].product)
            pair[rows[i].line == 9] = &rows[i];
    cr_expect(pair[0] && pair[1] && pair[0]->seconds == pair[1]->seconds);

    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ho_profile_write_stacks(rows, count, out);
    fclose(out);
    cr_expect(strstr(text, "step;a;a.c:7;products ") && strstr(text, "other;b;b.c:9;other operations "), "%s", text);
    double micros = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n');
        while (end[-1] != ' ')
            end--;
        micros += strtod(end, NULL);
    }
    cr_expect_float_eq(micros, 1e6 * seconds, 0.5 * (double)count + 1e-6);
    free(text);
    free(rows);
}
