/* Pipelines and plugins that are wrong: one message with place, reason and nearest right thing; nothing is written. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli_support.h"

TestSuite(bad, .init = cli_enter, .fini = cli_leave, .timeout = 60);

Test(bad, one_wrong_fragment_is_found_where_it_stands)
{
    static const struct {
        const char *from, *to; /* in base.yaml */
        const char *place, *reason, *hint;
    } cases[] = {
        /* YAML itself. */
        {"model: {plugin: softmax}", "model: {plugin: softmax", ":11:", "", ""},
        {"steps: 15", "steps: [1, 2", ":1", "", ""},
        {"steps: 15", "steps: 15\nsteps: 16", ":16:1: ", "\"steps\"", "15"},
        {"steps: 15", "\tsteps: 15", ":15:1: ", "", "tab"},
        {"steps: 15", "steps: *nothing", ":15:", "nothing", ""},
        {"steps: 15", "[a, b]: 15", ":15:", "key", ""},
        {"steps: 15", "steps: 15\n---\nsteps: 15", ":16:", "document", ""},
        {"name: blobs",
         "name: bl\xff"
         "bs",
         ":1:", "", ""},
        {"name: blobs", "name: a/b", ":1:7: ", "\"a/b\"", "letters"},
        {"name: blobs", "name: ..", ":1:7: ", "\"..\"", "beginning"},
        /* Keys. */
        {"steps: 15", "stepz: 15", ":15:1: ", "\"stepz\"", "did you mean \"steps\"?"},
        {"reduce: mean}\n  - {pen", "reduze: mean}\n  - {pen", ":12:27: ", "\"reduze\"", "did you mean \"reduce\"?"},
        {"  inputs: x.npy", "  imputs: x.npy", ":6:3: ", "\"imputs\"", "did you mean \"inputs\"?"},
        {"constraint: nonnegative", "constrained: nonnegative", ":18:", "\"constrained\"",
         "did you mean \"constraint\"?"},
        {"learning_rate: 0.2", "learning_rat: 0.2", ":14:", "\"learning_rat\"", "did you mean \"learning_rate\"?"},
        {"learning_rate: 0.01,", "lerning_rate: 0.01,", ":21:", "\"lerning_rate\"", "did you mean \"learning_rate\"?"},
        {"model: {plugin: softmax}\n", "", "bad.yaml: ", "no \"model\"", ""},
        {"steps: 15\n", "", "bad.yaml: ", "no \"steps\"", ""},
        {", iterations: 5", "", ":21:", "\"iterations\" is missing", ""},
        {"{loss: cross_entropy, reduce: mean}\n  - ", "{reduce: mean}\n  - ", ":12:", "\"loss\" or \"penalty\"", ""},
        /* Plugins and hyperparameters. */
        {"plugin: momentum", "plugin: momentun", ":14:20: ", "\"momentun\"", "did you mean \"momentum\"?"},
        {"plugin: softmax", "plugin: adam", ":10:17: ", "\"adam\"", "softmax"},
        {"penalty: task_interaction", "penalty: task_interacton", ":13:", "\"task_interacton\"",
         "did you mean \"task_interaction\"?"},
        {"mode: reverse", "mode: backward", ":20:23: ", "\"backward\"", "reverse"},
        {"  plugin: npy", "  plugin: numpy", ":5:11: ", "\"numpy\"", "npy"},
        {"mtl.rho", "mtl.rhoo", ":19:3: ", "\"mtl.rhoo\"", "did you mean \"mtl.rho\"?"},
        {"mtl.rho", "rho", ":19:3: ", "\"rho\"", "mtl.rho"},
        {"constraint: nonnegative", "constraint: nonegative", ":18:34: ", "\"nonegative\"",
         "did you mean \"nonnegative\"?"},
        /* Types and ranges. */
        {"steps: 15", "steps: many", ":15:8: ", "\"many\"", "integer"},
        {"steps: 15", "steps: 1.5", ":15:8: ", "\"1.5\"", "integer"},
        {"steps: 15", "steps: 0", ":15:8: ", "0 is less than 1", ""},
        {"steps: 15", "steps: {a: 1}", ":15:8: ", "steps", ""},
        {"seed: 3", "seed: -3", ":2:7: ", "-3 is less than 0", ""},
        {"seed: 3", "seed: 99999999999999999999", ":2:7: ", "seed", "integer"},
        {"precision: f64", "precision: f16", ":3:12: ", "\"f16\"", "neither f32 nor f64"},
        {"standardize: true", "standardize: 1", ":9:16: ", "standardize", "true"},
        {"learning_rate: 0.2", "learning_rate: fast", ":14:", "fast", "number"},
        {"learning_rate: 0.2", "learning_rate: -1", ":14:", "-1", "0"},
        {"learning_rate: 0.2", "learning_rate: .inf", ":14:", ".inf", "number"},
        {"learning_rate: 0.01,", "learning_rate: -1,", ":21:", "-1", "0"},
        {"iterations: 5", "iterations: 0", ":21:", "0 is less than 1", ""},
        {"{init: 0.01}", "{init: -0.01}", ":19:", "-0.01", "0"},
        {"{init: 0.01}", "{init: [1, 2]}", ":19:", "mtl.rho", ""},
        {"{init: 0.01}", "{shape: rows}", ":19:", "\"rows\"", "columns"},
        {"{init: 0.0, constraint", "{init: [[0, 1, 2, 3], [9, 0, 1, 2], [2, 1, 0, 1], [3, 2, 1, 0]], constraint",
         ":18:", "mtl.A", "symmetric"},
        {"{init: 0.0, constraint", "{init: [[0, 1], [1, 0]], constraint", ":18:", "mtl.A", "4"},
        {"{init: 0.0, constraint", "{init: nothing.npy, constraint", ":18:", "nothing.npy", "no such file"},
        {"reduce: mean}\n  - {pen", "reduce: most}\n  - {pen", ":12:35: ", "\"most\"", "neither sum nor mean"},
        /* Constraints that do not fit. */
        {"constraint: nonnegative", "constraint: {plugin: box, lower: -2, upper: -1}", ":18:", "mtl.A", ""},
        {"constraint: nonnegative", "constraint: {plugin: box, lower: 2, upper: 1}", ":18:", "2", "1"},
        {"constraint: nonnegative", "constraint: {plugin: nonnegative_sum}", ":18:", "\"at_most\"", ""},
        {"constraint: nonnegative", "constraint: {plugin: nonnegative_sum, at_most: -1}", ":18:", "-1", ""},
        {"constraint: nonnegative", "constraint: {plugin: capped_sum, at_most: -1}", ":18:", "at_most", "-1"},
        {"constraint: nonnegative", "constraint: {plugin: capped_sum, at_most: .nan}", ":18:", "at_most", "nan"},
        {"constraint: nonnegative", "constraint: {plugin: capped_sum, cap: 0.5}", ":18:", "\"at_most\"", ""},
        /* Two of one name; a penalty that covers nothing. */
        {"name: mtl", "name: cross_entropy", ":13:", "cross_entropy", "name"},
        {"name: mtl", "name: mtl, on: V*", ":13:", "V*", "W"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_pipeline("bad.yaml", cases[i].from, cases[i].to);
        cli_expect_refused(cases[i].to, cli_run("pipeline", "bad.yaml", NULL), "bad.yaml", cases[i].place,
                           cases[i].reason, cases[i].hint, NULL);
    }
}

