/* Implicit differentiation: the last state is taken for a fixed point of the step. */
#include "equation.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define VECTORS 6 /* beside the solver's: the state, the one stepped into, b, x, and two */

/* Beyond these the training is not near a fixed point: how far a step still goes, of the state's norm; how much E
 * would change on the way, of E. */
#define SMALL_STEP   1e-3
#define SMALL_CHANGE 1e-2

typedef struct implicit_run {
    ho_system *system;
    const ho_system_api *api;
    const solver *how;
    int64_t lambda_size, t;
    ho_vector *vectors[VECTORS];
    ho_vector *state, *next; /* of these */
    ho_vector **basis;
    double *still, *unwanted, *numbers;
    ho_residuals *residuals;
} implicit_run;

static void end(void *run)
{
    implicit_run *r = run;
    if (!r)
        return;
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    for (int i = 0; i < VECTORS; i++)
        api->vector_free(s, r->vectors[i]);
    for (int64_t i = 0; r->basis && i < equation_vectors(r->how); i++)
        api->vector_free(s, r->basis[i]);
    api->residuals_free(s, r->residuals);
    api->free_memory(s, r->basis);
    api->free_memory(s, r->still);
    api->free_memory(s, r->unwanted);
    api->free_memory(s, r->numbers);
    api->free_memory(s, r);
}

/* A minibatch has a fixed point of its own, which the next one leaves. */
static ho_status expect_full_batch(const implicit_run *r)
{
    const int64_t batch = r->api->batch(r->system);
    if (batch == 0)
        return HO_OK;
    return r->api->fail_at(r->system, HO_HERE, NULL,
                           "each step sees a minibatch of %" PRId64 " examples, so that training has no fixed point: "
                           "train with `batch: full`, or use mode truncated or reverse",
                           batch);
}

static ho_status make(implicit_run *r)
{
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    const uint64_t lambda = (uint64_t)(r->lambda_size > 0 ? r->lambda_size : 1) * sizeof(double);
    const int64_t basis = equation_vectors(r->how);
    for (int i = 0; i < VECTORS; i++)
        if (!(r->vectors[i] = api->vector_new(s, 1)))
            return HO_FAILED;
    r->state = r->vectors[0];
    r->next = r->vectors[1];
    r->still = api->alloc(s, lambda);
    r->unwanted = r->still ? api->alloc(s, lambda) : NULL;
    r->numbers = r->unwanted ? api->alloc(s, (uint64_t)(equation_numbers(r->how) + 1) * sizeof(double)) : NULL;
    r->basis = r->numbers ? api->alloc(s, (uint64_t)basis * sizeof(ho_vector *)) : NULL;
    if (!r->basis)
        return HO_FAILED;
    for (int64_t i = 0; i < basis; i++)
        if (!(r->basis[i] = api->vector_new(s, 1)))
            return HO_FAILED;
    r->residuals = api->residuals_new(s);
    return r->residuals ? HO_OK : HO_FAILED;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    implicit_run *r = s->api->alloc(s, sizeof(implicit_run));
    if (!r)
        return HO_FAILED;
    *r = (implicit_run){.system = s, .api = s->api, .how = self, .lambda_size = s->api->lambda_size(s), .t = 1};
    ho_status status = expect_full_batch(r);
    if (status == HO_OK)
        status = make(r);
    if (status == HO_OK)
        status = s->api->initial(s, lambda, r->state);
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    implicit_run *r = run;
    for (int64_t t = t0 + 1; t <= t1; t++) {
        ho_status status = r->api->poll(r->system);
        if (status == HO_OK)
            status = r->api->step(r->system, t, lambda, r->state, r->next);
        if (status != HO_OK)
            return status;
        ho_vector *before = r->state;
        r->state = r->next;
        r->next = before;
        r->t = t;
    }
    return HO_OK;
}

static double norm(const implicit_run *r, const ho_vector *v)
{
    double result = NAN;
    r->api->norms(r->system, v, &result);
    return result;
}

