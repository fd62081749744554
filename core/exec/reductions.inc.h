/*
 * Part of kernels.inc.h: sums and maxima along lines and across them. They are folded part by part, at fixed places, so
 * that their bits do not depend on who folds which.
 */

/* Adds an entry x to the result y so far. */
#define FOLD(NAME, name, number, kink, first, fold)      \
    static inline double name##_fold(double x, double y) \
    {                                                    \
        return fold;                                     \
    }
HO_REDUCTION_OPS(FOLD)

/* Segments are read in eights, the entries after the last whole one in an eight that ends with them. Shorter ones go
 * entry by entry. An eight is as many vectors as it takes: compilers divide wider ones badly. */
#ifdef __AVX512F__
#define AT_ONCE 8
#else
#define AT_ONCE 4
#endif
#define PARTS (8 / AT_ONCE)
typedef REAL lanes __attribute__((vector_size(AT_ONCE * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef double lanes_of_doubles __attribute__((vector_size(AT_ONCE * sizeof(double))));
typedef double loose_doubles __attribute__((vector_size(AT_ONCE * sizeof(double)), aligned(8), may_alias));
#if REAL_IS_F32
typedef int32_t lanes_of_bits __attribute__((vector_size(AT_ONCE * 4), aligned(4), may_alias));
#else
typedef int64_t lanes_of_bits __attribute__((vector_size(AT_ONCE * 8), aligned(8), may_alias));
#endif
#define VECTOR(p)     (*(const lanes *)(p))
#define TO_DOUBLES(v) __builtin_convertvector(v, lanes_of_doubles)

/* One vector of eight entries, of which the last n count: zeros stand for the others. */
INLINE lanes last_of_eight(const REAL *a, int64_t n, int part)
{
    static const __typeof__(((lanes_of_bits){0})[0]) masks[16] = {[8 ... 15] = -1};
    return (lanes)((lanes_of_bits)VECTOR(a + AT_ONCE * part) & *(const lanes_of_bits *)(masks + n + AT_ONCE * part));
}

typedef double four_doubles __attribute__((vector_size(4 * sizeof(double))));
typedef double two_doubles __attribute__((vector_size(2 * sizeof(double))));

INLINE double sum_of_eight(const lanes_of_doubles *v)
{
#if PARTS == 1
    const four_doubles four =
        __builtin_shufflevector(v[0], v[0], 0, 1, 2, 3) + __builtin_shufflevector(v[0], v[0], 4, 5, 6, 7);
#else
    const four_doubles four = v[0] + v[1];
#endif
    const two_doubles two = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
    return two[0] + two[1];
}

/* Lanes of partial sums, so that additions need not wait for one another; their order depends on the length alone. */
#define SUMS 4

static inline double sum_of_segment(const REAL *a, int64_t n)
{
    double few = 0;
    lanes_of_doubles sums[PARTS] = {{0}}, more[SUMS * PARTS] = {{0}};
    int64_t i = 0;
    for (; i < n && n < 8; i++)
        few += (double)a[i];
    if (n < 8)
        return few;
    for (; i + 8 * SUMS <= n; i += 8 * SUMS)
        for (int j = 0; j < SUMS * PARTS; j++)
            more[j] += TO_DOUBLES(VECTOR(a + i + AT_ONCE * j));
    for (int j = 0; j < SUMS * PARTS && i > 0; j++)
        sums[j % PARTS] += more[j];
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < PARTS; j++)
            sums[j] += TO_DOUBLES(VECTOR(a + i + AT_ONCE * j));
    for (int j = 0; j < PARTS && i < n; j++)
        sums[j] += TO_DOUBLES(last_of_eight(a + n - 8, n - i, j));
    return sum_of_eight(sums);
}

#define IS_NAN(x) ((x) != (x))

INLINE lanes larger(lanes x, lanes y)
{
    const lanes_of_bits first = (lanes_of_bits)IS_NAN(x) | (lanes_of_bits)(x > y);
    return (lanes)(((lanes_of_bits)x & first) | ((lanes_of_bits)y & ~first));
}

INLINE REAL largest_lane(lanes s)
{
#if AT_ONCE == 8
    s = larger(s, __builtin_shufflevector(s, s, 4, 5, 6, 7, 4, 5, 6, 7));
    s = larger(s, __builtin_shufflevector(s, s, 2, 3, 2, 3, 2, 3, 2, 3));
    return larger(s, __builtin_shufflevector(s, s, 1, 1, 1, 1, 1, 1, 1, 1))[0];
#else
    s = larger(s, __builtin_shufflevector(s, s, 2, 3, 2, 3));
    return larger(s, __builtin_shufflevector(s, s, 1, 1, 1, 1))[0];
#endif
}

/* Lanes enough to hide how long a comparison and a choice take; the order of a maximum is no matter. */
#define MAXIMA (4 * PARTS)

static inline double maximum_of_segment(const REAL *a, int64_t n)
{
    double few = -INFINITY;
    for (int64_t i = 0; i < n && n < 8; i++)
        few = maximum_fold((double)a[i], few);
    if (n < 8)
        return few;
    lanes s = VECTOR(a + n - AT_ONCE), more[MAXIMA];
    int64_t i = 0;
    for (int j = 0; j < MAXIMA; j++)
        more[j] = s;
    for (; i + AT_ONCE * MAXIMA <= n; i += AT_ONCE * MAXIMA)
        for (int j = 0; j < MAXIMA; j++)
            more[j] = larger(VECTOR(a + i + AT_ONCE * j), more[j]);
    for (int j = 0; j < MAXIMA && i > 0; j++)
        s = larger(more[j], s);
    for (; i + AT_ONCE <= n; i += AT_ONCE)
        s = larger(VECTOR(a + i), s);
    return (double)largest_lane(s);
}

static void put_result(const ho_reduce_into *r, const block *b, int64_t at, double value)
{
    if (r->result.kind == HO_IN_SLOT)
        b->slots[r->result.index] = value;
    else
        ((REAL *)b->address[r->result.index])[r->result.offset + at] = (REAL)value;
}

/* (outer, extent, 1): each line reduces to one number. What a block has of a line that begins before it, and of one
 * that ends after it, is kept for later: other blocks may be other workers'. */
INLINE void reduce_lines(const ho_reduce_into *r, double (*segment)(const REAL *, int64_t), const REAL *a,
                         const block *b)
{
    double *unfinished = (double *)b->address[r->partial] + b->first / BLOCK * 2;
    int64_t o = b->first / r->extent, e = b->first % r->extent, left = b->n;
    for (int64_t n; left > 0; left -= n, a += n, o++, e = 0) {
        n = least_of(r->extent - e, left);
        const double value = segment(a, n);
        if (n == r->extent)
            put_result(r, b, o, value);
        else
            unfinished[e > 0 ? 0 : 1] = value;
    }
}

/* Parts and blocks begin at multiples of their size, whatever rows a kernel runs on. */
static int64_t part_end(int64_t first, int64_t part, int64_t end)
{
    return least_of((first / part + 1) * part, end);
}

/* Sums down whole lines of so many vectors, the last of which ends with the line; the sums stay in registers. Each
 * column is still one chain of additions. */
INLINE void sum_columns(const int vectors, double *p, const REAL *a, int64_t count, int64_t inner)
{
    lanes_of_doubles sums[32 / AT_ONCE];
    int64_t at[32 / AT_ONCE];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        at[v] = v + 1 < vectors ? AT_ONCE * v : inner - AT_ONCE;
        sums[v] = *(const loose_doubles *)(p + at[v]);
    }
    for (int64_t l = 0; l < count; l++) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sums[v] += TO_DOUBLES(VECTOR(a + l * inner + at[v]));
    }
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++)
        *(loose_doubles *)(p + at[v]) = sums[v];
}

