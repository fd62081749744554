/* The phonetic-context embedding: one vector for each triphone of the training alignments. */
#include "timit.h"

#include <inttypes.h>
#include <math.h>

/* One more symbol stands for what is beyond the ends of an utterance. */
#define BOUNDARY TIMIT_PHONES
#define SYMBOLS  (TIMIT_PHONES + 1)
#define TRIPLES  (SYMBOLS * SYMBOLS * SYMBOLS)

/* Singular values below this share of the largest are rounding. */
#define LEAST_SHARE 1e-9

/* LAPACK, by its Fortran name. */
void dgesdd_(const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info);

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

/* The thin singular value decomposition A' = V S U' of a matrix A (units, columns). */
typedef struct factors {
    int rank;  /* the smaller side of A */
    double *s; /* (rank) from the largest on */
    double *u; /* (units, rank) */
} factors;

static ho_status decompose(ho_data *d, double *a, int64_t units, int64_t columns, factors *f)
{
    const int m = (int)columns, n = (int)units, k = m < n ? m : n, query = -1;
    int info = 0, *iwork = ho_data_alloc(d, 8 * (uint64_t)k, sizeof *iwork);
    double size = 0.0, *v = ho_data_alloc(d, (uint64_t)m * (uint64_t)k, sizeof *v);
    f->rank = k;
    f->s = ho_data_alloc(d, (uint64_t)k, sizeof *f->s);
    f->u = ho_data_alloc(d, (uint64_t)k * (uint64_t)n, sizeof *f->u);
    if (!iwork || !v || !f->s || !f->u)
        return HO_FAILED;
    dgesdd_("S", &m, &n, a, &m, f->s, v, &m, f->u, &k, &size, &query, iwork, &info);
    if (info || size > 2147483647.0)
        return ho_data_fail(d, NULL, -1, "embedding: %d contexts of %d triphones are too many to decompose", m, n);
    const int length = (int)size;
    double *work = ho_data_alloc(d, (uint64_t)length, sizeof *work);
    if (!work)
        return HO_FAILED;
    dgesdd_("S", &m, &n, a, &m, f->s, v, &m, f->u, &k, work, &length, iwork, &info);
    return info ? ho_data_fail(d, NULL, -1, "embedding: the singular value decomposition failed (LAPACK's dgesdd: %d)",
                               info)
                : HO_OK;
}

/* Vectors U sqrt(S), each column's largest entry positive. */
static ho_status make_vectors(ho_data *d, const factors *f, timit_frames *frames)
{
    const int64_t units = frames->units, width = frames->embedding;
    int64_t rank = 0;
    while (rank < f->rank && f->s[rank] > LEAST_SHARE * f->s[0])
        rank++;
    if (width > rank)
        return ho_data_fail(d, NULL, -1,
                            "embedding: the training alignments have only %" PRId64 " independent contexts of %" PRId64
                            " triphones; set embedding to at most that, or increase embedding_context",
                            rank, units);
    frames->vectors = ho_data_alloc(d, (uint64_t)(units * width), sizeof *frames->vectors);
    if (!frames->vectors)
        return HO_FAILED;
    for (int64_t k = 0; k < width; k++) {
        double largest = 0.0;
        for (int64_t u = 0; u < units; u++)
            if (fabs(f->u[u * f->rank + k]) > fabs(largest))
                largest = f->u[u * f->rank + k];
        const double scale = copysign(sqrt(f->s[k]), largest);
        for (int64_t u = 0; u < units; u++)
            frames->vectors[u * width + k] = (float)(scale * f->u[u * f->rank + k]);
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
    factors f;
    ho_status status = decompose(d, a, frames->units, columns, &f);
    if (status == HO_OK)
        status = make_vectors(d, &f, frames);
    if (status == HO_OK)
        scale_vectors(frames);
    return status;
}
