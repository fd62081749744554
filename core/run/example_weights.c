#include "run/example_weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

ho_detection ho_detect(const double *weights, const double *replaced, int64_t count)
{
    double sum = 0, found = 0, wanted = 0, hits = 0;
    for (int64_t i = 0; i < count; i++)
        sum += weights[i];
    for (int64_t i = 0; i < count; i++) {
        bool low = weights[i] < 0.5 * sum / (double)count;
        found += low;
        wanted += replaced[i] != 0;
        hits += low && replaced[i] != 0;
    }
    return (ho_detection){.precision = found > 0 ? hits / found : NAN,
                          .recall = wanted > 0 ? hits / wanted : NAN,
                          .f1 = wanted > 0 ? 2 * hits / (found + wanted) : NAN};
}

static const double *weights_of(const ho_term *term, const ho_training *training, const double *lambda)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    char *name = ho_format("%s.weights", term->plugin->name);
    const double *weights = NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(hypers[i].name, name) == 0)
            weights = hypers[i].tuned ? lambda + hypers[i].offset : hypers[i].value;
    free(name);
    return weights;
}

/* A training example with its weight. */
typedef struct weighted {
    double weight;
    int64_t example;
    uint64_t turn; /* among equals */
} weighted;

static int by_weight(const void *left, const void *right)
{
    const weighted *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight < b->weight ? -1 : 1;
    return (a->turn > b->turn) - (a->turn < b->turn);
}

static void print_csv(const ho_pipeline *p, const ho_target *target, const weighted *list, int64_t count, FILE *out)
{
    fprintf(out, "index,label,weight%s\n", p->true_labels ? ",true_label" : "");
    for (int64_t k = 0; k < count; k++) {
        int64_t i = list[k].example;
        char label[32] = "", weight[32];
        if (target->width == 1)
            ho_print_real(target->values[i], label);
        ho_print_real(list[k].weight, weight);
        fprintf(out, "%" PRId64 ",%s,%s", p->training.rows ? p->training.rows[i] : i, label, weight);
        if (p->true_labels)
            fprintf(out, ",%.0f", p->true_labels[i]);
        fputc('\n', out);
    }
}

static ho_status write_csv(ho_run_folder *folder, const char *name, const ho_pipeline *p, const ho_term *term,
                           const weighted *list, int64_t count, ho_error *error)
{
    char *text;
    size_t size;
    FILE *memory = ho_text_open(&text, &size);
    /* The training has been made: the target is there. */
    print_csv(p, term->target ? ho_examples_target(&p->training, term->target) : p->training.targets, list, count,
              memory);
    ho_text_close(memory);
    ho_status status = ho_run_folder_text(folder, "examples", name, text, size, error);
    free(text);
    return status;
}

static bool is_image(const ho_examples *examples)
{
    const int64_t *d = examples->input_dims;
    bool channels = d[0] == 1 || d[0] == 3 || d[2] == 1 || d[2] == 3;
    return examples->input_rank == 2 || (examples->input_rank == 3 && channels);
}

static ho_status write_images(ho_run_folder *folder, const ho_examples *raw, const weighted *list, int64_t count,
                              ho_error *error)
{
    int64_t dims[HO_MAX_RANK] = {count};
    memcpy(dims + 1, raw->input_dims, sizeof raw->input_dims);
    double *values = ho_large_alloc((uint64_t)(count * raw->features), sizeof *values, "examples/lowest.npy", error);
    if (!values)
        return error->status;
    for (int64_t k = 0; k < count; k++)
        for (int64_t j = 0; j < raw->features; j++) {
            int64_t at = list[k].example * raw->features + j;
            values[k * raw->features + j] = raw->x32 ? (double)raw->x32[at] : raw->x64[at];
        }
    ho_status status = ho_run_folder_array(folder, "examples", "lowest", 1 + raw->input_rank, dims, values, error);
    ho_large_free(values);
    return status;
}

ho_status ho_example_weights_write(ho_run_folder *folder, const ho_pipeline *p, const ho_training *training,
                                   const double *lambda, ho_detection *detection, ho_error *error)
{
    const ho_term *term = ho_weighted_term(&p->problem);
    const double *weights = term ? weights_of(term, training, lambda) : NULL;
    *detection = (ho_detection){NAN, NAN, NAN};
    if (!weights)
        return HO_OK;
    int64_t count = p->training.count, lowest = count < HO_LOWEST ? count : HO_LOWEST;
    if (p->noise)
        *detection = ho_detect(weights, p->noise, count);
    weighted *list = ho_large_alloc((uint64_t)count, sizeof *list, "the order of the example weights", error);
    if (!list)
        return error->status;
    const ho_permutation turns =
        ho_permutation_of(p->problem.seed, ho_stream("lowest example weights"), (uint64_t)count);
    for (int64_t i = 0; i < count; i++)
        list[i] = (weighted){weights[i], i, ho_permuted(&turns, (uint64_t)i)};
    ho_status status = write_csv(folder, "weights.csv", p, term, list, count, error);
    qsort(list, (size_t)count, sizeof *list, by_weight);
    if (status == HO_OK)
        status = write_csv(folder, "lowest.csv", p, term, list, lowest, error);
    if (status == HO_OK && is_image(p->raw))
        status = write_images(folder, p->raw, list, lowest, error);
    ho_large_free(list);
    return status;
}
