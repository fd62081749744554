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
    ho_training *training;
    ho_results *results;
    ho_progress progress;
    double *initial, *best;
    ho_outer_result outer;
    double begun;
} job;

static void no_metrics(column *c, const char *title)
{
    *c = (column){title, NAN, {NAN, NAN, 0}, {NAN, NAN, 0}};
}

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
        ho_note("outer iteration %lld diverged: %s; back to the best hyperparameters with half the outer step",
                (long long)r->iteration, r->diverged);
    } else if (!last) {
        ho_progress_tell(&j->progress, r->iteration, r->error, j->outer.best_error);
    }
    return status;
}

/* Trains on the training part and measures; the state is handed on where `state` is not NULL. */
static ho_status measure(ho_training *training, const ho_pipeline *pipeline, const double *lambda, column *c,
                         ho_vector **state_out, ho_error *error)
{
    ho_system *system = ho_training_system(training);
    ho_vector *state = NULL;
    ho_status status = ho_train(training, pipeline->problem.steps, lambda, &state, error);
    if (status == HO_OK)
        status = system->api->error(system, lambda, state, &c->validation_error);
    if (status == HO_OK)
        status = ho_training_evaluate(training, lambda, state, &pipeline->validation, &c->validation);
    if (status == HO_OK && pipeline->test.count > 0)
        status = ho_training_evaluate(training, lambda, state, &pipeline->test, &c->test);
    if (status != HO_OK && error->status == HO_OK)
        ho_fail(error, status, "%s", ho_training_error(training)->text);
    if (status == HO_OK && state_out)
        *state_out = state;
    else if (state)
        system->api->vector_free(system, state);
    return status;
}

