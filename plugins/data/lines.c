/* A stream of lines of numbers, from a file of any size, a pipe or standard input. */
#include <hotool/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE    65536u        /* bytes that are read at once */
#define LONGEST  (1u << 24)    /* bytes of a line */
#define INTERVAL INT64_C(4096) /* examples from mark to mark */

/* Where an example's line begins. */
typedef struct mark {
    int64_t byte, line;
} mark;

typedef struct lines {
    const char *path;
    int64_t skip, classes, width;
    bool labels, at_front, repeat, begins_again;

    bool regular; /* any place of it can be read, again and again */
    int fd;       /* -1: not open */
    char *bytes;  /* read and not yet used: from `at` to `size` */
    size_t at, size, capacity;
    bool ended;
    int64_t byte, line;  /* where `at` stands: bytes and lines before it */
    int64_t next, count; /* the next example, of the file; how many it has, 0: not known yet */
    int64_t features;    /* 0: not known yet */
    mark *marks;         /* of every INTERVAL-th example, as far as they are known */
    size_t mark_count, mark_capacity;
} lines;

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static ho_status fail(const lines *r, ho_data *d, const char *what)
{
    return ho_data_fail(d, r->path, -1, "line %lld: %s", (long long)r->line, what);
}

static ho_status open_file(lines *r, ho_data *d)
{
    if (r->fd >= 0)
        return HO_OK;
    r->fd = open(r->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe may have no writer yet */
    return r->fd >= 0 ? HO_OK : ho_data_fail(d, r->path, -1, "cannot be opened: %s", strerror(errno));
}

/* More bytes behind those that are there, or the end. */
static ho_status read_more(lines *r, ho_data *d)
{
    if (r->bytes)
        memmove(r->bytes, r->bytes + r->at, r->size - r->at);
    r->size -= r->at;
    r->at = 0;
    if (r->size + PIECE + 1 > r->capacity) {
        const size_t capacity = 2 * (r->size + PIECE + 1);
        char *bytes = r->size < LONGEST ? realloc(r->bytes, capacity) : NULL;
        if (!bytes)
            return fail(r, d, r->size < LONGEST ? "out of memory" : "longer than 16 MiB");
        r->bytes = bytes;
        r->capacity = capacity;
    }
    for (;;) {
        const ho_status status = ho_data_wait(d, r->fd);
        if (status != HO_OK)
            return status;
        const ssize_t got = read(r->fd, r->bytes + r->size, PIECE);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got < 0)
            return ho_data_fail(d, r->path, r->byte, "cannot be read: %s", strerror(errno));
        r->size += (size_t)got;
        r->ended = got == 0;
        return HO_OK;
    }
}

/* The next line, without its end, as a text that is valid until the next call; NULL: there is none. */
static ho_status read_line(lines *r, ho_data *d, char **line)
{
    size_t searched = 0;
    *line = NULL;
    for (;;) {
        char *start = r->bytes ? r->bytes + r->at : NULL;
        const size_t left = r->size - r->at;
        char *end = start && left > searched ? memchr(start + searched, '\n', left - searched) : NULL;
        if (!end && start && r->ended && left > 0)
            end = start + left; /* the last line may lack its newline; there is room for a 0 */
        if (end) {
            const size_t length = (size_t)(end - start);
            *end = '\0';
            *line = start;
            r->at += length < left ? length + 1 : length;
            r->byte += (int64_t)(length < left ? length + 1 : length);
            r->line++;
            return HO_OK;
        }
        if (r->ended)
            return HO_OK;
        searched = left;
        const ho_status status = read_more(r, d);
        if (status != HO_OK)
            return status;
    }
}

static bool holds_example(const lines *r, const char *line)
{
    const char *first = line + strspn(line, " \t\r,;");
    return r->line > r->skip && *first && *first != '#';
}