Test(bad, every_command_refuses_alike)
{
    cli_pipeline("bad.yaml", "steps: 15", "stepz: 15");
    static const char *const commands[] = {"pipeline", "hypergradient", "check"};
    for (size_t i = 0; i < 3; i++)
        cli_expect_refused(commands[i], cli_run(commands[i], "bad.yaml", NULL), "bad.yaml:15:1: ", "steps", NULL);
    cli_expect_refused("--out stays away", cli_run("hypergradient", "bad.yaml", "--out", "made", NULL), "stepz", NULL);
    cr_expect_not(cli_exists("made"));
    cli_pipeline("none.yaml",
                 "hyperparameters:\n  mtl.A: {init: 0.0, constraint: nonnegative}\n  mtl.rho: {init: 0.01}\n"
                 "hypergradient: {mode: reverse}\n"
                 "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n",
                 "");
    cli_expect_refused("nothing tuned", cli_run("hypergradient", "none.yaml", "--out", "made", NULL),
                       "no hyperparameter is tuned", NULL);
    cli_expect_refused("nothing to check", cli_run("check", "none.yaml", NULL), "no hyperparameter is tuned", NULL);
    cr_expect_not(cli_exists("made"));
}

Test(bad, files_that_are_no_pipeline_are_refused)
{
    cli_expect_refused("no file", cli_run("pipeline", "nothing.yaml", NULL), "nothing.yaml: no such file", NULL);
    cli_expect_refused("a folder", cli_run("pipeline", ".", NULL), ".: ", NULL);
    cli_write("empty.yaml", "");
    cli_expect_refused("empty", cli_run("pipeline", "empty.yaml", NULL), "empty.yaml", NULL);
    cli_write("list.yaml", "- 1\n- 2\n");
    cli_expect_refused("a list", cli_run("pipeline", "list.yaml", NULL), "list.yaml:1:1: ", NULL);
    cli_expect_refused("binary", cli_run("pipeline", "x.npy", NULL), "x.npy", NULL);
    cr_assert_eq(mkfifo("fifo.yaml", 0666), 0);
    cli_expect_refused("a pipe that nobody writes", cli_run("pipeline", "fifo.yaml", NULL), "fifo.yaml: ", NULL);
}

