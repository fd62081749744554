/* RMSProp: gradients divided by a running root mean square. */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "epsilon",
     .type = HO_REAL,
     .initial = "1e-5",
     .doc = "its square is added under the root, which keeps the root away from 0",
     .least = 0.0,
     .most = 1e6},
};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 1e-3, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "decay", .initial = 0.9, .domain = HO_DECAY, .doc = "fraction of the mean square that each step keeps"},
};

static const ho_slot slots[] = {{.name = "v", .doc = "running mean of the squared gradient"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "largest", "maximum(v)");
    ho_let(x, "v", "decay*v + (1 - decay)*g^2");
    /* Where no gradient has arrived but rounding noise, the derivative is that of standing still: see FORMULAS.md. */
    ho_let(x, "w",
           "w - stop_noise(learning_rate*g * rsqrt(v + epsilon^2), g^2 + v, largest, epsilon, w/learning_rate)");
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
    .name = "rmsprop",
    .version = "1.0.0",
    .doc = "RMSProp: gradient divided by its running root mean square",
    .details =
        "v_t = decay v_{t-1} + (1 - decay) g_t^2\nw_t = w_{t-1} - learning_rate g_t / sqrt(v_t + epsilon^2)\n\n"
        "Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning (2012).\n\n"
        "epsilon is under the root.\n\n"
        "A weight that never receives a gradient stands still at 0: an input feature that is 0 in every training "
        "example, or a bias that symmetric data leave alone. There the slope of the step is learning_rate/epsilon, "
        "and rounding noise would grow by up to that factor per step. So where a weight is at 0, while others receive "
        "gradients and its g and v are 0, or no more than the rounding errors of a gradient, the step counts as "
        "constant "
        "when it is differentiated. The bounds, in units of the working precision: 1024 sqrt(max v) and 2^18 epsilon "
        "for the gradient (in f32 with the default epsilon, about 2e-7; in f64, 3e-16), 2^18 learning_rate for the "
        "weight.",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
