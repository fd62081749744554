/* What runs ask beside the calls of modes: losses and accuracy over any examples, the training objective, weights. */
#include "system/internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Examples evaluated at once: the plan's buffers stay small whatever the size of the test part. */
#define CHUNK 512

static int64_t largest(const double *row, int64_t count)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

static ho_status check_examples(ho_training *training, const ho_examples *examples)
{
    if (examples->count < 1)
        return ho_fail(&training->ground.error, HO_INVALID, "there are no examples to evaluate");
    if (examples->features != training->ground.problem->training->features)
        return ho_fail(&training->ground.error, HO_INVALID,
                       "the examples to evaluate have %" PRId64 " features, those trained on %" PRId64,
                       examples->features, training->ground.problem->training->features);
    for (size_t k = 0; k < training->data.targets.count; k++) {
        const ho_used_target *used = &training->data.targets.used[k];
        const ho_target *target = ho_examples_target(examples, used->name);
        if (!used->validates)
            continue;
        if (!target || target->labels != used->labels || target->width != used->width)
            return ho_fail(&training->ground.error, HO_INVALID,
                           "the examples to evaluate have no target \"%s\" of the kind trained on", used->name);
    }
    return HO_OK;
}

ho_status ho_training_evaluate_rows(ho_training *training, const double *lambda, const ho_vector *state,
                                    const ho_examples *examples, const int64_t *rows, int64_t total,
                                    ho_metrics *metrics)
{
    *metrics = (ho_metrics){.accuracy = NAN};
    if (ho_vector_check(&training->layout, "evaluate", "the state", state, 1) || check_examples(training, examples))
        return training->ground.error.status;
    int64_t chunk = total < CHUNK ? total : CHUNK;
    const ho_used_target *measured = &training->data.targets.used[training->data.targets.measured];
    int64_t width = measured->outputs, right = 0;
    ho_program *program = ho_program_get(training, HO_EVALUATE, HO_VALUE, chunk);
    if (!program)
        return training->ground.error.status;
    const size_t number = ho_number_size(&training->ground), row = (size_t)width * number;
    char *outputs = ho_alloc((size_t)chunk * row);
    void *losses = ho_alloc((size_t)chunk * number);
    double *one = ho_alloc((size_t)width * sizeof *one);
    const char *labels = measured->labels && measured->validates ? measured->name : NULL;
    ho_hypers_bind(&training->hypers, lambda, training->ground.problem->steps);
    ho_vector_bind(state, training->layout.leaves);
    program->out[0] = outputs;
    program->out[1] = losses;
    ho_status status = HO_OK;
    for (int64_t start = 0; start < total && status == HO_OK; start += chunk) {
        int64_t count = total - start < chunk ? total - start : chunk;
        ho_part_fill(&training->data, examples, rows, start, count, &program->chunk);
        status = ho_program_run(training, program, NULL);
        for (int64_t i = 0; i < count; i++) {
            ho_numbers_get(&training->ground, (char *)losses + (size_t)i * number, 1, one);
            metrics->loss += one[0];
            if (!labels)
                continue;
            ho_numbers_get(&training->ground, outputs + (size_t)i * row, width, one);
            double label = ho_examples_target(examples, labels)->values[rows ? rows[start + i] : start + i];
            right += (double)largest(one, width) == label;
        }
    }
    free(one);
    free(losses);
    free(outputs);
    metrics->count = total;
    metrics->loss /= (double)total;
    if (labels)
        metrics->accuracy = (double)right / (double)total;
    return status;
}

ho_status ho_training_evaluate(ho_training *training, const double *lambda, const ho_vector *state,
                               const ho_examples *examples, ho_metrics *metrics)
{
    return ho_training_evaluate_rows(training, lambda, state, examples, NULL, examples->count, metrics);
}