Test(bad, hostile_yaml_ends_at_once)
{
    char bomb[2048] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; i++) {
        char line[128];
        snprintf(line, sizeof line, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        strcat(bomb, line);
    }
    cli_write("bomb.yaml", bomb);
    cli_expect_refused("alias bomb", cli_run("pipeline", "bomb.yaml", NULL), "bomb.yaml:", "100000", NULL);
    char deep[2001] = "";
    memset(deep, '[', 2000);
    cli_write("deep.yaml", deep);
    cli_expect_refused("deep nesting", cli_run("pipeline", "deep.yaml", NULL), "deep.yaml:1:", "64", NULL);
}

/* The base pipeline with its dynamics from a file of its own. */
static cli_result run_plugin(const char *name, const char *path)
{
    cli_pipeline("plugin.yaml", "{plugin: momentum, learning_rate: 0.2}",
                 cli_format("{plugin: %s, path: %s}", name, path));
    return cli_run("pipeline", "plugin.yaml", NULL);
}

Test(bad, plugins_that_are_none_are_refused)
{
    const char *folder = cli_environment("HOTOOL_TEST_PLUGINS");
    cli_expect_refused("missing", run_plugin("sgd", "none.so"), "plugin.yaml:14:", "none.so", NULL);
    cli_write("text.so", "this is no shared object, but long enough to be looked at as one: "
                         "0123456789012345678901234567890123456789\n");
    cli_expect_refused("text", run_plugin("sgd", "text.so"), "plugin.yaml:14:", "text.so", NULL);
    cli_expect_refused("no symbol", run_plugin("no_symbol", cli_format("%s/no_symbol.so", folder)),
                       "plugin.yaml:14:", "no_symbol.so", NULL);
    cli_expect_refused("another major", run_plugin("bad_major", cli_format("%s/bad_major.so", folder)), "bad_major.so",
                       "plugin ABI 2", "offers 0.1", NULL);
    cli_expect_refused("a newer minor", run_plugin("newer_minor", cli_format("%s/newer_minor.so", folder)),
                       "newer_minor.so", "plugin ABI 0.2", "offers 0.1", NULL);

    const char *path = cli_format("%s/newer_minor.so", folder);
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    cli_write_bytes("short.so", cli_read(path), (size_t)st.st_size / 2);
    cli_expect_refused("truncated", run_plugin("newer_minor", "short.so"), "plugin.yaml:14:", "short.so", NULL);
    cli_expect_refused(
        "another kind",
        run_plugin("doubled", cli_format("%s/doubled_mode.so", cli_environment("HOTOOL_PIPELINE_PLUGINS"))),
        "plugin.yaml:14:", "the mode \"doubled\"", "the dynamics", NULL);
}

Test(bad, a_plugin_whose_trace_fails_is_quoted_with_line_and_shapes)
{
    const char *path = cli_format("%s/failing_trace.so", cli_environment("HOTOOL_TEST_PLUGINS"));
    cli_expect_refused("failing trace", run_plugin("failing_trace", path), "failing_trace.c:9", "(50, 10)", "(20, 3)",
                       NULL);
}
