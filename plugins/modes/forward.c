/* Forward mode: propagates the tangents Z_t = ds_t/dlambda along with the state. */
#include "tangents.h"

typedef struct forward {
    int64_t columns_at_once;
} forward;

static const ho_option options[] = {
    {.name = "columns_at_once",
     .type = HO_INTEGER,
     .initial = "64",
     .doc = "number of tangents propagated through a step at a time",
     .least = 1.0,
     .most = 65536.0},
};

static ho_status create(ho_setup *u, void **self)
{
    forward *mode = ho_setup_alloc(u, sizeof(forward));
    if (!mode)
        return HO_FAILED;
    mode->columns_at_once = ho_option_integer(u, "columns_at_once");
    *self = mode;
    return HO_OK;
}

typedef struct forward_run {
    tangents t;
    double *direction;
} forward_run;

static void end(void *run)
{
    forward_run *r = run;
    if (!r)
        return;
    ho_system *s = r->t.system;
    tangents_free(&r->t);
    s->api->free_memory(s, r->direction);
    s->api->free_memory(s, r);
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    forward_run *r = s->api->alloc(s, sizeof(forward_run));
    if (!r)
        return HO_FAILED;
    r->t = tangents_of(s);
    ho_status status = tangents_start(&r->t, lambda, ((const forward *)self)->columns_at_once, 0, 1);
    if (status == HO_OK) {
        r->direction = s->api->alloc(s, (uint64_t)(r->t.lambda_size + 1) * sizeof(double));
        status = r->direction ? HO_OK : HO_FAILED;
    }
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    forward_run *r = run;
    ho_status status = HO_OK;
    for (int64_t t = t0 + 1; t <= t1 && status == HO_OK; t++)
        status = tangents_step(&r->t, t, lambda);
    return status;
}

/* dE/dlambda + sum over directions d_i of (dE/ds Z_i) d_i. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    forward_run *r = run;
    const ho_status status = tangents_products(&r->t, lambda, value, gradient);
    if (status == HO_OK)
        tangents_sum(&r->t, r->direction, gradient);
    return status;
}

static const ho_vector *state(void *run)
{
    return ((const forward_run *)run)->t.state;
}

static ho_status forget(void *run)
{
    tangents_forget(&((forward_run *)run)->t);
    return HO_OK;
}

static int64_t bytes(void *run)
{
    return ((const forward_run *)run)->t.bytes;
}

static ho_status tangent_norms(void *run, double *norms)
{
    tangents_norms(&((forward_run *)run)->t, norms);
    return HO_OK;
}

static ho_status pass(void *run, ho_snapshot *snapshot)
{
    tangents_pass(&((forward_run *)run)->t, snapshot);
    return HO_OK;
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    return tangents_cost(c, c->directions, ((const forward *)self)->columns_at_once);
}

/* Each step is taken once, with its tangents. */
static int64_t steps_back(void *self)
{
    (void)self;
    return 0;
}

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .end = end,
    .tangent_norms = tangent_norms,
    .estimate = estimate,
    .pass = pass,
    .steps_back = steps_back,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "forward",
    .version = "1.0.0",
    .doc = "propagates tangents during training: time grows with the hyperparameters, memory does not grow with steps",
    .details = "Z_0 = dPhi_0/dlambda, Z_t = A_t Z_{t-1} + B_t, df/dlambda = dE/ds Z_T + dE/dlambda\nwith A_t = "
               "dPhi_t/ds and B_t = dPhi_t/dlambda\n\n"
               "Franceschi, Donini, Frasconi, Pontil, On Hyperparameter Optimization in Learning Systems (ICLR 2017 "
               "workshop), section 3.2. Takes the time of O(T m) steps and the memory of O(m) states for m free "
               "directions of lambda. Use it for few hyperparameters, for long training, and for online updates: the "
               "partial hypergradient is available after every step.\n\n"
               "columns_at_once tangents pass through a step at a time: a small number needs less scratch memory, a "
               "large one runs faster.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
