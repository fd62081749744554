/* Pipelines with two targets, one of which only training has: from the files to the table, and what is refused. */
#include "cli_support.h"
#include "json_check.h"

TestSuite(heads, .init = cli_enter, .fini = cli_leave, .timeout = 60);

static const char two_targets[] = "seed: 3\n"
                                  "data:\n"
                                  "  train: {plugin: npy, inputs: x1.npy, labels: y1.npy, target: z1.npy}\n"
                                  "  validation: {plugin: npy, inputs: x2.npy, labels: y2.npy}\n"
                                  "  test: {plugin: npy, inputs: x3.npy, labels: y3.npy}\n"
                                  "model:\n"
                                  "  plugin: shared_trunk\n"
                                  "  shared: [8, 6]\n"
                                  "  heads: [labels, \"target: 5\"]\n"
                                  "  activation: tanh\n"
                                  "objective:\n"
                                  "  - {loss: cross_entropy, target: labels}\n"
                                  "  - {loss: squared_error, name: secondary, target: target, weight: 0.1}\n"
                                  "validation: {loss: cross_entropy, target: labels}\n"
                                  "dynamics: {plugin: momentum, learning_rate: 0.1}\n"
                                  "steps: 60\n"
                                  "hyperparameters:\n"
                                  "  secondary.weight: {init: 0.1}\n"
                                  "  dynamics.learning_rate: {init: 0.1}\n"
                                  "hypergradient: {mode: forward}\n"
                                  "outer: {plugin: adam, learning_rate: 0.01, iterations: 3}\n";

/* The second target: two columns for each of 40 examples. */
static void write_data(void)
{
    double context[80];
    for (int i = 0; i < 80; i++)
        context[i] = cli_blob(i / 2, 3 + i % 2);
    cli_npy("z1.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (40, 2), }", context, sizeof context);
    cli_npy_blobs("x1.npy", "y1.npy", 0, 40);
    cli_npy_blobs("x2.npy", "y2.npy", 40, 40);
    cli_npy_blobs("x3.npy", "y3.npy", 80, 40);
    cli_write("two.yaml", two_targets);
}

Test(heads, a_task_that_only_training_has_is_weighted_by_hypergradient)
{
    write_data();
    cli_expect_done(cli_run("pipeline", "two.yaml", "--quiet", "--out", "r", NULL));
    const char *result = cli_read("r/result.json");
    cr_expect(json_number(result, "tuned/test_accuracy") > 0.35, "%s", result);
    cr_expect(json_number(result, "tuned/validation_accuracy") > 0.35, "%s", result);
    cli_expect_done(cli_run("check", "two.yaml", NULL));
}

Test(heads, what_does_not_fit_is_refused)
{
    static const struct {
        const char *from, *to, *place, *part;
    } cases[] = {
        {"validation: {loss: cross_entropy, target: labels}", "validation: {loss: squared_error, target: target}",
         "two.yaml:14:43", "the validation data has no target \"target\" (it has: labels)"},
        {"validation: {loss: cross_entropy, target: labels}\n", "", "two.yaml:13:52", "no target \"target\""},
        {"\"target: 5\"", "\"tarket: 5\"", "two.yaml:7:11", "\"tarket\": no loss has a target of this name"},
        {"[labels, \"target: 5\"]", "[labels]", "two.yaml:13:52", "has no head for the target \"target\""},
        {"hypergradient:", "final: {train_on: training+validation}\nhypergradient:", "two.yaml:13:52",
         "training+validation"},
    };
    write_data();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_write("two.yaml", two_targets);
        cli_change("two.yaml", cases[i].from, cases[i].to);
        cli_expect_refused(cases[i].part, cli_run("pipeline", "two.yaml", NULL), cases[i].place, cases[i].part, NULL);
    }
}

Test(heads, a_test_part_without_a_target_is_refused_before_the_run)
{
    write_data();
    cli_change("two.yaml", "y2.npy}", "y2.npy, target: z1.npy}");
    cli_change("two.yaml", "validation: {loss: cross_entropy, target: labels}",
               "validation: {loss: squared_error, target: target}");
    cli_expect_refused("test", cli_run("pipeline", "two.yaml", NULL), "two.yaml:14:43",
                       "the test data has no target \"target\"", NULL);
}
