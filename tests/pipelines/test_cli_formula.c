/* Optimizers, losses and penalties written in the pipeline: the same bits as the plugins that they say again, and the
 * place of each mistake. */
#include <string.h>

#include "cli_support.h"

TestSuite(formulas, .init = cli_enter, .fini = cli_leave, .timeout = 60);

/* %s: dynamics, objective, tuned hyperparameters, outer optimizer. */
static const char pipeline[] = "data: {plugin: npy, inputs: x.npy, labels: y.npy, split: {train: 40, validation: 40}}\n"
                               "precision: f64\n"
                               "model: softmax\n"
                               "steps: 12\n"
                               "validation: {loss: cross_entropy}\n"
                               "%s%s"
                               "hyperparameters:\n%s"
                               "%s";

static const char plain_objective[] = "objective:\n"
                                      "  - {loss: cross_entropy, label_smoothing: 0.1}\n"
                                      "  - {penalty: l2, rho: 0.01}\n";
static const char plain_outer[] = "outer: {plugin: momentum, learning_rate: 1.0e-3, momentum: 0.5, iterations: 4}\n";

static const char adam[] = "dynamics: {plugin: adam, learning_rate: 0.01, epsilon: 1.0e-5}\n";
static const char own_adam[] =
    "dynamics:\n"
    "  plugin: formula\n"
    "  hyperparameters:\n"
    "    learning_rate: {default: 0.5, domain: nonnegative}\n"
    "    beta1: {default: 0.9, domain: decay}\n"
    "    beta2: {default: 0.999, domain: decay}\n"
    "    epsilon: 1.0e-5\n"
    "  learning_rate: 0.01\n"
    "  slots: [m, v]\n"
    "  formulas: |\n"
    "    largest = maximum(v)\n"
    "    m = beta1*m + (1 - beta1)*g\n"
    "    v = beta2*v + (1 - beta2)*g^2   # as it was before this line: largest\n"
    "    rate = learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t)\n"
    "    w = w - stop_noise(rate*m * rsqrt(v + epsilon^2), m^2 + v, largest, epsilon, w/learning_rate)\n";
static const char adam_hypers[] = "  dynamics.learning_rate: {init: 0.01}\n"
                                  "  dynamics.beta1: {init: 0.9}\n"
                                  "  l2.rho: {init: 0.01, constraint: nonnegative}\n";

static const char momentum[] = "dynamics: {plugin: momentum, learning_rate: 0.1}\n";
static const char own_momentum[] = "dynamics:\n"
                                   "  plugin: formula\n"
                                   "  hyperparameters: {learning_rate: {default: 0.1, domain: nonnegative},\n"
                                   "                    momentum: {default: 0.9, domain: unit}}\n"
                                   "  slots: v\n"
                                   "  formulas:\n"
                                   "    - v = momentum*v -\n"
                                   "          learning_rate*g\n"
                                   "    - \"w = w + v\"\n";
static const char momentum_hypers[] = "  dynamics.learning_rate: {init: 0.1}\n"
                                      "  dynamics.momentum: {init: 0.9}\n"
                                      "  l2.rho: {init: 0.01, constraint: nonnegative}\n";

static const char own_objective[] =
    "objective:\n"
    "  - loss: formula\n"
    "    name: cross_entropy\n"
    "    targets_are: labels\n"
    "    hyperparameters: {label_smoothing: 0.1}\n"
    "    formulas:\n"
    "      - shifted = outputs - stop(maximum_keep(outputs, 1))\n"
    "      - log(sum(exp(shifted), 1)) - (1 - label_smoothing)*sum(targets*shifted, 1)\n"
    "        - label_smoothing*mean(shifted, 1)\n"
    "  - penalty: formula\n"
    "    name: l2\n"
    "    hyperparameters: {rho: {default: 0, domain: nonnegative, shape: \"|columns\"}}\n"
    "    rho: 0.01\n"
    "    formulas: sum(rho * w^2)\n";

