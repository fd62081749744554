/*
 * LAMB: Adam's step, made as long as the weight tensor that it changes.
 *
 *     u_t = m_t' / sqrt(v_t' + epsilon^2) + weight_decay w_{t-1}     w_t = w_{t-1} - learning_rate |w_{t-1}| / |u_t|
 * u_t
 *
 * with the bias-corrected moments of Adam. You, Li, Reddi et al., Large Batch Optimization for Deep Learning: Training
 * BERT in 76 Minutes (ICLR 2020), algorithm 2, with phi(z) = z, and the factor 1 where w or u is 0.
 *
 * What this file shows:
 *   - HO_PER_TENSOR: the step is traced for each weight tensor by itself, with its shape, so that `norm` is the norm of
 *     one tensor. grad(p) is not there then.
 *   - select(c, a, b) chooses by value. The operand that is not chosen contributes no derivative, so 1/0 in it is fine.
 *   - stop_noise, which every step needs that divides by a root of gradients: see FORMULAS.md.
 */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "epsilon", .type = HO_REAL, .initial = "1e-5", .doc = "keeps the root away from 0", .most = 1e6},
};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size, in lengths of the tensor"},
    {.name = "beta1", .initial = 0.9, .domain = HO_DECAY, .doc = "decay of the first moment"},
    {.name = "beta2", .initial = 0.999, .domain = HO_DECAY, .doc = "decay of the second moment"},
    {.name = "weight_decay", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "part of w that is added to the step"},
};

static const ho_slot slots[] = {
    {.name = "m", .doc = "first moment: running mean of the gradient"},
    {.name = "v", .doc = "second moment: running mean of the squared gradient"},
};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "largest", "maximum(v)");
    ho_let(x, "m", "beta1*m + (1 - beta1)*g");
    ho_let(x, "v", "beta2*v + (1 - beta2)*g^2");
    ho_let(x, "correction", "sqrt(1 - beta2^t) / (1 - beta1^t)");
    ho_let(x, "adam", "correction*m * rsqrt(v + epsilon^2)");
    ho_let(x, "u", "stop_noise(adam, m^2 + v, largest, epsilon, w/learning_rate) + weight_decay*w");
    ho_let(x, "length", "norm(w)");
    ho_let(x, "trust", "select((length > 0) * (norm(u) > 0), length / norm(u), 1)");
    ho_let(x, "w", "w - learning_rate*trust*u");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_PER_TENSOR,
    .slots = HO_TABLE(slots),
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "lamb",
    .version = "1.0",
    .doc = "LAMB: Adam's step, scaled to the length of each weight tensor",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
