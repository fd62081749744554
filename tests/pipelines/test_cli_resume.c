/* Runs that were killed go on: what they come to is what they would have come to, byte for byte but for the clock. */
#define _XOPEN_SOURCE 700 /* nftw */
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "cli_support.h"
#include "json_check.h"

TestSuite(resume, .init = cli_enter, .fini = cli_leave, .timeout = 3600);

/* ---- what a folder holds ----------------------------------------------------------------------------------------- */

/* Where a JSON value ends. */
static const char *past_value(const char *p)
{
    int depth = 0;
    for (; *p; p++) {
        depth += *p == '{' || *p == '[';
        if (depth == 0 && strchr(",}]\n", *p))
            return p;
        depth -= *p == '}' || *p == ']';
    }
    return p;
}

/* Without what the clock says. */
static char *without_times(const char *text)
{
    static const char *const keys[] = {"\"seconds\": ", "\"cpu_seconds\": ", "\"date\": "};
    char *out = ho_strdup(text), *to = out;
    for (const char *p = text; *p;) {
        size_t k = 0;
        while (k < 3 && strncmp(p, keys[k], strlen(keys[k])) != 0)
            k++;
        if (k < 3)
            p = past_value(p + strlen(keys[k]));
        else
            *to++ = *p++;
    }
    *to = '\0';
    return out;
}

static const char *other; /* the folder beside the one that is walked through */
static size_t prefix;     /* of its name */
static int files;

static int compare_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)walk;
    const char *twin = cli_format("%s%s", other, path + prefix);
    if (type != FTW_F)
        return 0;
    files++;
    cr_assert(cli_exists(twin), "%s is not there", twin);
    FILE *a = fopen(path, "rb"), *b = fopen(twin, "rb");
    const size_t size = (size_t)about->st_size;
    char *x = calloc(size + 1, 1), *y = calloc(2 * size + 4096, 1);
    cr_assert(a && b && x && y);
    cr_assert_eq(fread(x, 1, size, a), size);
    size_t length = fread(y, 1, 2 * size + 4095, b);
    fclose(a);
    fclose(b);
    if (strstr(path, ".json")) {
        char *first = without_times(x), *second = without_times(y);
        size_t at = 0;
        while (first[at] && first[at] == second[at])
            at++;
        cr_assert_str_eq(first, second, "%s and %s differ: %.200s | %.200s", path, twin, first + at, second + at);
        free(first);
        free(second);
    } else {
        cr_assert(length == size && memcmp(x, y, size) == 0, "%s and %s differ", path, twin);
    }
    free(x);
    free(y);
    return 0;
}

static int count_under(const char *folder, const char *beside)
{
    files = 0;
    prefix = strlen(folder);
    other = beside;
    nftw(folder, compare_one, 8, FTW_PHYS);
    return files;
}

/* Each has the files of the other. */
static void expect_same(const char *folder, const char *whole)
{
    const int one = count_under(folder, whole);
    cr_assert_gt(one, 3);
    cr_assert_eq(count_under(whole, folder), one);
}

/* ---- kills ------------------------------------------------------------------------------------------------------- */

