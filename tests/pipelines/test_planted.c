/* Planted truth: configs/generated_mtl.yaml recovers the groups that its data were made of. */
#include "cli_support.h"
#include "json_check.h"

TestSuite(planted, .init = cli_enter, .fini = cli_leave, .timeout = 120);

#define TASKS 10

/* The share of pairs (one within a group, one between groups) that A ranks right: the area under the ROC curve. */
static double area_under_curve(const double *A, const double *truth)
{
    double right = 0, all = 0;
    for (int p = 0; p < TASKS * TASKS; p++)
        for (int n = 0; n < TASKS * TASKS; n++)
            if (p / TASKS < p % TASKS && n / TASKS < n % TASKS && truth[p] > truth[n]) {
                right += A[p] > A[n] ? 1 : A[p] == A[n] ? 0.5 : 0;
                all++;
            }
    cr_assert_gt(all, 0, "the truth plants nothing");
    return right / all;
}

static double area_of(const char *folder)
{
    return area_under_curve(cli_array(cli_format("%s/hyperparameters/mtl.A.npy", folder), TASKS * TASKS),
                            cli_array(cli_format("%s/truth/relations.npy", folder), TASKS * TASKS));
}

Test(planted, the_learned_interaction_finds_the_groups)
{
    const char *config = cli_format("%s/generated_mtl.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_expect_done(cli_run("pipeline", config, "--variant", "HMTL", "--set", "repeat=1", "--out", "r", NULL));
    cr_expect_gt(area_of("r/HMTL/1"), 0.9);
}

/* The measure itself: without the hypergradient's work there is nothing to find. */
Test(planted, an_interaction_that_was_not_learned_finds_nothing)
{
    const char *config = cli_format("%s/generated_mtl.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_expect_done(cli_run("pipeline", config, "--variant", "HMTL", "--set", "repeat=1", "--set",
                            "outer/learning_rate=0", "--set", "outer/iterations=1", "--out", "r", NULL));
    cr_expect_float_eq(area_of("r/HMTL/1"), 0.5, 0);
}

Test(planted, learned_relations_are_worth_more_than_one_for_all)
{
    const char *config = cli_format("%s/generated_mtl.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_expect_done(cli_run("pipeline", config, "--variant", "NMTL", "--variant", "HMTL", "--set", "repeat=1", "--set",
                            "outer/iterations=40", "--out", "r", NULL));
    double one = json_number(cli_read("r/NMTL/1/result.json"), "best_validation_error");
    double own = json_number(cli_read("r/HMTL/1/result.json"), "best_validation_error");
    cr_expect_lt(own, one, "HMTL %g, NMTL %g", own, one);
}
