/* The loops of elementwise ops, part of kernels.inc.h: for operands that are vectors or scalars, alone and in pairs. */

#define UNARY(expression)    \
    ENTRIES                  \
    {                        \
        REAL x = a[i];       \
        d[i] = (expression); \
    }                        \
    break

static void unary(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const REAL *a = source(b, &instruction->in[0]);
    REAL *d = target(b, &instruction->dst);
    switch (instruction->op) {
    case HO_OP_NEG:
        UNARY(-x);
    case HO_OP_ABS:
        UNARY(MATH(fabs)(x));
    case HO_OP_SIGN:
        UNARY(x > 0 ? (REAL)1 : x < 0 ? (REAL)-1 : x);
    case HO_OP_EXP:
        MAPPED(exp);
    case HO_OP_EXPM1:
        MAPPED(expm1);
    case HO_OP_LOG:
        MAPPED(log);
    case HO_OP_LOG1P:
        MAPPED(log1p);
    case HO_OP_SQRT:
        UNARY(MATH(sqrt)(x));
    case HO_OP_RSQRT:
        UNARY(x == 0 ? (REAL)0 : 1 / MATH(sqrt)(x));
    case HO_OP_TANH:
        MAPPED(tanh);
    case HO_OP_SIN:
        MAPPED(sin);
    case HO_OP_COS:
        MAPPED(cos);
    case HO_OP_ERF:
        MAPPED(erf);
    case HO_OP_FLOOR:
        UNARY(MATH(floor)(x));
    default:
        break;
    }
}

#define BINARY(expression)                 \
    if (in[1].kind == HO_IN_SLOT) {        \
        ENTRIES                            \
        {                                  \
            REAL x = p[i], y = t;          \
            d[i] = (expression);           \
        }                                  \
    } else if (in[0].kind == HO_IN_SLOT) { \
        ENTRIES                            \
        {                                  \
            REAL x = s, y = q[i];          \
            d[i] = (expression);           \
        }                                  \
    } else {                               \
        ENTRIES                            \
        {                                  \
            REAL x = p[i], y = q[i];       \
            d[i] = (expression);           \
        }                                  \
    }                                      \
    break

static void binary(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const ho_operand *in = instruction->in;
    REAL s = 0, t = 0;
    const REAL *p = NULL, *q = NULL;
    if (in[0].kind == HO_IN_SLOT)
        s = (REAL)b->slots[in[0].index];
    else
        p = source(b, &in[0]);
    if (in[1].kind == HO_IN_SLOT)
        t = (REAL)b->slots[in[1].index];
    else
        q = source(b, &in[1]);
    REAL *d = target(b, &instruction->dst);
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
        BINARY(((x != x) | (x > y)) ? x : y);
    case HO_OP_MIN:
        BINARY(((x != x) | (x < y)) ? x : y);
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

INLINE void pair_seconds(const uint32_t first, const ho_instruction *instruction, REAL *d, const pair_operands *o,
                         int64_t n)
{
    switch (instruction->second) {
    case HO_OP_ADD:
        pair_forms(first, HO_OP_ADD, false, d, o, n);
        break;
    case HO_OP_MUL:
        pair_forms(first, HO_OP_MUL, false, d, o, n);
        break;
    case HO_OP_SUB:
        if (instruction->swapped)
            pair_forms(first, HO_OP_SUB, true, d, o, n);
        else
            pair_forms(first, HO_OP_SUB, false, d, o, n);
        break;
    default:
        if (instruction->swapped)
            pair_forms(first, HO_OP_DIV, true, d, o, n);
        else
            pair_forms(first, HO_OP_DIV, false, d, o, n);
        break;
    }
}

static void pair(const ho_instruction *instruction, const block *b)
{
    pair_operands o = {{NULL, NULL, NULL}, {0, 0, 0}};
    for (int j = 0; j < 3; j++)
        if (instruction->in[j].kind == HO_IN_SLOT)
            o.s[j] = (REAL)b->slots[instruction->in[j].index];
        else
            o.p[j] = source(b, &instruction->in[j]);
    REAL *d = target(b, &instruction->dst);
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

#define SELECT(x, y)                 \
    ENTRIES                          \
    {                                \
        REAL yes = (x), no = (y);    \
        d[i] = c[i] != 0 ? yes : no; \
    }

static void select_entries(const ho_instruction *instruction, const block *b)
{
    int64_t n = b->n;
    const ho_operand *in = instruction->in;
    REAL s = 0, t = 0;
    const REAL *c = source(b, &in[0]), *p = NULL, *q = NULL;
    if (in[1].kind == HO_IN_SLOT)
        s = (REAL)b->slots[in[1].index];
    else
        p = source(b, &in[1]);
    if (in[2].kind == HO_IN_SLOT)
        t = (REAL)b->slots[in[2].index];
    else
        q = source(b, &in[2]);
    REAL *d = target(b, &instruction->dst);
    if (p != NULL && q != NULL)
        SELECT(p[i], q[i])
    else if (p != NULL)
        SELECT(p[i], t)
    else if (q != NULL)
        SELECT(s, q[i])
    else
        SELECT(s, t)
}
