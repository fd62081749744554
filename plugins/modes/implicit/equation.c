#include "equation.h"

#include <math.h>
#include <string.h>

/* Relative asymmetry that rounding may cause in f32. */
#define SYMMETRIC 1e-4

int64_t equation_vectors(const solver *how)
{
    switch (how->method) {
    case CG:
        return 2;
    case GMRES:
        return how->restart + 1;
    case BICGSTAB:
        return 4;
    default:
        return 1;
    }
}

/* GMRES: a column of the triangular matrix for each vector, the rotations, the right-hand side and the solution. */
int64_t equation_numbers(const solver *how)
{
    const int64_t m = how->method == GMRES ? how->restart : 0;
    return (m + 1) * m + 4 * (m + 1);
}

static double dot(const equation *e, const ho_vector *a, const ho_vector *b)
{
    double result = NAN;
    e->api->dot(e->system, a, b, &result);
    return result;
}

static void add(const equation *e, double a, const ho_vector *x, ho_vector *y)
{
    e->api->axpby(e->system, a, x, 1.0, y);
}

/* out = v A */
static ho_status multiply(equation *e, const ho_vector *v, ho_vector *out)
{
    const ho_status status = e->api->poll(e->system);
    e->done++;
    return status != HO_OK
               ? status
               : e->api->residual_vjp(e->system, e->residuals, e->t, e->lambda, e->state, v, out, e->unwanted);
}

/* out = v (I - A) */
static ho_status apply(equation *e, const ho_vector *v, ho_vector *out)
{
    const ho_status status = multiply(e, v, out);
    if (status == HO_OK)
        e->api->axpby(e->system, 1.0, v, -1.0, out);
    return status;
}

/* Writes b - x (I - A) into basis[0], and its norm. */
static ho_status find_residual(equation *e, double *size)
{
    const ho_status status = apply(e, e->x, e->basis[0]);
    e->api->axpby(e->system, 1.0, e->b, -1.0, e->basis[0]);
    *size = sqrt(dot(e, e->basis[0], e->basis[0]));
    return status;
}

/* ---- series ------------------------------------------------------------------------------------------------------ */

/* x = b + b A + b A^2 + ..., K terms. */
static ho_status solve_neumann(equation *e)
{
    ho_vector *term = e->basis[0], *next = e->spare;
    ho_status status = HO_OK;
    e->api->copy(e->system, e->b, e->x);
    e->api->copy(e->system, e->b, term);
    for (int64_t k = 1; k < e->how->iterations && status == HO_OK; k++) {
        status = multiply(e, term, next);
        add(e, 1.0, next, e->x);
        ho_vector *old = term;
        term = next;
        next = old;
    }
    return status;
}

/* x <- b + x A, until x stays where it is. */
static ho_status solve_fixed_point(equation *e)
{
    const double enough = e->how->tolerance * sqrt(dot(e, e->b, e->b));
    e->api->copy(e->system, e->b, e->x);
    for (int64_t k = 0; k < e->how->iterations; k++) {
        ho_vector *moved = e->basis[0];
        const ho_status status = multiply(e, e->x, e->spare);
        if (status != HO_OK)
            return status;
        add(e, 1.0, e->b, e->spare);
        e->api->copy(e->system, e->spare, moved);
        add(e, -1.0, e->x, moved);
        const double distance = sqrt(dot(e, moved, moved));
        if (distance <= enough)
            return HO_OK;
        e->api->copy(e->system, e->spare, e->x);
    }
    return HO_OK;
}

/* ---- conjugate gradients ----------------------------------------------------------------------------------------- */

/* A b and b A are the same where A is symmetric. */
static ho_status expect_symmetry(equation *e)
{
    ho_vector *left = e->basis[0], *right = e->basis[1];
    ho_status status = multiply(e, e->b, left);
    if (status == HO_OK)
        status = e->api->residual_jvp(e->system, e->residuals, e->t, e->lambda, e->state, 1, e->b, e->still, right);
    if (status != HO_OK)
        return status;
    const double size = sqrt(dot(e, left, left));
    add(e, -1.0, left, right);
    const double apart = sqrt(dot(e, right, right));
    if (!(apart > SYMMETRIC * size))
        return HO_OK;
    return e->api->fail_at(
        e->system, HO_HERE, e->how->name,
        "solver: cg needs a symmetric Jacobian of the step, as that of gradient descent is; here its "
        "products from the left and from the right differ by %.2g of their size (has the optimizer "
        "slots, or a rate for each weight?): use solver gmres",
        apart / size);
}

