/* `hotool export`: what was written is read back by readers of their own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli_support.h"
#include "json_check.h"

TestSuite(export, .init = cli_enter, .fini = cli_leave, .timeout = 240);

/* ---- TensorBoard's event files, by the rules of their format ----------------------------------------------------- */

/* CRC-32C by a table of the reflected polynomial, as RFC 3720 has it. */
static uint32_t crc32c(const uint8_t *at, size_t size)
{
    static uint32_t table[256];
    for (uint32_t i = 0; i < 256 && !table[255]; i++) {
        uint32_t rest = i;
        for (int bit = 0; bit < 8; bit++)
            rest = rest & 1 ? rest >> 1 ^ 0x82F63B78u : rest >> 1;
        table[i] = rest;
    }
    uint32_t crc = 0xFFFFFFFFu;
    while (size-- > 0)
        crc = table[(crc ^ *at++) & 255] ^ crc >> 8;
    return crc ^ 0xFFFFFFFFu;
}

static uint64_t little(const uint8_t *at, size_t size)
{
    uint64_t number = 0;
    for (size_t i = size; i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

/* A checksum as it is stored: rotated right by 15 bits, plus a constant. */
static void expect_masked(const uint8_t *stored, const uint8_t *at, size_t size)
{
    const uint32_t rotated = (uint32_t)little(stored, 4) - 0xA282EAD8u;
    cr_expect_eq((rotated >> 17) | (rotated << 15), crc32c(at, size));
}

typedef struct field {
    uint64_t number, type, varint; /* or the length */
    const uint8_t *at;             /* of what is fixed, or has a length */
} field;

/* The next field of a message; false: there is none. */
static bool next_field(const uint8_t **at, const uint8_t *end, field *f)
{
    uint64_t numbers[2] = {0};
    if (*at >= end)
        return false;
    for (int n = 0; n < 2; n++) {
        const uint64_t type = numbers[0] & 7;
        if (n == 1 && (type == 1 || type == 5))
            break;
        for (unsigned shift = 0;; shift += 7) {
            cr_assert(*at < end && shift < 64, "a number that does not end");
            numbers[n] |= (uint64_t)(**at & 127) << shift;
            if (!(*(*at)++ & 128))
                break;
        }
    }
    *f = (field){numbers[0] >> 3, numbers[0] & 7, numbers[1], *at};
    const size_t size = f->type == 0 ? 0 : f->type == 1 ? 8 : f->type == 5 ? 4 : numbers[1];
    cr_assert(f->type == 0 || f->type == 1 || f->type == 2 || f->type == 5, "wire type %d", (int)f->type);
    cr_assert(size <= (size_t)(end - *at), "a field that is longer than its message");
    *at += size;
    return true;
}

typedef struct scalar {
    double time;
    int64_t step;
    char tag[128];
    float value;
} scalar;

static double real64(const uint8_t *at)
{
    double value;
    const uint64_t bits = little(at, 8);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void read_value(field summary, scalar *s)
{
    const uint8_t *at = summary.at, *end = at + summary.varint;
    field value, f;
    cr_assert(next_field(&at, end, &value) && value.number == 1 && value.type == 2 && at == end, "one value");
    at = value.at;
    end = at + value.varint;
    while (next_field(&at, end, &f)) {
        if (f.number == 1) {
            cr_assert(f.type == 2 && f.varint < sizeof s->tag);
            memcpy(s->tag, f.at, f.varint);
            s->tag[f.varint] = '\0';
        } else {
            const uint32_t bits = (uint32_t)little(f.at, 4);
            cr_assert(f.number == 2 && f.type == 5);
            memcpy(&s->value, &bits, sizeof bits);
        }
    }
}

/* The scalars of a file, at most `most`; their number. */
static int read_events(const char *path, scalar *scalars, int most)
{
    uint8_t *bytes;
    uint64_t size;
    ho_error error = {0};
    cr_assert_eq(ho_file_read(path, 0, &bytes, &size, &error), 0, "%s", error.text);
    int count = -1; /* the first says which version this is */
    for (uint64_t at = 0; at < size; count++) {
        cr_assert(size - at >= 12);
        const uint64_t length = little(bytes + at, 8);
        expect_masked(bytes + at + 8, bytes + at, 8);
        cr_assert(length <= size - at - 16, "record %d", count);
        const uint8_t *event = bytes + at + 12, *end = event + length;
        expect_masked(end, event, length);
        scalar s = {0};
        field f;
        while (next_field(&event, end, &f))
            if (f.number == 1)
                s.time = real64(f.at);
            else if (f.number == 2)
                s.step = (int64_t)f.varint;
            else if (f.number == 3)
                cr_expect(count == -1 && f.varint == 13 && memcmp(f.at, "brain.Event:2", 13) == 0);
            else if (f.number == 5)
                read_value(f, &s);
        cr_assert(count < most);
        if (count >= 0)
            scalars[count] = s;
        at += 16 + length;
    }
    ho_large_free(bytes);
    return count;
}

static const char *only_file(const char *pattern)
{
    cr_assert_eq(cli_shell(cli_format("echo %s >list", pattern)), 0);
    const char *list = cli_read("list");
    return cli_format("%.*s", (int)strcspn(list, " \n"), list);
}

/* The scalar of that tag and step; fails the test unless there is one. */
static const scalar *scalar_of(const scalar *all, int count, const char *tag, int64_t step)
{
    const scalar *found = NULL;
    for (int i = 0; i < count; i++)
        if (all[i].step == step && strcmp(all[i].tag, tag) == 0) {
            cr_assert_null(found, "%s at %d is there twice", tag, (int)step);
            found = &all[i];
        }
    cr_assert(found, "no %s at %d", tag, (int)step);
    return found;
}

/* Line i, from 0. */
static const char *line_of(const char *text, int i)
{
    for (; i > 0; i--)
        text = strchr(text, '\n') + 1;
    return cli_format("%.*s", (int)strcspn(text, "\n"), text);
}

Test(export, event_files_follow_the_rules_of_their_format)
{
    cr_assert_eq(crc32c((const uint8_t *)"123456789", 9), 0xE3069283u, "the reader's own");
    const time_t before = time(NULL);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "r", NULL));
    cli_result r = cli_run("export", "r", "--tensorboard", "t", NULL);
    cli_expect_done(r);
    const char *file = only_file("t/events.out.tfevents.*");
    cr_expect_str_eq(r.out, cli_format("%s\n", file));
    static scalar all[1000];
    const int count = read_events(file, all, 1000);
    const char *metrics = cli_read("r/metrics.jsonl");
    for (int i = 0; i < 6; i++) {
        const char *line = line_of(metrics, i);
        const scalar *error = scalar_of(all, count, "outer/validation_error", i + 1);
        cr_expect_eq(error->value, (float)json_number(line, "validation_error"));
        cr_expect(error->time >= (double)before - 1 && error->time < (double)time(NULL) + 2);
        cr_expect_eq(scalar_of(all, count, "outer/hyperparameters/mtl.rho", i + 1)->value,
                     (float)json_number(line, "hyperparameters/mtl.rho"));
        cr_expect_eq(scalar_of(all, count, "outer/hyperparameters/mtl.A/sum", i + 1)->value,
                     (float)json_number(line, "hyperparameters/mtl.A/sum"));
        if (i < 5)
            cr_expect_eq(scalar_of(all, count, "outer/digits", i + 1)->value, (float)json_number(line, "digits/left"));
    }
    for (int i = 1; i < count; i++)
        cr_expect_geq(all[i].time, all[i - 1].time);
    for (int i = 0; i < count; i++)
        cr_expect(isfinite(all[i].value) && strncmp(all[i].tag, "outer/", 6) == 0, "%s", all[i].tag);
}

/* The field of that column in a line of a table without quotes; NULL: no such column. */
static const char *cell(const char *csv, int line, const char *column)
{
    const char *heading = line_of(csv, 0), *at = line_of(csv, line);
    for (;;) {
        const size_t length = strcspn(heading, ",");
        if (strlen(column) == length && strncmp(heading, column, length) == 0)
            return cli_format("%.*s", (int)strcspn(at, ","), at);
        if (!heading[length])
            return NULL;
        heading += length + 1;
        cr_assert(strchr(at, ','), "line %d has too few columns", line);
        at = strchr(at, ',') + 1;
    }
}

Test(export, csv_has_every_number_of_every_line)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "r", NULL));
    cli_result r = cli_run("export", "r", "--csv", "tables/of r", NULL);
    cli_expect_done(r);
    cr_expect_str_eq(r.out, "tables/of r/run.csv\n");
    const char *csv = cli_read("tables/of r/run.csv"), *metrics = cli_read("r/metrics.jsonl");
    static const char *const columns[][2] = {{"validation_error", "validation_error"},
                                             {"gradient_norm", "gradient_norm"},
                                             {"seconds", "seconds"},
                                             {"iteration", "iteration"},
                                             {"digits", "digits/left"},
                                             {"hyperparameters/mtl.A/nonzero", "hyperparameters/mtl.A/nonzero"},
                                             {"hyperparameters/mtl.rho", "hyperparameters/mtl.rho"}};
    for (int i = 0; i < 6; i++)
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            const char *text = cell(csv, i + 1, columns[c][0]);
            const double expected = json_number(line_of(metrics, i), columns[c][1]);
            cr_assert(text, "no %s", columns[c][0]);
            if (isnan(expected))
                cr_expect_str_empty(text, "%s", columns[c][0]);
            else
                cr_expect_eq(strtod(text, NULL), expected, "%s: %s", columns[c][0], text);
        }
    cr_expect_str_eq(cell(csv, 1, "line"), "outer");
}

