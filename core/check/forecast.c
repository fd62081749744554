/* `hotool plan`: what a run would cost, by each mode. */
#include "check/forecast.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define MEBIBYTES(bytes) ((double)(bytes) / 0x1p20)

static void print_sizes(const ho_pipeline *p, ho_training *training, const ho_mode_costs *costs, double flops,
                        double entries)
{
    size_t count;
    int64_t weights = 0;
    const ho_weight_tensor *tensors = ho_training_weights(training, &count);
    for (size_t i = 0; i < count; i++)
        weights += tensors[i].count;
    const bool twice = p->problem.precision == HO_F64;
    const int64_t bytes = weights * (twice ? 8 : 4);
    printf("  weights               %lld in %zu tensors\n", (long long)weights, count);
    printf("  state                 %.4g MiB: %lld times the weights, in %s\n", MEBIBYTES(costs->state_bytes),
           (long long)(bytes > 0 ? costs->state_bytes / bytes : 0), twice ? "f64" : "f32");
    printf("  steps T               %lld%s\n", (long long)costs->steps,
           p->problem.steps ? "" : " (unbounded: 1000 updates are assumed)");
    printf("  hyperparameters m     %lld entries, %lld free directions\n", (long long)ho_training_lambda_size(training),
           (long long)costs->directions);
    printf("  hypergradients        %lld in a training\n", (long long)costs->hypergradients);
    if (p->criterion)
        printf("  trainings             %lld: the validation error is the mean over %s\n",
               (long long)ho_pipeline_trainings(p), p->criterion);
    printf("  operations of a step  %.4g million in matrix products, %.4g million others\n", flops * 1e-6,
           entries * 1e-6);
    printf("  measured times, ms    step %.3g; its JVP %.3g and %.3g a column; its VJP %.3g\n",
           1e3 * costs->step.seconds, 1e3 * costs->jvp.seconds, 1e3 * costs->jvp_column.seconds,
           1e3 * costs->vjp.seconds);
}

/* One hypergradient of the criterion by a mode. */
static double seconds_of(const ho_pipeline *p, const ho_instance *mode, const ho_mode_costs *costs)
{
    return (double)ho_pipeline_trainings(p) * mode->loaded->calls.mode.estimate(mode->self, costs).seconds;
}

/* `now`: of the process without what a mode takes; `most`: its peak so far; `costs`: with measured times. */
static void print_offers(const ho_pipeline *p, const ho_mode_choice *choice, const ho_mode_costs *costs, int64_t now,
                         int64_t most)
{
    const double training = (double)costs->steps * costs->step.seconds;
    printf("\n  mode              seconds   trainings   mode's MiB   process's MiB%s\n",
           p->criterion ? "   (time of all trainings, memory of one)" : "");
    for (size_t i = 0; i < choice->count; i++) {
        const ho_instance *mode = choice->offers[i].instance;
        const int64_t own = choice->offers[i].cost.bytes, peak = now + own > most ? now + own : most;
        const double seconds = seconds_of(p, mode, costs);
        printf("%c %-16s %8.4g %11.3g %12.4g %15.4g\n", i == choice->best ? '*' : ' ', mode->loaded->plugin.name,
               seconds, training > 0 ? seconds / training : 0, MEBIBYTES(own), MEBIBYTES(peak));
    }
    printf("\n* the mode that `auto` chooses: of those within %.4g MiB, the one with the fewest operations\n",
           MEBIBYTES(choice->memory));
}

/* What both functions above print. */
static void write_json(ho_json *json, const ho_pipeline *p, ho_training *training, const ho_mode_choice *choice,
                       const ho_mode_costs *costs, double flops, double entries, int64_t now, int64_t most)
{
    size_t count;
    int64_t weights = 0;
    const ho_weight_tensor *tensors = ho_training_weights(training, &count);
    for (size_t i = 0; i < count; i++)
        weights += tensors[i].count;
    ho_json_open(json, NULL, '{');
    ho_json_integer(json, "weights", weights);
    ho_json_integer(json, "state_bytes", costs->state_bytes);
    ho_json_integer(json, "steps", costs->steps);
    ho_json_integer(json, "entries", ho_training_lambda_size(training));
    ho_json_integer(json, "directions", costs->directions);
    ho_json_integer(json, "hypergradients", costs->hypergradients);
    ho_json_integer(json, "trainings", ho_pipeline_trainings(p));
    ho_json_real(json, "product_operations", flops);
    ho_json_real(json, "other_operations", entries);
    ho_json_real(json, "step_seconds", costs->step.seconds);
    ho_json_real(json, "jvp_seconds", costs->jvp.seconds);
    ho_json_real(json, "jvp_column_seconds", costs->jvp_column.seconds);
    ho_json_real(json, "vjp_seconds", costs->vjp.seconds);
    ho_json_integer(json, "memory", choice->memory);
    ho_json_open(json, "modes", '[');
    for (size_t i = 0; i < choice->count; i++) {
        const ho_instance *mode = choice->offers[i].instance;
        const int64_t own = choice->offers[i].cost.bytes;
        ho_json_open(json, NULL, '{');
        ho_json_string(json, "mode", mode->loaded->plugin.name);
        ho_json_real(json, "seconds", seconds_of(p, mode, costs));
        ho_json_integer(json, "bytes", own);
        ho_json_integer(json, "process_bytes", now + own > most ? now + own : most);
        ho_json_boolean(json, "auto", i == choice->best);
        ho_json_close(json, '}');
    }
    ho_json_close(json, ']');
    ho_json_close(json, '}');
}

static ho_status forecast(ho_pipeline *pipeline, ho_training *training, const ho_mode_choice *choice, int64_t now,
                          int64_t most, ho_json *json, ho_error *error)
{
    double *lambda = ho_alloc((size_t)ho_training_lambda_size(training) * sizeof *lambda), flops, entries;
    ho_mode_costs costs = choice->costs;
    ho_training_lambda_initial(training, lambda);
    if (ho_costs_step(training, &flops, &entries, error) == HO_OK &&
        ho_costs_measure(training, lambda, &costs, error) == HO_OK) {
        ho_announce_data(pipeline);
        if (json) {
            write_json(json, pipeline, training, choice, &costs, flops, entries, now, most);
        } else {
            print_sizes(pipeline, training, &costs, flops, entries);
            print_offers(pipeline, choice, &costs, now, most);
        }
    }
    free(lambda);
    return error->status;
}

ho_status ho_forecast(ho_pipeline *pipeline, ho_json *json, const volatile int *interrupt, ho_error *error)
{
    ho_training *training = ho_training_new(&pipeline->problem, error);
    if (!training)
        return error->status;
    ho_training_interrupt(training, interrupt);
    if (ho_training_lambda_size(training) == 0) {
        ho_fail(error, HO_INVALID, "%s: no hyperparameter is tuned: list some under `hyperparameters:`",
                pipeline->file);
    } else {
        ho_mode_choice choice;
        int64_t now, most;
        ho_memory_held(&now, &most); /* before the plans are made, which offers and `beside` hold */
        if (ho_pipeline_choice(pipeline, training, &choice, error) == HO_OK)
            forecast(pipeline, training, &choice, now + choice.beside, most, json, error);
        ho_mode_choice_free(&choice);
    }
    ho_training_free(training);
    return error->status;
}
