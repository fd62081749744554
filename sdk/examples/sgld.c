/*
 * SGLD, stochastic gradient Langevin dynamics: gradient descent with noise, which samples weights instead of finding
 * the best.
 *
 *     w_t = w_{t-1} - learning_rate g_t + sqrt(2 learning_rate temperature) n_t     n_t normal, new for each entry and
 * step
 *
 * Welling and Teh, Bayesian Learning via Stochastic Gradient Langevin Dynamics (ICML 2011), equation 4.
 *
 * What this file shows: random numbers in a step. Steps are pure functions: a mode that replays one must see the same
 * noise again, and a hypergradient is that of one fixed course of the noise. So the noise is computed from the step
 * number t and the number i of the entry, by arithmetic that mixes them well:
 *   - integers below 4093 (a prime whose square is below 2^24) are multiplied and added modulo 4093, which is exact in
 *     f32 too: both precisions see the same noise;
 *   - two such numbers make a normal one, by Box and Muller.
 * 4093 values are coarse, but enough to stir weights with. Derivatives do not pass through the noise, as it depends on
 * nothing that is tuned; they do pass through its size.
 */
#include <hotool/plugin.h>

#include <stdio.h>

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.1, .domain = HO_POSITIVE, .doc = "step size"},
    {.name = "temperature", .initial = 1e-3, .domain = HO_POSITIVE, .doc = "of the noise; 0 would be plain descent"},
};

/* Binds `name` to numbers that look random in (0, 1), one for each entry of `i`, other ones for each `salt` and t. */
static void uniform(ho_trace *x, const char *name, int salt)
{
    char text[128];
    snprintf(text, sizeof text, "t*%d + floor(t/4093)*%d", 1597 + 2 * salt, 233 + salt);
    ho_let(x, "turn", text);
    ho_let(x, "turn", "turn - 4093*floor(turn/4093)");
    ho_let(x, "h", "i + turn");
    for (int round = 0; round < 3; round++) {
        ho_let(x, "h", "h - 4093*floor((h + 0.5)/4093)");
        snprintf(text, sizeof text, "h*h + %d + turn", 917 * round + 311 * salt);
        ho_let(x, "h", text);
    }
    ho_let(x, name, "(h - 4093*floor((h + 0.5)/4093) + 0.5)/4093");
}

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    int64_t dims[HO_MAX_RANK];
    ho_shape_get(x, ho_get(x, "w"), dims); /* flat: all weights, one after another */
    ho_set(x, "i", ho_range(x, dims[0]));
    ho_let(x, "i", "i - 4093*floor((i + 0.5)/4093) + 17*floor((i + 0.5)/4093)");
    uniform(x, "u1", 1);
    uniform(x, "u2", 2);
    ho_let(x, "noise", "sqrt(-2*log(u1)) * cos(6.28318530717958647692*u2)");
    ho_let(x, "w", "w - learning_rate*g + sqrt(2*learning_rate*temperature)*noise");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_WHOLE,
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "sgld",
    .version = "1.0",
    .doc = "gradient descent with noise: stochastic gradient Langevin dynamics",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
