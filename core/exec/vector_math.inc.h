/*
 * Part of kernels.inc.h: exp, tanh and the like on eight floats at once, by glibc's libmvec if the build found it,
 * within 4 units in the last place and with all special values. f64 uses libm, as the reference evaluator does.
 */
#if REAL_IS_F32 && defined(__AVX2__) && defined(HO_HAVE_LIBMVEC)
#define VECTOR_MATH

typedef float eight __attribute__((vector_size(32), may_alias));
typedef float loose_eight __attribute__((vector_size(32), aligned(sizeof(float)), may_alias));

#define VECTOR_OPS(OP) \
    OP(EXP, exp) OP(EXPM1, expm1) OP(LOG, log) OP(LOG1P, log1p) OP(TANH, tanh) OP(SIN, sin) OP(COS, cos) OP(ERF, erf)

/* glibc provides these for compilers only, under the names of the x86-64 vector ABI. */
#define DECLARED(NAME, name) eight mvec_##name(eight) __asm__("_ZGVdN8v_" #name "f");
VECTOR_OPS(DECLARED)

/* NULL: there is none for this op. */
static eight (*eight_at_once(uint32_t op))(eight)
{
    switch (op) {
#define FOUND(NAME, name) \
    case HO_OP_##NAME:    \
        return mvec_##name;
        VECTOR_OPS(FOUND)
    default:
        return NULL;
    }
}

/* The last few entries go through a whole vector too: the bits of an entry do not depend on its position. */
static void map_eights(eight (*function)(eight), float *d, const float *a, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        *(loose_eight *)(d + i) = function(*(const loose_eight *)(a + i));
    if (i < n) {
        eight last = {0};
        memcpy(&last, a + i, (size_t)(n - i) * sizeof *a);
        last = function(last);
        memcpy(d + i, &last, (size_t)(n - i) * sizeof *d);
    }
}
#endif