static void pause_for(double seconds)
{
    const struct timespec time = {.tv_sec = (time_t)seconds,
                                  .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

/* Runs it to its end in peace, into r, which becomes `whole`; the seconds that it took. */
static double run_whole(const char *file)
{
    const double begun = ho_seconds();
    cli_expect_done(cli_run("pipeline", file, "--out", "r", "--jobs", "2", "--quiet", NULL));
    cr_assert_eq(rename("r", "whole"), 0);
    return ho_seconds() - begun;
}

static void remove_run(void)
{
    cr_assert_eq(cli_shell("rm -rf r"), 0);
}

static bool is_done(const char *folder)
{
    const char *result = cli_format("%s/result.json", folder);
    const char *text = cli_exists(result) ? cli_read(result) : "";
    return json_is(text, "outcome", "done");
}

/* Killed at a moment of the seed, and resumed, perhaps to be killed again; the number of kills. */
static int kill_and_resume(const char *file, double seconds, uint64_t seed)
{
    int kills = 0;
    remove_run();
    for (uint64_t turn = 0;; turn++) {
        const bool begun = cli_exists("r/checkpoints/run.yaml");
        if (is_done("r")) { /* it was killed after its last word */
            cli_result late = cli_run("pipeline", "--resume", "r", NULL);
            cr_assert(late.status == 2 && strstr(late.err, "this run is finished (done)"), "%s", late.err);
            return kills;
        }
        const double until = 1.1 * seconds * ho_uniform(seed, 1, turn);
        const bool last = kills > 0 && ho_uniform(seed, 2, turn) < 0.5;
        const pid_t child = begun ? cli_start("pipeline", "--resume", "r", "--jobs", "2", "--quiet", NULL)
                                  : cli_start("pipeline", file, "--out", "r", "--jobs", "2", "--quiet", NULL);
        if (!last) {
            pause_for(until);
            kills += !cli_over(child);
            kill(child, SIGKILL);
        }
        const cli_result result = cli_finish(child);
        if (getenv("HOTOOL_TEST_KILLS"))
            fprintf(stderr, "%s seed %llu: %s %s after %.3f s\n", file, (unsigned long long)seed,
                    begun ? "resumed" : "begun", result.status == 0 ? "ended" : "killed", last ? 0.0 : until);
        cr_assert(result.status == 0 || (!last && result.status == 128 + SIGKILL), "%d: %s", result.status, result.err);
        if (result.status == 0)
            return kills;
    }
}

/* HOTOOL_TEST_KILLS: how many of each pipeline; a few where it is not set. */
static void check_kills(const char *file)
{
    const char *asked = getenv("HOTOOL_TEST_KILLS");
    const int wanted = asked ? atoi(asked) : 3;
    const double seconds = run_whole(file);
    int kills = 0;
    for (uint64_t seed = 1; kills < wanted; seed++) {
        kills += kill_and_resume(file, seconds, seed);
        expect_same("r", "whole");
    }
    if (asked)
        fprintf(stderr, "%s: %d kills, each run the same as the one that was left in peace (%.2f s)\n", file, kills,
                seconds);
}

#define OFTEN  "seed: 3\ncheckpoint: {seconds: 0.02}\n"
#define ALWAYS "seed: 3\ncheckpoint: {seconds: 0}\n"

static void write_long(void)
{
    cli_pipeline("p.yaml", "seed: 3\n", ALWAYS);
    cli_change("p.yaml", "iterations: 5", "iterations: 30");
}

Test(resume, a_run_that_was_killed_goes_on_to_the_same_results)
{
    write_long();
    check_kills("p.yaml");
}

Test(resume, an_online_run_that_was_killed_goes_on)
{
    cli_pipeline("p.yaml", "seed: 3\n", OFTEN);
    cli_change("p.yaml", "steps: 15\n", "steps: 120\nstop: {every: 7}\n");
    cli_change("p.yaml", "iterations: 5", "schedule: online, every: 5");
    cli_change("p.yaml", "mode: reverse", "mode: forward");
    check_kills("p.yaml");
}

Test(resume, runs_of_an_experiment_that_was_killed_go_on)
{
    cli_pipeline("p.yaml", "seed: 3\n",
                 OFTEN "repeat: 2\nvariants: {A: {}, B: {outer: {learning_rate: 0.02, warm_start: weights}}}\n");
    cli_change("p.yaml", "iterations: 5", "iterations: 10");
    check_kills("p.yaml");
}

Test(resume, a_run_over_folds_that_was_killed_goes_on)
{
    write_long();
    cli_change("p.yaml", "iterations: 30", "iterations: 8");
    cli_change("p.yaml", "reduce: mean}\nhyper", "reduce: mean, folds: 3}\nhyper");
    check_kills("p.yaml");
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

#define NEVER 1000000000

/* hotool with these arguments on a disk whose power goes with the N-th change of r, and what had not been synced; its
 * status. */
static int run_with_power(int change, const char *loses, const char *arguments)
{
    return cli_shell(cli_format("POWER_LOSS_AT=%d POWER_LOSS_UNDER=r POWER_LOSS_LOSES=%s LD_PRELOAD=%s/power_loss.so "
                                "$HOTOOL pipeline %s --quiet >/dev/null 2>err",
                                change, loses, cli_environment("HOTOOL_PIPELINE_PLUGINS"), arguments));
}

/* A run of p.yaml into r that was killed in its first outer iterations, with a number of checkpoints behind it. */
static void kill_one(void)
{
#ifdef __SANITIZE_ADDRESS__
    cli_skip("ASan's library must be the first");
#endif
    write_long();
    cr_assert_eq(run_with_power(120, "data", "p.yaml --out r --jobs 2"), 128 + SIGKILL);
}

static void expect_refusal(const char *what, cli_result r, const char *piece, const char *another)
{
    cr_expect_eq(r.status, 2, "%s: status %d, %s", what, r.status, r.err);
    cr_expect(strstr(r.err, piece) && strstr(r.err, another), "%s: %s", what, r.err);
    size_t lines = 0;
    for (const char *p = r.err; (p = strchr(p, '\n')); p++)
        lines++;
    cr_expect_eq(lines, 1, "%s: %s", what, r.err);
}

Test(resume, what_is_not_a_run_is_refused)
{
    expect_refusal("no folder", cli_run("pipeline", "--resume", "nothing", NULL),
                   "nothing: ", "it has no checkpoints/run.yaml");
    cr_assert_eq(cli_shell("mkdir empty"), 0);
    expect_refusal("an empty folder", cli_run("pipeline", "--resume", "empty", NULL),
                   "empty: ", "is not the folder of a run");
    expect_refusal("a file", cli_run("pipeline", "--resume", "base.yaml", NULL),
                   "base.yaml: ", "is not the folder of a run");
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "done", "--quiet", NULL));
    expect_refusal("a run that is done", cli_run("pipeline", "--resume", "done", NULL),
                   "done: ", "this run is finished (done): there is nothing to resume");
    expect_refusal("--out", cli_run("pipeline", "--resume", "done", "--out", "x", NULL),
                   "--out cannot be used with --resume", "");
    expect_refusal("--set", cli_run("pipeline", "--resume", "done", "--set", "seed=1", NULL),
                   "--set cannot be used with --resume", "");
    expect_refusal("no run", cli_run("pipeline", "--resume", NULL), "--resume", "");
}

Test(resume, another_pipeline_data_or_plugin_is_refused_with_what_differs)
{
    kill_one();
    cli_change("p.yaml", "steps: 15", "steps: 16");
    expect_refusal("another file", cli_run("pipeline", "p.yaml", "--resume", "r", NULL),
                   "r: cannot be resumed: its pipeline is another: ", "steps: was 15, is 16");
    cli_change("p.yaml", "steps: 16", "steps: 15");
    expect_refusal("another mode", cli_run("pipeline", "p.yaml", "--resume", "r", "--mode", "forward", NULL),
                   "mode: was not there, is forward", "");
    cli_change("r/pipeline.yaml", "steps: 15", "steps: 17");
    expect_refusal("an edited pipeline", cli_run("pipeline", "--resume", "r", NULL),
                   "r: cannot be resumed: its pipeline.yaml was changed: ", "steps: was 15, is 17");
    cli_change("r/pipeline.yaml", "steps: 17", "steps: 15");
    cr_assert_eq(cli_shell("cp x.npy kept.npy; printf '\\1' | dd of=x.npy bs=1 seek=300 conv=notrunc 2>/dev/null"), 0);
    expect_refusal("other data", cli_run("pipeline", "--resume", "r", NULL),
                   "r: cannot be resumed: its data have changed: ", "x.npy: was ");
    cr_assert_eq(cli_shell("mv kept.npy x.npy"), 0);
    cli_change("r/checkpoints/run.yaml", "dynamics momentum: \"1.0.0, SHA-256 ",
               "dynamics momentum: \"1.0.0, SHA-256 0");
    expect_refusal("another plugin", cli_run("pipeline", "--resume", "r", NULL),
                   "r: cannot be resumed: its plugins have changed: ", "dynamics momentum: was 1.0.0, SHA-256 0");
    cli_change("r/checkpoints/run.yaml", "dynamics momentum: \"1.0.0, SHA-256 0",
               "dynamics momentum: \"1.0.0, SHA-256 ");
    cli_expect_done(cli_run("pipeline", "p.yaml", "--resume", "r", "--quiet", NULL));
}

Test(resume, a_run_that_is_still_going_is_refused)
{
    write_long();
    cli_change("p.yaml", "iterations: 30", "iterations: 1000000");
    const pid_t child = cli_start("pipeline", "p.yaml", "--out", "r", "--quiet", NULL);
    for (int tries = 0; tries < 3000 && !cli_exists("r/metrics.jsonl"); tries++)
        pause_for(0.01);
    expect_refusal("still going", cli_run("pipeline", "--resume", "r", NULL),
                   "r: another process is working on this run", "");
    kill(child, SIGINT);
    cr_expect_eq(cli_finish(child).status, 130);
}

/* The number of the newest checkpoint. */
static int newest(void)
{
    int number = 1;
    while (!cli_exists(cli_format("r/checkpoints/%d", number)) ||
           cli_exists(cli_format("r/checkpoints/%d", number + 1)))
        number++;
    return number;
}

Test(resume, a_damaged_checkpoint_is_named_and_passed_over)
{
    write_long();
    run_whole("p.yaml");
    const char *const damages[] = {"truncate -s -1", "truncate -s 20", "truncate -s 0",
                                   "printf '\\1' | dd bs=1 seek=200 conv=notrunc 2>/dev/null of="};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        remove_run();
        kill_one();
        const int last = newest();
        cr_assert_eq(cli_shell(cli_format("%s%sr/checkpoints/%d", damages[i], i < 3 ? " " : "", last)), 0);
        const cli_result r = cli_run("pipeline", "--resume", "r", "--jobs", "2", NULL);
        cli_expect_done(r);
        cr_expect(strstr(r.err, cli_format("r/checkpoints/%d: this checkpoint is passed over: ", last)), "%s", r.err);
        expect_same("r", "whole");
    }
}

