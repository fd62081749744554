/* `hotool hypergradient`: one hypergradient at the initial hyperparameters. */
#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "run/head.h"
#include "run/hyperstep.h"
#include "run/rounding.h"
#include "run/run.h"
#include "run/run_folder.h"
#include "run/trainer.h"

/* Keeps it in the folder (NULL: nowhere), and shows it. */
static ho_status hand_over(ho_run_folder *folder, const ho_pipeline *pipeline, const ho_training *training,
                           const ho_run_request *request, const ho_answer *answer, ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    const ho_origin origin = ho_origin_of(request->command_line, request->options, arena);
    ho_record record = ho_record_of(HO_RECORD_GRADIENT, pipeline, &origin, arena);
    if (folder)
        record.started.again = ho_again(&origin, "hypergradient", ho_run_folder_path(folder), NULL, arena);
    record.gradient = ho_summarize(training, answer->gradient);
    record.value = answer->value;
    record.result.seconds = answer->line.seconds;
    record.trajectory_bytes = answer->line.trajectory_bytes;
    record.residual_bytes = answer->line.residual_bytes;
    record.rounding = answer->line.rounding;
    if (folder && ho_run_folder_gradient(folder, training, answer->gradient, error) == HO_OK &&
        ho_run_folder_record(folder, &record, error) == HO_OK)
        printf("written to %s\n", ho_run_folder_path(folder));
    if (error->status == HO_OK && request->show)
        request->show(&record, folder ? ho_run_folder_path(folder) : NULL);
    free(record.gradient.items);
    ho_arena_free(arena);
    return error->status;
}

/* Natural units; those of its scale beside them. */
static void print_scalar(const ho_hyperparameter *h, double value, double gradient)
{
    printf("  %-28s at %-12.6g gradient %.10g", h->name, value, gradient);
    if (h->step_scale != HO_SCALE_LINEAR)
        printf("  by its %s %.10g", ho_scale_names[h->step_scale], gradient * ho_scale_slope(h->step_scale, value));
    putchar('\n');
}

static void print_gradient(const ho_training *training, const ho_answer *answer)
{
    const double *lambda = answer->lambda, *gradient = answer->gradient;
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        if (h->rank == 0)
            print_scalar(h, lambda[h->offset], gradient[h->offset]);
        else
            printf("  %-28s %lld entries      norm of the gradient %.10g\n", h->name, (long long)h->count,
                   ho_norm(gradient + h->offset, h->count));
    }
}

static void print_digits(const ho_training *training, const ho_rounding *r)
{
    char *warning = ho_rounding_warning(training);
    if (r->known)
        printf("about %.1f digits are certain; the fewest are those of %s\n", r->left, r->hyper);
    if (warning)
        ho_note("%s", warning);
    free(warning);
}

static void print_told(ho_training *training)
{
    static const int32_t kinds[] = {HO_TELL_CHOICE, HO_TELL_NOTE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char *text = ho_training_told(training, kinds[i]);
        if (text)
            printf("%s\n", text);
        free(text);
    }
    char *warning = ho_training_told(training, HO_TELL_WARNING);
    if (warning)
        ho_note("warning: %s", warning);
    free(warning);
}

ho_status ho_run_hypergradient(ho_pipeline *pipeline, const ho_run_request *request, ho_error *error)
{
    ho_training *training = ho_needs_steps(pipeline, "a hypergradient of a whole training", error) == HO_OK
                                ? ho_pipeline_training(pipeline, error)
                                : NULL;
    if (!training)
        return error->status;
    ho_training_interrupt(training, request->interrupt);
    ho_best best = {0};
    ho_trainer *trainer = NULL;
    ho_run_folder *folder = NULL;
    if (ho_training_lambda_size(training) == 0)
        ho_fail(error, HO_INVALID, "%s: no hyperparameter is tuned: list some under `hyperparameters:`",
                pipeline->file);
    if (error->status == HO_OK && ho_best_init(&best, training, false, error) == HO_OK)
        trainer = ho_trainer_of_criterion(pipeline, training, false, request->jobs, request->interrupt, error);
    if (error->status == HO_OK && request->out)
        folder = ho_run_folder_new(pipeline, pipeline->root, request->out, NULL, error);
    if (error->status == HO_OK) {
        double *lambda = best.lambda; /* the initial one; the only answer cannot change it */
        const ho_question question = {.lambda = lambda, .wanted = HO_GRADIENT};
        ho_answer answer;
        ho_announce_data(pipeline);
        if (ho_ask(trainer, &question, &best, &answer) == HO_OK) {
            printf("E = %.17g after T = %lld steps, %s mode, %.3f s, %lld bytes of trajectory\n", answer.value,
                   (long long)pipeline->problem.steps, pipeline->mode->loaded->plugin.name, answer.line.seconds,
                   (long long)answer.line.trajectory_bytes);
            print_gradient(training, &answer);
            print_digits(training, &answer.line.rounding);
            print_told(training);
            hand_over(folder, pipeline, training, request, &answer, error);
        } else {
            *error = answer.outcome;
        }
    }
    ho_run_folder_close(folder);
    ho_trainer_free(trainer);
    ho_best_free(&best);
    ho_training_free(training);
    return error->status;
}
