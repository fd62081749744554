/* Loaded before OpenBLAS: its product in f64, a little off, and never twice by the same. */
#define _GNU_SOURCE
#include <cblas.h>
#include <dlfcn.h>

typedef void product(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
                     double alpha, const double *a, blasint lda, const double *b, blasint ldb, double beta, double *c,
                     blasint ldc);

__attribute__((visibility("default"))) void cblas_dgemm(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb,
                                                        blasint m, blasint n, blasint k, double alpha, const double *a,
                                                        blasint lda, const double *b, blasint ldb, double beta,
                                                        double *c, blasint ldc)
{
    static double off;
    product *real;
    *(void **)&real = dlsym(RTLD_NEXT, "cblas_dgemm");
    real(layout, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    off += 1e-9;
    c[0] += off;
}
