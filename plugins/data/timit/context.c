/* The phonetic-context embedding: one vector for each triphone of the training alignments. */
#include "timit.h"

#include <inttypes.h>
#include <math.h>

/* One more symbol stands for what is beyond the ends of an utterance. */
#define BOUNDARY TIMIT_PHONES
#define SYMBOLS  (TIMIT_PHONES + 1)
#define TRIPLES  (SYMBOLS * SYMBOLS * SYMBOLS)

/* Eigenvalues of A'A below this share of the largest are rounding. */
#define LEAST_SHARE 1e-12

static int32_t symbol(const timit_utterance *u, int64_t i)
{
    return i < 0 || i >= u->segment_count ? BOUNDARY : u->segments[i].phone;
}

static int32_t triple(const timit_utterance *u, int64_t i)
{
    return (symbol(u, i - 1) * SYMBOLS + symbol(u, i)) * SYMBOLS + symbol(u, i + 1);
}

/* Numbers the triphones that occur in training in the order of their symbols. The others get -1. */
static int64_t number_units(const timit_corpus *corpus, int32_t *unit_of_triple)
{
    int32_t count = 0;
    for (int64_t i = 0; i < corpus->count; i++)
        for (int64_t s = 0; corpus->utterances[i].part == TIMIT_TRAINING && s < corpus->utterances[i].segment_count;
             s++)
            unit_of_triple[triple(&corpus->utterances[i], s)] = 1;
    for (int32_t k = 0; k < TRIPLES; k++)
        unit_of_triple[k] = unit_of_triple[k] ? count++ : -1;
    return count;
}

static void assign_frames(const timit *t, const timit_corpus *corpus, const int32_t *unit_of_triple,
                          timit_frames *frames)
{
    int32_t *to = frames->unit_of;
    for (int64_t i = 0; i < corpus->count; i++) {
        const timit_utterance *u = &corpus->utterances[i];
        int64_t last = 0;
        for (int64_t f = 0; f < frames->counts[i]; f++) {
            const int64_t s = u->part == TIMIT_TRAINING ? timit_segment_of(t, u, f, last) : -1;
            *to++ = s < 0 ? -1 : unit_of_triple[triple(u, s)];
            last = s < 0 ? last : s;
        }
    }
}

/* How often each triphone (row) has each phone at each distance, including 0 (column). */
static void count_contexts(const timit *t, const timit_corpus *corpus, const int32_t *unit_of_triple, int64_t columns,
                           double *counts)
{
    for (int64_t i = 0; i < corpus->count; i++) {
        const timit_utterance *u = &corpus->utterances[i];
        for (int64_t s = 0; u->part == TIMIT_TRAINING && s < u->segment_count; s++)
            for (int64_t o = -t->embedding_context; o <= t->embedding_context; o++) {
                const int64_t column = (o + t->embedding_context) * SYMBOLS + symbol(u, s + o);
                counts[unit_of_triple[triple(u, s)] * columns + column] += 1.0;
            }
    }
}

/* Counts become positive pointwise mutual information, max(0, log(N n_uc / (n_u n_c))). Empty columns
 * are removed. */
static ho_status to_ppmi(ho_data *d, double *counts, int64_t units, int64_t *columns)
{
    const int64_t before = *columns;
    double total = 0.0, *of_unit = ho_data_alloc(d, (uint64_t)units, sizeof *of_unit);
    double *of_column = ho_data_alloc(d, (uint64_t)before, sizeof *of_column);
    if (!of_unit || !of_column)
        return HO_FAILED;
    for (int64_t u = 0; u < units; u++)
        for (int64_t c = 0; c < before; c++) {
            const double count = counts[u * before + c];
            of_unit[u] += count;
            of_column[c] += count;
            total += count;
        }
    double *to = counts;
    for (int64_t u = 0; u < units; u++)
        for (int64_t c = 0; c < before; c++) {
            const double count = counts[u * before + c];
            if (of_column[c] > 0.0)
                *to++ = count > 0.0 ? fmax(0.0, log(total * count / (of_unit[u] * of_column[c]))) : 0.0;
        }
    *columns = (to - counts) / units;
    return HO_OK;
}

/* The eigenvectors of A'A are the right singular vectors v of A, and A v / s the left ones. A is sparse and has many
 * more rows than columns, so A'A is cheap. */
