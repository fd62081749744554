/*
 * The arithmetic of plans, for one REAL (float or double) and one instruction set. Included by kernels_f32.c and
 * kernels_f64.c, which are compiled with -fno-math-errno -fno-trapping-math -ffp-contract=off: every entry is rounded
 * after each op, so its bits do not depend on its position in a block.
 */
#include <float.h>
#include <string.h>
#include <tgmath.h>

#include "exec/kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define JOIN_(a, b, c) a##b##c
#define JOIN(a, b, c)  JOIN_(a, b, c)
#if REAL_IS_F32
#define PRECISION f32
#else
#define PRECISION f64
#endif
#if defined(__AVX512F__)
#define ISA _avx512
#elif defined(__AVX2__)
#define ISA _avx2
#else
#define ISA _base
#endif

/* A result may replace an operand entry by entry, so the pointers cannot be `restrict`; otherwise nothing overlaps. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif
#define ENTRIES INDEPENDENT for (int64_t i = 0; i < n; i++)

/* In entries: of a block; between temporaries. */
#define BLOCK       ((int64_t)(HO_BLOCK_BYTES / sizeof(REAL)))
#define TEMP_STRIDE ((int64_t)(HO_TEMP_BYTES / sizeof(REAL)))

typedef struct block {
    int64_t first, n; /* elements first .. first+n-1 of the kernel */
    int64_t ahead;    /* how much of the next block's results is fetched: a block, in a large kernel; else 0 */
    void *const *address;
    double *slots;
    REAL *temps;
    const REAL **at; /* the value of each temporary: in its own place, or in the memory that was loaded */
} block;

/* This block of a buffer. */
static REAL *in_buffer(const block *b, const ho_operand *operand)
{
    return (REAL *)b->address[operand->index] + operand->offset + b->first;
}

/* An operand's entries of this block. */
static const REAL *source(const block *b, const ho_operand *operand)
{
    return operand->kind == HO_IN_TEMP ? b->at[operand->index] : in_buffer(b, operand);
}

/* From so many entries on, what a kernel writes is no longer in the second-level cache. */
#define LARGE 65536

/* Where to write a result. Call it after source(): an operand may be the same temporary. */
static REAL *target(const block *b, const ho_operand *operand)
{
    if (operand->kind != HO_IN_TEMP) {
        REAL *at = in_buffer(b, operand);
        for (int64_t i = 0; i < b->ahead; i += (int64_t)(64 / sizeof(REAL)))
            __builtin_prefetch(at + BLOCK + i, 1, 2);
        return at;
    }
    REAL *own = b->temps + (int64_t)operand->index * TEMP_STRIDE;
    b->at[operand->index] = own;
    return own;
}

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The size of the next of `parts` parts of nearly equal size; how many parts of so many it takes. */
static int64_t even_part(int64_t left, int64_t parts)
{
    return (left + parts - 1) / parts;
}

/* The worker's part of `all`. */
static int64_t share_start(const ho_worker *worker, int64_t all)
{
    return all * worker->index / worker->count;
}

static int64_t share_end(const ho_worker *worker, int64_t all)
{
    return all * (worker->index + 1) / worker->count;
}

#include "exec/vector_math.inc.h"

#include "exec/elementwise.inc.h"

static void copy(const ho_instruction *instruction, const block *b)
{
    if (instruction->in[0].kind == HO_IN_SLOT) {
        REAL *d = target(b, &instruction->dst), value = (REAL)b->slots[instruction->in[0].index];
        for (int64_t i = 0; i < b->n; i++)
            d[i] = value;
    } else {
        const REAL *a = source(b, &instruction->in[0]);
        memmove(target(b, &instruction->dst), a, (size_t)b->n * sizeof *a); /* may be the same place */
    }
}

/* Writes whole vectors to memory without reading its lines into the cache first. */
static void stream(const ho_instruction *instruction, const block *b)
{
    const REAL *a = source(b, &instruction->in[0]);
    REAL *d = in_buffer(b, &instruction->dst);
    int64_t i = 0;
#if defined(__AVX2__)
    const int64_t lanes = (int64_t)(32 / sizeof(REAL));
    for (; i < b->n && (uintptr_t)(d + i) % 32 != 0; i++)
        d[i] = a[i];
    for (; i + lanes <= b->n; i += lanes)
        _mm256_stream_si256((__m256i *)(void *)(d + i), _mm256_loadu_si256((const __m256i *)(const void *)(a + i)));
#endif
    for (; i < b->n; i++)
        d[i] = a[i];
}

/* ---- strided blocks -------------------------------------------------------------------------------------------- */

/* Walks along the lines (of the last axis) of a strided array. */
typedef struct lines {
    const ho_strided *array;
    int64_t index[HO_RANK_MAX];
    int64_t at; /* offset of the current entry, in elements */
} lines;

