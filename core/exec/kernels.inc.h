/*
 * The arithmetic of plans, for one REAL (float or double) and one instruction set. Included by kernels_f32.c and
 * kernels_f64.c, which the build compiles with -fno-math-errno -fno-trapping-math -ffp-contract=off: every entry is rounded
 * after each op, so its bits do not depend on where in a block it lies.
 */
#include <math.h>
#include <string.h>

#include "exec/kernels.h"

#define JOIN_(a, b, c) a##b##c
#define JOIN(a, b, c) JOIN_(a, b, c)
#if REAL_IS_F32
#define PRECISION f32
#else
#define PRECISION f64
#endif
#if defined(__AVX2__) && defined(__FMA__)
#define ISA _avx2
#else
#define ISA _base
#endif

/* Results may replace an operand entry by entry, so operands are no `restrict` pointers; entries never overlap otherwise. */
#define ENTRIES _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++)

typedef struct block {
    int64_t first, n; /* elements first .. first+n-1 of the kernel's */
    void *const *address;
    double *slots;
    REAL *temps;
} block;

static REAL *entries(const block *b, const ho_operand *operand)
{
    return operand->kind == HO_IN_TEMP ? b->temps + (int64_t)operand->index * HO_TEMP_STRIDE
                                       : (REAL *)b->address[operand->index] + operand->offset + b->first;
}

#define UNARY(expression)                                                                                              \
    ENTRIES                                                                                                            \
    {                                                                                                                  \
        REAL x = a[i];                                                                                                 \
        d[i] = (expression);                                                                                           \
    }                                                                                                                  \
    break

static void unary(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    REAL *d = entries(b, &instruction->dst);
    const REAL *a = entries(b, &instruction->in[0]);
    switch (instruction->op) {
    case HO_OP_NEG:
        UNARY(-x);
    case HO_OP_ABS:
        UNARY(MATH(fabs)(x));
    case HO_OP_SIGN:
        UNARY(x > 0 ? (REAL)1 : x < 0 ? (REAL)-1 : x);
    case HO_OP_EXP:
        UNARY(MATH(exp)(x));
    case HO_OP_EXPM1:
        UNARY(MATH(expm1)(x));
    case HO_OP_LOG:
        UNARY(MATH(log)(x));
    case HO_OP_LOG1P:
        UNARY(MATH(log1p)(x));
    case HO_OP_SQRT:
        UNARY(MATH(sqrt)(x));
    case HO_OP_RSQRT:
        UNARY(x == 0 ? (REAL)0 : 1 / MATH(sqrt)(x));
    case HO_OP_TANH:
        UNARY(MATH(tanh)(x));
    case HO_OP_SIN:
        UNARY(MATH(sin)(x));
    case HO_OP_COS:
        UNARY(MATH(cos)(x));
    case HO_OP_ERF:
        UNARY(MATH(erf)(x));
    case HO_OP_FLOOR:
        UNARY(MATH(floor)(x));
    default:
        break;
    }
}

#define BINARY(expression)                                                                                             \
    if (in[1].kind == HO_IN_SLOT) {                                                                                    \
        ENTRIES                                                                                                        \
        {                                                                                                              \
            REAL x = p[i], y = t;                                                                                      \
            d[i] = (expression);                                                                                       \
        }                                                                                                              \
    } else if (in[0].kind == HO_IN_SLOT) {                                                                             \
        ENTRIES                                                                                                        \
        {                                                                                                              \
            REAL x = s, y = q[i];                                                                                      \
            d[i] = (expression);                                                                                       \
        }                                                                                                              \
    } else {                                                                                                           \
        ENTRIES                                                                                                        \
        {                                                                                                              \
            REAL x = p[i], y = q[i];                                                                                   \
            d[i] = (expression);                                                                                       \
        }                                                                                                              \
    }                                                                                                                  \
    break

