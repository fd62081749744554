/* `hotool pipeline`: outer optimisation, final training, test, table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "run/gradient.h"
#include "run/outer.h"
#include "run/progress.h"
#include "run/results.h"
#include "run/run.h"

/* One column of the table: what training with some lambda comes to. */
typedef struct column {
    const char *title;
    double validation_error; /* of training on the training part */
    ho_metrics validation, test;
} column;

typedef struct job {
    ho_pipeline *pipeline;
    const ho_run_request *request;
    ho_training *training, *both; /* both: on training + validation, where the final training is; else NULL */
    ho_examples joined;
    ho_problem problem_of_both;
    ho_outer *optimizer; /* NULL: no outer optimisation */
    ho_results *results;
    ho_progress progress;
    double *initial, *best;
    ho_outer_result outer;
    column columns[3];
    size_t count; /* of columns that are filled */
    double begun;
} job;

static ho_status report(void *context, const ho_outer_record *r, ho_error *error)
{
    job *j = context;
    bool last = r->iteration > j->pipeline->outer_iterations;
    ho_json json = {0};
    ho_json_open(&json, NULL, '{');
    ho_json_integer(&json, "iteration", r->iteration);
    ho_json_real(&json, "validation_error", r->error);
    ho_json_boolean(&json, "best", r->best);
    ho_json_real(&json, "gradient_norm", r->gradient_norm);
    ho_json_real(&json, "stationarity", r->stationarity);
    ho_json_real(&json, "step_scale", r->scale);
    ho_json_real(&json, "seconds", r->seconds);
    ho_json_integer(&json, "trajectory_bytes", r->bytes);
    if (r->diverged)
        ho_json_string(&json, "diverged", r->diverged);
    ho_results_hypers(&json, "hyperparameters", j->training, r->lambda);
    ho_json_close(&json, '}');
    ho_status status = ho_results_line(j->results, &json, error);
    ho_json_free(&json);
    if (r->diverged) {
        ho_progress_end(&j->progress);
        ho_note("outer iteration %lld diverged: %s%s", (long long)r->iteration, r->diverged,
                r->recovered ? "; back to the best hyperparameters with half the outer step" : "");
    } else if (!last) {
        ho_progress_tell(&j->progress, r->iteration, r->error, j->outer.best_error);
    }
    return status;
}

/* Trains, measures, and adds the column; the weights are written where `weights` says so. */
static ho_status measure(job *j, ho_training *training, const char *title, const double *lambda, bool weights,
                         ho_error *error)
{
    const ho_pipeline *p = j->pipeline;
    ho_system *system = ho_training_system(training);
    column c = {title, NAN, {NAN, NAN, 0}, {NAN, NAN, 0}};
    ho_vector *state;
    ho_status status = ho_train(training, p->problem.steps, lambda, &state, &c.validation_error, error);
    if (status != HO_OK)
        return status;
    status = ho_training_evaluate(training, lambda, state, &p->validation, &c.validation);
    if (status == HO_OK && p->test.count > 0)
        status = ho_training_evaluate(training, lambda, state, &p->test, &c.test);
    if (status != HO_OK)
        ho_take_error(training, status, "evaluation", error);
    else if (weights)
        status = ho_results_weights(j->results, training, state, error);
    system->api->vector_free(system, state);
    /* What was trained on validates nothing. */
    if (training == j->both)
        c.validation_error = c.validation.loss = c.validation.accuracy = NAN;
    if (status == HO_OK)
        j->columns[j->count++] = c;
    return status;
}

static void print_number(double value, bool percent)
{
    if (isnan(value))
        printf("%16s", "-");
    else if (percent)
        printf("%15.2f%%", 100 * value);
    else
        printf("%16.6g", value);
}

static void print_row(const char *name, const column *columns, size_t count, size_t offset, bool percent)
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any = any || !isnan(*(const double *)((const char *)&columns[i] + offset));
    if (!any)
        return;
    printf("  %-24s", name);
    for (size_t i = 0; i < count; i++)
        print_number(*(const double *)((const char *)&columns[i] + offset), percent);
    putchar('\n');
}

