/* Settings that count: none without effect, none that would tune what is measured. */
#include <math.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(settings, .init = cli_enter, .fini = cli_leave, .timeout = 60);

#define TUNED                                         \
    "  mtl.A: {init: 0.0, constraint: nonnegative}\n" \
    "  mtl.rho: {init: 0.01}\n"

static const char dynamics[] = "dynamics: {plugin: momentum, learning_rate: 0.2}\n";
static const char validation[] = "validation: {loss: cross_entropy, reduce: mean}\n";

/* The pipeline with this tuned, and the tables of keys as they are. */
static void tune(const char *entry)
{
    cli_pipeline("p.yaml", TUNED, entry);
}

/* The value that a run began with. */
static double initial(const char *folder, const char *name)
{
    const char *lines = cli_read(cli_format("%s/metrics.jsonl", folder));
    return json_number(cli_format("%.*s", (int)strcspn(lines, "\n"), lines), cli_format("hyperparameters/%s", name));
}

/* ---- what is measured is not tuned ------------------------------------------------------------------------------- */

Test(settings, the_validation_error_has_no_tunable_scale)
{
    static const struct {
        const char *name, *terms;
    } cases[] = {
        {"validation.weight", NULL},
        {"validation.wieght", NULL},
        {"validation.weight", "validation: [{loss: cross_entropy}]\n"},
        {"validation_l2.rho", "validation: [{loss: cross_entropy}, {penalty: l2}]\n"},
        {"validation_l2.weight", "validation: [{loss: cross_entropy}, {penalty: l2}]\n"},
        {"validation_cross_entropy.weight", "validation: [{loss: cross_entropy}, {penalty: l2}]\n"},
        {"error.weight", "validation: {loss: cross_entropy, name: error, target: labels}\n"},
        {"v.rho", "validation: [{loss: cross_entropy}, {penalty: l2, name: v, on: [W]}]\n"},
        {"validation.weight", ""}, /* the objective's losses stand in for it */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tune(cli_format("  %s: {init: 1.0, range: {from: 0.1, to: 1}}\n", cases[i].name));
        if (cases[i].terms)
            cli_change("p.yaml", validation, cases[i].terms);
        const char *place = cli_format("p.yaml:%d:3: %s cannot be tuned: it belongs to the validation error",
                                       cases[i].terms && !*cases[i].terms ? 17 : 18, cases[i].name);
        cli_expect_refused(cases[i].name, cli_run("pipeline", "p.yaml", NULL), place, NULL);
        cli_expect_refused(cases[i].name, cli_run("pipeline", "p.yaml", "--set", "outer/strategy=random", NULL), place,
                           NULL);
        cli_expect_refused(cases[i].name, cli_run("check", "p.yaml", NULL), place, NULL);
    }
}

Test(settings, the_validation_error_is_not_among_the_known_names)
{
    tune("  mtl.rh: 1\n");
    cli_result r = cli_run("pipeline", "p.yaml", NULL);
    cli_expect_refused("a misspelt name", r,
                       "p.yaml:18:3: unknown hyperparameter \"mtl.rh\"; did you mean \"mtl.rho\"?", "mtl.weight",
                       "cross_entropy.weight", NULL);
    cr_expect_not(strstr(r.err, "validation"), "%s", r.err);
}

/* ---- a setting and a tuned value of the same name ---------------------------------------------------------------- */