static void binary(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const ho_operand *in = instruction->in;
    REAL *d = entries(b, &instruction->dst), s = 0, t = 0;
    const REAL *p = NULL, *q = NULL;
    if (in[0].kind == HO_IN_SLOT) {
        s = (REAL)b->slots[in[0].index];
    } else {
        p = entries(b, &in[0]);
    }
    if (in[1].kind == HO_IN_SLOT) {
        t = (REAL)b->slots[in[1].index];
    } else {
        q = entries(b, &in[1]);
    }
    switch (instruction->op) {
    case HO_OP_ADD:
        BINARY(x + y);
    case HO_OP_SUB:
        BINARY(x - y);
    case HO_OP_MUL:
        BINARY(x * y);
    case HO_OP_DIV:
        BINARY(x / y);
    case HO_OP_POW:
        BINARY(MATH(pow)(x, y));
    case HO_OP_MAX: /* NaN in y falls through the comparison */
        BINARY((x != x) | (x > y) ? x : y);
    case HO_OP_MIN:
        BINARY((x != x) | (x < y) ? x : y);
    case HO_OP_LESS:
        BINARY(x < y ? (REAL)1 : (REAL)0);
    case HO_OP_LESS_EQUAL:
        BINARY(x <= y ? (REAL)1 : (REAL)0);
    case HO_OP_EQUAL:
        BINARY(x == y ? (REAL)1 : (REAL)0);
    default:
        break;
    }
}

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

#define INLINE static inline __attribute__((always_inline))

INLINE REAL arithmetic(const uint32_t op, REAL x, REAL y)
{
    return op == HO_OP_ADD ? x + y : op == HO_OP_SUB ? x - y : op == HO_OP_MUL ? x * y : x / y;
}

/* p, q, r: the operands, NULL where it is the scalar in s instead. */
typedef struct pair_operands {
    const REAL *p[3];
    REAL s[3];
} pair_operands;

INLINE void pair_loop(const uint32_t first, const uint32_t second, const bool swapped, const bool vector_x,
                      const bool vector_y, const bool vector_z, REAL *d, const pair_operands *o, int64_t n)
{
    const REAL *p = o->p[0], *q = o->p[1], *r = o->p[2];
    const REAL s = o->s[0], t = o->s[1], u = o->s[2];
    ENTRIES
    {
        REAL x = vector_x ? p[i] : s, y = vector_y ? q[i] : t, z = vector_z ? r[i] : u;
        REAL xy = arithmetic(first, x, y);
        d[i] = swapped ? arithmetic(second, z, xy) : arithmetic(second, xy, z);
    }
}

INLINE void pair_forms(const uint32_t first, const uint32_t second, const bool swapped, REAL *d, const pair_operands *o,
                       int64_t n)
{
    int form = (o->p[0] ? 4 : 0) + (o->p[1] ? 2 : 0) + (o->p[2] ? 1 : 0);
    switch (form) {
    case 7:
        pair_loop(first, second, swapped, true, true, true, d, o, n);
        break;
    case 6:
        pair_loop(first, second, swapped, true, true, false, d, o, n);
        break;
    case 5:
        pair_loop(first, second, swapped, true, false, true, d, o, n);
        break;
    case 4:
        pair_loop(first, second, swapped, true, false, false, d, o, n);
        break;
    case 3:
        pair_loop(first, second, swapped, false, true, true, d, o, n);
        break;
    default:
        pair_loop(first, second, swapped, false, true, false, d, o, n);
        break;
    }
}

INLINE void pair_seconds(const uint32_t first, const ho_instruction *instruction, REAL *d, const pair_operands *o, int64_t n)
{
    switch (instruction->second) {
    case HO_OP_ADD:
        pair_forms(first, HO_OP_ADD, false, d, o, n);
        break;
    case HO_OP_MUL:
        pair_forms(first, HO_OP_MUL, false, d, o, n);
        break;
    case HO_OP_SUB:
        if (instruction->swapped) {
            pair_forms(first, HO_OP_SUB, true, d, o, n);
        } else {
            pair_forms(first, HO_OP_SUB, false, d, o, n);
        }
        break;
    default:
        if (instruction->swapped) {
            pair_forms(first, HO_OP_DIV, true, d, o, n);
        } else {
            pair_forms(first, HO_OP_DIV, false, d, o, n);
        }
        break;
    }
}