/* Without any, it begins anew; lines that no checkpoint knows go, a torn one among them. */
Test(resume, a_run_without_a_checkpoint_begins_anew)
{
    write_long();
    run_whole("p.yaml");
    kill_one();
    cr_assert_eq(cli_shell("rm r/checkpoints/[0-9]*; printf '{\"iteration\": 9, \"val' >>r/metrics.jsonl"), 0);
    cli_expect_done(cli_run("pipeline", "--resume", "r", "--jobs", "2", "--quiet", NULL));
    expect_same("r", "whole");
}

Test(resume, the_report_of_a_resumed_run_is_made)
{
    kill_one();
    cli_expect_done(cli_run("pipeline", "--resume", "r", "--quiet", NULL));
    cli_expect_done(cli_run("report", "r", NULL));
    cr_expect(strstr(cli_read("r/report.html"), "</html>\n"), "the page is not whole");
}

/* ---- the power goes ---------------------------------------------------------------------------------------------- */

/* Whether the run into r was cut short. */
static bool lose_power(int change, const char *loses)
{
    remove_run();
    const int status = run_with_power(change, loses, "p.yaml --out r --jobs 2");
    cr_assert(status == 0 || status == 128 + SIGKILL, "status %d: %s", status, cli_read("err"));
    return status != 0;
}

