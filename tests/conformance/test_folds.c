/* Cross-validation: how examples are dealt, and that value and hypergradient are the means over the folds. */
#include "online.h"

#include "system/gradient.h"

#define FOLDS 4
#define POOL  90
#define FOLDED \
    "stop=null", "outer/every=null", "outer/schedule=batch", "outer/iterations=3", "validation/folds=4", "steps=50"

static online *o;
static ho_trainer *trainer;
static ho_best best;
static int jobs = 1;

static void close_all(void)
{
    ho_trainer_free(trainer);
    ho_best_free(&best);
    online_close(o);
}

TestSuite(folds, .fini = close_all, .timeout = 60);

static ho_trainer *make_trainer(void)
{
    ho_trainer *made = ho_trainer_of_criterion(o->pipeline, o->training, false, jobs, NULL, &o->error);
    cr_assert_not_null(made, "%s", o->error.text);
    return made;
}

static void open_with(const char *const *sets)
{
    o = online_open(sets);
    cr_assert_eq(o->pipeline->folds, FOLDS);
    trainer = make_trainer();
    cr_assert_eq(ho_best_init(&best, o->training, false, &o->error), HO_OK);
}

static void open_folds(void)
{
    open_with((const char *const[]){FOLDED, NULL});
}

static const ho_examples *part_of(int64_t fold, bool validation)
{
    const ho_pipeline *p = o->pipeline;
    if (fold == 0)
        return validation ? &p->validation : &p->training;
    return validation ? &p->further[fold - 1].validation : &p->further[fold - 1].training;
}

/* ---- dealing ----------------------------------------------------------------------------------------------------- */

/* Each example's place in the file. */
static void count_rows(const ho_examples *part, int counts[ONLINE_EXAMPLES])
{
    for (int64_t i = 0; i < part->count; i++) {
        int64_t row = 0;
        while (row < ONLINE_EXAMPLES &&
               part->x64[i * ONLINE_FEATURES] != ho_normal_number(5, 1, (uint64_t)(row * ONLINE_FEATURES)))
            row++;
        cr_assert_lt(row, ONLINE_EXAMPLES, "an example that is not in the file");
        counts[row]++;
    }
}

Test(folds, each_example_validates_once_and_is_trained_on_otherwise)
{
    int validates[ONLINE_EXAMPLES] = {0};
    open_folds();
    for (int64_t k = 0; k < FOLDS; k++) {
        const ho_examples *training = part_of(k, false), *validation = part_of(k, true);
        int own[ONLINE_EXAMPLES] = {0};
        cr_expect_eq(validation->count, k < POOL % FOLDS ? 23 : 22);
        cr_expect_eq(training->count + validation->count, POOL);
        count_rows(validation, validates);
        count_rows(validation, own);
        count_rows(training, own);
        for (int i = 0; i < ONLINE_EXAMPLES; i++)
            cr_expect_eq(own[i], 1, "fold %d, example %d", (int)k, i);
    }
    for (int i = 0; i < ONLINE_EXAMPLES; i++)
        cr_expect_eq(validates[i], 1, "example %d validates %d times", i, validates[i]);
}

/* The least and the most examples of a class in the validation part of a fold, apart. */
static double unevenness(void)
{
    double most = 0;
    for (int c = 0; c < ONLINE_CLASSES; c++) {
        double low = INFINITY, high = 0;
        for (int64_t k = 0; k < FOLDS; k++) {
            const ho_examples *part = part_of(k, true);
            const ho_target *labels = ho_examples_target(part, "labels");
            double count = 0;
            for (int64_t i = 0; i < part->count; i++)
                count += labels->values[i] == c;
            low = fmin(low, count);
            high = fmax(high, count);
        }
        most = fmax(most, high - low);
    }
    return most;
}

Test(folds, classes_are_spread_evenly)
{
    open_folds();
    cr_expect_leq(unevenness(), 1);
}

Test(folds, classes_are_left_to_chance_where_the_split_leaves_them)
{
    open_with((const char *const[]){FOLDED, "data/split/stratified=false", NULL});
    cr_expect_gt(unevenness(), 1);
}

Test(folds, each_fold_is_standardised_over_its_own_training_part)
{
    open_with((const char *const[]){FOLDED, "data/standardize=true", NULL});
    for (int64_t k = 0; k < FOLDS; k++)
        for (int j = 0; j < ONLINE_FEATURES; j++) {
            const ho_examples *part = part_of(k, false);
            double sum = 0, squares = 0;
            for (int64_t i = 0; i < part->count; i++) {
                const double x = part->x64[i * ONLINE_FEATURES + j];
                sum += x;
                squares += x * x;
            }
            cr_expect_float_eq(sum / (double)part->count, 0, 1e-12);
            cr_expect_float_eq(squares / (double)part->count, 1, 1e-12);
        }
}

/* ---- means ------------------------------------------------------------------------------------------------------- */