static const char own_outer[] = "outer:\n"
                                "  plugin: formula\n"
                                "  hyperparameters: {learning_rate: 1, momentum: {default: 0.9, domain: unit}}\n"
                                "  slots: {v: {initial: 0*w}}\n"
                                "  formulas: |\n"
                                "    v = momentum*v - learning_rate*g\n"
                                "    w = w + v\n"
                                "  learning_rate: 1.0e-3\n"
                                "  momentum: 0.5\n"
                                "  iterations: 4\n";

static void write_pipeline(const char *path, const char *dynamics, const char *objective, const char *hypers,
                           const char *outer)
{
    cli_write(path, cli_format(pipeline, dynamics, objective, hypers, outer));
}

/* Whether two arrays in two folders are the same, bit for bit. */
static void expect_same(const char *a, const char *b, const char *name, int64_t count)
{
    const double *x = cli_array(cli_format("%s/%s.npy", a, name), count);
    const double *y = cli_array(cli_format("%s/%s.npy", b, name), count);
    for (int64_t i = 0; i < count; i++)
        cr_expect(x[i] == y[i], "%s, %s: %.17g, not %.17g", b, name, y[i], x[i]);
}

static void expect_same_in_every_mode(const char *const *names)
{
    static const char *const modes[] = {"forward", "reverse", "checkpointed", "truncated"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        const char *a = cli_format("a-%s", modes[i]), *b = cli_format("b-%s", modes[i]);
        cli_expect_done(cli_run("hypergradient", "a.yaml", "--mode", modes[i], "--out", a, NULL));
        cli_expect_done(cli_run("hypergradient", "b.yaml", "--mode", modes[i], "--out", b, NULL));
        for (size_t k = 0; names[k]; k++)
            expect_same(a, b, names[k], 1);
    }
}

Test(formulas, adam_has_the_bits_of_the_plugin_in_every_mode)
{
    write_pipeline("a.yaml", adam, plain_objective, adam_hypers, plain_outer);
    write_pipeline("b.yaml", own_adam, plain_objective, adam_hypers, plain_outer);
    expect_same_in_every_mode((const char *const[]){"dynamics.learning_rate", "dynamics.beta1", "l2.rho", NULL});
}

Test(formulas, momentum_has_the_bits_of_the_plugin_in_every_mode)
{
    write_pipeline("a.yaml", momentum, plain_objective, momentum_hypers, plain_outer);
    write_pipeline("b.yaml", own_momentum, plain_objective, momentum_hypers, plain_outer);
    expect_same_in_every_mode((const char *const[]){"dynamics.learning_rate", "dynamics.momentum", "l2.rho", NULL});
}

Test(formulas, losses_and_penalties_have_the_bits_of_the_plugins)
{
    write_pipeline("a.yaml", momentum, plain_objective, momentum_hypers, plain_outer);
    write_pipeline("b.yaml", momentum, own_objective, momentum_hypers, plain_outer);
    expect_same_in_every_mode((const char *const[]){"dynamics.learning_rate", "dynamics.momentum", "l2.rho", NULL});
}

Test(formulas, a_shape_is_chosen_as_of_any_plugin)
{
    const char *hypers = "  l2.rho: {init: 0.01, shape: columns}\n";
    write_pipeline("a.yaml", momentum, plain_objective, hypers, plain_outer);
    write_pipeline("b.yaml", own_momentum, own_objective, hypers, plain_outer);
    cli_expect_done(cli_run("hypergradient", "a.yaml", "--out", "a", NULL));
    cli_expect_done(cli_run("hypergradient", "b.yaml", "--out", "b", NULL));
    expect_same("a", "b", "l2.rho", CLASSES);
}

Test(formulas, the_outer_optimizer_may_be_one)
{
    write_pipeline("a.yaml", momentum, plain_objective, momentum_hypers, plain_outer);
    write_pipeline("b.yaml", momentum, plain_objective, momentum_hypers, own_outer);
    cli_expect_done(cli_run("pipeline", "a.yaml", "--out", "a", NULL));
    cli_expect_done(cli_run("pipeline", "b.yaml", "--out", "b", NULL));
    expect_same("a", "b", "hyperparameters/dynamics.learning_rate", 1);
    expect_same("a", "b", "hyperparameters/l2.rho", 1);
}