/* Resumed, or begun where there is nothing to resume. */
static void go_on(const char *what)
{
    const bool done = is_done("r"), begun = cli_exists("r/checkpoints/run.yaml");
    const int status = run_with_power(NEVER, "all", begun || done ? "--resume r" : "p.yaml --out r --jobs 2");
    cr_assert_eq(status, done ? 2 : 0, "%s: %s", what, cli_read("err"));
    cr_assert(!done || strstr(cli_read("err"), "finished"), "%s: %s", what, cli_read("err"));
}

/* HOTOOL_TEST_KILLS: at every change of the folder; else at some. */
static void check_power(const char *loses, int stride)
{
#ifndef __SANITIZE_ADDRESS__ /* its library must be the first */
    const bool all = getenv("HOTOOL_TEST_KILLS");
    cr_assert_not(lose_power(NEVER, loses), "%s", cli_read("err"));
    cr_assert_eq(rename("r", "whole"), 0);
    int change = 1, losses = 0;
    while (lose_power(change, loses)) {
        const char *what = cli_format("change %d, %s lost", change, loses);
        go_on(what);
        expect_same("r", "whole");
        losses++;
        change += all ? 1 : 1 + (int)(stride * ho_uniform(7, 3, (uint64_t)change));
    }
    cr_expect_gt(losses, 2);
    if (all)
        fprintf(stderr, "the power went %d times, and %s was lost\n", losses, loses);
#endif
}

static void write_small(void)
{
    cli_pipeline("p.yaml", "seed: 3\n", ALWAYS);
    cli_change("p.yaml", "iterations: 5", "iterations: 2");
    cli_change("p.yaml", "steps: 15", "steps: 2");
}

Test(resume, a_run_whose_power_went_goes_on_from_what_was_synced)
{
    write_small();
    check_power("all", 40);
}

Test(resume, a_run_goes_on_from_files_that_are_empty)
{
    write_small();
    check_power("data", 40);
}

Test(resume, a_run_goes_on_from_files_that_are_torn)
{
    write_small();
    check_power("half", 40);
}

