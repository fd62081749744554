/*
 * exp, tanh and their like on eight floats at once, part of kernels.inc.h: glibc's libmvec where the build found it,
 * within 4 units in the last place and with all special values. f64 stays with libm, as the reference evaluator.
 */
#if REAL_IS_F32 && defined(__AVX2__) && defined(HO_HAVE_LIBMVEC)

typedef float eight __attribute__((vector_size(32), may_alias));
typedef float loose_eight __attribute__((vector_size(32), aligned(sizeof(float)), may_alias));

/* glibc offers these to compilers only, under the names of the x86-64 vector ABI. */
eight mvec_exp(eight) __asm__("_ZGVdN8v_expf");
eight mvec_expm1(eight) __asm__("_ZGVdN8v_expm1f");
eight mvec_log(eight) __asm__("_ZGVdN8v_logf");
eight mvec_log1p(eight) __asm__("_ZGVdN8v_log1pf");
eight mvec_tanh(eight) __asm__("_ZGVdN8v_tanhf");
eight mvec_sin(eight) __asm__("_ZGVdN8v_sinf");
eight mvec_cos(eight) __asm__("_ZGVdN8v_cosf");
eight mvec_erf(eight) __asm__("_ZGVdN8v_erff");

/* The last few entries go through a whole vector too: an entry's bits do not depend on where it lies. */
static inline __attribute__((always_inline)) void map_eights(eight (*function)(eight), float *d, const float *a,
                                                             int64_t n)
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

#define MAPPED(name)                  \
    map_eights(mvec_##name, d, a, n); \
    break
#else
#define MAPPED(name) UNARY(MATH(name)(x))
#endif
