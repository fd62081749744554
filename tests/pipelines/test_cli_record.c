/* What result.json says of where a run comes from, and that it can be had again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(record, .init = cli_enter, .fini = cli_leave, .timeout = 240);

static const char *result_of(const char *folder)
{
    const char *text = cli_read(cli_format("%s/result.json", folder));
    cr_assert(json_valid(text, strlen(text)), "no JSON: %s", text);
    return text;
}

/* The string at a path, which holds nothing but what a path or a word of the shell may. */
static const char *string_at(const char *text, const char *path)
{
    const char *at = json_at(text, path);
    cr_assert(at && *at == '"', "%s: no string at %s", text, path);
    return cli_format("%.*s", (int)strcspn(at + 1, "\""), at + 1);
}

static void expect_setting(const char *result, const char *key, const char *value)
{
    const char *line = cli_format("\"%s\": \"%s\"", key, value);
    cr_expect(strstr(result, line), "no %s in %s", line, result);
}

Test(record, of_a_run_has_every_setting_with_its_defaults)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "r", "--set", "dynamics=adam", "--set",
                            "outer={plugin: adam, learning_rate: 0.01, iterations: 1}", "--set",
                            "hyperparameters={dynamics.beta1: {}, mtl.rho: 0.25}", "--set", "objective/mtl/weight=2",
                            NULL));
    const char *r = result_of("r");
    expect_setting(r, "dynamics/plugin", "adam");
    expect_setting(r, "dynamics/beta2", "0.999");
    expect_setting(r, "dynamics/epsilon", "1e-5");
    expect_setting(r, "hyperparameters/dynamics.beta1/init", "0.9");
    cr_expect_not(strstr(r, "\"dynamics/beta1\""), "it is tuned, and its value stands there");
    expect_setting(r, "hyperparameters/mtl.rho/init", "0.25");
    expect_setting(r, "objective/mtl/weight", "2");
    expect_setting(r, "outer/beta1", "0.9");
    expect_setting(r, "outer/schedule", "batch");
    cr_expect_not(strstr(r, "\"outer/warm_restart\""), "that is for online runs");
    expect_setting(r, "hypergradient/mode", "reverse");
    expect_setting(r, "final/train_on", "training");
    expect_setting(r, "data/split/stratified", "true");
}

Test(record, of_a_run_says_when_and_where_and_by_which_plugins)
{
    cr_expect_eq(cli_shell("HOTOOL_OWN='a b' OPENBLAS_OWN=1 $HOTOOL pipeline base.yaml --out r >log 2>&1"), 0);
    const char *r = result_of("r"), *date = string_at(r, "started/date");
    int numbers[6];
    cr_expect_eq(sscanf(date, "%d-%d-%dT%d:%d:%dZ", &numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4],
                        &numbers[5]),
                 6, "%s", date);
    cr_expect_eq(cli_shell(cli_format("test \"$(date -d %s +%%s)\" -gt \"$(($(date +%%s) - 300))\"", date)), 0, "%s",
                 date);
    cr_expect_eq(cli_shell(cli_format("test \"$(pwd -P)\" = '%s'", string_at(r, "started/folder"))), 0);
    cr_expect_eq(cli_shell(cli_format("test \"$(uname -n)\" = '%s'", string_at(r, "started/host"))), 0);
    cr_expect_str_eq(string_at(r, "started/environment/HOTOOL_OWN"), "a b");
    cr_expect_str_eq(string_at(r, "started/environment/OPENBLAS_OWN"), "1");
    cr_expect(json_at(r, "versions/libyaml") && json_at(r, "versions/zlib") && json_at(r, "versions/libc"));
    static const char *const names[] = {"npy", "softmax", "cross_entropy", "task_interaction", "momentum", "reverse"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int found = 0;
        for (int k = 0; json_at(r, cli_format("plugins/%d", k)); k++)
            if (json_is(r, cli_format("plugins/%d/name", k), names[i])) {
                found++;
                cr_expect_eq(cli_shell(cli_format("echo '%s  %s' | sha256sum --check --quiet >/dev/null",
                                                  string_at(r, cli_format("plugins/%d/checksum", k)),
                                                  string_at(r, cli_format("plugins/%d/path", k)))),
                             0, "%s", names[i]);
            }
        cr_expect_eq(found, 1, "%s stands there %d times", names[i], found);
    }
}

/* Plugins are found by a path relative to the folder where the run was started. */
static void expect_again(const char *arguments, const char *folder, const char *weights)
{
    cr_assert_eq(cli_shell(cli_format("ln -sfn \"$HOTOOL_PIPELINE_PLUGINS\" near; mkdir -p far; "
                                      "HOTOOL_PLUGIN_PATH=:near $HOTOOL pipeline %s --out '%s' >log 2>&1",
                                      arguments, folder)),
                 0, "%s", cli_read("log"));
    const char *again = string_at(result_of(folder), "started/again");
    cr_expect_eq(cli_shell(cli_format("cd far && unset HOTOOL_PLUGIN_PATH && %s --out again >log 2>&1", again)), 0,
                 "%s: %s", again, cli_read("far/log"));
    cr_expect_eq(cli_shell(cli_format("cmp '%s/%s' 'far/again/%s'", folder, weights, weights)), 0);
    cr_expect_str_eq(string_at(result_of("far/again"), "pipeline"), string_at(result_of(folder), "pipeline"));
    cr_expect_eq(cli_shell(cli_format("cmp '%s/pipeline.yaml' far/again/pipeline.yaml && rm -r far", folder)), 0);
}

Test(record, the_command_that_does_it_again_works_from_anywhere)
{
    expect_again("base.yaml --mode forward --precision f64 --set batch=16 --threads 2", "one $run", "weights/W.npy");
    cr_expect(strstr(result_of("one $run"), " --threads 2"));
    cli_change("base.yaml", "name: blobs\n", "");
    cli_pipeline("v.yaml", "hypergradient: {mode: reverse}\n",
                 "repeat: 2\nvariants: {A: {}, B: {seed: 4}, C: {no: such}}\n");
    cli_change("v.yaml", "name: blobs\n", "");
    expect_again("v.yaml --mode forward --precision f32 --variant A --variant B", "two", "B/2/weights/W.npy");
    expect_again("base.yaml --mode doubled", "three", "weights/W.npy");
}

Test(record, a_run_of_an_experiment_can_be_had_by_itself)
{
    cli_pipeline("v.yaml", "hypergradient: {mode: reverse}\n", "repeat: 2\nvariants: {A: {steps: 4}, B: {steps: 5}}\n");
    cli_expect_done(cli_run("pipeline", "v.yaml", "--mode", "forward", "--out", "r", NULL));
    const char *one = result_of("r/B/2");
    cr_expect(json_is(one, "mode", "forward"));
    expect_setting(one, "steps", "5");
    cr_expect_float_eq(json_number(one, "seed"), json_number(result_of("r"), "seed") + 1, 0);
    cr_expect_eq(cli_shell(cli_format("%s --out again >log 2>&1", string_at(one, "started/again"))), 0);
    cr_expect_eq(cli_shell("cmp r/B/2/weights/W.npy again/weights/W.npy"), 0);
    cr_expect(json_at(one, "data/checksums/0"));
}
