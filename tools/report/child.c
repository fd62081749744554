/* Programs that draw, as child processes. */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report/internal.h"

extern char **environ;

/* The streams of a child are unnamed temporary files: no pipe can fill up, and nothing is left behind. */
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
        return ho_fail(error, HO_FAILED, "a temporary file cannot be made: %s", strerror(errno));
    if (fwrite(input, 1, size, s->in) != size || fflush(s->in) != 0 || lseek(fileno(s->in), 0, SEEK_SET) != 0)
        return ho_fail(error, HO_FAILED, "a temporary file cannot be written: %s", strerror(errno));
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

static char *whole(FILE *file)
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
        return ho_fail(error, HO_FAILED, "%s was ended by signal %d", program, WTERMSIG(state));
    if (WEXITSTATUS(state) != 0) {
        char *said = whole(s->err);
        char *line = said ? said + strspn(said, " \n") : NULL;
        ho_fail(error, HO_FAILED, "%s failed with exit status %d%s%.*s", program, WEXITSTATUS(state),
                line && *line ? ": " : "", line ? (int)strcspn(line, "\n") : 0, line ? line : "");
        free(said);
        return error->status;
    }
    *output = whole(s->out);
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
        return ho_fail(error, HO_FAILED, "%s: no such program, and reports are drawn with it; the Debian package is %s",
                       program, package);
    if (why)
        return ho_fail(error, HO_FAILED, "%s cannot be started: %s", program, strerror(why));
    int state;
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return ho_fail(error, HO_FAILED, "%s: its end was missed: %s", program, strerror(errno));
    return judge(program, state, s, output, error);
}

ho_status ho_report_draw(char *const *arguments, const char *package, const char *input, char **output, ho_error *error)
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