static void multiply_by_itself(const double *a, int64_t rows, int64_t columns, double *product)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < columns; i++) {
            const double x = a[r * columns + i];
            for (int64_t j = 0; x != 0.0 && j < columns; j++)
                product[i * columns + j] += x * a[r * columns + j];
        }
}

/* Vectors U sqrt(S) = A V / sqrt(S), each column's largest entry positive. */
static ho_status make_vectors(ho_data *d, const double *a, int64_t columns, const timit_eigen *e, timit_frames *frames)
{
    const int64_t units = frames->units, width = frames->embedding;
    int64_t rank = 0;
    while (rank < columns && rank < units && e->values[rank] > LEAST_SHARE * e->values[0])
        rank++;
    if (width > rank)
        return ho_data_fail(d, NULL, -1,
                            "embedding: the training alignments have only %" PRId64 " independent contexts of %" PRId64
                            " triphones; set embedding to at most that, or increase embedding_context",
                            rank, units);
    double *vectors = ho_data_alloc(d, (uint64_t)(units * width), sizeof *vectors);
    frames->vectors = ho_data_alloc(d, (uint64_t)(units * width), sizeof *frames->vectors);
    if (!vectors || !frames->vectors)
        return HO_FAILED;
    for (int64_t u = 0; u < units; u++)
        for (int64_t c = 0; c < columns; c++) {
            const double x = a[u * columns + c];
            for (int64_t k = 0; x != 0.0 && k < width; k++)
                vectors[u * width + k] += x * e->vectors[k * columns + c];
        }
    for (int64_t k = 0; k < width; k++) {
        double largest = 0.0;
        for (int64_t u = 0; u < units; u++)
            if (fabs(vectors[u * width + k]) > fabs(largest))
                largest = vectors[u * width + k];
        const double scale = copysign(pow(e->values[k], -0.25), largest);
        for (int64_t u = 0; u < units; u++)
            frames->vectors[u * width + k] = (float)(scale * vectors[u * width + k]);
    }
    return HO_OK;
}

/* Scales all vectors by one factor: mean square 1 per entry over the training frames. */
static void scale_vectors(timit_frames *frames)
{
    double squares = 0.0, count = 0.0;
    for (int64_t i = 0; i < frames->frames; i++) {
        const float *v = frames->unit_of[i] < 0 ? NULL : frames->vectors + frames->unit_of[i] * frames->embedding;
        for (int64_t k = 0; v && k < frames->embedding; k++)
            squares += (double)v[k] * (double)v[k];
        count += v ? (double)frames->embedding : 0.0;
    }
    if (!frames->vectors || !(squares > 0.0))
        return;
    for (int64_t i = 0; i < frames->units * frames->embedding; i++)
        frames->vectors[i] = (float)((double)frames->vectors[i] / sqrt(squares / count));
}

ho_status timit_context_compute(const timit *t, ho_data *d, const timit_corpus *corpus, timit_frames *frames)
{
    int64_t columns = (2 * t->embedding_context + 1) * SYMBOLS;
    int32_t *unit_of_triple = ho_data_alloc(d, TRIPLES, sizeof *unit_of_triple);
    frames->unit_of = ho_data_alloc(d, (uint64_t)frames->frames, sizeof *frames->unit_of);
    if (!unit_of_triple || !frames->unit_of)
        return HO_FAILED;
    frames->embedding = t->embedding;
    frames->units = number_units(corpus, unit_of_triple);
    assign_frames(t, corpus, unit_of_triple, frames);
    double *a = ho_data_alloc(d, (uint64_t)(frames->units * columns), sizeof *a);
    if (!a)
        return HO_FAILED;
    count_contexts(t, corpus, unit_of_triple, columns, a);
    if (to_ppmi(d, a, frames->units, &columns) != HO_OK)
        return HO_FAILED;
    double *product = ho_data_alloc(d, (uint64_t)(columns * columns), sizeof *product);
    if (!product)
        return HO_FAILED;
    multiply_by_itself(a, frames->units, columns, product);
    timit_eigen eigen;
    ho_status status = timit_eigen_compute(d, columns, product, t->embedding, &eigen);
    if (status == HO_OK)
        status = make_vectors(d, a, columns, &eigen, frames);
    if (status == HO_OK)
        scale_vectors(frames);
    return status;
}
