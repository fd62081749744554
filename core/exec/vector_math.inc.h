/*
 * Part of kernels.inc.h: exp, tanh and the like on a whole vector, by glibc's libmvec if the build found it, within 4
 * units in the last place and with all special values. And for f32 with AVX-512 rsqrt, which takes a third of the time
 * of a division and a root, within 2 units.
 */
#if defined(__AVX2__) && defined(HO_HAVE_LIBMVEC)
#define VECTOR_MATH

#if defined(__AVX512F__)
#define MATH_BYTES 64
#else
#define MATH_BYTES 32
#endif
#define MATH_LANES ((int64_t)(MATH_BYTES / sizeof(REAL)))
#if REAL_IS_F32 && defined(__AVX512F__)
#define MVEC(name) "_ZGVeN16v_" #name "f"
#elif REAL_IS_F32
#define MVEC(name) "_ZGVdN8v_" #name "f"
#elif defined(__AVX512F__)
#define MVEC(name) "_ZGVeN8v_" #name
#else
#define MVEC(name) "_ZGVdN4v_" #name
#endif

typedef REAL reals __attribute__((vector_size(MATH_BYTES), may_alias));
typedef REAL loose_reals __attribute__((vector_size(MATH_BYTES), aligned(sizeof(REAL)), may_alias));

#define VECTOR_OPS(OP) \
    OP(EXP, exp) OP(EXPM1, expm1) OP(LOG, log) OP(LOG1P, log1p) OP(TANH, tanh) OP(SIN, sin) OP(COS, cos) OP(ERF, erf)

/* glibc provides these for compilers only, under the names of the x86-64 vector ABI. */
#define DECLARED(NAME, name) reals mvec_##name(reals) __asm__(MVEC(name));
VECTOR_OPS(DECLARED)

/* NULL: there is none for this op. */
static reals (*vector_function(uint32_t op))(reals)
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
static inline __attribute__((always_inline)) void map_vectors(reals (*function)(reals), REAL *d, const REAL *a,
                                                              int64_t n)
{
    int64_t i = 0;
    for (; i + MATH_LANES <= n; i += MATH_LANES)
        *(loose_reals *)(d + i) = function(*(const loose_reals *)(a + i));
    if (i < n) {
        reals last = {0};
        memcpy(&last, a + i, (size_t)(n - i) * sizeof *a);
        last = function(last);
        memcpy(d + i, &last, (size_t)(n - i) * sizeof *d);
    }
}

#if REAL_IS_F32 && defined(__AVX512F__)
#define VECTOR_RSQRT

/* One step of Newton's after an estimate of 14 bits. Beside normal numbers there are 0, subnormal and infinite ones,
 * negative ones and NaN: for these, the definition. */
static inline reals rsqrt_vector(reals x)
{
    const __mmask16 normal = _mm512_cmp_ps_mask(x, _mm512_set1_ps(FLT_MIN), _CMP_GE_OQ) &
                             _mm512_cmp_ps_mask(x, _mm512_set1_ps(FLT_MAX), _CMP_LE_OQ);
    reals y = _mm512_rsqrt14_ps(x), half = _mm512_set1_ps(0.5F);
    reals error = _mm512_fnmadd_ps(_mm512_mul_ps(_mm512_mul_ps(half, x), y), y, half);
    y = _mm512_fmadd_ps(y, error, y);
    if (__builtin_expect(normal != 0xFFFF, 0)) {
        const __mmask16 some = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        const reals whole = _mm512_maskz_div_ps(some, _mm512_set1_ps(1.0F), _mm512_sqrt_ps(x));
        y = _mm512_mask_blend_ps(normal, whole, y);
    }
    return y;
}
#endif
#endif