Test(formulas, each_tensor_by_itself)
{
    write_pipeline("a.yaml", momentum, plain_objective, momentum_hypers, plain_outer);
    write_pipeline("b.yaml", own_momentum, plain_objective, momentum_hypers, plain_outer);
    cli_expect_done(cli_run("hypergradient", "a.yaml", "--out", "a", NULL));
    cli_expect_done(cli_run("hypergradient", "b.yaml", "--out", "b", "--set", "dynamics/granularity=tensor", NULL));
    const double whole = *cli_array("a/l2.rho.npy", 1), each = *cli_array("b/l2.rho.npy", 1);
    cr_expect_float_eq(each / whole, 1, 1e-12);
    /* Only so has w the shape of its tensor. */
    cli_expect_refused("a product",
                       cli_run("hypergradient", "b.yaml", "--out", "c", "--set",
                               "dynamics/formulas=[v = g, w = w - v @ transpose(v) @ w]", NULL),
                       "--set: plugin \"formula\": formula \"w - v @ transpose(v) @ w\": column 9: transpose:", NULL);
}

Test(formulas, a_run_is_done_again_from_its_record)
{
    write_pipeline("b.yaml", own_adam, own_objective, adam_hypers, own_outer);
    cli_expect_done(cli_run("pipeline", "b.yaml", "--out", "a", NULL));
    cli_expect_done(cli_run("pipeline", "a/pipeline.yaml", "--out", "b", NULL));
    expect_same("a", "b", "hyperparameters/dynamics.learning_rate", 1);
    expect_same("a", "b", "hyperparameters/l2.rho", 1);
}

Test(formulas, the_pipeline_that_comes_with_hotool_is_proven)
{
    const char *config = cli_format("%s/own_optimizer.yaml", cli_environment("HOTOOL_CONFIGS"));
    const cli_result r = cli_run("check", config, "--variant", "AdaBelief", "--set", "steps=6", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "central differences: dynamics.beta1") && strstr(r.out, "central differences: lasso.rho"),
              "%s", r.out);
}

/* ---- mistakes ---------------------------------------------------------------------------------------------------- */

typedef struct mistake {
    const char *from, *to; /* in the pipeline of Adam, loss and penalty by formulas */
    const char *says;
} mistake;