static ho_status note_mark(lines *r, ho_data *d, mark at)
{
    if (!r->regular || r->next != (int64_t)r->mark_count * INTERVAL)
        return HO_OK;
    if (r->mark_count == r->mark_capacity) {
        const size_t capacity = 2 * r->mark_capacity + 16;
        mark *marks = realloc(r->marks, capacity * sizeof *marks);
        if (!marks)
            return fail(r, d, "out of memory");
        r->marks = marks;
        r->mark_capacity = capacity;
    }
    r->marks[r->mark_count++] = at;
    return HO_OK;
}

/* The line of the next example; NULL: the file has no more. */
static ho_status next_example(lines *r, ho_data *d, char **line)
{
    for (;;) {
        const mark at = {r->byte, r->line};
        ho_status status = read_line(r, d, line);
        if (status == HO_OK && *line && !holds_example(r, *line))
            continue;
        if (status == HO_OK && *line)
            status = note_mark(r, d, at);
        r->next += status == HO_OK && *line;
        return status;
    }
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static ho_status go_back(lines *r, ho_data *d, int64_t example)
{
    size_t mark_index = (size_t)(example / INTERVAL);
    if (mark_index >= r->mark_count)
        mark_index = r->mark_count ? r->mark_count - 1 : 0;
    const mark to = r->mark_count ? r->marks[mark_index] : (mark){0, 0};
    if (lseek(r->fd, to.byte, SEEK_SET) < 0)
        return ho_data_fail(d, r->path, -1, "cannot be read again: %s", strerror(errno));
    r->at = r->size = 0;
    r->ended = false;
    r->byte = to.byte;
    r->line = to.line;
    r->next = (int64_t)mark_index * INTERVAL;
    return HO_OK;
}

/* Passes over examples up to this one, as far as there are any. */
static ho_status go_on(lines *r, ho_data *d, int64_t example)
{
    ho_status status = HO_OK;
    char *line = "";
    while (status == HO_OK && line && r->next < example)
        status = next_example(r, d, &line);
    if (status == HO_OK && !line)
        r->count = r->next;
    return status;
}

/* Where example number `first` of the stream stands. */
static ho_status go_to(lines *r, ho_data *d, int64_t first)
{
    if (!r->regular && first > r->next && !r->begins_again)
        return ho_data_fail(d, r->path, -1,
                            "example %lld cannot be given: what was read before it is gone. If the writer begins again "
                            "with the first example when the run is resumed, say begins_again: true",
                            (long long)first);
    ho_status status = HO_OK;
    for (;;) {
        const int64_t example = r->repeat && r->count ? first % r->count : first;
        const int64_t known = (int64_t)r->mark_count * INTERVAL;
        if (r->regular && (example < r->next || (r->next < known - INTERVAL && example >= r->next + INTERVAL)))
            status = go_back(r, d, example);
        const bool counted = r->count;
        if (status == HO_OK)
            status = go_on(r, d, example);
        if (status != HO_OK || counted || !r->count || !r->repeat)
            return status;
    }
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static const char *blanks = " \t\r,;";

static int64_t count_numbers(const char *line)
{
    int64_t count = 0;
    for (line += strspn(line, blanks); *line; line += strspn(line, blanks), count++)
        line += strcspn(line, blanks);
    return count;
}

static ho_status read_number(const lines *r, ho_data *d, const char *start, char **text, double *value)
{
    char *word = *text + strspn(*text, blanks);
    *value = strtod(word, text);
    const size_t length = strcspn(word, blanks);
    if (*text != word + length || length == 0 || !isfinite(*value))
        return ho_data_fail(d, r->path, -1, "line %lld, column %lld: expected a finite number, got \"%.*s\"",
                            (long long)r->line, (long long)(word - start) + 1, (int)(length < 40 ? length : 40), word);
    return HO_OK;
}

static ho_status read_numbers(const lines *r, ho_data *d, char *line, double *inputs, double *target)
{
    const int64_t columns = r->features + r->width, first = r->at_front ? r->width : 0;
    char *text = line;
    for (int64_t i = 0; i < columns; i++) {
        const bool input = i >= first && i < first + r->features;
        double *value = input ? inputs + i - first : target + (r->at_front ? i : i - r->features);
        const ho_status status = read_number(r, d, line, &text, value);
        if (status != HO_OK)
            return status;
        if (!input && r->labels && (*value != floor(*value) || *value < 0 || *value >= (double)r->classes))
            return ho_data_fail(d, r->path, -1, "line %lld: the label %g is none of the classes 0 to %lld",
                                (long long)r->line, *value, (long long)r->classes - 1);
    }
    return HO_OK;
}

/* The first line says how many numbers there are. */
static ho_status expect_columns(lines *r, ho_data *d, const char *line)
{
    const int64_t columns = count_numbers(line);
    if (!r->features && columns > r->width)
        r->features = columns - r->width;
    if (columns == r->features + r->width)
        return HO_OK;
    return r->features ? ho_data_fail(d, r->path, -1, "line %lld: %lld numbers, expected %lld", (long long)r->line,
                                      (long long)columns, (long long)(r->features + r->width))
                       : fail(r, d, "no number beside the target");
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

static ho_status emit(const lines *r, ho_data *d, int64_t n, const double *inputs, const double *targets)
{
    ho_array x = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_INPUTS,
        .type = HO_ARRAY_F64,
        .rank = 2,
        .dims = {n, r->features},
        .source = r->path,
        .values = inputs,
    };
    ho_array y = {
        .struct_size = sizeof(ho_array),
        .role = r->labels ? HO_ROLE_LABELS : HO_ROLE_REALS,
        .type = HO_ARRAY_F64,
        .rank = r->labels ? 1 : 2,
        .dims = {n, r->width},
        .classes = r->classes,
        .source = r->path,
        .values = targets,
    };
    const ho_status status = ho_data_emit(d, 0, &x);
    return status == HO_OK ? ho_data_emit(d, 0, &y) : status;
}

/* The next line of the stream; of a file that is repeated, the first follows the last. */
static ho_status next_of_stream(lines *r, ho_data *d, char **line)
{
    ho_status status = next_example(r, d, line);
    if (status != HO_OK || *line)
        return status;
    r->count = r->next;
    if (r->count && r->repeat && (status = go_back(r, d, 0)) == HO_OK)
        status = next_example(r, d, line);
    return status;
}

static ho_status next(void *self, ho_data *d, int64_t first, int64_t count)
{
    lines *r = self;
    double *inputs = NULL, *targets = NULL;
    char *line = NULL;
    int64_t n = 0;
    ho_status status = open_file(r, d);
    if (status == HO_OK)
        status = go_to(r, d, first);
    for (; status == HO_OK && n < count; n++) {
        status = next_of_stream(r, d, &line);
        if (status != HO_OK || !line)
            break;
        status = expect_columns(r, d, line);
        if (status == HO_OK && !inputs) {
            inputs = ho_data_alloc(d, (uint64_t)(count * r->features), sizeof *inputs);
            targets = inputs ? ho_data_alloc(d, (uint64_t)(count * r->width), sizeof *targets) : NULL;
            status = targets ? HO_OK : HO_FAILED;
        }
        if (status == HO_OK)
            status = read_numbers(r, d, line, inputs + n * r->features, targets + n * r->width);
    }
    return status == HO_OK && n > 0 ? emit(r, d, n, inputs, targets) : status;
}

static const char *only_onward(void *self)
{
    return ((const lines *)self)->regular ? NULL : "a pipe or terminal is read once";
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static const ho_option options[] = {
    {.name = "file", .type = HO_PATH, .required = 1, .doc = "the file or named pipe; /dev/stdin is standard input"},
    {.name = "target", .type = HO_CHOICE, .initial = "labels", .choices = "labels|reals", .doc = "what is predicted"},
    {.name = "classes",
     .type = HO_INTEGER,
     .initial = "0",
     .doc = "of labels, which are the numbers from 0 on; required for them",
     .most = 1e6},
    {.name = "width", .type = HO_INTEGER, .initial = "1", .doc = "columns of the reals", .least = 1, .most = 1e6},
    {.name = "target_at",
     .type = HO_CHOICE,
     .initial = "end",
     .choices = "front|end",
     .doc = "where in a line the target stands"},
    {.name = "skip", .type = HO_INTEGER, .initial = "0", .doc = "lines at the beginning to pass over", .most = 1e9},
    {.name = "repeat",
     .type = HO_BOOLEAN,
     .initial = "false",
     .doc = "a file begins again after its last line, without end; else it ends there"},
    {.name = "begins_again",
     .type = HO_BOOLEAN,
     .initial = "false",
     .doc =
         "when a run is resumed, a pipe's writer begins with the first example again, so that those that were used are "
         "passed over"},
};

static ho_status create(ho_setup *u, void **self)
{
    lines *r = ho_setup_alloc(u, sizeof *r);
    struct stat about;
    if (!r)
        return HO_FAILED;
    *r = (lines){.path = ho_option_string(u, "file"),
                 .skip = ho_option_integer(u, "skip"),
                 .classes = ho_option_integer(u, "classes"),
                 .width = ho_option_integer(u, "width"),
                 .labels = strcmp(ho_option_string(u, "target"), "labels") == 0,
                 .at_front = strcmp(ho_option_string(u, "target_at"), "front") == 0,
                 .repeat = ho_option_boolean(u, "repeat"),
                 .begins_again = ho_option_boolean(u, "begins_again"),
                 .fd = -1};
    r->regular = stat(r->path, &about) == 0 && S_ISREG(about.st_mode);
    if (r->labels && r->classes < 1)
        return ho_setup_fail(u, "classes",
                             "how many classes the labels have is missing: a stream does not show all of them");
    if (!r->labels && r->classes)
        return ho_setup_fail(u, "classes", "only labels have classes");
    if (r->labels && r->width != 1)
        return ho_setup_fail(u, "width", "only reals have several columns");
    if (r->repeat && !r->regular)
        return ho_setup_fail(u, "repeat", "only a file can begin again; %s is none", r->path);
    if (r->begins_again && r->regular)
        return ho_setup_fail(u, "begins_again", "it is about pipes; %s is a file, of which any line can be read again",
                             r->path);
    *self = r;
    return HO_OK;
}

static void destroy(void *self)
{
    lines *r = self;
    if (r->fd >= 0)
        close(r->fd);
    free(r->bytes);
    free(r->marks);
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .next = next,
    .only_onward = only_onward,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "lines",
    .version = "1.0.0",
    .doc = "a stream of lines of numbers, from a file of any size, a pipe or standard input",
    .details =
        "An example is a line of numbers, separated by blanks, tabs, commas or semicolons, of which the last (or "
        "first) "
        "is its label, or the last (or first) `width` are its target. All lines have as many numbers as the first. "
        "Empty "
        "lines and those that begin with # are passed over.\n\n"
        "Lines are read as training goes on, so that data need not fit into memory, nor be there when it starts. A "
        "file "
        "ends after its last line or is repeated; its examples can be read again, and a run that was interrupted goes "
        "on "
        "where it was. A pipe gives each line once: modes that go back over training are refused, and a run is resumed "
        "only where the pipe's writer begins again (`begins_again`).\n\n"
        "data: {plugin: lines, file: /dev/stdin, classes: 10, split: {train: rest, validation: 500, test: 2000}}\n\n"
        "takes the first 2,500 examples for validation and test. Or give each part its own reader: {train: {plugin: "
        "lines, ...}, validation: {plugin: npy, ...}}.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
    .destroy = destroy,
};
