#include "run/example_weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* The weights of the first term that weighs single examples; NULL: none does. */
static const double *weights_of(const ho_pipeline *p, const ho_training *training, const double *lambda)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    const ho_term *term = NULL;
    for (size_t i = p->problem.objective_count; i-- > 0;)
        term = p->problem.objective[i].per_example ? &p->problem.objective[i] : term;
    for (size_t i = 0; term && i < count; i++) {
        size_t length = strlen(term->plugin->name);
        if (strncmp(hypers[i].name, term->plugin->name, length) == 0 &&
            strcmp(hypers[i].name + length, ".weights") == 0)
            return hypers[i].tuned ? lambda + hypers[i].offset : hypers[i].value;
    }
    return NULL;
}

/* The target of that term. */
static const ho_target *target_of(const ho_pipeline *p)
{
    const ho_term *term = p->problem.objective;
    while (!term->per_example)
        term++;
    /* The training has been made: the target is there. */
    return term->target ? ho_examples_target(&p->training, term->target) : p->training.targets;
}

typedef struct table {
    const ho_pipeline *pipeline;
    const double *weights;
    const ho_target *target;
    int64_t *order; /* training examples, the lowest weight first */
} table;

static void print_csv(const table *t, const int64_t *order, int64_t count, FILE *out)
{
    const ho_examples *examples = &t->pipeline->training;
    const double *before = t->pipeline->true_labels;
    fprintf(out, "index,label,weight%s\n", before ? ",true_label" : "");
    for (int64_t k = 0; k < count; k++) {
        int64_t i = order ? order[k] : k;
        char label[32] = "", weight[32];
        if (t->target->width == 1)
            ho_print_real(t->target->values[i], label);
        ho_print_real(t->weights[i], weight);
        fprintf(out, "%" PRId64 ",%s,%s", examples->rows ? examples->rows[i] : i, label, weight);
        if (before)
            fprintf(out, ",%.0f", before[i]);
        fputc('\n', out);
    }
}

static ho_status write_csv(ho_run_folder *folder, const char *name, const table *t, const int64_t *order, int64_t count,
                           ho_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return ho_fail(error, HO_FAILED, "out of memory for examples/%s", name);
    print_csv(t, order, count, memory);
    fclose(memory);
    ho_status status = ho_run_folder_text(folder, "examples", name, text, size, error);
    free(text);
    return status;
}

/* An example with its weight, for sorting. */
typedef struct ranked {
    double weight;
    int64_t example;
} ranked;

static int by_weight(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight < b->weight ? -1 : 1;
    return (a->example > b->example) - (a->example < b->example);
}

/* Fills in t->order; false: no memory. */
static bool rank(table *t, int64_t count, ho_error *error)
{
    ranked *all = ho_large_alloc((uint64_t)count, sizeof *all, "the order of the weights", error);
    t->order = all ? ho_large_alloc((uint64_t)count, sizeof *t->order, "the order of the weights", error) : NULL;
    for (int64_t i = 0; t->order && i < count; i++)
        all[i] = (ranked){t->weights[i], i};
    if (t->order)
        qsort(all, (size_t)count, sizeof *all, by_weight);
    for (int64_t i = 0; t->order && i < count; i++)
        t->order[i] = all[i].example;
    ho_large_free(all);
    return t->order != NULL;
}

static bool is_picture(const ho_examples *examples)
{
    const int64_t *d = examples->input_dims;
    bool channels = d[0] == 1 || d[0] == 3 || d[2] == 1 || d[2] == 3;
    return examples->input_rank == 2 || (examples->input_rank == 3 && channels);
}

static ho_status write_pictures(ho_run_folder *folder, const table *t, int64_t count, ho_error *error)
{
    const ho_examples *raw = t->pipeline->raw;
    int64_t dims[HO_MAX_RANK] = {count};
    memcpy(dims + 1, raw->input_dims, sizeof raw->input_dims);
    double *values = ho_large_alloc((uint64_t)(count * raw->features), sizeof *values, "examples/lowest.npy", error);
    for (int64_t k = 0; values && k < count; k++)
        for (int64_t j = 0; j < raw->features; j++) {
            int64_t at = t->order[k] * raw->features + j;
            values[k * raw->features + j] = raw->x32 ? (double)raw->x32[at] : raw->x64[at];
        }
    if (values)
        ho_run_folder_array(folder, "examples", "lowest", 1 + raw->input_rank, dims, values, error);
    ho_large_free(values);
    return error->status;
}

ho_status ho_example_weights_write(ho_run_folder *folder, const ho_pipeline *pipeline, const ho_training *training,
                                   const double *lambda, ho_detection *detection, ho_error *error)
{
    *detection = (ho_detection){NAN, NAN, NAN};
    table t = {.pipeline = pipeline, .weights = weights_of(pipeline, training, lambda)};
    if (!t.weights)
        return HO_OK;
    int64_t count = pipeline->training.count, lowest = count < HO_LOWEST ? count : HO_LOWEST;
    t.target = target_of(pipeline);
    if (pipeline->noise)
        *detection = ho_detect(t.weights, pipeline->noise, count);
    if (rank(&t, count, error) && write_csv(folder, "weights.csv", &t, NULL, count, error) == HO_OK &&
        write_csv(folder, "lowest.csv", &t, t.order, lowest, error) == HO_OK && is_picture(pipeline->raw))
        write_pictures(folder, &t, lowest, error);
    ho_large_free(t.order);
    return error->status;
}