/* Final training on training + validation takes a system of its own: another number of examples. */
static ho_status train_on_both(job *j, column *c, ho_error *error)
{
    ho_pipeline *pipeline = j->pipeline;
    ho_examples both = {0};
    ho_status status = ho_examples_join(&pipeline->training, &pipeline->validation, &both, error);
    if (status != HO_OK)
        return status;
    ho_problem problem = pipeline->problem;
    problem.training = &both;
    ho_training *training = ho_training_new(&problem, error);
    ho_vector *state = NULL;
    status = training ? measure(training, pipeline, j->best, c, &state, error) : error->status;
    if (status == HO_OK)
        status = ho_results_weights(j->results, training, state, error);
    if (state)
        ho_training_system(training)->api->vector_free(ho_training_system(training), state);
    /* The validation part was trained on: its figures mean nothing here. */
    c->validation_error = c->validation.loss = c->validation.accuracy = NAN;
    ho_training_free(training);
    ho_examples_free(&both);
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

static void print_table(const job *j, const column *columns, size_t count)
{
    const ho_pipeline *p = j->pipeline;
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
    print_hypers(j, count > 1);
    printf("  %lld outer iterations in %.1f s; best at %lld; results in %s\n", (long long)j->outer.done,
           ho_seconds() - j->begun, (long long)j->outer.best_iteration, ho_results_folder(j->results));
}

static void json_column(ho_json *json, const char *key, const column *c)
{
    ho_json_open(json, key, '{');
    ho_json_string(json, "hyperparameters", c->title);
    ho_json_real(json, "validation_error", c->validation_error);
    ho_json_real(json, "validation_loss", c->validation.loss);
    ho_json_real(json, "validation_accuracy", c->validation.accuracy);
    ho_json_real(json, "test_loss", c->test.loss);
    ho_json_real(json, "test_accuracy", c->test.accuracy);
    ho_json_close(json, '}');
}

static ho_status write_result(job *j, const column *columns, size_t count, ho_status outcome, const ho_error *why,
                              ho_error *error)
{
    static const char *const keys[] = {"initial", "tuned", "final"};
    ho_json json = {.pretty = true};
    ho_json_open(&json, NULL, '{');
    ho_results_head(&json, j->pipeline, j->request->command_line);
    ho_json_string(&json, "outcome",
                   outcome == HO_OK         ? "done"
                   : outcome == HO_DIVERGED ? "diverged"
                   : outcome == HO_INTERRUPTED ? "interrupted"
                                               : "failed");
    ho_json_string(&json, "message", outcome == HO_OK ? NULL : why->text);
    ho_json_integer(&json, "outer_iterations", j->outer.done);
    ho_json_integer(&json, "halvings", j->outer.halvings);
    ho_json_real(&json, "initial_validation_error", j->outer.initial_error);
    ho_json_real(&json, "best_validation_error", j->outer.best_error);
    ho_json_integer(&json, "best_iteration", j->outer.best_iteration);
    ho_json_real(&json, "seconds", ho_seconds() - j->begun);
    for (size_t i = 0; i < count; i++)
        json_column(&json, keys[i], &columns[i]);
    ho_results_hypers(&json, "hyperparameters", j->training, j->best);
    ho_json_close(&json, '}');
    ho_status status = ho_results_json(j->results, "result.json", &json, error);
    ho_json_free(&json);
    return status;
}

static ho_status optimise(job *j, ho_error *error)
{
    ho_pipeline *p = j->pipeline;
    j->outer = (ho_outer_result){.best = j->best, .best_error = NAN, .initial_error = NAN};
    memcpy(j->best, j->initial, (size_t)ho_training_lambda_size(j->training) * sizeof(double));
    if (!p->outer || p->outer_iterations == 0)
        return HO_OK;
    ho_progress_start(&j->progress, p->outer_iterations, j->request->quiet);
    ho_status status = ho_outer_run(p, j->training, j->initial, report, j, &j->outer, error);
    ho_progress_end(&j->progress);
    return status;
}

/* Everything after the folder exists: what is done so far is kept whatever happens. */
static ho_status run_job(job *j, ho_error *error)
{
    ho_pipeline *p = j->pipeline;
    column columns[3];
    size_t count = 0;
    ho_status status = optimise(j, error);
    ho_status kept = ho_results_lambda(j->results, "hyperparameters", j->training, j->best, &(ho_error){0});
    if (status == HO_OK)
        status = kept == HO_OK ? HO_OK : ho_fail(error, kept, "the hyperparameters could not be written");

    bool tuned = j->outer.done > 0;
    if (status == HO_OK) {
        no_metrics(&columns[count], "initial");
        status = measure(j->training, p, j->initial, &columns[count++], NULL, error);
    }
    ho_vector *state = NULL;
    if (status == HO_OK) {
        if (tuned)
            no_metrics(&columns[count++], "tuned");
        status = measure(j->training, p, j->best, &columns[count - 1], &state, error);
        if (status == HO_OK && !p->final_on_both)
            status = ho_results_weights(j->results, j->training, state, error);
        if (state)
            ho_training_system(j->training)->api->vector_free(ho_training_system(j->training), state);
    }
    if (status == HO_OK && p->final_on_both) {
        no_metrics(&columns[count], "final on both");
        status = train_on_both(j, &columns[count++], error);
    }
    ho_error own = {0};
    ho_status written = write_result(j, columns, status == HO_OK ? count : 0, status, error, &own);
    if (status == HO_OK && written != HO_OK)
        return ho_fail(error, written, "%s", own.text);
    if (status == HO_OK)
        print_table(j, columns, count);
    else
        ho_note("what is done so far is kept in %s", ho_results_folder(j->results));
    return status;
}

ho_status ho_run_pipeline(ho_pipeline *pipeline, const ho_run_request *request, ho_error *error)
{
    job j = {.pipeline = pipeline, .request = request, .begun = ho_seconds()};
    ho_status status = HO_OK;
    j.training = ho_training_new(&pipeline->problem, error);
    if (!j.training)
        return error->status;
    ho_training_interrupt(j.training, request->interrupt);
    size_t bytes = (size_t)ho_training_lambda_size(j.training) * sizeof(double);
    j.initial = ho_alloc(bytes);
    j.best = ho_alloc(bytes);
    ho_training_lambda_initial(j.training, j.initial);
    j.results = ho_results_open(pipeline, request->out, error);
    if (j.results) {
        printf("%s: data: %s\n", pipeline->name, pipeline->data_label);
        if (pipeline->data_missing)
            printf("%s: data source %zu of %zu: %s\n", pipeline->name, pipeline->data_choice + 1,
                   pipeline->data_choices, pipeline->data_missing);
        fflush(stdout);
        status = run_job(&j, error);
    } else {
        status = error->status;
    }
    ho_results_close(j.results);
    ho_training_free(j.training);
    free(j.initial);
    free(j.best);
    return status;
}
