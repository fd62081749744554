/*
 * Part of kernels.inc.h: exp, tanh and the like on 8 or 16 floats at once, by glibc's libmvec if the build found
 * it, within 4 units in the last place and with all special values. f64 uses libm, as the reference evaluator does.
 */
#if REAL_IS_F32 && defined(__AVX2__) && defined(HO_HAVE_LIBMVEC)
#define VECTOR_MATH

#if defined(__AVX512F__)
#define FLOATS     16
#define MVEC(name) "_ZGVeN16v_" #name "f"
#else
#define FLOATS     8
#define MVEC(name) "_ZGVdN8v_" #name "f"
#endif

typedef float floats __attribute__((vector_size(FLOATS * sizeof(float)), may_alias));
typedef float loose_floats __attribute__((vector_size(FLOATS * sizeof(float)), aligned(sizeof(float)), may_alias));

#define VECTOR_OPS(OP) \
    OP(EXP, exp) OP(EXPM1, expm1) OP(LOG, log) OP(LOG1P, log1p) OP(TANH, tanh) OP(SIN, sin) OP(COS, cos) OP(ERF, erf)

/* glibc provides these for compilers only, under the names of the x86-64 vector ABI. */
#define DECLARED(NAME, name) floats mvec_##name(floats) __asm__(MVEC(name));
VECTOR_OPS(DECLARED)

/* NULL: there is none for this op. */
static floats (*vector_function(uint32_t op))(floats)
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
static void map_floats(floats (*function)(floats), float *d, const float *a, int64_t n)
{
    int64_t i = 0;
    for (; i + FLOATS <= n; i += FLOATS)
        *(loose_floats *)(d + i) = function(*(const loose_floats *)(a + i));
    if (i < n) {
        floats last = {0};
        memcpy(&last, a + i, (size_t)(n - i) * sizeof *a);
        last = function(last);
        memcpy(d + i, &last, (size_t)(n - i) * sizeof *d);
    }
}
#endif
