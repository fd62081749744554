/* Label noise as a transform of the training part: a share of the labels replaced by others, known for scoring only. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "pipeline/internal.h"

ho_status ho_noise_read(ho_reading *r, const ho_tree *node, ho_noise *noise)
{
    static const char *const known[] = {"labels", "seed", "use", NULL}, *const uses[] = {"all", "clean", NULL};
    *noise = (ho_noise){.seed = r->pipeline->problem.seed, .place = node->place};
    if (ho_tree_expect(node, HO_TREE_MAP, "noise", r->error) != HO_OK ||
        ho_tree_only(node, "noise", known, r->error) != HO_OK)
        return r->error->status;
    const ho_tree *share = ho_tree_get(node, "labels"), *seed = ho_tree_get(node, "seed");
    const ho_tree *use = ho_tree_get(node, "use");
    if (!share)
        return ho_fail_at(r->error, HO_INVALID, node->place,
                          "noise: \"labels\" is missing: the share of the training labels to replace");
    if (ho_tree_real(share, "noise: labels", &noise->share, r->error) != HO_OK)
        return r->error->status;
    if (!(noise->share >= 0 && noise->share < 1))
        return ho_fail_at(r->error, HO_INVALID, share->place, "noise: labels: %s is no share in [0, 1)", share->text);
    int64_t number = 0;
    int which;
    if (ho_read_count(seed, "noise: seed", 0, &number, r->error) != HO_OK ||
        ho_read_choice(use, "noise: use", uses, &which, r->error) != HO_OK)
        return r->error->status;
    noise->clean = which == 1;
    if (seed)
        noise->seed = (uint64_t)number;
    return HO_OK;
}

void ho_noise_labels(const ho_noise *noise, ho_target *labels, int64_t count, double *replaced)
{
    const uint64_t which = ho_stream("noise: examples"), what = ho_stream("noise: labels");
    const int64_t wanted = (int64_t)floor(noise->share * (double)count + 0.5);
    for (int64_t i = 0; i < count; i++) {
        replaced[i] = ho_permute(noise->seed, which, (uint64_t)count, (uint64_t)i) < (uint64_t)wanted;
        if (replaced[i] == 0)
            continue;
        int64_t others = labels->classes - 1;
        int64_t shift = 1 + (int64_t)(ho_uniform(noise->seed, what, (uint64_t)i) * (double)others);
        labels->values[i] = (double)(((int64_t)labels->values[i] + shift) % labels->classes);
    }
}

/* An array for the run's truth/, with values to be filled in; NULL with an error. */
static double *new_truth(ho_reading *r, const ho_noise *noise, const char *name, int64_t count)
{
    ho_dataset *dataset = r->pipeline->dataset;
    for (size_t i = 0; i < dataset->truth_count; i++)
        if (strcmp(dataset->truths[i].name, name) == 0) {
            ho_fail_at(r->error, HO_INVALID, noise->place, "noise: the data reader gives a truth \"%s\" of its own",
                       name);
            return NULL;
        }
    double *values = ho_large_alloc((uint64_t)count, sizeof *values, name, r->error);
    if (!values)
        return NULL;
    dataset->truths = ho_realloc(dataset->truths, (dataset->truth_count + 1) * sizeof *dataset->truths);
    dataset->truths[dataset->truth_count++] =
        (ho_truth){.name = ho_strdup(name), .rank = 1, .dims = {count}, .values = values};
    return values;
}

/* Leaves only the examples whose labels were not replaced. */
static ho_status keep_clean(ho_reading *r, const ho_noise *noise, const double *replaced)
{
    ho_examples *training = &r->pipeline->training, kept = {0};
    int64_t *rows = ho_large_alloc((uint64_t)training->count, sizeof *rows, "the clean examples", r->error);
    int64_t count = 0;
    for (int64_t i = 0; rows && i < training->count; i++)
        if (replaced[i] == 0)
            rows[count++] = i;
    if (rows && count == 0)
        ho_fail_at(r->error, HO_INVALID, noise->place, "noise: use: clean: no example is left");
    if (r->error->status == HO_OK && ho_examples_take(training, rows, count, &kept, r->error) == HO_OK) {
        ho_examples_free(training);
        *training = kept;
    } else {
        ho_examples_free(&kept);
    }
    ho_large_free(rows);
    return r->error->status;
}

ho_status ho_noise_apply(ho_reading *r, const ho_noise *noise, const char *target)
{
    ho_pipeline *p = r->pipeline;
    ho_target *labels = ho_examples_target(&p->training, target);
    int64_t count = p->training.count;
    if (!labels || !labels->labels || labels->classes < 2)
        return ho_fail_at(r->error, HO_INVALID, noise->place, "noise: labels: the target \"%s\" has %s", target,
                          labels && labels->labels ? "a single class" : "no classes: it holds reals");
    if (noise->clean) {
        double *replaced = ho_large_alloc((uint64_t)count, sizeof *replaced, "label noise", r->error);
        if (replaced) {
            ho_noise_labels(noise, labels, count, replaced);
            keep_clean(r, noise, replaced);
        }
        ho_large_free(replaced);
        return r->error->status;
    }
    double *before = new_truth(r, noise, "labels", count);
    double *replaced = before ? new_truth(r, noise, "noise", count) : NULL;
    if (!replaced)
        return r->error->status;
    memcpy(before, labels->values, (size_t)count * sizeof *before);
    ho_noise_labels(noise, labels, count, replaced);
    p->noise = replaced;
    p->true_labels = before;
    return HO_OK;
}
