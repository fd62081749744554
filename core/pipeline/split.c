/* Dividing examples into parts, and standardising them. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "pipeline/internal.h"

static const char *const part_names[3] = {"training", "validation", "test"};

/* A class's claim to one example more. */
typedef struct claim {
    int64_t rest;
    size_t class;
} claim;

static int by_rest(const void *left, const void *right)
{
    const claim *a = left, *b = right;
    if (a->rest != b->rest)
        return a->rest > b->rest ? -1 : 1;
    return (a->class > b->class) - (a->class < b->class);
}

/* How many examples of each class go into a part of `wanted`, out of those available: shares in proportion, rounded by
 * largest remainder (the lower class first where they tie). Never more than are there. */
static void apportion(const int64_t *available, int64_t *taken, size_t classes, int64_t wanted)
{
    int64_t total = 0, given = 0;
    for (size_t c = 0; c < classes; c++)
        total += available[c];
    claim *claims = ho_alloc(classes * sizeof *claims);
    for (size_t c = 0; c < classes; c++) {
        taken[c] = wanted * available[c] / total;
        claims[c] = (claim){wanted * available[c] % total, c};
        given += taken[c];
    }
    qsort(claims, classes, sizeof *claims, by_rest);
    /* The remainders add up to what is left to give times the total, so more classes have one than examples are left.
     */
    for (size_t i = 0; given < wanted; i++, given++)
        taken[claims[i].class]++;
    free(claims);
}

/* The rows of each class in random order: class c has rows[starts[c]] to rows[starts[c + 1] - 1]. */
static void order_by_class(const ho_target *labels, int64_t count, size_t classes, uint64_t seed, int64_t *starts,
                           int64_t *rows)
{
    const uint64_t stream = ho_stream("split: examples of a class");
    for (int64_t i = 0; i < count; i++)
        starts[(labels ? (size_t)labels->values[i] : 0) + 1]++;
    for (size_t c = 0; c < classes; c++)
        starts[c + 1] += starts[c];
    int64_t *next = ho_alloc(classes * sizeof *next);
    for (int64_t i = 0; i < count; i++) {
        size_t c = labels ? (size_t)labels->values[i] : 0;
        uint64_t members = (uint64_t)(starts[c + 1] - starts[c]);
        rows[starts[c] + (int64_t)ho_permute(seed, stream + c, members, (uint64_t)next[c]++)] = i;
    }
    free(next);
}

/* Sizes of the parts with the rest filled in, checked against what there is. */
static ho_status settle_counts(const ho_split *split, int64_t count, int64_t counts[3], ho_error *error)
{
    int64_t sum = 0;
    int rest = -1;
    for (int p = 0; p < 3; p++) /* 0.29 of 100 are 29, whatever the rounding of the product */
        counts[p] = split->shares[p] > 0 ? (int64_t)(split->shares[p] * (double)count + 1e-6) : split->counts[p];
    for (int p = 0; p < 3; p++)
        if (counts[p] == HO_REST)
            rest = p;
        else if (counts[p] > count - sum)
            return ho_fail_at(error, HO_INVALID, split->place,
                              "split: %" PRId64 " for training, %" PRId64 " for validation and %" PRId64
                              " for test%s are more than the %" PRId64 " examples of the data",
                              counts[0] < 0 ? 0 : counts[0], counts[1] < 0 ? 0 : counts[1],
                              counts[2] < 0 ? 0 : counts[2], rest < 0 ? "" : " beside the rest", count);
        else
            sum += counts[p];
    if (rest >= 0)
        counts[rest] = count - sum;
    for (int p = 0; p < 3; p++)
        if (counts[p] == 0 && (p < 2 || p == rest || split->shares[p] > 0))
            return ho_fail_at(error, HO_INVALID, split->place, "split: no examples for %s%s (the data has %" PRId64 ")",
                              part_names[p], p == rest ? ": the other parts leave no rest" : "", count);
    return HO_OK;
}

/* Draws one part from the front of what each class has left. */
static ho_status draw_part(const ho_examples *all, int part, int64_t wanted, uint64_t seed, size_t classes,
                           int64_t *starts, int64_t *left, const int64_t *rows, ho_examples *out, ho_error *error)
{
    int64_t *taken = ho_alloc(classes * sizeof *taken);
    int64_t *chosen = ho_large_alloc((uint64_t)wanted, sizeof *chosen, "a part of the data", error);
    if (!chosen) {
        free(taken);
        return error->status;
    }
    apportion(left, taken, classes, wanted);
    const uint64_t stream = ho_stream("split: order of a part") + (uint64_t)part;
    uint64_t at = 0;
    for (size_t c = 0; c < classes; c++) {
        for (int64_t i = 0; i < taken[c]; i++)
            chosen[ho_permute(seed, stream, (uint64_t)wanted, at++)] = rows[starts[c] + i];
        starts[c] += taken[c];
        left[c] -= taken[c];
    }
    ho_status status = ho_examples_take(all, chosen, wanted, out, error);
    ho_large_free(chosen);
    free(taken);
    return status;
}