static ho_answer ask(ho_wanted wanted, const double *lambda, const ho_listener *listener)
{
    ho_answer answer;
    const ho_question question = {.lambda = lambda, .wanted = wanted, .iteration = 1, .listener = listener};
    cr_assert_eq(ho_ask(trainer, &question, &best, &answer), HO_OK, "%s", answer.outcome.text);
    return answer;
}

static double value_at(const double *lambda)
{
    return ask(HO_VALUE, lambda, NULL).value;
}

Test(folds, value_and_hypergradient_are_the_means_of_single_ones)
{
    double value = 0, gradient[ONLINE_LAMBDA] = {0}, single[ONLINE_LAMBDA], one;
    int64_t evaluations = 0, bytes = 0;
    ho_metrics metrics, mean = {0};
    open_folds();
    for (int64_t k = 0; k < FOLDS; k++) {
        ho_problem problem = o->pipeline->problem;
        problem.training = part_of(k, false);
        problem.validation = part_of(k, true);
        ho_training *training = ho_training_new(&problem, &o->error);
        ho_gradient_cost cost;
        ho_vector *state;
        cr_assert_not_null(training, "%s", o->error.text);
        cr_assert_eq(ho_hypergradient(training, o->pipeline->mode, 50, o->initial, &one, single, &cost, &o->error),
                     HO_OK);
        value += one / FOLDS;
        for (int64_t i = 0; i < o->size; i++)
            gradient[i] += single[i] / FOLDS;
        bytes = cost.bytes > bytes ? cost.bytes : bytes;
        evaluations += ho_training_evaluations(training);
        cr_assert_eq(ho_train(training, 50, o->initial, &state, &one, &o->error), HO_OK);
        cr_assert_eq(ho_training_evaluate(training, o->initial, state, problem.validation, &metrics), HO_OK);
        mean.loss += metrics.loss / FOLDS;
        mean.accuracy += metrics.accuracy / FOLDS;
        ho_training_system(training)->api->vector_free(ho_training_system(training), state);
        ho_training_free(training);
    }
    const ho_answer a = ask(HO_GRADIENT, o->initial, NULL);
    cr_expect_float_eq(a.value, value, 1e-14);
    cr_expect_eq(best.at.value, a.value);
    cr_expect_eq(a.line.validation_error, a.value);
    cr_expect_eq(a.line.trajectory_bytes, bytes);
    cr_expect_eq(ho_trainer_evaluations(trainer), evaluations);
    for (int64_t i = 0; i < o->size; i++)
        cr_expect_float_eq(a.gradient[i], gradient[i], 1e-13 * (1 + fabs(gradient[i])));
    /* Training alone comes to the same, and tells of losses and accuracies. */
    cr_expect_float_eq(value_at(o->initial), value, 1e-14);
    cr_expect_float_eq(ho_trainer_metrics(trainer)->loss, mean.loss, 1e-14);
    cr_expect_float_eq(ho_trainer_metrics(trainer)->accuracy, mean.accuracy, 1e-14);
    cr_expect_eq(ho_trainer_metrics(trainer)->count, POOL);
}

Test(folds, the_hypergradient_is_that_of_central_differences)
{
    double gradient[ONLINE_LAMBDA], lambda[ONLINE_LAMBDA];
    open_folds();
    memcpy(gradient, ask(HO_GRADIENT, o->initial, NULL).gradient, (size_t)o->size * sizeof *gradient);
    for (int64_t i = 0; i < o->size; i++) {
        const double h = 1e-5;
        memcpy(lambda, o->initial, (size_t)o->size * sizeof *lambda);
        lambda[i] = o->initial[i] + h;
        const double above = value_at(lambda);
        lambda[i] = o->initial[i] - h;
        const double slope = (above - value_at(lambda)) / (2 * h);
        cr_expect_float_eq(gradient[i], slope, 1e-7 * (1 + fabs(slope)), "entry %d", (int)i);
    }
}

/* ---- passing ----------------------------------------------------------------------------------------------------- */

static int rests, save_at;
static ho_snapshot saved;

static void save(void *context)
{
    (void)context;
    if (++rests == save_at) {
        ho_snapshot_save(&saved);
        cr_assert_eq(ho_trainer_pass(trainer, &saved, &o->error), HO_OK, "%s", o->error.text);
    }
}