/* A disk that lies about one fsync: an older checkpoint does as well. Without the files that say what the run is of, it
 * is refused, with their name. */
Test(resume, a_run_goes_on_from_a_disk_that_lied)
{
#ifndef __SANITIZE_ADDRESS__
    enum { CHANGES = 90, LIES = 45 };
    static const char *const loses[] = {"all", "data", "half"};
    const bool all = getenv("HOTOOL_TEST_KILLS");
    int refused = 0;
    write_small();
    run_whole("p.yaml");
    for (int lie = 1; lie <= LIES; lie += all ? 1 : 1 + (int)(6 * ho_uniform(7, 4, (uint64_t)lie))) {
        const char *lost = loses[lie % 3];
        remove_run();
        cr_assert_eq(setenv("POWER_LOSS_DROPS", cli_format("%d", lie), 1), 0);
        cr_assert_eq(run_with_power(CHANGES, lost, "p.yaml --out r --jobs 2"), 128 + SIGKILL, "lie %d", lie);
        unsetenv("POWER_LOSS_DROPS");
        const cli_result r = cli_run("pipeline", "--resume", "r", "--jobs", "2", "--quiet", NULL);
        if (r.status == 0) {
            expect_same("r", "whole");
            continue;
        }
        cr_expect(r.status == 2 && (strstr(r.err, "checkpoints/run.yaml: ") || strstr(r.err, "its pipeline.yaml was")),
                  "lie %d, %s lost: status %d: %s", lie, lost, r.status, r.err);
        refused++;
    }
    cr_expect_leq(refused, 2);
#endif
}

/* ---- runs of every kind ------------------------------------------------------------------------------------------ */

/* `changes`: pairs of what stands in the small pipeline and what is to stand there. */
static void check_kind(const char *const *changes, int stride)
{
    write_small();
    for (; *changes; changes += 2)
        cli_change("p.yaml", changes[0], changes[1]);
    check_power("all", stride);
}

#define MODE(mode) "hypergradient: {mode: reverse}", "hypergradient: {mode: " mode "}"
#define ONLINE(outer) \
    "iterations: 2", "schedule: online, every: 3" outer, "steps: 2", "steps: 13\nstop: {every: 4}\nbatch: 16"
#define OUTER "outer: {plugin: adam, learning_rate: 0.01, iterations: 2}"

Test(resume, whole_trainings_through_each_mode)
{
    check_kind((const char *[]){MODE("forward"), "steps: 2", "steps: 35\nbatch: 16", NULL}, 250);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){MODE("reverse, store: residuals"), "steps: 2", "steps: 35", NULL}, 250);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){MODE("checkpointed, slots: 3"), "steps: 2", "steps: 35", NULL}, 250);
}

Test(resume, online_updates_through_each_mode)
{
    check_kind((const char *[]){MODE("forward, columns_at_once: 2"), ONLINE(", validation_batch: 7"), NULL}, 30);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){MODE("reverse"), ONLINE(", warm_restart: true"), NULL}, 30);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){MODE("truncated, steps_back: 4"), ONLINE(""), NULL}, 30);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){MODE("checkpointed, slots: 2"), ONLINE(""), NULL}, 30);
}

Test(resume, searches_and_final_trainings)
{
    check_kind((const char *[]){OUTER, "outer: {strategy: random, candidates: 4}",
                                "  mtl.A: {init: 0.0, constraint: nonnegative}\n", "", "mtl.rho: {init: 0.01}",
                                "mtl.rho: {init: 0.01, range: {from: 0.001, to: 1, scale: log}}", "steps: 2",
                                "steps: 20", NULL},
               80);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){OUTER, "outer: {strategy: grid}", "  mtl.A: {init: 0.0, constraint: nonnegative}\n", "",
                                "mtl.rho: {init: 0.01}", "mtl.rho: {init: 0.01, range: {values: [0.01, 0.001, 0.1]}}",
                                "steps: 2", "steps: 20\nstop: {every: 5, patience: 2}", NULL},
               80);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){OUTER, "outer: {iterations: 3}", NULL}, 25);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){"steps: 2", "steps: 20\nstop: {every: 3, patience: 3}", NULL}, 80);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){"steps: 2", "steps: 20\nfinal: {train_on: training+validation}", NULL}, 80);
    cr_assert_eq(cli_shell("rm -rf whole"), 0);
    check_kind((const char *[]){"learning_rate: 0.01", "learning_rate: 1.0e4", "iterations: 2", "iterations: 6", NULL},
               80);
}
