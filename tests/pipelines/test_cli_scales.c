/* Scales of hyperparameters: what is refused, how steps, searches and checks use them, what a run keeps of them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(scales, .init = cli_enter, .fini = cli_leave, .timeout = 60);

#define PIPELINE(hypers, outer)                                                                  \
    "name: scales\nprecision: f64\nseed: 2\n"                                                    \
    "data: {plugin: generated, features: 6, tasks: 3, training: 20, validation: 20, test: 10}\n" \
    "model: softmax\n"                                                                           \
    "objective:\n"                                                                               \
    "  - {loss: cross_entropy}\n"                                                                \
    "  - {penalty: l2, name: l2}\n"                                                              \
    "dynamics: {plugin: momentum, learning_rate: 0.1, momentum: 0.5}\n"                          \
    "steps: 12\n"                                                                                \
    "hyperparameters: {" hypers "}\n"                                                            \
    "hypergradient: reverse\n" outer

#define SGD "outer: {plugin: sgd, learning_rate: 0.02, iterations: 2}\n"

static double number(const char *folder, int line, const char *key)
{
    const char *text = cli_read(cli_format("%s/metrics.jsonl", folder));
    for (; text && line > 0; line--)
        text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
    return text ? json_number(cli_format("%.*s", (int)strcspn(text, "\n"), text), key) : (double)NAN;
}

Test(scales, a_rate_is_in_natural_units_unless_a_scale_is_given)
{
    cli_write("p.yaml", PIPELINE("l2.rho: 0.02, dynamics.momentum: 0.5", SGD));
    cli_expect_done(cli_run("pipeline", "p.yaml", "--out", "natural", NULL));
    cli_expect_done(cli_run("pipeline", "p.yaml", "--set", "hyperparameters/l2.rho={init: 0.02, scale: linear}",
                            "--set", "hyperparameters/dynamics.momentum={init: 0.5, scale: linear}", "--out", "linear",
                            NULL));
    cli_expect_done(cli_run("pipeline", "p.yaml", "--set", "hyperparameters/l2.rho={init: 0.02, scale: log}", "--set",
                            "hyperparameters/dynamics.momentum={init: 0.5, scale: logit}", "--out", "scaled", NULL));
    static const char *const names[] = {"hyperparameters/l2.rho", "hyperparameters/dynamics.momentum"};
    for (int i = 0; i < 2; i++) {
        double x = number("natural", 0, names[i]), to = number("natural", 1, names[i]),
               own = number("scaled", 1, names[i]);
        cr_expect_eq(number("linear", 1, names[i]), to);
        /* The natural step is the gradient times 0.02: the chain rule gives the scaled one. */
        double step = i ? (to - x) * x * (1 - x) : (to - x) * x;
        double u = i ? log(own / (1 - own)) - log(x / (1 - x)) : log(own / x);
        cr_expect(fabs(step) > 1e-6);
        cr_expect_float_eq(u, step, 1e-9 * fabs(step), "%s: %g instead of %g", names[i], u, step);
    }
    cr_expect_float_eq(number("scaled", 0, "gradient_norm"), number("natural", 0, "gradient_norm"), 0);
    cr_expect_neq(number("scaled", 0, "stationarity"), number("natural", 0, "stationarity"));
}

Test(scales, the_chain_rule_is_checked)
{
    cli_write("p.yaml", PIPELINE("l2.rho: {init: 0.02, scale: log}, dynamics.momentum: {init: 0.5, scale: logit}, "
                                 "dynamics.learning_rate: 0.1",
                                 SGD));
    cli_result r = cli_run("check", "p.yaml", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "central differences: l2.rho by its log "), "%s", r.out);
    cr_expect(strstr(r.out, "central differences: dynamics.momentum by its logit "), "%s", r.out);
    cr_expect(strstr(r.out, "central differences: dynamics.learning_rate  "), "%s", r.out);
    r = cli_run("hypergradient", "p.yaml", NULL);
    double natural, by_log;
    const char *line = strstr(r.out, "l2.rho");
    cr_assert(line && sscanf(line, "l2.rho at 0.02 gradient %lf by its log %lf", &natural, &by_log) == 2, "%s", r.out);
    cr_expect_float_eq(by_log, 0.02 * natural, 1e-8 * fabs(by_log));
}

