/* Records: written, read, written again; those of earlier versions; refusals; whole lines. */
#undef _POSIX_C_SOURCE
#define _XOPEN_SOURCE 700 /* nftw; POSIX 2008 with it */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "record/read.h"

static char top[] = "/tmp/hotool-record-XXXXXX";
static ho_arena *arena;
static ho_error error;

static void enter(void)
{
    cr_assert(mkdtemp(top));
    cr_assert_eq(chdir(top), 0);
    arena = ho_arena_new();
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void leave(void)
{
    ho_arena_free(arena);
    cr_assert_eq(chdir("/"), 0);
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(record, .init = enter, .fini = leave, .timeout = 60);

static void put(const char *path, const char *text)
{
    cr_assert_eq(ho_file_write(path, text, strlen(text), &error), HO_OK, "%s", error.text);
}

/* The text of a file, in the arena. */
static const char *get(const char *path)
{
    char *text = ho_record_text(path, &error);
    cr_assert(text, "%s", error.text);
    const char *copy = ho_arena_strdup(arena, text);
    ho_large_free(text);
    return copy;
}

static const char *written(const ho_record *record)
{
    ho_json json = {.pretty = true};
    ho_record_write(&json, record);
    const char *text = ho_arena_strdup(arena, json.text);
    ho_json_free(&json);
    return text;
}

static const char *line_written(const ho_line *line)
{
    ho_json json = {0};
    ho_line_write(&json, line);
    const char *text = ho_arena_strdup(arena, json.text);
    ho_json_free(&json);
    return text;
}

static ho_record read_back(const char *folder)
{
    ho_record record;
    cr_assert_eq(ho_record_read(folder, arena, &record, &error), HO_OK, "%s", error.text);
    return record;
}

/* ---- records of earlier versions --------------------------------------------------------------------------------- */

static const char *kept(const char *name)
{
    const char *records = getenv("HOTOOL_TEST_RECORDS");
    cr_assert(records, "HOTOOL_TEST_RECORDS is not set");
    return ho_arena_format(arena, "%s/%s", records, name);
}

/* Nothing is lost in between: what was read is written as it was. */
Test(record, of_format_1_is_read_whole)
{
    static const char *const folders[] = {"small", "several", "several/ONLINE/1", "several/RANDOM/1"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        ho_record record = read_back(kept(folders[i]));
        cr_expect_eq(record.kind, i == 1 ? HO_RECORD_RUNS : HO_RECORD_RUN);
        cr_expect_str_eq(written(&record), get(kept(ho_arena_format(arena, "%s/result.json", folders[i]))));
    }
}

Test(record, of_format_1_has_its_lines_read_whole)
{
    static const char *const folders[] = {"small", "several/ONLINE/1", "several/RANDOM/1"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *path = kept(ho_arena_format(arena, "%s/metrics.jsonl", folders[i])), *again = "";
        ho_lines *lines = ho_lines_open(path, &error);
        cr_assert(lines, "%s", error.text);
        ho_line line;
        ho_place place;
        int count = 0;
        while (ho_lines_next(lines, &line, &place, &error)) {
            cr_expect_eq(place.line, ++count);
            again = ho_arena_format(arena, "%s%s", again, line_written(&line));
        }
        cr_assert_eq(error.status, HO_OK, "%s", error.text);
        cr_expect_eq(count, i == 2 ? 2 : 3);
        cr_expect_str_eq(again, get(path));
        ho_lines_close(lines);
    }
}

Test(record, of_format_1_says_what_its_run_came_to)
{
    ho_record one = read_back(kept("small")), several = read_back(kept("several"));
    cr_expect_str_eq(one.pipeline, "small");
    cr_expect_str_eq(one.data.files.items[1], "data/y.npy");
    cr_expect_eq(strlen(one.data.checksums.items[1]), 64);
    cr_expect_eq(one.steps, 10);
    cr_expect_null(one.class_names.items);
    cr_expect_eq(one.result.outer_iterations, 2);
    cr_expect(one.result.columns[HO_INITIAL].known && one.result.columns[HO_TUNED].known &&
              !one.result.columns[HO_FINAL].known);
    cr_expect(isnan(one.result.columns[HO_TUNED].best_epoch), "training was not monitored");
    cr_expect_eq(one.result.best.count, 2);
    cr_expect_str_eq(one.result.best.items[0].name, "mtl.A");
    cr_expect_eq(one.result.best.items[0].shape.rank, 2);
    cr_expect_eq(one.result.best.items[0].shape.dims[1], 3);
    cr_expect_eq(one.result.best.items[1].shape.rank, 0);
    cr_assert_eq(several.rows.count, 4);
    const ho_row *choice = &several.rows.items[3];
    cr_expect_str_eq(choice->strategy, "choice");
    cr_expect_str_eq(choice->chosen.items[1], "RANDOM");
    cr_expect_str_eq(choice->folders.items[1], "RANDOM/2");
    cr_expect_eq(choice->figures[HO_EVALUATIONS].mean, 220);
    cr_expect(isnan(choice->figures[HO_RECALL].mean));
    cr_expect_null(several.rows.items[0].chosen.items);
}

/* ---- round trips ------------------------------------------------------------------------------------------------- */

static ho_statistic statistic(double first, double second)
{
    double *values = ho_arena_alloc(arena, 2 * sizeof *values);
    values[0] = first;
    values[1] = second;
    return (ho_statistic){first, isnan(second) ? (double)NAN : second, {values, 2}};
}

static void expect_same(const char *what, const ho_record *record)
{
    const char *text = written(record);
    put("result.json", text);
    ho_record again = read_back(".");
    cr_expect_eq(again.kind, record->kind, "%s", what);
    cr_expect_str_eq(written(&again), text, "%s", what);
}

Test(record, is_the_same_after_a_round_trip)
{
    static const char *const texts[] = {"x \"quoted\"\n.npy", "\xc3\xa9"};
    ho_row_hyper hypers[] = {{"a.scalar", {0}, statistic(1e-300, 2)},
                             {"an.array", {3, {1, 2, 3}}, statistic(4.5, (double)NAN)}};
    ho_row rows[2] = {{.variant = "first", .strategy = "online", .runs = 1, .folders = {texts, 1}, .chosen = {0}},
                      {.variant = "second", .strategy = "choice", .folders = {texts, 2}, .chosen = {texts, 2}}};
    ho_fail(&rows[1].outcome, HO_DIVERGED, "step 3: \"w\" is not finite");
    for (size_t f = 0; f < HO_FIGURES; f++) {
        rows[0].figures[f] = statistic(0.1 * (double)f, 1 / 3.0);
        rows[1].figures[f] = statistic((double)NAN, (double)NAN);
    }
    rows[0].hypers.items = hypers;
    rows[0].hypers.count = 2;
    ho_row_scale scales[] = {{.name = "a", .scale = "log"}};
    rows[0].scales.items = scales;
    rows[0].scales.count = 1;
    ho_record record = {.kind = HO_RECORD_RUNS,
                        .format = HO_RECORD_FORMAT,
                        .hotool = "0.1.0",
                        .pipeline = "name",
                        .data = {.source = "made", .choice = 2, .choices = 3, .passed_over = "no file", .test = 5},
                        .class_names = {texts, 2},
                        .repeat = 2,
                        .rows = {rows, 2}};
    record.data.files = (ho_texts){texts, 2};
    expect_same("runs", &record);
    ho_pair pairs[] = {{"a/b", "1e-5"}, {"c", "\"\n"}};
    ho_record_plugin plugin = {"loss", "x", NULL, "/x.so", "ff"};
    record.started =
        (ho_record_started){true, "2020-01-02T03:04:05Z", "here", "/", "/hotool", {pairs, 2}, "hotool again"};
    record.plugins.items = &plugin;
    record.plugins.count = 1;
    record.settings = (ho_pairs){pairs, 2};
    expect_same("runs, with where they come from", &record);
    ho_fail(&record.result.outcome, HO_INTERRUPTED, "2 of 4 runs are done");
    record.class_names.items = NULL;
    record.steps = 7;
    expect_same("interrupted runs", &record);
    ho_summary best[] = {{"a", {0}, -1.5, 0, 0, 0, NULL}, {"b", {1, {9}}, 3, -1, 2, 4, NULL}};
    record.kind = HO_RECORD_RUN;
    record.result.columns[HO_FINAL] = (ho_column){true, (double)NAN, (double)NAN, (double)NAN, (double)NAN, 0.25, 1};
    record.result.columns[HO_INITIAL] = (ho_column){true, 2.5, 1, 2, 3, 4, 5};
    record.result.best = (ho_summaries){best, 2};
    record.result.outer_iterations = record.result.evaluations = INT64_MAX;
    record.result.initial_error = (double)NAN;
    expect_same("run", &record);
}

Test(record, keeps_what_every_kind_of_line_says)
{
    ho_summary hypers[] = {{"a", {0}, (double)NAN, 0, 0, 0, NULL}, {"b", {2, {2, 3}}, 1, 2, 3, 4, NULL}},
               norms[] = {{.name = "a"}};
    const ho_line all = {.iteration = 4,
                         .step = 9,
                         .epoch = 1.5,
                         .cpu_seconds = 0.1,
                         .update = 2,
                         .error = 3,
                         .evaluation = 5,
                         .training_error = 6,
                         .validation_error = 7,
                         .validation_accuracy = 0.5,
                         .best = true,
                         .gradient_norm = (double)NAN,
                         .stationarity = 8,
                         .step_scale = 0.5,
                         .trajectory_bytes = 10,
                         .seconds = 11,
                         .diverged = "why",
                         .hypers = {hypers, 2},
                         .tangent_norms = {norms, 1}};
    static const struct {
        ho_line_kind kind;
        const char *has, *lacks;
    } kinds[] = {{HO_LINE_CANDIDATE, "\"diverged\": \"why\"", "gradient_norm"},
                 {HO_LINE_ITERATION, "\"gradient_norm\": null", "\"step\""},
                 {HO_LINE_EVALUATION, "\"look\": 5", "gradient_norm"},
                 {HO_LINE_UPDATE, "\"tangent_norms\": {\"a\": 0}", "\"best\""}};
    for (size_t i = 0; i < 4; i++) {
        ho_line line = all, again;
        ho_place place;
        line.kind = kinds[i].kind;
        const char *text = line_written(&line);
        cr_expect(strstr(text, kinds[i].has) && !strstr(text, kinds[i].lacks), "%s", text);
        put("metrics.jsonl", text);
        ho_lines *lines = ho_lines_open("metrics.jsonl", &error);
        cr_assert(lines && ho_lines_next(lines, &again, &place, &error), "%s", error.text);
        cr_expect_eq(again.kind, line.kind);
        cr_expect_str_eq(line_written(&again), text);
        cr_expect_not(ho_lines_next(lines, &again, &place, &error));
        ho_lines_close(lines);
    }
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static const char result[] = "{\"format\": 1, \"pipeline\": \"p\", \"outcome\": \"done\", \"data\": {\"test\": 7},\n"
                             " \"rows\": [{\"runs\": 1, \"folders\": [\".\"], \"seconds\": {\"mean\": 1},\n"
                             " \"hyperparameters\": {\"a\": {\"shape\": [2], \"sum\": {\"mean\": 3}}}}]}\n";

static const char *changed(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    cr_assert(at, "%s is not there", from);
    return ho_arena_format(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

Test(record, is_refused_with_the_place_and_the_reason)
{
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"\"format\": 1", "\"format\": 2", "result.json: format: is 2; this hotool reads formats up to 1"},
        {"\"format\": 1", "\"format\": 0", "result.json: format: expected an integer from 1, got 0"},
        {"\"format\": 1", "\"format\": \"1\"", "result.json: format: expected an integer from 1, got \"1\""},
        {"\"format\"", "\"form\"", "result.json: format: is missing"},
        {"\"p\"", "4", "result.json: pipeline: expected a string, got 4"},
        {"\"p\"", "null", "result.json: pipeline: expected a string, got null"},
        {"\"pipeline\"", "\"pipes\"", "result.json: pipeline: is missing: expected a string"},
        {"\"done\"", "\"lost\"", "result.json: outcome: expected \"done\", \"interrupted\""},
        {"{\"test\": 7}", "[]", "result.json: data: expected an object, got an empty list"},
        {"7}", "7.5}", "result.json: data: test: expected an integer, got 7.5"},
        {"7}", "7, \"test\": 8}", "result.json:1:"},
        {"\"data\"", "\"settings\": {\"a\": 1}, \"data\"", "result.json: settings: a: expected a string, got 1"},
        {"\"data\"", "\"settings\": [], \"data\"", "result.json: settings: expected an object, got an empty list"},
        {"\"data\"", "\"data\" ", ""}, /* a space changes nothing */
        {"[{", "[], \"x\": [{", "result.json: rows: expected a list that is not empty"},
        {"[{", "[5, {", "result.json: rows[0]: expected an object, got 5"},
        {"\"runs\": 1", "\"runs\": -1", "result.json: rows[0]: runs: expected an integer from 0, got -1"},
        {"\"runs\": 1", "\"runs\": null", "result.json: rows[0]: runs: expected a value, got null"},
        {"[\".\"]", "[\"a/../..\"]", "result.json: rows[0]: folders[0]: expected a path inside the run folder, got \""},
        {"[\".\"]", "[\"/a\"]", "result.json: rows[0]: folders[0]: expected a path inside the run folder, got \""},
        {"{\"mean\": 1}", "1", "result.json: rows[0]: seconds: expected an object, got 1"},
        {"\"mean\": 1", "\"values\": [\"x\"]", "rows[0]: seconds: values[0]: expected a number, got \"x\""},
        {"[2]", "[2, 0]", "rows[0]: hyperparameters: a: shape: expected a list of 1 to 4 sizes"},
        {"[2]", "[1, 1, 1, 1, 1]", "rows[0]: hyperparameters: a: shape: expected a list of 1 to 4 sizes"},
        {"\"mean\": 3", "\"mean\": true", "rows[0]: hyperparameters: a: sum: mean: expected a number, got true"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ho_record record;
        error = (ho_error){0};
        put("result.json", changed(result, cases[i].from, cases[i].to));
        error = (ho_error){0};
        ho_status status = ho_record_read(".", arena, &record, &error);
        cr_expect_eq(status, *cases[i].message ? HO_INVALID : HO_OK, "%s: %s", cases[i].to, error.text);
        cr_expect(strstr(error.text, cases[i].message), "\"%s\" lacks \"%s\"", error.text, cases[i].message);
    }
}

Test(record, is_refused_where_there_is_none)
{
    ho_record record;
    ho_record_read("nowhere", arena, &record, &error);
    cr_expect_str_eq(error.text, "nowhere: no such folder");
    error = (ho_error){0};
    ho_record_read(".", arena, &record, &error);
    cr_expect(strstr(error.text, "./result.json: no such file"), "%s", error.text);
    put("file", "x");
    error = (ho_error){0};
    ho_record_read("file", arena, &record, &error);
    cr_expect(strstr(error.text, "file: is not a folder"), "%s", error.text);
    error = (ho_error){0};
    cr_expect_null(ho_record_path("run", "truth", "../../../etc/passwd", arena, &error));
    cr_expect(strstr(error.text, "run: \"truth/../../../etc/passwd\" is a path out of"), "%s", error.text);
    error = (ho_error){0};
    cr_expect_str_eq(ho_record_path("run", ".", "a..b/c", arena, &error), "run/a..b/c");
}

Test(record, refuses_lines_with_their_number)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"{\"step\": 5.5}", "metrics.jsonl:3: step: expected an integer, got 5.5"},
        {"{\"step\": 0}", "metrics.jsonl:3: step: expected an integer from 1 to 1000000000000, got 0"},
        {"{\"step\": null}", "metrics.jsonl:3: step: expected an integer from 1 to 1000000000000, got null"},
        {"{\"step\": 1}", "metrics.jsonl:3: step: is 1 after 2: expected lines in order of steps"},
        {"{\"step\": 4, \"iteration\": 1}", "metrics.jsonl:3: expected a step or an iteration, not both"},
        {"{\"iteration\": 0}", "metrics.jsonl:3: expected a step, or an iteration from 1 to 1000000"},
        {"{\"iteration\": 1000001}", "metrics.jsonl:3: expected a step, or an iteration from 1 to 1000000"},
        {"7", "metrics.jsonl:3: expected an object, got 7"},
        {"{\"iteration\": 1", "metrics.jsonl:3:"},
        {"{\"iteration\": 1, \"best\": 1}", "metrics.jsonl:3: best: expected true or false, got 1"},
        {"{\"step\": 3, \"hyperparameters\": {\"a\": \"b\"}}",
         "metrics.jsonl:3: hyperparameters: a: expected a number, got \"b\""},
        {"{\"step\": 3, \"tangent_norms\": 7}", "metrics.jsonl:3: tangent_norms: expected an object of at most"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("metrics.jsonl", ho_arena_format(arena, "{\"step\": 2}\n\n%s\n", cases[i].line));
        ho_lines *lines = ho_lines_open("metrics.jsonl", &error);
        ho_line line;
        ho_place place;
        cr_assert(lines && ho_lines_next(lines, &line, &place, &error), "%s", error.text);
        cr_expect_not(ho_lines_next(lines, &line, &place, &error));
        cr_expect_eq(error.status, HO_INVALID);
        cr_expect(strstr(error.text, cases[i].message), "\"%s\" lacks \"%s\"", error.text, cases[i].message);
        error = (ho_error){0};
        ho_lines_close(lines);
    }
    put("metrics.jsonl", "");
    cr_expect_null(ho_lines_open("metrics.jsonl", &error));
    cr_expect(strstr(error.text, "metrics.jsonl: is empty"), "%s", error.text);
}

/* ---- whole lines ------------------------------------------------------------------------------------------------- */

/* A socket that keeps messages apart shows each write by itself. */
Test(record, line_is_one_write)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    enum { LONG = 100000 }; /* stdio's buffer has 4096 or 8192 */
    char *text = ho_alloc(LONG + 1), *received = ho_alloc(LONG);
    memset(text, 'x', LONG);
    cr_assert_eq(ho_file_append(ends[0], "metrics.jsonl", text, LONG, &error), HO_OK, "%s", error.text);
    cr_expect_eq(recv(ends[1], received, LONG, MSG_DONTWAIT), LONG);
    cr_expect_eq(recv(ends[1], received, LONG, MSG_DONTWAIT), -1, "a second write");
    close(ends[0]);
    close(ends[1]);
    free(text);
    free(received);
}

/* As where the disk is full. */
Test(record, half_a_line_is_taken_back)
{
    int fd = open("metrics.jsonl", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    struct rlimit limit, all;
    cr_assert(getrlimit(RLIMIT_FSIZE, &all) == 0);
    limit = all;
    limit.rlim_cur = 8;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(ho_file_append(fd, "metrics.jsonl", "whole\n", 6, &error), HO_OK, "%s", error.text);
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    ho_status status = ho_file_append(fd, "metrics.jsonl", "half\n", 5, &error);
    cr_assert(setrlimit(RLIMIT_FSIZE, &all) == 0);
    cr_expect_eq(status, HO_FAILED);
    cr_expect_str_eq(error.text, "metrics.jsonl: cannot be written: File too large");
    struct stat after;
    cr_assert_eq(fstat(fd, &after), 0);
    cr_expect_eq(after.st_size, 6);
    close(fd);
}

enum { LINE = 1000000, LINES = 12 };

/* A line of one letter, many times. */
static void *append_lines(void *letter)
{
    char *line = ho_alloc(LINE + 1);
    ho_error own = {0};
    memset(line, *(const char *)letter, LINE - 1);
    line[LINE - 1] = '\n';
    int fd = open("metrics.jsonl", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    for (int i = 0; i < LINES; i++)
        ho_file_append(fd, "metrics.jsonl", line, LINE, &own);
    close(fd);
    free(line);
    return own.status == HO_OK ? NULL : "failed";
}

/* Every line that has its end is whole. */
static int count_whole_lines(void)
{
    if (!ho_file_exists("metrics.jsonl"))
        return 0;
    uint8_t *bytes;
    uint64_t size;
    ho_error own = {0};
    cr_assert_eq(ho_file_read_now("metrics.jsonl", 0, &bytes, &size, &own), HO_OK, "%s", own.text);
    int count = 0;
    for (const uint8_t *at = bytes, *end; (end = memchr(at, '\n', (size_t)(bytes + size - at))); at = end + 1) {
        cr_assert_eq(end - at, LINE - 1, "a torn line of %td bytes", end - at);
        for (const uint8_t *c = at; c < end; c++)
            cr_assert_eq(*c, *at, "lines are mixed");
        count++;
    }
    ho_large_free(bytes);
    return count;
}

Test(record, lines_of_two_writers_stay_whole_under_a_reader)
{
    pthread_t writers[2];
    cr_assert_eq(pthread_create(&writers[0], NULL, append_lines, "a"), 0);
    cr_assert_eq(pthread_create(&writers[1], NULL, append_lines, "b"), 0);
    for (int i = 0; i < 20; i++)
        count_whole_lines();
    for (int i = 0; i < 2; i++) {
        void *failed;
        pthread_join(writers[i], &failed);
        cr_expect_null(failed);
    }
    cr_expect_eq(count_whole_lines(), 2 * LINES);
}