static ho_status solve_cg(equation *e)
{
    ho_vector *r = e->basis[0], *p = e->basis[1], *q = e->spare;
    ho_status status = expect_symmetry(e);
    if (status != HO_OK)
        return status;
    e->api->zero(e->system, e->x);
    e->api->copy(e->system, e->b, r);
    e->api->copy(e->system, e->b, p);
    double square = dot(e, r, r);
    const double enough = e->how->tolerance * e->how->tolerance * square;
    for (int64_t k = 0; k < e->how->iterations && square > enough; k++) {
        if ((status = apply(e, p, q)) != HO_OK)
            return status;
        const double curvature = dot(e, p, q);
        if (!(curvature > 0.0))
            break; /* I - A is not positive definite: the step is no descent to a minimum */
        const double length = square / curvature, before = square;
        add(e, length, p, e->x);
        add(e, -length, q, r);
        square = dot(e, r, r);
        e->api->axpby(e->system, 1.0, r, square / before, p);
    }
    return HO_OK;
}

/* ---- stabilised biconjugate gradients ---------------------------------------------------------------------------- */

/* From the residual in basis[0], of norm `size`, which is the shadow residual as well. Ends early where it breaks down:
 * a share of 0 over 0. */
static ho_status descend(equation *e, double size, double enough)
{
    ho_vector *r = e->basis[0], *p = e->basis[1], *v = e->basis[2], *shadow = e->basis[3], *t = e->spare;
    double along = size * size;
    e->api->copy(e->system, r, shadow);
    e->api->copy(e->system, r, p);
    while (size > enough && e->done < e->how->iterations) {
        ho_status status = apply(e, p, v);
        const double length = along / dot(e, shadow, v);
        if (status != HO_OK || !isfinite(length))
            return status;
        add(e, length, p, e->x);
        add(e, -length, v, r);
        size = sqrt(dot(e, r, r));
        if (size <= enough || e->done >= e->how->iterations)
            return HO_OK;
        if ((status = apply(e, r, t)) != HO_OK)
            return status;
        const double share = dot(e, t, r) / dot(e, t, t);
        if (!isfinite(share))
            return HO_OK;
        add(e, share, r, e->x);
        add(e, -share, t, r);
        size = sqrt(dot(e, r, r));
        const double before = along;
        along = dot(e, shadow, r);
        const double onward = along / before * (length / share);
        if (!isfinite(onward))
            return HO_OK;
        add(e, -share, v, p);
        e->api->axpby(e->system, 1.0, r, onward, p);
    }
    return HO_OK;
}

/* The residual that is carried along drifts from the true one, with which it starts anew. */
static ho_status solve_bicgstab(equation *e)
{
    double size = sqrt(dot(e, e->b, e->b)), before = INFINITY;
    const double enough = e->how->tolerance * size;
    e->api->zero(e->system, e->x);
    e->api->copy(e->system, e->b, e->basis[0]);
    while (size > enough && size < before && e->done < e->how->iterations) {
        before = size;
        ho_status status = descend(e, size, enough);
        if (status == HO_OK && e->done < e->how->iterations)
            status = find_residual(e, &size);
        if (status != HO_OK)
            return status;
    }
    return HO_OK;
}

/* ---- GMRES ------------------------------------------------------------------------------------------------------- */

/* The least-squares problem of the basis so far, kept triangular by rotations. Column j starts at h + j (m + 1). */
typedef struct projected {
    int64_t m;
    double *h, *cosine, *sine, *right, *y;
} projected;

static projected projected_in(double *numbers, int64_t m)
{
    double *rest = numbers + (m + 1) * m;
    return (projected){m, numbers, rest, rest + m + 1, rest + 2 * (m + 1), rest + 3 * (m + 1)};
}

