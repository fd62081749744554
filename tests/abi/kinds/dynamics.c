/* An optimizer: options, hyperparameters, slots, create and destroy, formulas and ordinary calls. */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "epsilon", .type = HO_REAL, .initial = "0.25", .doc = "a real", .least = 0, .most = 1},
    {.name = "order", .type = HO_INTEGER, .initial = "2", .doc = "an integer"},
    {.name = "kind", .type = HO_CHOICE, .initial = "plain", .doc = "a word", .choices = "plain|fancy"},
    {.name = "widths", .type = HO_REALS, .initial = "[1, 4]", .doc = "a list"},
};

static const ho_hyper hypers[] = {
    {.name = "rate", .initial = 0.5, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "decay", .initial = 0.9, .domain = HO_DECAY, .doc = "what is kept", .shape = "", .structure = 0},
};

static const ho_slot slots[] = {{.name = "v", .doc = "the last step", .initial = "0*w"}};

static ho_status create(ho_setup *u, void **self)
{
    double *kept = ho_setup_alloc(u, sizeof *kept);
    if (!kept)
        return HO_FAILED;
    *kept = ho_option_real(u, "epsilon") * (double)ho_option_integer(u, "order") * ho_option_real_at(u, "widths", 1);
    if (ho_option_string(u, "kind")[0] != 'p' || ho_option_count(u, "widths") != 2)
        return ho_setup_fail(u, "kind", "only %s is known", "plain");
    *self = kept;
    return HO_OK;
}

static void destroy(void *self)
{
    *(double *)self = 0;
}

static ho_status step(void *self, ho_trace *x)
{
    int64_t dims[HO_MAX_RANK];
    ho_value w = ho_get(x, "w");
    if (!ho_has(x, "g") || ho_shape_get(x, w, dims) != 1)
        return ho_trace_fail(x, "w is not a vector");
    ho_let(x, "v", "decay*v - rate*g");
    ho_value scaled = ho_mul(x, ho_get(x, "v"), ho_constant(x, *(const double *)self));
    ho_value kept = ho_where(x, ho_less(x, ho_abs(x, w), ho_fill(x, 1, dims, 1e6)), ho_add(x, w, scaled), w);
    ho_set(x, "w", ho_add(x, kept, ho_mul(x, ho_constant(x, 0), ho_sum_all(x, w))));
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_WHOLE,
    .slots = HO_TABLE(slots),
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "probe_dynamics",
    .version = "1",
    .doc = "a probe",
    .details = "more words",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
    .create = create,
    .destroy = destroy,
};