/* Saved in the middle of a fold and restored into another trainer, the question comes to the same answer. */
static void check_passing(ho_wanted wanted, int then)
{
    const ho_listener listener = {.rest = save};
    open_folds();
    const ho_answer whole = ask(wanted, o->initial, &listener);
    const double value = whole.value;
    double gradient[ONLINE_LAMBDA] = {0};
    if (whole.gradient)
        memcpy(gradient, whole.gradient, (size_t)o->size * sizeof *gradient);
    cr_assert_geq(rests, 3 * FOLDS, "a fold rests between its steps");
    save_at = rests * 5 / 8;
    rests = 0;
    ask(wanted, o->initial, &listener);
    const int left = rests - save_at;
    ho_trainer_free(trainer);
    jobs = then;
    trainer = make_trainer();
    ho_snapshot_restore(&saved);
    cr_assert_eq(ho_trainer_pass(trainer, &saved, &o->error), HO_OK, "%s", o->error.text);
    rests = save_at = 0;
    const ho_answer again = ask(wanted, o->initial, &listener);
    cr_expect_leq(rests, left + 1, "the folds before were trained again");
    cr_expect_eq(again.value, value);
    cr_expect_eq(wanted == HO_VALUE ? 0 : memcmp(again.gradient, gradient, (size_t)o->size * sizeof *gradient), 0);
    ho_snapshot_free(&saved);
}

/* Whatever the number of processes, to the last bit. */
Test(folds, processes_of_their_own_come_to_the_same)
{
    double gradient[ONLINE_LAMBDA];
    open_with((const char *const[]){FOLDED, "validation/seeds=2", NULL});
    const double value = value_at(o->initial), loss = ho_trainer_metrics(trainer)->loss;
    double before = ho_cpu_seconds();
    const ho_answer alone = ask(HO_GRADIENT, o->initial, NULL);
    const double cpu_seconds = ho_cpu_seconds() - before;
    const ho_line line = alone.line;
    const int64_t evaluations = ho_trainer_evaluations(trainer);
    memcpy(gradient, alone.gradient, (size_t)o->size * sizeof *gradient);
    ho_trainer_free(trainer);
    jobs = 3;
    trainer = make_trainer();
    cr_expect_eq(value_at(o->initial), value);
    cr_expect_eq(ho_trainer_metrics(trainer)->loss, loss);
    before = ho_cpu_seconds();
    const ho_answer apart = ask(HO_GRADIENT, o->initial, NULL);
    cr_expect_gt(ho_cpu_seconds() - before, 0.5 * cpu_seconds, "their time counts");
    cr_expect_eq(apart.value, value);
    cr_expect_eq(apart.line.trajectory_bytes, line.trajectory_bytes);
    cr_expect_eq(apart.line.rounding.left, line.rounding.left);
    cr_expect_str_eq(apart.line.rounding.hyper, line.rounding.hyper);
    cr_expect_eq(ho_trainer_evaluations(trainer), evaluations);
    cr_expect_arr_eq(apart.gradient, gradient, (size_t)o->size * sizeof *gradient);
}

/* Seeds differ in initial weights and batches; those of a fold follow one another. */
Test(folds, seeds_are_trainings_of_their_own)
{
    open_with((const char *const[]){FOLDED, "validation/seeds=2", NULL});
    double value = 0, single;
    for (int64_t k = 0; k < 2 * FOLDS; k++) {
        const ho_problem problem = ho_pipeline_problem(o->pipeline, k);
        cr_expect_eq(problem.seed, o->pipeline->problem.seed + (k % 2 ? 1000 : 0));
        cr_expect_eq(problem.validation, part_of(k / 2, true));
        ho_training *training = ho_training_new(&problem, &o->error);
        cr_assert_eq(ho_train(training, 50, o->initial, NULL, &single, &o->error), HO_OK, "%s", o->error.text);
        value += single / (2 * FOLDS);
        ho_training_free(training);
    }
    cr_expect_float_eq(value_at(o->initial), value, 1e-14);
}

Test(folds, a_hypergradient_under_way_is_passed)
{
    check_passing(HO_GRADIENT, 1);
}

Test(folds, a_training_under_way_is_passed)
{
    check_passing(HO_VALUE, 1);
}

/* Begun in this process, and gone on with in others. */
Test(folds, a_hypergradient_under_way_is_passed_on)
{
    check_passing(HO_GRADIENT, 3);
}

/* Begun in others, that say where they are, and gone on with in this process. */
Test(folds, processes_tell_where_they_are)
{
    const ho_listener listener = {.rest = save};
    open_with((const char *const[]){FOLDED, "checkpoint/seconds=0", NULL});
    const double value = value_at(o->initial);
    ho_trainer_free(trainer);
    jobs = 2;
    trainer = make_trainer();
    save_at = 70; /* of 200 steps and 4 ends */
    ask(HO_VALUE, o->initial, &listener);
    cr_assert_geq(rests, 4 * 50);
    ho_trainer_free(trainer);
    jobs = 1;
    trainer = make_trainer();
    ho_snapshot_restore(&saved);
    cr_assert_eq(ho_trainer_pass(trainer, &saved, &o->error), HO_OK, "%s", o->error.text);
    rests = save_at = 0;
    cr_expect_eq(ask(HO_VALUE, o->initial, &listener).value, value);
    cr_expect_leq(rests, 4 * 50 - 60, "what they had come to was done again");
    ho_snapshot_free(&saved);
}
