/* Part of kernels.inc.h: loops over elementwise ops, from the expressions in the table (hotool/ops.h), for operands
 * that are vectors or scalars; and loops over two arithmetic ops at once. */

/* An operand: a vector, or NULL and a scalar. */
typedef struct entries {
    const REAL *vector;
    REAL scalar;
} entries;

static entries entries_of(const ho_operand *in, const block *b)
{
    return in->kind == HO_IN_SLOT ? (entries){NULL, (REAL)b->slots[in->index]} : (entries){source(b, in), 0};
}

static void unary(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const REAL *a = source(b, &instruction->in[0]);
    REAL *d = target(b, &instruction->dst);
#if defined(VECTOR_MATH)
    reals (*function)(reals) = vector_function(instruction->op);
    if (function) {
        map_vectors(function, d, a, n);
        return;
    }
#endif
#if defined(VECTOR_RSQRT)
    if (instruction->op == HO_OP_RSQRT) {
        map_vectors(rsqrt_vector, d, a, n);
        return;
    }
#endif
    switch (instruction->op) {
#define UNARY(NAME, name, number, sign, value, ...) \
    case HO_OP_##NAME:                              \
        ENTRIES                                     \
        {                                           \
            const REAL x = a[i];                    \
            d[i] = (REAL)(value);                   \
        }                                           \
        break;
        HO_UNARY_OPS(UNARY)
    default: /* not emitted */
        break;
    }
}

#define BINARY_LOOP(left, right, value)     \
    ENTRIES                                 \
    {                                       \
        const REAL x = (left), y = (right); \
        d[i] = (REAL)(value);               \
    }

static void binary(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const entries s = entries_of(&instruction->in[0], b), t = entries_of(&instruction->in[1], b);
    const REAL *p = s.vector, *q = t.vector;
    REAL *d = target(b, &instruction->dst);
    switch (instruction->op) {
#define BINARY(NAME, name, number, sign, value, kink) \
    case HO_OP_##NAME:                                \
        if (!q)                                       \
            BINARY_LOOP(p[i], t.scalar, value)        \
        else if (!p)                                  \
            BINARY_LOOP(s.scalar, q[i], value)        \
        else                                          \
            BINARY_LOOP(p[i], q[i], value)            \
        break;
        HO_BINARY_OPS(BINARY)
        HO_COMPARISON_OPS(BINARY)
    default: /* not emitted */
        break;
    }
}

#define TERNARY_LOOP(second, third, value)              \
    ENTRIES                                             \
    {                                                   \
        const REAL x = a[i], y = (second), z = (third); \
        d[i] = (REAL)(value);                           \
    }

/* The first operand is a vector. */
static void ternary(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const REAL *a = source(b, &instruction->in[0]);
    const entries s = entries_of(&instruction->in[1], b), t = entries_of(&instruction->in[2], b);
    const REAL *p = s.vector, *q = t.vector;
    REAL *d = target(b, &instruction->dst);
    switch (instruction->op) {
#define TERNARY(NAME, name, number, sign, value, kink) \
    case HO_OP_##NAME:                                 \
        if (p && q)                                    \
            TERNARY_LOOP(p[i], q[i], value)            \
        else if (p)                                    \
            TERNARY_LOOP(p[i], t.scalar, value)        \
        else if (q)                                    \
            TERNARY_LOOP(s.scalar, q[i], value)        \
        else                                           \
            TERNARY_LOOP(s.scalar, t.scalar, value)    \
        break;
        HO_TERNARY_OPS(TERNARY)
    default: /* not emitted */
        break;
    }
}

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

#define INLINE static inline __attribute__((always_inline))

INLINE REAL arithmetic(const uint32_t op, REAL x, REAL y)
{
    return op == HO_OP_ADD ? x + y : op == HO_OP_SUB ? x - y : op == HO_OP_MUL ? x * y : x / y;
}

INLINE void pair_loop(const uint32_t first, const uint32_t second, const bool swapped, const bool vector_x,
                      const bool vector_y, const bool vector_z, REAL *d, const entries *o, int64_t n)
{
    const REAL *p = o[0].vector, *q = o[1].vector, *r = o[2].vector;
    const REAL s = o[0].scalar, t = o[1].scalar, u = o[2].scalar;
    ENTRIES
    {
        REAL x = vector_x ? p[i] : s, y = vector_y ? q[i] : t, z = vector_z ? r[i] : u;
        REAL xy = arithmetic(first, x, y);
        d[i] = swapped ? arithmetic(second, z, xy) : arithmetic(second, xy, z);
    }
}

/* A loop for every pair of arithmetic ops and every choice of vectors among its operands; one of the first two is one.
 */
static void pair(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const ho_operand *in = instruction->in;
    const entries o[3] = {entries_of(&in[0], b), entries_of(&in[1], b), entries_of(&in[2], b)};
    REAL *d = target(b, &instruction->dst);
#define KEY(first, second, swapped, x, y, z) \
    ((((first)*1000u + (second)) * 2u + (swapped)) * 8u + ((x) ? 4u : 0u) + ((y) ? 2u : 0u) + ((z) ? 1u : 0u))
#define FORM(first, second, swapped, x, y, z)                \
    case KEY(first, second, swapped, x, y, z):               \
        pair_loop(first, second, swapped, x, y, z, d, o, n); \
        break;
#define FORMS(first, second, swapped)                \
    FORM(first, second, swapped, true, true, true)   \
    FORM(first, second, swapped, true, true, false)  \
    FORM(first, second, swapped, true, false, true)  \
    FORM(first, second, swapped, true, false, false) \
    FORM(first, second, swapped, false, true, true)  \
    FORM(first, second, swapped, false, true, false)
#define SECONDS(first)             \
    FORMS(first, HO_OP_ADD, false) \
    FORMS(first, HO_OP_MUL, false) \
    FORMS(first, HO_OP_SUB, false) \
    FORMS(first, HO_OP_SUB, true)  \
    FORMS(first, HO_OP_DIV, false) \
    FORMS(first, HO_OP_DIV, true)
    switch (KEY(instruction->op, instruction->second, instruction->swapped, o[0].vector, o[1].vector, o[2].vector)) {
        SECONDS(HO_OP_ADD)
        SECONDS(HO_OP_SUB)
        SECONDS(HO_OP_MUL)
    default: /* not emitted */
        break;
    }
}