/* The sums down lines that are of neither few entries nor many; how many lines there are of the block, which begins
 * with a whole one. */
static int64_t sum_whole_lines(double *p, const REAL *a, int64_t count, int64_t inner)
{
    if (count == 0)
        return 0;
    switch (inner < AT_ONCE ? 0 : (inner + AT_ONCE - 1) / AT_ONCE) {
#define LINES(vectors)                            \
    case vectors:                                 \
        sum_columns(vectors, p, a, count, inner); \
        return count;
        LINES(1)
        LINES(2)
        LINES(3)
        LINES(4)
#if AT_ONCE == 4
        LINES(5)
        LINES(6)
        LINES(7)
        LINES(8)
#endif
#undef LINES
    default:
        return 0;
    }
}

/* (outer, extent, inner): lines of `inner` entries are folded together. What a part has of those that began before it,
 * or go on after it, is kept for later: other parts may be other workers'. */
INLINE void reduce_across(const ho_reduce_into *r, double (*fold)(double, double), double identity, const REAL *a,
                          const block *b)
{
    const bool sums = r->op == HO_OP_SUM;
    const int64_t inner = r->inner, part = b->first / r->part;
    int64_t i0 = b->first % inner, e = b->first / inner % r->extent, o = b->first / inner / r->extent;
    double *unfinished = (double *)b->address[r->partial] + part * 2 * inner;
    for (int64_t i = 0; b->first % r->part == 0 && i < 2 * inner; i++)
        unfinished[i] = identity;
    for (int64_t n, left = b->n; left > 0; left -= n, a += n) {
        const bool begun = o * r->extent * inner >= part * r->part;
        double *to = unfinished + (begun ? inner : 0);
        const int64_t count =
            sums && i0 == 0 ? sum_whole_lines(to, a, least_of(left / inner, r->extent - e), inner) : 0;
        if (count > 0) {
            n = count * inner;
            e += count;
        } else {
            n = least_of(inner - i0, left);
            double *some = to + i0;
            ENTRIES some[i] = fold((double)a[i], some[i]);
            i0 = i0 + n < inner ? i0 + n : 0;
            e += i0 == 0;
        }
        if (e < r->extent)
            continue;
        for (int64_t i = 0; begun && i < inner; i++) {
            put_result(r, b, o * inner + i, to[i]);
            to[i] = identity;
        }
        e = 0;
        o++;
    }
}