/* Column j is new: turns its entry below the diagonal into 0. */
static void rotate(const projected *p, int64_t j)
{
    double *h = p->h + j * (p->m + 1);
    for (int64_t i = 0; i < j; i++) {
        const double above = h[i], below = h[i + 1];
        h[i] = p->cosine[i] * above + p->sine[i] * below;
        h[i + 1] = p->cosine[i] * below - p->sine[i] * above;
    }
    const double size = hypot(h[j], h[j + 1]);
    p->cosine[j] = size > 0.0 ? h[j] / size : 1.0;
    p->sine[j] = size > 0.0 ? h[j + 1] / size : 0.0;
    h[j] = size;
    h[j + 1] = 0.0;
    p->right[j + 1] = -p->sine[j] * p->right[j];
    p->right[j] *= p->cosine[j];
}

/* x += the combination of the first `count` vectors that leaves the least residual. */
static void combine(equation *e, const projected *p, int64_t count)
{
    for (int64_t i = count - 1; i >= 0; i--) {
        double left = p->right[i];
        for (int64_t j = i + 1; j < count; j++)
            left -= p->h[j * (p->m + 1) + i] * p->y[j];
        const double diagonal = p->h[i * (p->m + 1) + i];
        p->y[i] = diagonal > 0.0 ? left / diagonal : 0.0;
    }
    for (int64_t i = 0; i < count; i++)
        add(e, p->y[i], e->basis[i], e->x);
}

/* Vector j + 1 of the basis, orthogonal to those before it; *size is what is left of it. */
static ho_status extend(equation *e, const projected *p, int64_t j, double *size)
{
    ho_vector *next = e->basis[j + 1];
    const ho_status status = apply(e, e->basis[j], next);
    if (status != HO_OK)
        return status;
    double *h = p->h + j * (p->m + 1);
    memset(h, 0, (size_t)(p->m + 1) * sizeof *h);
    for (int twice = 0; twice < 2; twice++) /* once leaves rounding */
        for (int64_t i = 0; i <= j; i++) {
            const double share = dot(e, e->basis[i], next);
            add(e, -share, e->basis[i], next);
            h[i] += share;
        }
    *size = h[j + 1] = sqrt(dot(e, next, next));
    if (*size > 0.0)
        e->api->axpby(e->system, 0.0, e->b, 1.0 / *size, next);
    return HO_OK;
}

/* One basis of at most m vectors, from the residual in basis[0], of norm `start`. */
static ho_status cycle(equation *e, double start, double enough, int64_t *left)
{
    const projected p = projected_in(e->numbers, e->how->restart);
    int64_t count = 0;
    double size = start, residual = start;
    p.right[0] = start;
    e->api->axpby(e->system, 0.0, e->b, 1.0 / start, e->basis[0]);
    for (; count<p.m && * left> 0 && size > 0.0 && residual > enough; count++, --*left) {
        const ho_status status = extend(e, &p, count, &size);
        if (status != HO_OK)
            return status;
        rotate(&p, count);
        residual = fabs(p.right[count + 1]);
    }
    combine(e, &p, count);
    return HO_OK;
}

static ho_status solve_gmres(equation *e)
{
    const double enough = e->how->tolerance * sqrt(dot(e, e->b, e->b));
    double residual = sqrt(dot(e, e->b, e->b)), before = INFINITY;
    int64_t left = e->how->iterations;
    e->api->zero(e->system, e->x);
    e->api->copy(e->system, e->b, e->basis[0]);
    while (left > 0 && residual > enough && residual < before) {
        ho_status status = cycle(e, residual, enough, &left);
        if (status != HO_OK || left == 0)
            return status;
        before = residual;
        if ((status = find_residual(e, &residual)) != HO_OK)
            return status;
    }
    return HO_OK;
}

ho_status equation_solve(equation *e)
{
    e->done = 0;
    if (!(dot(e, e->b, e->b) > 0.0)) {
        e->api->copy(e->system, e->b, e->x);
        return HO_OK;
    }
    switch (e->how->method) {
    case CG:
        return solve_cg(e);
    case NEUMANN:
        return solve_neumann(e);
    case FIXED_POINT:
        return solve_fixed_point(e);
    case BICGSTAB:
        return solve_bicgstab(e);
    default:
        return solve_gmres(e);
    }
}