static void pair(const ho_instruction *instruction, const block *b)
{
    REAL *d = entries(b, &instruction->dst);
    pair_operands o = {{NULL, NULL, NULL}, {0, 0, 0}};
    for (int j = 0; j < 3; j++) {
        if (instruction->in[j].kind == HO_IN_SLOT) {
            o.s[j] = (REAL)b->slots[instruction->in[j].index];
        } else {
            o.p[j] = entries(b, &instruction->in[j]);
        }
    }
    switch (instruction->first) {
    case HO_OP_ADD:
        pair_seconds(HO_OP_ADD, instruction, d, &o, b->n);
        break;
    case HO_OP_SUB:
        pair_seconds(HO_OP_SUB, instruction, d, &o, b->n);
        break;
    default:
        pair_seconds(HO_OP_MUL, instruction, d, &o, b->n);
        break;
    }
}

#define SELECT(x, y)                                                                                                   \
    ENTRIES                                                                                                            \
    {                                                                                                                  \
        REAL yes = (x), no = (y);                                                                                      \
        d[i] = c[i] != 0 ? yes : no;                                                                                   \
    }

static void select_entries(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const ho_operand *in = instruction->in;
    REAL *d = entries(b, &instruction->dst), s = 0, t = 0;
    const REAL *c = entries(b, &in[0]), *p = NULL, *q = NULL;
    if (in[1].kind == HO_IN_SLOT) {
        s = (REAL)b->slots[in[1].index];
    } else {
        p = entries(b, &in[1]);
    }
    if (in[2].kind == HO_IN_SLOT) {
        t = (REAL)b->slots[in[2].index];
    } else {
        q = entries(b, &in[2]);
    }
    if (p != NULL && q != NULL) {
        SELECT(p[i], q[i])
    } else if (p != NULL) {
        SELECT(p[i], t)
    } else if (q != NULL) {
        SELECT(s, q[i])
    } else {
        SELECT(s, t)
    }
}

static void copy(const ho_instruction *instruction, const block *b)
{
    REAL *d = entries(b, &instruction->dst);
    if (instruction->in[0].kind == HO_IN_SLOT) {
        REAL value = (REAL)b->slots[instruction->in[0].index];
        for (int64_t i = 0; i < b->n; i++) {
            d[i] = value;
        }
    } else {
        memcpy(d, entries(b, &instruction->in[0]), (size_t)b->n * sizeof *d);
    }
}

/* ---- strided blocks -------------------------------------------------------------------------------------------- */