Test(scales, searches_are_spaced_on_them)
{
    cli_write("p.yaml",
              PIPELINE("l2.rho: {init: 0, range: {from: 0.001, to: 1, points: 4}}", "outer: {strategy: grid}\n"));
    cli_expect_done(cli_run("pipeline", "p.yaml", "--out", "log", NULL));
    cr_expect_float_eq(number("log", 1, "hyperparameters/l2.rho"), 0.01, 1e-12);
    cli_expect_done(
        cli_run("pipeline", "p.yaml", "--set", "hyperparameters/l2.rho/range/from=0", "--out", "zero", NULL));
    cr_expect_float_eq(number("zero", 1, "hyperparameters/l2.rho"), 1 / 3.0, 1e-12);
    cli_expect_done(
        cli_run("pipeline", "p.yaml", "--set", "hyperparameters/l2.rho/scale=linear", "--out", "said", NULL));
    cr_expect_float_eq(number("said", 1, "hyperparameters/l2.rho"), 0.334, 1e-12);
    cli_expect_done(cli_run("pipeline", "p.yaml", "--set",
                            "hyperparameters={l2.rho: null, dynamics.momentum: {range: {from: 0.1, to: 0.9, points: 3, "
                            "scale: logit}}}",
                            "--set", "dynamics/momentum=null", "--out", "logit", NULL));
    cr_expect_float_eq(number("logit", 1, "hyperparameters/dynamics.momentum"), 0.5, 1e-12);
}

Test(scales, a_row_keeps_those_that_are_not_linear)
{
    cli_write("p.yaml", PIPELINE("l2.rho: 0.02, dynamics.momentum: {init: 0.5, scale: linear}, "
                                 "dynamics.learning_rate: {init: 0.1, scale: logit}",
                                 SGD));
    cli_expect_refused("logit of [0, inf)", cli_run("pipeline", "p.yaml", NULL),
                       "p.yaml:11:", "scale: logit does not suit its domain [0, inf); use log", NULL);
    cli_expect_done(
        cli_run("pipeline", "p.yaml", "--set", "hyperparameters/dynamics.learning_rate/scale=log", "--out", "r", NULL));
    const char *result = cli_read("r/result.json");
    cr_expect(json_is(result, "rows/0/scales/l2.rho", "log"));
    cr_expect(json_is(result, "rows/0/scales/dynamics.learning_rate", "log"));
    cr_expect(!strstr(result, "\"dynamics.momentum\": \"l"));
}

Test(scales, ends_of_a_scale_are_refused_where_it_is_asked_for)
{
    cli_write("p.yaml", PIPELINE("l2.rho: {init: 0, scale: log}, dynamics.momentum: {init: 0.5}", SGD));
    cli_expect_refused("log of 0", cli_run("pipeline", "p.yaml", NULL), "p.yaml:11:34", "has no logarithm", "1e-4",
                       "scale: linear", NULL);
    cli_expect_refused("logit of 1",
                       cli_run("pipeline", "p.yaml", "--set", "hyperparameters/l2.rho=0.1", "--set",
                               "hyperparameters/dynamics.momentum={init: 1, scale: logit}", "--set",
                               "dynamics/momentum=1", NULL),
                       "an end of the scale", "0.99", NULL);
    cli_expect_refused("range of logit",
                       cli_run("pipeline", "p.yaml", "--set",
                               "hyperparameters={l2.rho: null, dynamics.momentum: {range: {from: 0.1, to: 1, scale: "
                               "logit, points: 3}}}",
                               "--set", "outer={strategy: grid, plugin: null, learning_rate: null, iterations: null}",
                               NULL),
                       "with a logit scale, \"to\" must be below 1, got 1", NULL);
    cli_expect_done(cli_run("pipeline", "p.yaml", "--set", "hyperparameters/l2.rho/scale=auto", NULL));
}