ho_status ho_split_examples(const ho_examples *all, const ho_target *labels, const ho_split *split,
                            ho_examples parts[3], ho_error *error)
{
    int64_t counts[3] = {0};
    if (settle_counts(split, all->count, counts, error) != HO_OK)
        return error->status;
    if (all->count > INT32_MAX) /* the shares are computed in integers of 64 bits */
        return ho_fail_at(error, HO_INVALID, split->place, "split: more than %d examples", INT32_MAX);
    const ho_target *strata = split->stratified ? labels : NULL;
    size_t classes = strata ? (size_t)strata->classes : 1;
    int64_t *rows = ho_large_alloc((uint64_t)all->count, sizeof *rows, "the split of the data", error);
    if (!rows)
        return error->status;
    int64_t *starts = ho_alloc((classes + 1) * sizeof *starts), *left = ho_alloc(classes * sizeof *left);
    order_by_class(strata, all->count, classes, split->seed, starts, rows);
    for (size_t c = 0; c < classes; c++)
        left[c] = starts[c + 1] - starts[c];
    for (int p = 0; p < 3 && error->status == HO_OK; p++)
        if (counts[p])
            draw_part(all, p, counts[p], split->seed, classes, starts, left, rows, &parts[p], error);
    free(left);
    free(starts);
    ho_large_free(rows);
    return error->status;
}

ho_status ho_deal_folds(const ho_target *labels, int64_t count, int64_t folds, uint64_t seed, int64_t *fold_of,
                        ho_error *error)
{
    size_t classes = labels ? (size_t)labels->classes : 1;
    int64_t *rows = ho_large_alloc((uint64_t)count, sizeof *rows, "the folds of the data", error);
    if (!rows)
        return error->status;
    int64_t *starts = ho_alloc((classes + 1) * sizeof *starts);
    order_by_class(labels, count, classes, seed, starts, rows);
    /* Class by class, as cards are dealt: each class is spread evenly, and so are all examples. */
    for (int64_t i = 0; i < count; i++)
        fold_of[rows[i]] = i % folds;
    free(starts);
    ho_large_free(rows);
    return HO_OK;
}

/* Statistics of every feature over one part. */
typedef struct statistics {
    double *mean, *deviation; /* deviation 0: constant */
    double *row;              /* an example's features */
    const char *over;         /* the part */
} statistics;

static void load_row(const ho_examples *part, int64_t i, double *row)
{
    size_t features = (size_t)part->features, at = (size_t)i * features;
    for (size_t j = 0; j < features; j++)
        row[j] = part->x32 ? (double)part->x32[at + j] : part->x64[at + j];
}

/* Row by row, as the memory lies. */
static void measure(const ho_examples *part, const statistics *s)
{
    size_t features = (size_t)part->features;
    double *low = ho_alloc(features * sizeof *low), *high = ho_alloc(features * sizeof *high);
    double n = (double)part->count;
    for (int64_t i = 0; i < part->count; i++) {
        load_row(part, i, s->row);
        for (size_t j = 0; j < features; j++) {
            double x = s->row[j];
            s->mean[j] += x / n;
            low[j] = i == 0 || x < low[j] ? x : low[j];
            high[j] = i == 0 || x > high[j] ? x : high[j];
        }
    }
    for (int64_t i = 0; i < part->count; i++) {
        load_row(part, i, s->row);
        for (size_t j = 0; j < features; j++) {
            double d = s->row[j] - s->mean[j];
            s->deviation[j] += d * d / n;
        }
    }
    for (size_t j = 0; j < features; j++) {
        s->deviation[j] = sqrt(s->deviation[j]);
        if (high[j] == low[j] || s->deviation[j] <= 1e-12 * fmax(fabs(low[j]), fabs(high[j])))
            s->deviation[j] = 0;
    }
    free(low);
    free(high);
}

static ho_status apply(const statistics *s, const char *name, ho_examples *part, ho_error *error)
{
    size_t features = (size_t)part->features;
    for (int64_t i = 0; i < part->count; i++) {
        load_row(part, i, s->row);
        for (size_t j = 0; j < features; j++) {
            size_t at = (size_t)i * features + j;
            double z = s->deviation[j] == 0 ? 0 : (s->row[j] - s->mean[j]) / s->deviation[j];
            if (!isfinite(z) || !isfinite(s->deviation[j]) || (part->x32 && !isfinite((float)z)))
                return ho_fail(error, HO_INVALID,
                               "standardize: feature %zu of example %" PRId64 " of the %s part, %g, is out of range: "
                               "over the %s part the mean is %g and the deviation %g",
                               j, i, name, s->row[j], s->over, s->mean[j], s->deviation[j]);
            if (part->x32)
                part->x32[at] = (float)z;
            else
                part->x64[at] = z;
        }
    }
    return HO_OK;
}

ho_status ho_standardize(ho_examples *const parts[3], ho_data_stream *stream, ho_error *error)
{
    const int by = stream ? 1 : 0;
    size_t features = (size_t)parts[0]->features;
    double *memory = ho_alloc(3 * features * sizeof *memory);
    const statistics s = {memory, memory + features, memory + 2 * features, part_names[by]};
    measure(parts[by], &s);
    for (int p = by; p < 3 && error->status == HO_OK; p++)
        apply(&s, part_names[p], parts[p], error);
    if (stream)
        ho_stream_standardize(stream, s.mean, s.deviation);
    free(memory);
    return error->status;
}