Test(settings, each_is_checked_where_another_value_counts)
{
    static const struct {
        const char *value, *says;
    } cases[] = {
        {"banana", "p.yaml:14:45: dynamics.learning_rate: \"banana\" is neither a number"},
        {"-3", "p.yaml:14:45: dynamics.learning_rate: -3 is outside its domain [0, inf)"},
        {"[1, 2]", "p.yaml:14:45: dynamics.learning_rate: expected a number, got a list"},
        {"nowhere.npy", "/nowhere.npy"},
        {"0.9", "p.yaml:18:34: dynamics.learning_rate: 0.05 here and 0.9 at p.yaml:14:45"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tune("  dynamics.learning_rate: {init: 0.05}\n");
        cli_change("p.yaml", "learning_rate: 0.2", cli_format("learning_rate: %s", cases[i].value));
        cli_expect_refused(cases[i].value, cli_run("pipeline", "p.yaml", NULL), cases[i].says, NULL);
        cli_expect_refused(cases[i].value, cli_run("hypergradient", "p.yaml", NULL), cases[i].says, NULL);
    }
}

Test(settings, two_values_are_refused_with_both_places)
{
    static const struct {
        const char *from, *to, *entry, *says;
    } cases[] = {
        {"name: mtl}", "name: mtl, rho: 0.02}", "  mtl.rho: 0.01\n",
         "p.yaml:18:12: mtl.rho: 0.01 here and 0.02 at p.yaml:13:49"},
        {"name: mtl}", "name: mtl, weight: 3}", "  mtl.weight: {init: 2}\n",
         "p.yaml:18:22: mtl.weight: 2 here and 3 at p.yaml:13:52"},
        {"name: mtl}", "name: mtl, rho: [1, 2, 3, 5]}", "  mtl.rho: {init: [1, 2, 3, 4], shape: columns}\n",
         "p.yaml:18:19: mtl.rho: one value here and another at p.yaml:13:49"},
        {"momentum, l", "momentum, momentum: 0.9, l", "  dynamics.momentum: 0.5\n",
         "dynamics.momentum: 0.5 here and 0.9 at p.yaml:14:40"},
        {"reduce: mean}\n  -", "reduce: mean, weights: [1, 2]}\n  -", "  cross_entropy.weights: 1.0\n",
         "p.yaml:12:50: cross_entropy.weights: expected a list of 40"},
        {"{plugin: softmax}", "{plugin: softmax, temperature: 2}",
         "  model.temperature: {init: 1, range: {from: 1, to: 2}}\n",
         "model.temperature: 1 here and 2 at p.yaml:10:39"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tune(cases[i].entry);
        cli_change("p.yaml", cases[i].from, cases[i].to);
        cli_expect_refused(cases[i].says, cli_run("pipeline", "p.yaml", NULL), cases[i].says, NULL);
    }
}

Test(settings, equal_values_pass_and_one_is_enough)
{
    tune("  dynamics.learning_rate: {init: 0.2}\n  mtl.rho: {}\n");
    cli_change("p.yaml", "name: mtl}", "name: mtl, rho: 0.03}");
    cli_change("p.yaml", "learning_rate: 0.2}", "learning_rate: 2.0e-1}");
    cli_expect_done(cli_run("pipeline", "p.yaml", "--out", "r", NULL));
    cr_expect_float_eq(initial("r", "dynamics.learning_rate"), 0.2, 0);
    cr_expect_float_eq(initial("r", "mtl.rho"), 0.03, 0);
}

Test(settings, those_of_the_outer_optimizer_are_checked_too)
{
    tune("  mtl.rho: {init: 0.01, outer: {learning_rate: 0.1}}\n");
    cli_change("p.yaml", "adam, learning_rate: 0.01", "adam, learning_rate: banana");
    static const char says[] = "p.yaml:20:38: learning_rate: \"banana\" is not a finite number";
    cli_expect_refused("overridden by all", cli_run("pipeline", "p.yaml", NULL), says, NULL);
    cli_expect_refused("a search",
                       cli_run("pipeline", "p.yaml", "--set", "outer={strategy: random, candidates: 2}", "--set",
                               "hyperparameters/mtl.rho={outer: null, range: {from: 0, to: 1}}", NULL),
                       says, NULL);
    cli_expect_refused("out of its domain", cli_run("pipeline", "p.yaml", "--set", "outer/learning_rate=-1", NULL),
                       "--set: learning_rate: -1 is outside its domain", NULL);
    cli_expect_refused("of one alone",
                       cli_run("pipeline", "p.yaml", "--set", "hyperparameters/mtl.rho/outer/learning_rate=[1]",
                               "--set", "outer/learning_rate=0.1", NULL),
                       "--set: learning_rate: expected a number", NULL);
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

Test(settings, a_hyperparameter_is_set_by_its_own_name)
{
    static const struct {
        const char *tuned, *set, *name;
        double value;
    } cases[] = {
        {"  dynamics.learning_rate: {init: 0.2, outer: {learning_rate: 0.1}}\n", "dynamics.learning_rate=0.3",
         "dynamics.learning_rate", 0.3},
        {"  dynamics.learning_rate: 0.2\n", "dynamics.learning_rate=0.3", "dynamics.learning_rate", 0.3},
        {"  dynamics.momentum: {}\n", "dynamics.momentum=0.25", "dynamics.momentum", 0.25},
        {"  mtl.rho: {init: 1}\n", "mtl.rho=0.5", "mtl.rho", 0.5},
        {"  mtl.weight: {}\n", "mtl.weight=0.5", "mtl.weight", 0.5},
        {"  model.temperature: 1\n", "model.temperature=1.5", "model.temperature", 1.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tune(cases[i].tuned);
        const char *out = cli_format("r%zu", i);
        cli_expect_done(cli_run("pipeline", "p.yaml", "--set", cases[i].set, "--out", out, NULL));
        cr_expect_float_eq(initial(out, cases[i].name), cases[i].value, 0, "%s", cases[i].set);
    }
}

/* Whether two runs ended with the same numbers. */
static void expect_same(const char *a, const char *b)
{
    double x = json_number(cli_read(cli_format("%s/result.json", a)), "tuned/test_loss");
    double y = json_number(cli_read(cli_format("%s/result.json", b)), "tuned/test_loss");
    cr_expect(x > 0 && fabs(x - y) == 0, "%s: %.17g, %s: %.17g", a, x, b, y);
}

Test(settings, where_it_is_not_tuned_its_part_takes_it)
{
    static const struct {
        const char *name, *path;
    } cases[] = {{"dynamics.learning_rate=0.05", "dynamics/learning_rate=0.05"},
                 {"cross_entropy.weight=0.5", "objective/cross_entropy/weight=0.5"},
                 {"validation.weight=2", "validation/weight=2"},
                 {"model.temperature=2", "model/temperature=2"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *a = cli_format("a%zu", i), *b = cli_format("b%zu", i);
        cli_expect_done(cli_run("pipeline", "base.yaml", "--set", cases[i].name, "--out", a, NULL));
        cli_expect_done(cli_run("pipeline", "base.yaml", "--set", cases[i].path, "--out", b, NULL));
        expect_same(a, b);
    }
    /* A part that is a bare name so far; a term that has no name; a list of one. */
    cli_pipeline("bare.yaml", dynamics, "dynamics: momentum\n");
    cli_change("bare.yaml", "  - {penalty: task_interaction, name: mtl}\n", "");
    cli_change("bare.yaml", TUNED, "  cross_entropy.weight: 1\n");
    cli_change("bare.yaml", validation, "validation: [{loss: cross_entropy}]\n");
    cli_expect_done(cli_run("pipeline", "bare.yaml", "--set", "dynamics.learning_rate=0.05", "--set",
                            "validation.weight=2", "--out", "bare", NULL));
    cli_expect_done(cli_run("pipeline", "bare.yaml", "--set", "dynamics={plugin: momentum, learning_rate: 0.05}",
                            "--set", "validation/cross_entropy/weight=2", "--out", "full", NULL));
    expect_same("bare", "full");
}

Test(settings, a_name_that_means_nothing_is_told_of_the_known)
{
    cli_expect_refused(
        "no such part", cli_run("pipeline", "base.yaml", "--set", "mlt.rho=1", NULL),
        "--set mlt.rho=1: mlt.rho: no part of the pipeline is called \"mlt\"; did you mean \"mtl\"? (known: "
        "model, dynamics, cross_entropy, mtl, validation)",
        NULL);
    cli_expect_refused("a section", cli_run("pipeline", "base.yaml", "--set", "outer.learning_rate=1", NULL),
                       "--set outer.learning_rate=1: levels are separated by '/': outer/learning_rate", NULL);
    cli_expect_refused("no such setting", cli_run("pipeline", "base.yaml", "--set", "dynamics.learning_rte=1", NULL),
                       "did you mean \"learning_rate\"?", NULL);
    cli_expect_refused("nothing", cli_run("pipeline", "base.yaml", "--set", "mtl.rho=", NULL),
                       "mtl.rho: expected a value", NULL);
    tune("  dynamics.learning_rate: 0.05\n");
    cli_expect_refused("the other place alone",
                       cli_run("pipeline", "p.yaml", "--set", "dynamics/learning_rate=0.9", NULL),
                       "p.yaml:18:27: dynamics.learning_rate: 0.05 here and 0.9 at --set; give one value, as --set "
                       "dynamics.learning_rate=VALUE does",
                       NULL);
}

/* A variant changes the file; the command line has the last word. */
Test(settings, no_variant_takes_back_what_the_command_line_says)
{
    cli_write("v.yaml", cli_format("%svariants:\n  long: {steps: 30, dynamics: {learning_rate: 0.1}}\n"
                                   "  none: {hyperparameters: null, outer: null}\n",
                                   cli_read("base.yaml")));
    cli_expect_done(cli_run("pipeline", "v.yaml", "--set", "steps=7", "--set", "mtl.rho=0.5", "--out", "r", NULL));
    cr_expect(strstr(cli_read("r/long/1/pipeline.yaml"), "steps: 7\n"), "%s", cli_read("r/long/1/pipeline.yaml"));
    cr_expect(strstr(cli_read("r/long/1/pipeline.yaml"), "learning_rate: 0.1\n"));
    cr_expect_not(strstr(cli_read("r/none/1/pipeline.yaml"), "hyperparameters"), "%s",
                  cli_read("r/none/1/pipeline.yaml"));
    /* Unless it speaks of the variant itself. */
    cli_expect_done(
        cli_run("pipeline", "v.yaml", "--set", "steps=7", "--set", "variants/long/steps=8", "--out", "s", NULL));
    cr_expect(strstr(cli_read("s/long/1/pipeline.yaml"), "steps: 8\n"));
    cr_expect(strstr(cli_read("s/none/1/pipeline.yaml"), "steps: 7\n"));
}