/* How the solution is to be taken. */
typedef struct verdict {
    double residual; /* of ||b|| */
    double step;     /* ||Phi(s) - s|| / ||s|| */
    double change;   /* of E, from here to the fixed point */
    int64_t products;
} verdict;

static void tell(const implicit_run *r, const verdict *v, double error)
{
    const bool unsolved = !(v->residual <= r->how->tolerance);
    const bool far = !(v->step <= SMALL_STEP && fabs(v->change) <= SMALL_CHANGE * fabs(error));
    r->api->tell(r->system, HO_TELL_NOTE,
                 "implicit: the adjoint equation holds to %.2g after %" PRId64 " products (%s); ||Phi(s) - s|| is %.2g "
                 "of ||s||, and E at the fixed point about %.2g away",
                 v->residual, v->products, r->how->name, v->step, v->change);
    if (unsolved)
        r->api->tell(
            r->system, HO_TELL_WARNING,
            "implicit: %s has not converged: the residual of the adjoint equation is %.2g, the tolerance %.2g; "
            "more iterations may help%s",
            r->how->name, v->residual, r->how->tolerance, far ? ", and the training is not near a fixed point" : "");
    else if (far)
        r->api->tell(r->system, HO_TELL_WARNING,
                     "implicit: the training is not near a fixed point: a step still moves the state by %.2g of its "
                     "norm, and E there would be about %.2g away; more steps, or mode reverse",
                     v->step, v->change);
}

/* x (I - A) = dE/ds;  dE/dlambda + x B */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    implicit_run *r = run;
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    ho_vector *b = r->vectors[2], *x = r->vectors[3], *out = r->vectors[4];
    memset(gradient, 0, (size_t)r->lambda_size * sizeof(double));
    ho_status status = api->linearize(s, r->t, lambda, r->state, r->next, r->residuals);
    if (status == HO_OK)
        status = api->error_gradient(s, lambda, r->state, value, b, gradient);
    equation e = {.system = s,
                  .api = api,
                  .how = r->how,
                  .t = r->t,
                  .lambda = lambda,
                  .state = r->state,
                  .residuals = r->residuals,
                  .still = r->still,
                  .unwanted = r->unwanted,
                  .b = b,
                  .x = x,
                  .spare = r->vectors[5],
                  .basis = r->basis,
                  .numbers = r->numbers};
    if (status == HO_OK)
        status = equation_solve(&e);
    if (status == HO_OK)
        status = api->residual_vjp(s, r->residuals, r->t, lambda, r->state, x, out, gradient);
    if (status != HO_OK)
        return status;
    verdict v = {.products = e.done + 1};
    const double size = norm(r, r->state), slope = norm(r, b);
    api->axpby(s, -1.0, r->state, 1.0, r->next);
    api->dot(s, x, r->next, &v.change);
    v.step = size > 0.0 ? norm(r, r->next) / size : norm(r, r->next);
    api->axpby(s, -1.0, x, 1.0, out);
    api->axpby(s, 1.0, b, 1.0, out);
    v.residual = slope > 0.0 ? norm(r, out) / slope : 0.0;
    tell(r, &v, *value);
    return HO_OK;
}

static const ho_vector *state(void *run)
{
    return ((const implicit_run *)run)->state;
}

/* The fixed point does not depend on how it was reached. */
static ho_status forget(void *run)
{
    (void)run;
    return HO_OK;
}

static ho_status pass(void *run, ho_snapshot *snapshot)
{
    implicit_run *r = run;
    r->api->pass(r->system, snapshot, &r->t, sizeof r->t);
    r->api->pass_vector(r->system, snapshot, r->state);
    return HO_OK;
}

static int64_t residual_bytes(void *run)
{
    const implicit_run *r = run;
    return r->api->residuals_bytes(r->system);
}