static lines lines_from(const ho_strided *array, int64_t first)
{
    lines l = {.array = array, .at = array->offset};
    for (int32_t d = array->rank - 1; d >= 0; d--) {
        l.index[d] = first % array->dims[d];
        first /= array->dims[d];
        l.at += l.index[d] * array->strides[d];
    }
    return l;
}

/* Entries left in the current line, at most n. */
static int64_t line_length(const lines *l, int64_t n)
{
    int32_t last = l->array->rank - 1;
    int64_t left = l->array->dims[last] - l->index[last];
    return left < n ? left : n;
}

/* Skips `by` entries of the current line, then rows - 1 whole lines of the same axis. */
static void line_advance(lines *l, int64_t by, int64_t rows)
{
    const ho_strided *a = l->array;
    int32_t d = a->rank - 1;
    l->index[d] += by;
    l->at += by * a->strides[d];
    if (rows > 1) {
        l->index[d - 1] += rows - 1;
        l->at += (rows - 1) * a->strides[d - 1];
    }
    while (d > 0 && l->index[d] == a->dims[d]) {
        l->at += a->strides[d - 1] - a->dims[d] * a->strides[d];
        l->index[d] = 0;
        l->index[--d]++;
    }
}

/* Repeats one line, by doubling what is there. */
static void repeat_line(REAL *d, int64_t rows, int64_t n)
{
    for (int64_t done = n, all = rows * n; done < all;) {
        int64_t more = done < all - done ? done : all - done;
        memcpy(d + done, d, (size_t)more * sizeof *d);
        done += more;
    }
}

/* Lines of one number each. Except near the end they are written in whole eights; what spills over is overwritten. */
static void splat_lines(REAL *d, const REAL *from, int64_t rows, int64_t row, int64_t n)
{
    for (const REAL *end = d + rows * n; d < end; d += n, from += row) {
        REAL value = *from;
        if (end - d >= n + 7) {
            for (int64_t i = 0; i < n; i += 8)
                for (int j = 0; j < 8; j++)
                    d[i + j] = value;
        } else {
            ENTRIES d[i] = value;
        }
    }
}

/* `rows` whole lines of `n` entries; `row` is the stride between lines. */
static void load_lines(REAL *d, const REAL *from, int64_t rows, int64_t row, int64_t n, int64_t stride)
{
    if (stride == 0) {
        splat_lines(d, from, rows, row, n);
        return;
    }
    for (int64_t r = 0; r < (row == 0 ? 1 : rows); r++, from += row) {
        REAL *line = d + r * n;
        if (stride == 1)
            ENTRIES line[i] = from[i];
        else
            ENTRIES line[i] = from[i * stride];
    }
    if (row == 0)
        repeat_line(d, rows, n);
}

/* A contiguous block is not copied. */
static void load(const ho_instruction *instruction, const ho_strided *array, const block *b)
{
    const REAL *from = b->address[array->buffer];
    int32_t last = array->rank - 1;
    int64_t stride = array->strides[last], left = b->n, length = array->dims[last];
    lines l = lines_from(array, b->first);
    if (stride == 1 && line_length(&l, left) == left && instruction->dst.kind == HO_IN_TEMP) {
        b->at[instruction->dst.index] = from + l.at;
        return;
    }
    REAL *d = target(b, &instruction->dst);
    while (left > 0) {
        int64_t n = line_length(&l, left), rows = 1;
        if (n == length && last > 0) {
            rows = array->dims[last - 1] - l.index[last - 1];
            rows = rows < left / n ? rows : left / n;
        }
        load_lines(d, from + l.at, rows, last > 0 ? array->strides[last - 1] : 0, n, stride);
        d += n * rows;
        left -= n * rows;
        line_advance(&l, n, rows);
    }
}

static void store(const ho_instruction *instruction, const ho_strided *array, const block *b)
{
    const REAL *a = source(b, &instruction->in[0]);
    REAL *to = b->address[array->buffer];
    int64_t stride = array->strides[array->rank - 1], left = b->n;
    for (lines l = lines_from(array, b->first); left > 0;) {
        int64_t n = line_length(&l, left);
        REAL *line = to + l.at;
        if (stride == 1)
            ENTRIES line[i] = a[i];
        else
            ENTRIES line[i * stride] = a[i];
        a += n;
        left -= n;
        line_advance(&l, n, 1);
    }
}

#include "exec/reductions.inc.h"

/* ---- kernels --------------------------------------------------------------------------------------------------- */

