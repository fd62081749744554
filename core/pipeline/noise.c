/* Label noise as a transform of the training part: a share of the labels replaced by others, known for scoring only. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "pipeline/internal.h"

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
    for (size_t i = 0; i < p->truth_count; i++)
        if (strcmp(p->truths[i].name, "labels") == 0 || strcmp(p->truths[i].name, "noise") == 0)
            return ho_fail_at(r->error, HO_INVALID, noise->place,
                              "noise: the data reader already provides a truth \"%s\"", p->truths[i].name);
    p->true_labels = ho_large_alloc((uint64_t)count, sizeof *p->true_labels, "label noise", r->error);
    p->noise = p->true_labels ? ho_large_alloc((uint64_t)count, sizeof *p->noise, "label noise", r->error) : NULL;
    if (!p->noise)
        return r->error->status;
    memcpy(p->true_labels, labels->values, (size_t)count * sizeof *labels->values);
    ho_noise_labels(noise, labels, count, p->noise);
    ho_truth *truths = ho_arena_alloc(r->arena, (p->truth_count + 2) * sizeof *truths);
    for (size_t i = 0; i < p->truth_count; i++)
        truths[i] = p->truths[i];
    truths[p->truth_count++] = (ho_truth){"labels", 1, {count}, p->true_labels};
    truths[p->truth_count++] = (ho_truth){"noise", 1, {count}, p->noise};
    p->truths = truths;
    return HO_OK;
}
