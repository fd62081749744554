/* Eigenvalues and eigenvectors of a symmetric matrix: Householder's reflections to a tridiagonal one, then the QL
 * algorithm with implicit shifts. */
#include "timit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Per eigenvalue; two are typical. */
#define MOST_ITERATIONS 50

/* Writes the matrix as H T H' with T tridiagonal and H = H_0 H_1 ..., H_k = 1 - v v', v'v = 2. Returns T's diagonal and
 * off-diagonal, and the vectors v in the matrix: in row k, right of the diagonal. `work`: n numbers. */
static void make_tridiagonal(int64_t n, double *matrix, double *diagonal, double *off_diagonal, double *work)
{
    for (int64_t k = 0; k + 1 < n; k++) {
        double *v = matrix + k * n, square = 0.0, inner = 0.0;
        for (int64_t j = k + 1; j < n; j++)
            square += v[j] * v[j];
        diagonal[k] = v[k];
        off_diagonal[k] = -copysign(sqrt(square), v[k + 1]);
        /* |x|^2 + |x_0| |x| = |x - off_diagonal e_0|^2 / 2 */
        const double size = sqrt(square - off_diagonal[k] * v[k + 1]);
        v[k + 1] -= off_diagonal[k];
        for (int64_t j = k + 1; j < n; j++) {
            v[j] = size > 0.0 ? v[j] / size : 0.0;
            work[j] = 0.0;
        }
        for (int64_t i = k + 1; i < n; i++)
            for (int64_t j = k + 1; j < n; j++)
                work[j] += v[i] * matrix[i * n + j];
        for (int64_t j = k + 1; j < n; j++)
            inner += work[j] * v[j];
        for (int64_t j = k + 1; j < n; j++)
            work[j] -= 0.5 * inner * v[j];
        for (int64_t i = k + 1; i < n; i++)
            for (int64_t j = k + 1; j < n; j++)
                matrix[i * n + j] -= v[i] * work[j] + work[i] * v[j];
    }
    diagonal[n - 1] = matrix[n * n - 1];
    off_diagonal[n - 1] = 0.0;
}

/* (a, b) become (c a + s b, c b - s a). */
static void rotate(int64_t n, double *restrict a, double *restrict b, double c, double s)
{
    for (int64_t j = 0; j < n; j++) {
        const double x = a[j], y = b[j];
        a[j] = c * x + s * y;
        b[j] = c * y - s * x;
    }
}

/* One QL iteration with Wilkinson's shift on rows first to last of T; rotates the rows of `vectors` likewise. */
static void iterate(int64_t n, int64_t first, int64_t last, double *diagonal, double *off_diagonal, double *vectors)
{
    const double half = (diagonal[first + 1] - diagonal[first]) / (2.0 * off_diagonal[first]);
    const double shift = diagonal[first] - off_diagonal[first] / (half + copysign(hypot(half, 1.0), half));
    double s = 1.0, c = 1.0, moved = 0.0, g = diagonal[last] - shift;
    for (int64_t i = last - 1; i >= first; i--) {
        const double f = s * off_diagonal[i], b = c * off_diagonal[i], r = hypot(f, g);
        off_diagonal[i + 1] = r;
        if (r == 0.0) {
            diagonal[i + 1] -= moved;
            off_diagonal[last] = 0.0;
            return;
        }
        s = f / r;
        c = g / r;
        g = diagonal[i + 1] - moved;
        const double h = (diagonal[i] - g) * s + 2.0 * c * b;
        moved = s * h;
        diagonal[i + 1] = g + moved;
        g = c * h - b;
        rotate(n, vectors + (i + 1) * n, vectors + i * n, c, s);
    }
    diagonal[first] -= moved;
    off_diagonal[first] = g;
    off_diagonal[last] = 0.0;
}

/* Turns `diagonal` into the eigenvalues of T, and `vectors` from the identity into its eigenvectors (rows).
 * Off-diagonal entries count as 0 below the rounding error of the largest entry, since many eigenvalues may be 0. */
static ho_status make_diagonal(ho_data *d, int64_t n, double *diagonal, double *off_diagonal, double *vectors)
{
    double largest = 0.0;
    for (int64_t k = 0; k < n; k++)
        largest = fmax(largest, fabs(diagonal[k]) + fabs(off_diagonal[k]));
    for (int64_t first = 0; first < n; first++)
        for (int iteration = 0;; iteration++) {
            int64_t last = first;
            while (last + 1 < n && fabs(off_diagonal[last]) > DBL_EPSILON * largest)
                last++;
            if (last == first)
                break;
            if (iteration == MOST_ITERATIONS)
                return ho_data_fail(d, NULL, -1, "embedding: the eigenvalues do not converge");
            iterate(n, first, last, diagonal, off_diagonal, vectors);
        }
    return HO_OK;
}

typedef struct pair {
    double value;
    const double *vector;
} pair;

static int larger_first(const void *left, const void *right)
{
    const double a = ((const pair *)left)->value, b = ((const pair *)right)->value;
    return (a < b) - (a > b);
}

/* Turns an eigenvector of T into one of the matrix: applies all reflections, the last first. */
static void reflect(int64_t n, const double *matrix, double *vector)
{
    for (int64_t k = n - 2; k >= 0; k--) {
        const double *v = matrix + k * n;
        double inner = 0.0;
        for (int64_t j = k + 1; j < n; j++)
            inner += v[j] * vector[j];
        for (int64_t j = k + 1; j < n; j++)
            vector[j] -= inner * v[j];
    }
}

ho_status timit_eigen_compute(ho_data *d, int64_t n, double *matrix, int64_t wanted, timit_eigen *eigen)
{
    double *diagonal = ho_data_alloc(d, (uint64_t)n, sizeof *diagonal);
    double *off_diagonal = ho_data_alloc(d, (uint64_t)n, sizeof *off_diagonal);
    double *all = ho_data_alloc(d, (uint64_t)(n * n), sizeof *all);
    pair *sorted = ho_data_alloc(d, (uint64_t)n, sizeof *sorted);
    eigen->values = ho_data_alloc(d, (uint64_t)n, sizeof *eigen->values);
    eigen->vectors = ho_data_alloc(d, (uint64_t)(wanted * n), sizeof *eigen->vectors);
    if (!diagonal || !off_diagonal || !all || !sorted || !eigen->values || !eigen->vectors)
        return HO_FAILED;
    make_tridiagonal(n, matrix, diagonal, off_diagonal, eigen->values);
    for (int64_t k = 0; k < n; k++)
        all[k * n + k] = 1.0;
    if (make_diagonal(d, n, diagonal, off_diagonal, all) != HO_OK)
        return HO_INVALID;
    for (int64_t k = 0; k < n; k++)
        sorted[k] = (pair){diagonal[k], all + k * n};
    qsort(sorted, (size_t)n, sizeof *sorted, larger_first);
    for (int64_t k = 0; k < n; k++)
        eigen->values[k] = sorted[k].value;
    for (int64_t k = 0; k < wanted && k < n; k++) {
        memcpy(eigen->vectors + k * n, sorted[k].vector, (size_t)n * sizeof *eigen->vectors);
        reflect(n, matrix, eigen->vectors + k * n);
    }
    return HO_OK;
}