static void run_block(const ho_kernel *kernel, const block *b)
{
    for (size_t k = 0; k < kernel->length; k++) {
        const ho_instruction *instruction = &kernel->instructions[k];
        switch (instruction->kind) {
        case HO_DO_UNARY:
            unary(instruction, b);
            break;
        case HO_DO_BINARY:
            binary(instruction, b);
            break;
        case HO_DO_TERNARY:
            ternary(instruction, b);
            break;
        case HO_DO_PAIR:
            pair(instruction, b);
            break;
        case HO_DO_COPY:
            copy(instruction, b);
            break;
        case HO_DO_STREAM:
            stream(instruction, b);
            break;
        case HO_DO_LOAD:
            load(instruction, &kernel->strided[instruction->extra], b);
            break;
        case HO_DO_STORE:
            store(instruction, &kernel->strided[instruction->extra], b);
            break;
        case HO_DO_REDUCE:
            reduce(instruction, &kernel->reduces[instruction->extra], b);
            break;
        case HO_DO_NOTHING:
            break;
        }
    }
}

static void run_kernel(const ho_kernel *kernel, void *const *address, double *slots, const ho_worker *worker,
                       ho_rows rows)
{
    const int64_t width = kernel->count / rows.of, first = rows.first * width, end = rows.last * width;
    const int64_t first_grain = first / kernel->grain, grains = even_part(end, kernel->grain) - first_grain;
    const int64_t own = least_of(end, kernel->grain * (first_grain + share_end(worker, grains)));
    block b = {.address = address, .slots = slots, .temps = worker->temps, .ahead = kernel->count >= LARGE ? BLOCK : 0};
    b.at = (const REAL **)(void *)(b.temps + (int64_t)kernel->temps * TEMP_STRIDE);
    b.first = most_of(first, kernel->grain * (first_grain + share_start(worker, grains)));
    for (; b.first < own; b.first += b.n) {
        b.n = part_end(b.first, BLOCK, own) - b.first;
        run_block(kernel, &b);
    }
#if defined(__AVX2__)
    _mm_sfence(); /* make what was streamed visible to other threads */
#endif
    finish_reductions(kernel, &b, first, end, worker);
}

/* ---- gather and scatter ---------------------------------------------------------------------------------------- */

/* The index as an integer, or -1 if it is out of range: gather then gives NaN, and scatter ignores the entry. */
static int64_t index_at(const REAL *index, int64_t j, int64_t size)
{
    REAL value = index[j];
    return value >= 0 && value < (REAL)size ? (int64_t)value : -1;
}

static void run_index(const ho_indexing *x, void *const *address)
{
    const REAL *in = (const REAL *)address[x->in.index] + x->in.offset;
    const REAL *index = (const REAL *)address[x->index.index] + x->index.offset;
    REAL *out = (REAL *)address[x->out.index] + x->out.offset;
    int64_t n = x->inner;
    if (x->scatter)
        memset(out, 0, (size_t)(x->outer * x->size * x->inner) * sizeof *out);
    for (int64_t o = 0; o < x->outer; o++) {
        for (int64_t j = 0; j < x->indices; j++) {
            int64_t at = index_at(index, j, x->size);
            const REAL *a = in + (x->scatter ? o * x->indices + j : o * x->size + at) * n;
            REAL *d = out + (x->scatter ? o * x->size + at : o * x->indices + j) * n;
            if (at < 0)
                for (int64_t i = 0; i < n && !x->scatter; i++)
                    d[i] = (REAL)NAN;
            else if (x->scatter)
                ENTRIES d[i] += a[i];
            else
                memcpy(d, a, (size_t)n * sizeof *d);
        }
    }
}

#include "exec/tiles.inc.h"

#include "exec/products.inc.h"

#include "exec/wide.inc.h"

static int64_t pack_size(const ho_product *p)
{
    return is_wide(p) ? 0 : p->n > HO_NARROW || p->add ? -1 : narrow_pack(p);
}

static int64_t scratch_size(const ho_product *p)
{
    return is_wide(p) ? wide_scratch(p) : narrow_scratch(p);
}

static int64_t product_unit(const ho_product *p)
{
    return is_wide(p) ? 0 : goes_down(p) ? DOWN_DEPTH : goes_along(p) ? 1 : 0;
}

static void run_product(const ho_product *p, void *const *address, const ho_worker *worker, ho_rows rows)
{
    if (is_wide(p))
        run_wide_product(p, address, worker);
    else
        run_narrow_product(p, address, worker, rows);
}

const ho_arithmetic JOIN(ho_arithmetic_, PRECISION, ISA) = {
#if REAL_IS_F32
    .name = "f32",
#else
    .name = "f64",
#endif
    .kernel = run_kernel,
    .index = run_index,
    .pack_size = pack_size,
    .scratch_size = scratch_size,
    .product = run_product,
    .product_unit = product_unit,
};