static const mistake rows[] = {
    /* The language. The lines of Adam's step are 16 to 20, its slots line 14, its hyperparameters 9 to 12. */
    {"m = beta1*m +", "m = beta*m +", "17:9: plugin \"formula\": unknown name \"beta\"; did you mean \"beta1\"?"},
    {"(1 - beta1)*g\n", "(1 - beta1)g\n", "17:30: plugin \"formula\": expected an operator, got \"g\""},
    {"rsqrt(v + epsilon^2)", "rsqrt(v + epsilon^2", "20:52: plugin \"formula\": expected \")\""},
    {"sqrt(1 - beta2^t)", "sqr(1 - beta2^t)",
     "19:28: plugin \"formula\": unknown function \"sqr\"; did you mean \"sqrt\"?"},
    {"beta2*v + (1", "2beta*v + (1", "18:10: plugin \"formula\": \"beta*v + (1 - be\" follows a number"},
    {"maximum(v)\n", "maximum(v, 3)\n", "16:15: plugin \"formula\": maximum: (52) has no axis 3"},
    {"maximum(v)\n", "\"v\"\n", "16:15: plugin \"formula\": unexpected character \"\"\""},
    {"maximum(v)\n", "\n", "16:14: plugin \"formula\": expected a value at the end of the formula"},
    {"rate*m * rsqrt", "rate*m @ rsqrt", "20:31: plugin \"formula\": matmul:"},
    /* Lines. */
    {"m = beta1*m", "m == beta1*m", "17:5: plugin \"formula\": expected NAME = FORMULA"},
    {"m = beta1*m", "2m = beta1*m", "17:5: plugin \"formula\": expected NAME = FORMULA"},
    {"m = beta1*m", "m + beta1*m", "17:5: plugin \"formula\": expected NAME = FORMULA"},
    {"    w = w - stop", "    W = w - stop", "15:13: plugin \"formula\": formulas: no line binds w, the weights"},
    {"    m = beta1*m", "    M = beta1*m", "14:11: plugin \"formula\": no line of formulas binds the slot \"m\""},
    {"v = beta2*v + (1 - beta2)*g^2", "v = sum(g^2)",
     "18:9: plugin \"formula\": step must bind \"v\" of shape (52), and binds one of shape ()"},
    {"    largest =", "    # largest =", "20:64: plugin \"formula\": unknown name \"largest\""},
    /* Hyperparameters and slots. */
    {"beta1: {default: 0.9,", "beta1: {default: 1.5,",
     "10:5: hyperparameter \"beta1\": its default 1.5 is outside its domain"},
    {"beta1: {default: 0.9,", "beta1: {defualt: 0.9,",
     "10:13: unknown key \"defualt\" in \"beta1\" of hyperparameters; did you mean \"default\"?"},
    {"beta1: {default: 0.9, domain: decay}", "beta1: {domain: decay}",
     "10:12: \"beta1\" of hyperparameters needs \"default\""},
    {"beta1: {default: 0.9, domain: decay}", "beta1:", "10:11: \"beta1\" of hyperparameters needs \"default\""},
    {"beta1: {default: 0.9, domain: decay}", "beta1: high", "10:12: default: \"high\" is not a finite number"},
    {"domain: decay}\n    beta2", "domain: decoy}\n    beta2",
     "10:35: domain: \"decoy\" is not one of its choices; did you mean \"decay\"?"},
    {"epsilon: 1.0e-5", "epsilon: {default: 1, shape: columns}",
     "12:5: hyperparameter \"epsilon\": its shape \"columns\" has the unknown size"},
    {"epsilon: 1.0e-5", "t: 1.0e-5", "12:5: the name \"t\" is the host's in a dynamics; give yours another"},
    {"epsilon: 1.0e-5", "slots: 1.0e-5", "12:5: the name \"slots\" is declared twice"},
    {"epsilon: 1.0e-5", "1e: 1.0e-5", "12:5: \"1e\" is not a valid name"},
    {"slots: [m, v]", "slots: [m, v, m]", "14:17: the name \"m\" is declared twice"},
    {"slots: [m, v]", "slots: [m, beta1, v]",
     "14:14: plugin \"formula\": no line of formulas binds the slot \"beta1\""},
    {"slots: [m, v]", "slots: {m: 0, v: beta3}",
     "14:20: plugin \"formula\": unknown name \"beta3\"; did you mean \"beta1\"?"},
    {"slots: [m, v]", "slots: {m: {init: 0}, v: 0}", "14:15: unknown key \"init\" in \"m\" of slots"},
    {"slots: [m, v]", "slots: [m, [v]]", "14:14: slots: expected text, got a list"},
    /* Keys. */
    {"  formulas: |\n    largest", "  formulaz: |\n    largest",
     "15:3: unknown key \"formulaz\" in the dynamics \"formula\"; did you mean \"formulas\"?"},
    {"  learning_rate: 0.01", "  learning_rat: 0.01",
     "13:3: unknown key \"learning_rat\" in the dynamics \"formula\"; did you mean \"learning_rate\"?"},
    {"  learning_rate: 0.01", "  learning_rate: -1", "13:18: dynamics.learning_rate: -1 is outside its domain"},
    {"dynamics.beta1:", "dynamics.beta3:",
     "unknown hyperparameter \"dynamics.beta3\"; did you mean \"dynamics.beta1\"?"},
    {"slots: [m, v]\n", "slots: [m, v]\n  granularity: all\n", "15:16: granularity: \"all\" is not one of its choices"},
    /* Losses and penalties; a formula that goes over two lines of the file. */
    {"- label_smoothing*mean", "- label_smooth*mean",
     "29:11: plugin \"formula\": unknown name \"label_smooth\"; did you mean"},
    {"    - shifted = outputs", "    - outputs",
     "27:9: plugin \"formula\": expected NAME = FORMULA; only the last line may be a formula alone"},
    {"sum(rho * w^2)", "rho * w^2",
     "34:19: plugin \"formula\": value must bind \"penalty\" of shape (), and binds one of shape (12, 4)"},
    {"sum(rho * w^2)", "cost = sum(rho * w^2)", "34:15: plugin \"formula\": formulas: no line binds penalty"},
    {"sum(rho * w^2)", "[]", "34:15: plugin \"formula\": formulas: there is no formula"},
    {"sum(rho * w^2)", "\"sum(rho\\x20*\n        'w^2)\"", "35:9: plugin \"formula\": unexpected character \"'\""},
    {"sum(rho * w^2)", ">-\n      sum(\n      rho *\n      w^2", "37:10: plugin \"formula\": expected"},
    {"targets_are: labels", "targets_are: reals", "22:11: loss \"formula\" needs reals"},
};

