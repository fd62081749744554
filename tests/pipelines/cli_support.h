/* Driving the real hotool: a folder of its own for each test, data files, child processes and what they said. */
#ifndef CLI_SUPPORT_H
#define CLI_SUPPORT_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Every test stands in a new folder that holds x.npy, y.npy and base.yaml; afterwards it is removed. For .init and
 * .fini. */
void cli_enter(void);
void cli_leave(void);
/* Skips the test; .fini is not called for such a one. */
void cli_skip(const char *why);

/* What a child came to. */
typedef struct cli_result {
    int status; /* exit status; 128 + signal where a signal ended it */
    const char *out, *err;
} cli_result;

/* Runs hotool with these arguments (up to a NULL). Its standard input is the file "stdin", where there is one. */
cli_result cli_run(const char *first, ...);
/* The same in two parts, for what happens between. */
pid_t cli_start(const char *first, ...);
cli_result cli_finish(pid_t child);
/* Whether it has ended, before cli_finish. */
bool cli_over(pid_t child);
/* Runs a line of the shell in which $HOTOOL is hotool; its exit status. */
int cli_shell(const char *line);
/* Like cli_run, with a terminal of so many columns as stderr; err is what arrived there. */
cli_result cli_run_on_terminal(int columns, const char *first, ...);
/* The same with a terminal for stdout too: out and err are both what arrived there. */
cli_result cli_run_in_terminal(int columns, const char *first, ...);

/* Fails the test unless hotool ended with 0. */
void cli_expect_done(cli_result result);
/* Fails the test unless hotool refused with status 2, one line on stderr that holds each of the pieces (up to a NULL),
 * nothing on stdout and no run folder. `what` names the case. */
void cli_expect_refused(const char *what, cli_result result, ...);

/* ---- files; texts returned live until the test's end ------------------------------------------------------------- */

bool cli_exists(const char *path);
const char *cli_read(const char *path);
void cli_write(const char *path, const char *text);
void cli_write_bytes(const char *path, const void *bytes, size_t size);
/* The base pipeline with one fragment replaced, into `path`. Fails the test where the fragment is not there once. */
void cli_pipeline(const char *path, const char *from, const char *to);
/* The same on top of a file that exists. */
void cli_change(const char *path, const char *from, const char *to);
/* A pipeline of unbounded training on a stream, updated online: its head (name and data), and more options of outer. */
void cli_streamed(const char *path, const char *head, const char *outer);
const char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2), nonnull(1)));
/* What stands in an environment variable that the build sets; fails the test where it is not set. */
const char *cli_environment(const char *name);

/* ---- data -------------------------------------------------------------------------------------------------------- */

#define BLOBS    120
#define FEATURES 12
#define CLASSES  4

/* Feature f of example i: Gaussian around its class's centre; the class is i % CLASSES. */
double cli_blob(int i, int f);
/* A version-1 .npy file with this header text and these bytes, whether they fit together or not. */
void cli_npy(const char *path, const char *header, const void *bytes, size_t size);
/* Examples first..first+count-1 of the blobs: f8 inputs and i8 labels. */
void cli_npy_blobs(const char *inputs, const char *labels, int first, int count);
/* The same as IDX files of bytes, gzipped. */
void cli_idx_blobs(const char *inputs, const char *labels);
/* Records of CIFAR-10's binary form, `count` of them. */
void cli_cifar_blobs(const char *path, int count);

/* An array that hotool wrote; fails the test where it cannot be read or has another number of entries. */
const double *cli_array(const char *path, int64_t count);

#endif