/* Walks the lines (runs of the last axis) of a strided array that a block touches. */
typedef struct lines {
    const ho_strided *array;
    int64_t index[HO_RANK_MAX];
    int64_t at; /* element offset of the present entry */
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

/* Entries left on the present line, at most n. */
static int64_t line_length(const lines *l, int64_t n)
{
    int32_t last = l->array->rank - 1;
    int64_t left = l->array->dims[last] - l->index[last];
    return left < n ? left : n;
}

/* Goes past `by` entries of the present line, and then past rows - 1 whole lines of the same axis. */
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

/* One line repeated: what is there is doubled until all is there. */
static void repeat_line(REAL *d, int64_t rows, int64_t n)
{
    for (int64_t done = n, all = rows * n; done < all;) {
        int64_t more = done < all - done ? done : all - done;
        memcpy(d + done, d, (size_t)more * sizeof *d);
        done += more;
    }
}

/* Lines of one number each. A line but near the end is written in whole eights: what they spill over is written later. */
static void splat_lines(REAL *d, const REAL *from, int64_t rows, int64_t row, int64_t n)
{
    for (const REAL *end = d + rows * n; d < end; d += n, from += row) {
        REAL value = *from;
        if (end - d >= n + 7) {
            for (int64_t i = 0; i < n; i += 8) {
                for (int j = 0; j < 8; j++) {
                    d[i + j] = value;
                }
            }
        } else {
            ENTRIES d[i] = value;
        }
    }
}

/* `rows` whole lines of `n` entries, `row` apart. */
static void load_lines(REAL *d, const REAL *from, int64_t rows, int64_t row, int64_t n, int64_t stride)
{
    if (stride == 0) {
        splat_lines(d, from, rows, row, n);
        return;
    }
    for (int64_t r = 0; r < (row == 0 ? 1 : rows); r++, from += row) {
        REAL *line = d + r * n;
        if (stride == 1) {
            ENTRIES line[i] = from[i];
        } else {
            ENTRIES line[i] = from[i * stride];
        }
    }
    if (row == 0) {
        repeat_line(d, rows, n);
    }
}

static void load(const ho_instruction *instruction, const ho_strided *array, const block *b)
{
    REAL *d = entries(b, &instruction->dst);
    const REAL *from = b->address[array->buffer];
    int32_t last = array->rank - 1;
    int64_t stride = array->strides[last], left = b->n, length = array->dims[last];
    for (lines l = lines_from(array, b->first); left > 0;) {
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
    const REAL *a = entries(b, &instruction->in[0]);
    REAL *to = b->address[array->buffer];
    int64_t stride = array->strides[array->rank - 1], left = b->n;
    for (lines l = lines_from(array, b->first); left > 0;) {
        int64_t n = line_length(&l, left);
        REAL *line = to + l.at;
        if (stride == 1) {
            ENTRIES line[i] = a[i];
        } else {
            ENTRIES line[i * stride] = a[i];
        }
        a += n;
        left -= n;
        line_advance(&l, n, 1);
    }
}

/* ---- reductions ------------------------------------------------------------------------------------------------ */

/* Eight partial sums, so that the loop is a vector loop; their order is fixed by the segment alone. */
static double sum_segment(const REAL *a, int64_t n)
{
    double s[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (int j = 0; j < 8; j++) {
            s[j] += (double)a[i + j];
        }
    }
    for (int j = 0; i < n; i++, j++) {
        s[j] += (double)a[i];
    }
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static double larger(double x, double y)
{
    return (x != x) | (x > y) ? x : y;
}

static double largest_of_segment(const REAL *a, int64_t n)
{
    REAL s[8];
    for (int j = 0; j < 8; j++) {
        s[j] = (REAL)-INFINITY;
    }
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (int j = 0; j < 8; j++) {
            REAL x = a[i + j];
            s[j] = (x != x) | (x > s[j]) ? x : s[j];
        }
    }
    double result = -INFINITY;
    for (; i < n; i++) {
        result = larger((double)a[i], result);
    }
    for (int j = 0; j < 8; j++) {
        result = larger((double)s[j], result);
    }
    return result;
}

static void put_result(const ho_reduce_into *r, const block *b, int64_t at, double value)
{
    if (r->result.kind == HO_IN_SLOT) {
        b->slots[r->result.index] = value;
    } else {
        ((REAL *)b->address[r->result.index])[r->result.offset + at] = (REAL)value;
    }
}

/* Whole lines reduce to one number each: (outer, extent, 1). */
static void reduce_lines(const ho_reduce_into *r, const REAL *a, const block *b)
{
    double *partial = b->address[r->partial];
    bool sum = r->op == HO_OP_SUM;
    int64_t o = b->first / r->extent, e = b->first % r->extent, left = b->n;
    while (left > 0) {
        int64_t n = r->extent - e < left ? r->extent - e : left;
        double value = sum ? sum_segment(a, n) : largest_of_segment(a, n);
        if (e > 0) {
            value = sum ? *partial + value : larger(value, *partial);
        }
        e += n;
        if (e == r->extent) {
            put_result(r, b, o++, value);
            e = 0;
        } else {
            *partial = value;
        }
        a += n;
        left -= n;
    }
}

/* Lines of `inner` fold onto each other. */
static void reduce_across(const ho_reduce_into *r, const REAL *a, const block *b)
{
    double *partial = b->address[r->partial];
    int64_t i0 = b->first % r->inner, e = b->first / r->inner % r->extent, o = b->first / r->inner / r->extent;
    int64_t left = b->n;
    while (left > 0) {
        int64_t n = r->inner - i0 < left ? r->inner - i0 : left;
        double *p = partial + i0;
        if (e == 0) {
            ENTRIES p[i] = (double)a[i];
        } else if (r->op == HO_OP_SUM) {
            ENTRIES p[i] += (double)a[i];
        } else {
            ENTRIES p[i] = larger((double)a[i], p[i]);
        }
        if (e + 1 == r->extent) {
            for (int64_t i = 0; i < n; i++) {
                put_result(r, b, o * r->inner + i0 + i, p[i]);
            }
        }
        a += n;
        left -= n;
        i0 += n;
        if (i0 == r->inner) {
            i0 = 0;
            if (++e == r->extent) {
                e = 0;
                o++;
            }
        }
    }
}

/* ---- kernels --------------------------------------------------------------------------------------------------- */

static void run_block(const ho_kernel *kernel, const block *b)
{
    for (size_t k = 0; k < kernel->length; k++) {
        const ho_instruction *instruction = &kernel->instructions[k];
        uint32_t op = instruction->op;
        if (op == HO_OP_STOP) {
            copy(instruction, b);
        } else if (op < HO_OP_ADD) {
            unary(instruction, b);
        } else if (op < HO_OP_SELECT) {
            binary(instruction, b);
        } else if (op == HO_OP_SELECT) {
            select_entries(instruction, b);
        } else if (op == HO_DO_PAIR) {
            pair(instruction, b);
        } else if (op == HO_DO_LOAD) {
            load(instruction, &kernel->strided[instruction->extra], b);
        } else if (op == HO_DO_STORE) {
            store(instruction, &kernel->strided[instruction->extra], b);
        } else {
            const ho_reduce_into *r = &kernel->reduces[instruction->extra];
            const REAL *a = entries(b, &instruction->in[0]);
            if (r->inner == 1) {
                reduce_lines(r, a, b);
            } else {
                reduce_across(r, a, b);
            }
        }
    }
}

static void run_kernel(const ho_kernel *kernel, void *const *address, double *slots, void *temps)
{
    block b = {.address = address, .slots = slots, .temps = temps};
    for (b.first = 0; b.first < kernel->count; b.first += HO_BLOCK) {
        int64_t left = kernel->count - b.first;
        b.n = left < HO_BLOCK ? left : HO_BLOCK;
        run_block(kernel, &b);
    }
}

/* ---- gather and scatter ---------------------------------------------------------------------------------------- */

/* The index as a whole number, or -1 where it lies outside: gather then gives NaN, scatter leaves the entry out. */
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
    if (x->scatter) {
        memset(out, 0, (size_t)(x->outer * x->size * x->inner) * sizeof *out);
    }
    for (int64_t o = 0; o < x->outer; o++) {
        for (int64_t j = 0; j < x->indices; j++) {
            int64_t at = index_at(index, j, x->size);
            const REAL *a = in + (x->scatter ? o * x->indices + j : o * x->size + at) * n;
            REAL *d = out + (x->scatter ? o * x->size + at : o * x->indices + j) * n;
            if (at < 0) {
                for (int64_t i = 0; i < n && !x->scatter; i++) {
                    d[i] = (REAL)NAN;
                }
            } else if (x->scatter) {
                ENTRIES d[i] += a[i];
            } else {
                memcpy(d, a, (size_t)n * sizeof *d);
            }
        }
    }
}

#include "exec/products.inc.h"

const ho_arithmetic JOIN(ho_arithmetic_, PRECISION, ISA) = {
#if REAL_IS_F32
    .name = "f32",
#else
    .name = "f64",
#endif
    .kernel = run_kernel,
    .index = run_index,
    .pack_size = pack_size,
    .product = run_product,
};