Test(formulas, each_mistake_has_its_message_and_its_place)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_pipeline("b.yaml", own_adam, own_objective, adam_hypers, plain_outer);
        cli_change("b.yaml", rows[i].from, rows[i].to);
        const bool placed = rows[i].says[0] >= '0' && rows[i].says[0] <= '9';
        cli_expect_refused(rows[i].to, cli_run("pipeline", "b.yaml", NULL),
                           cli_format("%s%s", placed ? "b.yaml:" : "", rows[i].says), NULL);
    }
}

/* In forward mode, too, where derivatives come from the same characters. */
Test(formulas, a_nan_names_the_line_and_the_column)
{
    write_pipeline("b.yaml", own_adam, plain_objective, adam_hypers, plain_outer);
    cli_change("b.yaml", "rate = learning", "rate = log(3 - t)*learning");
    for (int forward = 0; forward < 2; forward++) {
        const cli_result r = cli_run("hypergradient", "b.yaml", "--mode", forward ? "forward" : "reverse", "--out",
                                     forward ? "f" : "g", NULL);
        cr_expect_eq(r.status, 1, "%s%s", r.out, r.err);
        cr_expect(strstr(r.err, "step 3: log of shape () (plugin \"formula\", b.yaml:19:12) gives -Inf in w"), "%s",
                  r.err);
    }
}

/* Of a plugin in C: its file and line, and the formula with its column. */
Test(formulas, an_infinity_of_a_plugin_names_its_formula)
{
    write_pipeline("b.yaml", momentum, plain_objective, momentum_hypers, plain_outer);
    const cli_result r = cli_run("hypergradient", "b.yaml", "--set", "dynamics.learning_rate=1e308", "--set",
                                 "cross_entropy.weight=1e9", "--out", "g", NULL);
    cr_expect_eq(r.status, 1, "%s%s", r.out, r.err);
    cr_expect(strstr(r.err, "momentum.c:14, formula \"momentum*v - learning_rate*g\", column 27) gives "), "%s", r.err);
}

Test(formulas, an_infinity_of_a_penalty_names_its_place)
{
    write_pipeline("b.yaml", momentum, own_objective, momentum_hypers, plain_outer);
    cli_change("b.yaml", "sum(rho * w^2)", "\"sum(rho * w^2) + sum(exp(exp(9 + w)))\"");
    const cli_result r = cli_run("hypergradient", "b.yaml", "--out", "g", NULL);
    cr_expect_eq(r.status, 1, "%s%s", r.out, r.err);
    cr_expect(strstr(r.err, "step 1: exp of shape (12, 4) (plugin \"formula\", b.yaml:20:37) gives Inf in w"), "%s",
              r.err);
}