/* What went on from part to part is folded in their order; each worker does so for some of the `inner` entries. */
INLINE void finish_parts(const ho_reduce_into *r, double (*fold)(double, double), const block *b, int64_t end,
                         const ho_worker *worker)
{
    const int64_t all = r->extent * r->inner, first = share_start(worker, r->inner), n = share_end(worker, r->inner);
    double *unfinished = (double *)b->address[r->partial] + b->first / r->part * 2 * r->inner, *so_far = NULL;
    for (int64_t at = b->first, next; at < end; at = next, unfinished += 2 * r->inner) {
        const int64_t o = at / all;
        next = part_end(at, r->part, end);
        for (int64_t i = first; so_far && i < n; i++)
            so_far[i] = fold(unfinished[i], so_far[i]);
        for (int64_t i = first; so_far && (o + 1) * all <= next && i < n; i++)
            put_result(r, b, o * r->inner + i, so_far[i]);
        if (next % all == 0)
            so_far = NULL;
        else if (next / all * all >= at)
            so_far = unfinished + r->inner;
    }
}

static void reduce(const ho_instruction *instruction, const ho_reduce_into *r, const block *b)
{
    const REAL *a = source(b, &instruction->in[0]);
    switch (r->op) {
#define REDUCE(NAME, name, number, kink, first, fold)   \
    case HO_OP_##NAME:                                  \
        if (r->inner == 1)                              \
            reduce_lines(r, name##_of_segment, a, b);   \
        else                                            \
            reduce_across(r, name##_fold, first, a, b); \
        break;
        HO_REDUCTION_OPS(REDUCE)
    default: /* not emitted */
        break;
    }
}

static void finish(const ho_reduce_into *r, const block *b, int64_t end, const ho_worker *worker)
{
    switch (r->op) {
#define FINISH(NAME, name, ...)                       \
    case HO_OP_##NAME:                                \
        finish_parts(r, name##_fold, b, end, worker); \
        break;
        HO_REDUCTION_OPS(FINISH)
    default: /* not emitted */
        break;
    }
}

/* Once all workers have done their share. Of rows that come block by block, sums over all of them wait for the last. */
static void finish_reductions(const ho_kernel *kernel, block *b, int64_t first, int64_t end, const ho_worker *worker)
{
    bool waited = false;
    for (size_t i = 0; i < kernel->reduce_count; i++) {
        const ho_reduce_into *r = &kernel->reduces[i];
        const bool across = r->inner > 1;
        if (r->part % (r->extent * r->inner) == 0 || (across && end < kernel->count))
            continue;
        if (!waited)
            ho_worker_wait(worker);
        waited = true;
        b->first = across ? 0 : first;
        finish(r, b, end, worker);
    }
}
