/* The solvers of implicit mode on small matrices, judged by the true residual. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "equation.h"

#define N 6

struct ho_vector {
    double x[N];
};

/* A matrix as a system: nothing but what the solvers call. */
typedef struct matrix {
    ho_system head;
    double a[N][N];
    char message[256];
} matrix;

static void copy(ho_system *s, const ho_vector *from, ho_vector *to)
{
    (void)s;
    *to = *from;
}

static void zero(ho_system *s, ho_vector *v)
{
    (void)s;
    *v = (ho_vector){0};
}

static void axpby(ho_system *s, double a, const ho_vector *x, double b, ho_vector *y)
{
    (void)s;
    for (int i = 0; i < N; i++)
        y->x[i] = a * x->x[i] + b * y->x[i];
}

static void dot(ho_system *s, const ho_vector *a, const ho_vector *b, double *result)
{
    (void)s;
    *result = 0;
    for (int i = 0; i < N; i++)
        *result += a->x[i] * b->x[i];
}

static ho_status poll(ho_system *s)
{
    (void)s;
    return HO_OK;
}

HO_PRINTF(5, 6)
static ho_status fail_at(ho_system *s, const char *file, int32_t line, const char *at, const char *format, ...)
{
    matrix *m = (matrix *)s;
    va_list arguments;
    (void)file, (void)line, (void)at;
    va_start(arguments, format);
    vsnprintf(m->message, sizeof m->message, format, arguments);
    va_end(arguments);
    return HO_INVALID;
}

static ho_status residual_vjp(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                              const ho_vector *state, const ho_vector *v, ho_vector *out, double *gradient)
{
    const matrix *m = (const matrix *)s;
    (void)residuals, (void)t, (void)lambda, (void)state, (void)gradient;
    for (int j = 0; j < N; j++) {
        out->x[j] = 0;
        for (int i = 0; i < N; i++)
            out->x[j] += v->x[i] * m->a[i][j];
    }
    return HO_OK;
}

static ho_status residual_jvp(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                              const ho_vector *state, int64_t columns, const ho_vector *z, const double *d,
                              ho_vector *out)
{
    const matrix *m = (const matrix *)s;
    (void)residuals, (void)t, (void)lambda, (void)state, (void)columns, (void)d;
    for (int i = 0; i < N; i++) {
        out->x[i] = 0;
        for (int j = 0; j < N; j++)
            out->x[i] += m->a[i][j] * z->x[j];
    }
    return HO_OK;
}

static const ho_system_api calls = {.struct_size = sizeof calls,
                                    .copy = copy,
                                    .zero = zero,
                                    .axpby = axpby,
                                    .dot = dot,
                                    .poll = poll,
                                    .fail_at = fail_at,
                                    .residual_jvp = residual_jvp,
                                    .residual_vjp = residual_vjp};

/* ||b - x (I - A)|| / ||b|| of the solver's x; *products: that it took. */
static double residual_of(matrix *m, const solver *how, const ho_vector *b, int64_t *products)
{
    enum { MOST = 32 };
    static ho_vector made[MOST];
    ho_vector x, spare, *basis[MOST], left;
    double numbers[1000], square = 0, of = 0;
    cr_assert(equation_vectors(how) <= MOST && equation_numbers(how) <= 1000);
    for (int i = 0; i < MOST; i++)
        basis[i] = made + i;
    m->head.api = &calls;
    equation e = {.system = &m->head,
                  .api = &calls,
                  .how = how,
                  .b = b,
                  .x = &x,
                  .spare = &spare,
                  .basis = basis,
                  .numbers = numbers};
    cr_assert_eq(equation_solve(&e), HO_OK, "%s", m->message);
    residual_vjp(&m->head, NULL, 0, NULL, NULL, &x, &left, NULL);
    for (int i = 0; i < N; i++) {
        const double off = b->x[i] - x.x[i] + left.x[i];
        square += off * off;
        of += b->x[i] * b->x[i];
    }
    *products = e.done;
    return sqrt(square / of);
}

static double any(void)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(state >> 11) * 0x1p-53 - 0.5;
}

Test(equation, every_solver_stops_at_its_tolerance)
{
    static const int64_t methods[] = {CG, NEUMANN, FIXED_POINT, BICGSTAB, GMRES, GMRES};
    for (int round = 0; round < 20; round++)
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
            matrix m = {0};
            ho_vector b;
            const solver how = {
                .method = methods[k], .iterations = 400, .restart = k == 5 ? 3 : N + 1, .tolerance = 1e-9};
            for (int i = 0; i < N; i++) {
                b.x[i] = any();
                for (int j = 0; j < N; j++)
                    m.a[i][j] = 0.25 * any();
            }
            for (int i = 0; i < N && methods[k] == CG; i++)
                for (int j = 0; j < i; j++)
                    m.a[i][j] = m.a[j][i];
            int64_t products;
            const double residual = residual_of(&m, &how, &b, &products);
            cr_expect(residual <= 1.01e-9, "solver %zu: %g", k, residual);
            cr_expect(methods[k] == NEUMANN ? products == 399 : products <= (methods[k] == FIXED_POINT ? 60 : 40),
                      "solver %zu: %lld products", k, (long long)products);
        }
}

/* I - A turns two axes by nearly a right angle: the residual grows on the way, and what is carried along then differs
 * from b - x (I - A) in digits that matter. */
Test(equation, bicgstab_is_not_content_with_the_residual_that_it_carries_along)
{
    for (int p = 4; p <= 8; p++) {
        matrix m = {0};
        ho_vector b = {{1, 0.3, 0.001, 0, 0.01, 0}};
        const solver how = {.method = BICGSTAB, .iterations = 400, .tolerance = 1e-13};
        const double d = pow(10, -p);
        m.a[0][0] = m.a[1][1] = 1 - d;
        m.a[0][1] = -1;
        m.a[1][0] = 1;
        int64_t products;
        const double residual = residual_of(&m, &how, &b, &products);
        cr_expect(residual <= 1.01e-13, "1e-%d: %g after %lld products", p, residual, (long long)products);
    }
}
