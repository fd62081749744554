#include "run/origin.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

extern char **environ;

static const char plugin_path[] = "HOTOOL_PLUGIN_PATH";

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ho_pair *)a)->name, ((const ho_pair *)b)->name);
}

static ho_pairs environment(ho_arena *arena)
{
    size_t most = 1;
    for (char **e = environ; *e; e++)
        most++;
    ho_pairs pairs = {ho_arena_alloc(arena, most * sizeof *pairs.items), 0};
    for (char **e = environ; *e; e++)
        if ((begins(*e, "HOTOOL_") || begins(*e, "OPENBLAS_")) && strchr(*e, '=')) {
            const int length = (int)strcspn(*e, "=");
            pairs.items[pairs.count++] =
                (ho_pair){ho_arena_format(arena, "%.*s", length, *e), ho_arena_strdup(arena, *e + length + 1)};
        }
    qsort(pairs.items, pairs.count, sizeof *pairs.items, by_name);
    return pairs;
}

/* The folders of a list as they are seen from everywhere. */
static const char *absolute(const char *list, const char *folder, ho_arena *arena)
{
    size_t count;
    const char **folders = ho_arena_split(arena, list, ':', &count), *all = "";
    for (size_t i = 0; i < count; i++)
        if (*folders[i])
            all = ho_arena_format(arena, "%s%s%s%s%s", all, *all ? ":" : "", *folders[i] == '/' ? "" : folder,
                                  *folders[i] == '/' ? "" : "/", folders[i]);
    return all;
}

/* What of the environment a resolved pipeline does not hold: where plugins are, and how OpenBLAS is set. */
static const char *program_line(const ho_record_started *s, ho_arena *arena)
{
    const char *line = "";
    for (size_t i = 0; i < s->environment.count; i++) {
        const ho_pair *e = &s->environment.items[i];
        const bool plugins = strcmp(e->name, plugin_path) == 0;
        if (!plugins && !begins(e->name, "OPENBLAS_"))
            continue;
        char *value = ho_shell_word(plugins ? absolute(e->value, s->folder, arena) : e->value);
        line = ho_arena_format(arena, "%s%s%s=%s ", line, *line ? "" : "env ", e->name, value);
        free(value);
    }
    char *program = ho_shell_word(s->program);
    line = ho_arena_format(arena, "%s%s", line, program);
    free(program);
    return line;
}

ho_origin ho_origin_of(const char *command, const char *options, ho_arena *arena)
{
    char date[32] = "", host[256] = "", program[4096], folder[4096];
    struct tm utc;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (gethostname(host, sizeof host - 1) != 0)
        *host = '\0';
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    ho_origin origin = {.command = command, .options = options ? options : ""};
    origin.started = (ho_record_started){
        .known = true,
        .date = ho_arena_strdup(arena, date),
        .host = ho_arena_strdup(arena, host),
        .folder = ho_arena_strdup(arena, getcwd(folder, sizeof folder) ? folder : ""),
        .program = ho_arena_strdup(arena, *program ? program : "hotool"),
        .environment = environment(arena),
    };
    origin.program = program_line(&origin.started, arena);
    return origin;
}

const char *ho_again(const ho_origin *origin, const char *command, const char *folder, const char *options,
                     ho_arena *arena)
{
    const bool whole = *folder == '/';
    char *path = ho_format("%s%s%s/pipeline.yaml", whole ? "" : origin->started.folder, whole ? "" : "/", folder);
    char *word = ho_shell_word(path);
    const char *again =
        ho_arena_format(arena, "%s %s %s%s%s", origin->program, command, word, origin->options, options ? options : "");
    free(word);
    free(path);
    return again;
}
