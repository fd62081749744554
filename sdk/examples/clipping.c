/*
 * Gradient clipping: momentum, where a gradient longer than `longest` is shortened to it.
 *
 *     c_t = g_t min(1, longest / |g_t|)     v_t = momentum v_{t-1} + c_t     w_t = w_{t-1} - learning_rate v_t
 *
 * Pascanu, Mikolov and Bengio, On the Difficulty of Training Recurrent Neural Networks (ICML 2013), algorithm 1.
 *
 * What this file shows:
 *   - `norm` in a step over all weights is the global norm: of all weight tensors together.
 *   - How to write a quotient so that nothing is divided by 0: max(|g|, longest) is positive, since the domain of
 *     `longest` (HO_POSITIVE) is. min(1, longest/|g|) would be 0/0 where there is neither.
 *   - A kink: where |g| is just `longest`, the slope jumps. `hotool check` sees that, and tells a kink from a mistake.
 * Clipping makes long unrolls tame: where a step is clipped, its derivative is that of a direction alone.
 */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.1, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "momentum", .initial = 0.9, .domain = HO_UNIT, .doc = "fraction of the previous step that is kept"},
    {.name = "longest", .initial = 1.0, .domain = HO_POSITIVE, .doc = "the norm to which longer gradients are cut"},
};

static const ho_slot slots[] = {{.name = "v", .doc = "running sum of the clipped gradients"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "clipped", "g * (longest / max(norm(g), longest))");
    ho_let(x, "v", "momentum*v + clipped");
    ho_let(x, "w", "w - learning_rate*v");
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
    .name = "clipping",
    .version = "1.0",
    .doc = "momentum, with gradients clipped by their global norm",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