static void print_hypers(const job *j, bool tuned)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(j->training, &count);
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        const double *sides[2] = {j->initial + h->offset, j->best + h->offset};
        char name[128];
        snprintf(name, sizeof name, h->rank == 0 ? "%s" : "%s (sum)", h->name);
        printf("  %-24s", name);
        for (int side = 0; side < (tuned ? 2 : 1); side++) {
            double sum = 0;
            for (int64_t k = 0; k < h->count; k++)
                sum += sides[side][k];
            print_number(sum, false);
        }
        putchar('\n');
    }
}

static void print_table(const job *j)
{
    const ho_pipeline *p = j->pipeline;
    const column *columns = j->columns;
    size_t count = j->count;
    printf("\n%s on %s: %lld training, %lld validation, %lld test examples; %s, T = %lld, %s\n", p->name, p->data_label,
           (long long)p->training.count, (long long)p->validation.count, (long long)p->test.count,
           p->problem.dynamics->loaded->plugin.name, (long long)p->problem.steps,
           p->mode ? p->mode->loaded->plugin.name : "no tuning");
    printf("  %-24s", "hyperparameters");
    for (size_t i = 0; i < count; i++)
        printf("%16s", columns[i].title);
    putchar('\n');
    print_row("validation error", columns, count, offsetof(column, validation_error), false);
    print_row("validation accuracy", columns, count, offsetof(column, validation.accuracy), true);
    print_row("test loss", columns, count, offsetof(column, test.loss), false);
    print_row("test accuracy", columns, count, offsetof(column, test.accuracy), true);
    print_hypers(j, j->outer.done > 0);
    if (j->outer.done > 0)
        printf("  %lld outer iterations, best after %lld steps; ", (long long)j->outer.done,
               (long long)j->outer.best_iteration - 1);
    else
        printf("  ");
    printf("%.1f s in all; results in %s\n", ho_seconds() - j->begun, ho_results_folder(j->results));
}

static void json_column(ho_json *json, const column *c)
{
    ho_json_open(json, c->title, '{');
    ho_json_real(json, "validation_error", c->validation_error);
    ho_json_real(json, "validation_loss", c->validation.loss);
    ho_json_real(json, "validation_accuracy", c->validation.accuracy);
    ho_json_real(json, "test_loss", c->test.loss);
    ho_json_real(json, "test_accuracy", c->test.accuracy);
    ho_json_close(json, '}');
}

static const char *outcome_text(ho_status outcome)
{
    switch (outcome) {
    case HO_OK:
        return "done";
    case HO_DIVERGED:
        return "diverged";
    case HO_INTERRUPTED:
        return "interrupted";
    default:
        return "failed";
    }
}

static ho_status write_result(job *j, const ho_error *outcome, ho_error *error)
{
    ho_json json = {.pretty = true};
    ho_json_open(&json, NULL, '{');
    ho_results_head(&json, j->pipeline, j->request->command_line);
    ho_json_string(&json, "outcome", outcome_text(outcome->status));
    ho_json_string(&json, "message", outcome->status == HO_OK ? NULL : outcome->text);
    ho_json_integer(&json, "outer_iterations", j->outer.done);
    ho_json_integer(&json, "halvings", j->outer.halvings);
    ho_json_real(&json, "initial_validation_error", j->outer.initial_error);
    ho_json_real(&json, "best_validation_error", j->outer.best_error);
    ho_json_integer(&json, "best_iteration", j->outer.best_iteration);
    ho_json_real(&json, "seconds", ho_seconds() - j->begun);
    for (size_t i = 0; i < j->count; i++)
        json_column(&json, &j->columns[i]);
    ho_results_hypers(&json, "hyperparameters", j->training, j->best);
    ho_json_close(&json, '}');
    ho_status status = ho_results_json(j->results, "result.json", &json, error);
    ho_json_free(&json);
    return status;
}

