#include "report/program.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

extern char **environ;

/* A child's streams are unnamed temporary files: unlike pipes they cannot fill up, and nothing is left behind. */
typedef struct streams {
    FILE *in, *out, *err;
} streams;

static void close_streams(streams *s)
{
    if (s->in)
        fclose(s->in);
    if (s->out)
        fclose(s->out);
    if (s->err)
        fclose(s->err);
}

static ho_status open_streams(streams *s, const char *input, ho_error *error)
{
    size_t size = strlen(input);
    s->in = tmpfile();
    s->out = tmpfile();
    s->err = tmpfile();
    if (!s->in || !s->out || !s->err)
        return ho_fail(error, HO_FAILED, "cannot create a temporary file: %s", strerror(errno));
    if (fwrite(input, 1, size, s->in) != size || fflush(s->in) != 0 || lseek(fileno(s->in), 0, SEEK_SET) != 0)
        return ho_fail(error, HO_FAILED, "cannot write a temporary file: %s", strerror(errno));
    return HO_OK;
}

static int spawn(char *const *arguments, const streams *s, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    int why = posix_spawn_file_actions_init(&actions);
    if (why)
        return why;
    FILE *const files[] = {s->in, s->out, s->err};
    for (int i = 0; i < 3 && !why; i++)
        why = posix_spawn_file_actions_adddup2(&actions, fileno(files[i]), i);
    if (!why)
        why = posix_spawnp(child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return why;
}

/* The whole file; free(). NULL: cannot be read. */
static char *contents(FILE *file)
{
    if (fseek(file, 0, SEEK_END) != 0)
        return NULL;
    long size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0)
        return NULL;
    char *text = ho_alloc((size_t)size + 1);
    if (fread(text, 1, (size_t)size, file) == (size_t)size)
        return text;
    free(text);
    return NULL;
}

static ho_status judge(const char *program, int state, const streams *s, char **output, ho_error *error)
{
    if (WIFSIGNALED(state))
        return ho_fail(error, HO_FAILED, "%s was killed by signal %d", program, WTERMSIG(state));
    if (WEXITSTATUS(state) != 0) {
        char *messages = contents(s->err);
        const char *line = messages ? messages + strspn(messages, " \n") : "";
        ho_fail(error, HO_FAILED, "%s failed with exit status %d%s%.*s", program, WEXITSTATUS(state), *line ? ": " : "",
                (int)strcspn(line, "\n"), line);
        free(messages);
        return error->status;
    }
    *output = contents(s->out);
    if (!*output || !**output)
        return ho_fail(error, HO_FAILED, "%s wrote nothing", program);
    return HO_OK;
}

static ho_status run(char *const *arguments, const char *package, const streams *s, char **output, ho_error *error)
{
    const char *program = arguments[0];
    pid_t child;
    int why = spawn(arguments, s, &child);
    if (why == ENOENT)
        return ho_fail(error, HO_FAILED, "%s, which draws this, is not installed (Debian package %s)", program,
                       package);
    if (why)
        return ho_fail(error, HO_FAILED, "cannot start %s: %s", program, strerror(why));
    int state;
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return ho_fail(error, HO_FAILED, "cannot wait for %s: %s", program, strerror(errno));
    return judge(program, state, s, output, error);
}

ho_status ho_run_drawing(char *const *arguments, const char *package, const char *input, char **output, ho_error *error)
{
    *output = NULL;
    streams s = {0};
    if (open_streams(&s, input, error) == HO_OK && run(arguments, package, &s, output, error) != HO_OK) {
        free(*output);
        *output = NULL;
    }
    close_streams(&s);
    return error->status;
}
