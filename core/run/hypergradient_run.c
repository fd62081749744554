/* `hotool hypergradient`: one hypergradient at the initial hyperparameters. */
#include <math.h>
#include <stdlib.h>

#include "run/gradient.h"
#include "run/head.h"
#include "run/mover.h"
#include "run/run.h"
#include "run/run_folder.h"

static ho_status write_files(ho_run_folder *folder, const ho_pipeline *pipeline, const ho_training *training,
                             const ho_run_request *request, double value, const double *gradient,
                             const ho_gradient_cost *cost, ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    ho_record record = ho_record_of(HO_RECORD_GRADIENT, pipeline, request->command_line, true, arena);
    record.value = value;
    record.result.seconds = cost->seconds;
    record.trajectory_bytes = cost->bytes;
    if (ho_run_folder_lambda(folder, "", training, gradient, error) == HO_OK &&
        ho_run_folder_record(folder, &record, error) == HO_OK)
        printf("written to %s\n", ho_run_folder_path(folder));
    ho_arena_free(arena);
    return error->status;
}

static void print_gradient(const ho_training *training, const double *lambda, const double *gradient)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        if (h->rank == 0)
            printf("  %-28s at %-12.6g gradient %.10g\n", h->name, lambda[h->offset], gradient[h->offset]);
        else
            printf("  %-28s %lld entries      norm of the gradient %.10g\n", h->name, (long long)h->count,
                   ho_norm(gradient + h->offset, h->count));
    }
}

ho_status ho_run_hypergradient(ho_pipeline *pipeline, const ho_run_request *request, ho_error *error)
{
    ho_training *training = ho_needs_steps(pipeline, "a hypergradient of a whole training", error) == HO_OK
                                ? ho_training_new(&pipeline->problem, error)
                                : NULL;
    if (!training)
        return error->status;
    ho_training_interrupt(training, request->interrupt);
    int64_t size = ho_training_lambda_size(training);
    double *lambda = ho_alloc((size_t)size * sizeof *lambda);
    double *gradient = ho_alloc((size_t)size * sizeof *gradient);
    double value = NAN;
    ho_gradient_cost cost = {0};
    ho_training_lambda_initial(training, lambda);
    ho_status status = HO_OK;
    ho_run_folder *folder = NULL;
    if (size == 0)
        status = ho_fail(error, HO_INVALID, "%s: no hyperparameter is tuned: list some under `hyperparameters:`",
                         pipeline->file);
    if (status == HO_OK && request->out) {
        folder = ho_run_folder_new(pipeline, pipeline->root, request->out, error);
        status = error->status;
    }
    if (status == HO_OK) {
        ho_announce_data(pipeline);
        status =
            ho_hypergradient(training, pipeline->mode, pipeline->problem.steps, lambda, &value, gradient, &cost, error);
    }
    if (status == HO_OK) {
        printf("E = %.17g after T = %lld steps, %s mode, %.3f s, %lld bytes of trajectory\n", value,
               (long long)pipeline->problem.steps, pipeline->mode->loaded->plugin.name, cost.seconds,
               (long long)cost.bytes);
        print_gradient(training, lambda, gradient);
        if (folder)
            status = write_files(folder, pipeline, training, request, value, gradient, &cost, error);
    }
    ho_run_folder_close(folder);
    free(lambda);
    free(gradient);
    ho_training_free(training);
    return status;
}
