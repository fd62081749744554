/* Every number of the table of keys, at the ends of its range and beyond: refused with its name, or a run whose results
 * are what they say. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli_support.h"
#include "json_check.h"
#include "pipeline/keys.h"

/* rho can be searched for, and updated online. */
static void enter(void)
{
    cli_enter();
    cli_pipeline("e.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n  mtl.rho: {init: 0.01}\n",
                 "  mtl.rho: {init: 0.01, range: {from: 0.01, to: 1, points: 3}}\n");
    cli_change("e.yaml", "  standardize: true\n", "  standardize: true\n  noise: {labels: 0.1}\n");
}

TestSuite(extremes, .init = enter, .fini = cli_leave, .timeout = 170);

/* Where the key stands, with '/' behind; NULL: nowhere that the file has. */
static const char *path_of(const ho_key *key)
{
    static const struct {
        ho_section section;
        const char *path;
    } paths[] = {{HO_PIPELINE, ""},
                 {HO_SPLIT, "data/split/"},
                 {HO_NOISE, "data/noise/"},
                 {HO_OUTER, "outer/"},
                 {HO_VALIDATION, "validation/"},
                 {HO_STOP, "stop/"},
                 {HO_RANGE, "hyperparameters/mtl.rho/range/"}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (key->in & HO_IN(paths[i].section))
            return paths[i].path;
    return NULL;
}

/* What the key goes with. */
static const char *company_of(const ho_key *key)
{
    if (key->with == HO_WITH_ONLINE)
        return "outer={iterations: null, schedule: online, every: 3}";
    if (key->in & HO_IN(HO_RANGE))
        return "outer={iterations: null, strategy: grid}";
    if (key->with != HO_WITH_ANY)
        return strcmp(key->name, "candidates") == 0 ? "outer={strategy: random, candidates: 4}"
                                                    : "outer={strategy: random, candidates: 4, iterations: null}";
    return "quiet=null";
}

/* A run that goes on is asked to stop. */
static cli_result run(const char *setting, const char *company)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    pid_t child =
        strcmp(company, "quiet=null") == 0
            ? cli_start("pipeline", "e.yaml", "--quiet", "--out", "r", "--set", setting, NULL)
            : cli_start("pipeline", "e.yaml", "--quiet", "--out", "r", "--set", company, "--set", setting, NULL);
    for (int i = 0; i < 25 && !cli_over(child); i++)
        nanosleep(&moment, NULL);
    kill(child, SIGTERM);
    return cli_finish(child);
}

static void expect_sense(const ho_key *key, const char *number, bool within)
{
    const char *setting = cli_format("%s%s=%s", path_of(key), key->name, number);
    cli_result r = run(setting, company_of(key));
    cr_expect(within || r.status == 2, "%s: exit status %d: %s", setting, r.status, r.err);
    const char *result = cli_exists("r/result.json") ? cli_read("r/result.json") : "{}";
    if (r.status == 2) {
        cr_expect((strstr(r.err, key->name) || strstr(r.err, ": range: ")) && strstr(r.err, "hotool: ") == r.err,
                  "%s: %s", setting, r.err);
    } else if (r.status == 0) {
        bool timed = key->type == HO_KEY_REAL; /* which may end it before the first update */
        cr_expect(json_is(result, "outcome", "done"), "%s: %s", setting, result);
        cr_expect(timed || json_number(result, "outer_iterations") >= 1, "%s: nothing was tuned", setting);
        cr_expect(isfinite(json_number(result, "tuned/validation_error")), "%s: %s", setting, result);
    } else if (r.status == 1) {
        bool refused = json_is(result, "outcome", "failed") && strstr(r.err, " GiB are available");
        cr_expect(refused || json_is(result, "outcome", "diverged"), "%s: %s %s", setting, r.err, result);
    } else {
        cr_expect_eq(r.status, 128 + SIGTERM, "%s: exit status %d: %s", setting, r.status, r.err);
        cr_expect(json_is(result, "outcome", "interrupted"), "%s: %s", setting, result);
    }
    cr_assert_eq(cli_shell("rm -rf r"), 0);
}

Test(extremes, every_integer)
{
    static const int64_t far[] = {INT64_MIN, INT64_MIN + 1, -1, INT64_MAX - 1, INT64_MAX};
    int keys = 0;
    for (const ho_key *key = ho_keys; key < ho_keys + ho_key_count; key++) {
        if (key->type != HO_KEY_INTEGER || !path_of(key) || key->whole_file)
            continue;
        const int64_t least = (int64_t)key->least, most = key->most > 0 ? (int64_t)key->most : INT64_MAX;
        for (size_t i = 0; i < sizeof far / sizeof *far; i++)
            expect_sense(key, cli_format("%" PRId64, far[i]), far[i] >= least && far[i] <= most);
        expect_sense(key, cli_format("%" PRId64, least), true);
        expect_sense(key, cli_format("%" PRId64, least - 1), false);
        if (most < INT64_MAX)
            expect_sense(key, cli_format("%" PRId64, most + 1), false);
        expect_sense(key, "9223372036854775808", false);
        keys++;
    }
    cr_expect_geq(keys, 14, "%d keys were tried", keys);
}

Test(extremes, every_real)
{
    static const double far[] = {-DBL_MAX, -DBL_TRUE_MIN, 0, DBL_TRUE_MIN, DBL_MIN, 1, DBL_MAX};
    int keys = 0;
    for (const ho_key *key = ho_keys; key < ho_keys + ho_key_count; key++) {
        if (key->type != HO_KEY_REAL || !path_of(key))
            continue;
        for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
            bool above = key->least_open ? far[i] > key->least : far[i] >= key->least;
            bool below = !(key->most > 0) || (key->most_open ? far[i] < key->most : far[i] <= key->most);
            char text[32];
            ho_print_real(far[i], text);
            expect_sense(key, text, above && below);
        }
        expect_sense(key, "1e309", false);
        expect_sense(key, ".nan", false);
        keys++;
    }
    cr_expect_geq(keys, 6, "%d keys were tried", keys);
}

/* "Done" means that something was tuned. */
Test(extremes, a_training_without_an_update_is_refused)
{
    static const char *const epochs[] = {"5e-324", "1", "3"}; /* an epoch of a full batch is a step */
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++)
        cli_expect_refused(epochs[i],
                           cli_run("pipeline", "e.yaml", "--set",
                                   "outer={iterations: null, schedule: online, every: 3}", "--set",
                                   cli_format("stop/epochs=%s", epochs[i]), NULL),
                           "every: the hyperparameters would never change: 3 steps between updates, but training has",
                           "by the epochs of `stop`", NULL);
    cli_expect_done(cli_run("pipeline", "e.yaml", "--set", "outer={iterations: null, schedule: online, every: 3}",
                            "--set", "stop/epochs=4", "--out", "r", NULL));
    cr_expect_float_eq(json_number(cli_read("r/result.json"), "outer_iterations"), 1, 0);
}