static ho_status optimise(job *j, ho_error *error)
{
    if (!j->optimizer)
        return HO_OK;
    ho_progress_start(&j->progress, j->pipeline->outer_iterations, j->request->quiet);
    ho_status status = ho_outer_run(j->optimizer, j->initial, report, j, &j->outer, error);
    ho_progress_end(&j->progress);
    return status;
}

/* The columns of the table, and the weights of the last one. */
static ho_status measure_all(job *j, ho_error *error)
{
    bool tuned = j->outer.done > 0;
    ho_status status = measure(j, j->training, "initial", j->initial, !tuned && !j->both, error);
    if (status == HO_OK && tuned)
        status = measure(j, j->training, "tuned", j->best, !j->both, error);
    if (status == HO_OK && j->both)
        status = measure(j, j->both, "final", j->best, true, error);
    return status;
}

/* Everything after the folder exists: what is done so far is kept whatever happens. */
static ho_status run_job(job *j, ho_error *error)
{
    ho_status status = optimise(j, error);
    ho_error later = {0};
    ho_results_lambda(j->results, "hyperparameters", j->training, j->best, &later);
    /* A run that diverged away from good hyperparameters still shows what these are worth. */
    if (status == HO_OK || (status == HO_DIVERGED && j->outer.done > 0))
        measure_all(j, &later);
    if (later.status != HO_OK)
        status = ho_fail(error, later.status, "%s", later.text);
    later = (ho_error){0};
    if (write_result(j, error, &later) != HO_OK)
        status = ho_fail(error, later.status, "%s", later.text);
    if (j->count > 0)
        print_table(j);
    if (status != HO_OK)
        ho_note("what is done so far is kept in %s", ho_results_folder(j->results));
    return status;
}

/* Training on training + validation takes a system of its own: another number of examples. */
static ho_status open_both(job *j, ho_error *error)
{
    ho_pipeline *p = j->pipeline;
    if (ho_examples_join(&p->training, &p->validation, &j->joined, error) != HO_OK)
        return error->status;
    j->problem_of_both = p->problem;
    j->problem_of_both.training = &j->joined;
    j->both = ho_training_new(&j->problem_of_both, error);
    if (!j->both)
        return error->status;
    ho_training_interrupt(j->both, j->request->interrupt);
    if (ho_training_lambda_size(j->both) != ho_training_lambda_size(j->training))
        return ho_fail(error, HO_INVALID,
                       "%s: final: train_on: training+validation: a tuned hyperparameter has an entry "
                       "for each training example, so it says nothing of the others",
                       p->file);
    return HO_OK;
}

/* Everything that can be refused is refused before the folder is made. */
static ho_status open_job(job *j, ho_error *error)
{
    ho_pipeline *p = j->pipeline;
    j->training = ho_training_new(&p->problem, error);
    if (!j->training)
        return error->status;
    ho_training_interrupt(j->training, j->request->interrupt);
    size_t size = (size_t)ho_training_lambda_size(j->training);
    j->initial = ho_alloc(size * sizeof(double));
    j->best = ho_alloc(size * sizeof(double));
    ho_training_lambda_initial(j->training, j->initial);
    memcpy(j->best, j->initial, size * sizeof(double));
    j->outer = (ho_outer_result){.best = j->best, .best_error = NAN, .initial_error = NAN};
    if (p->outer)
        j->optimizer = ho_outer_new(p, j->training, error);
    if (error->status == HO_OK && p->final_on_both)
        open_both(j, error);
    if (error->status == HO_OK)
        j->results = ho_results_open(p, j->request->out, error);
    return error->status;
}

ho_status ho_run_pipeline(ho_pipeline *pipeline, const ho_run_request *request, ho_error *error)
{
    job j = {.pipeline = pipeline, .request = request, .begun = ho_seconds()};
    ho_status status = open_job(&j, error);
    if (status == HO_OK) {
        ho_results_announce(pipeline);
        status = run_job(&j, error);
    }
    ho_results_close(j.results);
    ho_outer_free(j.optimizer);
    ho_training_free(j.both);
    ho_examples_free(&j.joined);
    ho_training_free(j.training);
    free(j.initial);
    free(j.best);
    return status;
}