/* Of a run during whose training hyperparameters are updated, and of several runs. */
Test(export, runs_have_files_of_their_own)
{
    cli_pipeline("v.yaml", "hypergradient: {mode: reverse}\n",
                 "stop: {every: 5}\nrepeat: 2\nvariants:\n"
                 "  ON: {outer: {schedule: online, every: 5, iterations: null}, hypergradient: {mode: forward}}\n"
                 "  NO: {outer: null, hyperparameters: null}\nchoose: {BEST: [ON, NO]}\n");
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "r", NULL));
    cli_result r = cli_run("export", "r/", "--csv", "c", NULL);
    cli_expect_done(r);
    int files = 0;
    for (const char *at = r.out; (at = strchr(at, '\n')); at++)
        files++;
    cr_expect_eq(files, 4, "a choice repeats others: %s", r.out);
    cli_expect_done(cli_run("export", "r/", "--tensorboard", "t", NULL));
    const char *csv = cli_read("c/ON-2.csv");
    int updates = 0, looks = 0;
    for (int i = 1; i < 6; i++) {
        const char *kind = cell(csv, i, "line");
        updates += strcmp(kind, "updates") == 0;
        looks += strcmp(kind, "training") == 0;
        cr_expect_eq(strcmp(kind, "updates") == 0, *cell(csv, i, "update") != '\0');
    }
    cr_expect(updates == 2 && looks == 3, "%s", csv);
    cr_expect(cell(csv, 1, "tangent_norms/mtl.rho"), "%s", csv);
    cr_expect(cli_exists("c/NO-1.csv") && !cli_exists("c/BEST-1.csv"));
    static scalar all[1000];
    const int count = read_events(only_file("t/ON-1/events.out.tfevents.*"), all, 1000);
    scalar_of(all, count, "updates/error", 5);
    scalar_of(all, count, "training/validation_accuracy", 15);
    cr_expect(cli_exists(only_file("t/NO-2/events.out.tfevents.*")));

    /* Steps of more than seven bits. */
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "long", "--set", "outer=null", "--set", "steps=300",
                            "--set", "stop={every: 100}", NULL));
    cli_expect_done(cli_run("export", "long", "--tensorboard", "l", NULL));
    const int long_count = read_events(only_file("l/events.out.tfevents.*"), all, 1000);
    scalar_of(all, long_count, "training/validation_error", 300);
}

Test(export, mistakes_are_refused)
{
    cli_expect_refused("no run", cli_run("export", "r", "--csv", "c", NULL), "r: no such folder", NULL);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "r", "--set", "outer=null", NULL));
    cli_expect_refused("nothing asked", cli_run("export", "r", NULL), "--csv DIR or --tensorboard DIR", NULL);
    cli_expect_refused("both", cli_run("export", "r", "--csv", "c", "--tensorboard", "t", NULL), "not both", NULL);
    cli_expect_refused("no curves", cli_run("export", "r", "--csv", "c", NULL), "r: has no curves", NULL);
}