static int64_t bytes(void *run)
{
    const implicit_run *r = run;
    return (VECTORS + equation_vectors(r->how)) * r->api->vector_bytes(r->system, r->state) + residual_bytes(run);
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    const solver *how = self;
    const double asked = c->hypergradients > 0 ? (double)c->hypergradients : 1.0;
    return (ho_call_cost){.seconds =
                              (double)c->steps * c->step.seconds +
                              asked * (c->linearize.seconds + (double)(how->iterations + 1) * c->residual_vjp.seconds),
                          .bytes = (VECTORS + equation_vectors(how)) * c->state_bytes + c->residual_bytes +
                                   c->step.bytes + c->linearize.bytes + c->residual_vjp.bytes};
}

static ho_status create(ho_setup *u, void **self)
{
    solver *how = ho_setup_alloc(u, sizeof *how);
    if (!how)
        return HO_FAILED;
    const char *name = ho_option_string(u, "solver");
    how->method = !strcmp(name, "cg")            ? CG
                  : !strcmp(name, "neumann")     ? NEUMANN
                  : !strcmp(name, "fixed_point") ? FIXED_POINT
                  : !strcmp(name, "bicgstab")    ? BICGSTAB
                                                 : GMRES;
    how->name = name;
    how->iterations = ho_option_integer(u, "iterations");
    how->tolerance = ho_option_real(u, "tolerance");
    how->restart = ho_option_integer(u, "restart");
    how->restart = how->restart < how->iterations ? how->restart : how->iterations;
    *self = how;
    return HO_OK;
}

static const ho_option options[] = {
    {.name = "solver",
     .type = HO_CHOICE,
     .initial = "gmres",
     .doc = "solver of the adjoint equation: `gmres`, for any dynamics; `bicgstab`, likewise, with fewer vectors; "
            "`cg`, for gradient descent; `fixed_point`; `neumann`, the first terms of its series",
     .choices = "gmres|bicgstab|cg|fixed_point|neumann"},
    {.name = "iterations",
     .type = HO_INTEGER,
     .initial = "100",
     .doc = "maximum number of products with the step's Jacobian; for neumann, the number of terms",
     .least = 1,
     .most = 1e9},
    {.name = "tolerance",
     .type = HO_REAL,
     .initial = "1e-5",
     .doc =
         "the residual of the adjoint equation, relative to dE/ds, at which a solver stops and beyond which there is "
         "a warning",
     .least = 1e-15,
     .most = 1.0},
    {.name = "restart",
     .type = HO_INTEGER,
     .initial = "30",
     .doc = "for gmres: number of vectors to keep before restarting",
     .least = 1,
     .most = 10000},
};

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .approximate = 1,
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .end = end,
    .estimate = estimate,
    .residual_bytes = residual_bytes,
    .pass = pass,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "implicit",
    .version = "1.0.0",
    .doc = "differentiates the fixed point that training approaches, from its last state alone: approximate",
    .details =
        "s = Phi(s, lambda):   x (I - A) = dE/ds,   df/dlambda = dE/dlambda + x B\n"
        "with A = dPhi/ds and B = dPhi/dlambda at the last state, by products with A alone\n\n"
        "Pedregosa, Hyperparameter optimization with approximate gradient (ICML 2016): cg. Lorraine, Vicol, Duvenaud, "
        "Optimizing Millions of Hyperparameters by Implicit Differentiation (AISTATS 2020): neumann. Grazzi, "
        "Franceschi, Pontil, Salzo, On the Iteration Complexity of Hypergradient Computation (ICML 2020): fixed_point "
        "and cg. Saad, Schultz, GMRES (SIAM J. Sci. Stat. Comput. 7, 1986). Van der Vorst, Bi-CGSTAB (the same, 13, "
        "1992).\n\n"
        "The gradient is that of the fixed point, not of T steps: the two agree where training has converged. What "
        "only the way there depends on (the initial state, at a minimum the learning rate) has gradient 0. A is "
        "symmetric for gradient descent alone: momentum and its like have slots, and cg refuses them. Steps with "
        "minibatches have no common fixed point and are refused. Of a hyperparameter with an entry for each step (a "
        "schedule), the last entry is the one whose fixed point this is: the others have gradient 0. Each "
        "hypergradient says how well the equation was "
        "solved and how near the fixed point is, and warns where either is poor.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
