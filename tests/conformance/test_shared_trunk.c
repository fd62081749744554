/* Networks with several heads: their values against plain C, hypergradients with a tuned weight of the second task
 * against each other and against differences, and what is refused. */
#include "two_heads.h"

#include <criterion/parameterized.h>

static const net two_heads = {"7 5", "states|context: 6", "tanh", "glorot"};

static void expect_text(const char *text, const char *part)
{
    cr_expect(strstr(text, part), "\"%s\" should say \"%s\"", text, part);
}

TestSuite(shared_trunk);

/* ---- the network in plain C -------------------------------------------------------------------------------------- */

static double activate(const char *name, double x)
{
    if (!strcmp(name, "tanh"))
        return tanh(x);
    if (!strcmp(name, "relu"))
        return x > 0.0 ? x : 0.0;
    if (!strcmp(name, "sigmoid"))
        return 1.0 / (1.0 + exp(-x));
    if (!strcmp(name, "softplus"))
        return log1p(exp(x));
    if (!strcmp(name, "x*sigmoid(x)"))
        return x / (1.0 + exp(-x));
    return x;
}

typedef struct plain {
    const ho_training *training;
    const ho_vector *state;
    const char *activation;
} plain;

/* out = [activation](in W + b), W and b by their names; the width of out. */
static int64_t layer(const plain *p, const char *w_name, const char *b_name, bool active, const double *in, double *out)
{
    size_t count;
    const ho_weight_tensor *weights = ho_training_weights(p->training, &count);
    double w[64], b[16];
    const ho_weight_tensor *found = NULL, *offset = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(weights[i].name, w_name)) {
            found = &weights[i];
            cr_assert_leq(found->count, 64);
            ho_training_weight_get(p->training, p->state, i, w);
        } else if (!strcmp(weights[i].name, b_name)) {
            offset = &weights[i];
            ho_training_weight_get(p->training, p->state, i, b);
        }
    }
    cr_assert(found && offset, "there is no %s or no %s", w_name, b_name);
    int64_t from = found->shape.dims[0], to = found->shape.dims[1];
    cr_assert_eq(offset->count, to);
    for (int64_t j = 0; j < to; j++) {
        out[j] = b[j];
        for (int64_t i = 0; i < from; i++)
            out[j] += in[i] * w[i * to + j];
        out[j] = active ? activate(p->activation, out[j]) : out[j];
    }
    return to;
}

/* Both tasks' mean losses over some examples, and the share of right states. */
static void plain_losses(const plain *p, const ho_examples *e, double *states, double *context, double *accuracy)
{
    *states = *context = *accuracy = 0.0;
    for (int64_t n = 0; n < e->count; n++) {
        double h1[16], h2[16], h3[16], z[16], y[16], sum = 0.0;
        int64_t label = (int64_t)e->targets[0].values[n], best = 0;
        cr_assert_eq(layer(p, "shared1_W", "shared1_b", true, e->x64 + n * D, h1), 7);
        cr_assert_eq(layer(p, "shared2_W", "shared2_b", true, h1, h2), 5);
        cr_assert_eq(layer(p, "states_W", "states_b", false, h2, z), K);
        cr_assert_eq(layer(p, "context1_W", "context1_b", true, h2, h3), 6);
        cr_assert_eq(layer(p, "context_W", "context_b", false, h3, y), C);
        for (int64_t k = 0; k < K; k++) {
            sum += exp(z[k]);
            best = z[k] > z[best] ? k : best;
        }
        *states += (log(sum) - z[label]) / (double)e->count;
        *accuracy += (best == label) / (double)e->count;
        for (int64_t k = 0; k < C && e->target_count > 1; k++)
            *context += pow(y[k] - e->targets[1].values[n * C + k], 2.0) / (double)e->count;
    }
}

static ho_vector *train(ho_training *training, const double *lambda, int64_t steps)
{
    ho_vector *state;
    small_run(training, lambda, steps, &state);
    return state;
}

Test(shared_trunk, both_heads_are_the_network_in_plain_c)
{
    static const char *const activations[] = {"tanh", "relu", "sigmoid", "softplus", "linear", "x*sigmoid(x)"};
    for (size_t a = 0; a < 6; a++)
        for (int both = 0; both < 2; both++) {
            net options = two_heads;
            options.activation = activations[a];
            two *p = two_new(options, "sgd", 0);
            if (both) {
                p->validation.target_count = 2;
                validate_context(p);
            }
            small_fix(&p->base, "dynamics.learning_rate", 0.1);
            small_tune(&p->base, "secondary.weight", 0.3);
            ho_training *training = small_training(&p->base);
            ho_system *system = ho_training_system(training);
            double lambda[1], objective, error, states, context, accuracy;
            ho_metrics metrics;
            ho_training_lambda_initial(training, lambda);
            ho_vector *state = train(training, lambda, 3);
            plain by_hand = {training, state, activations[a]};
            plain_losses(&by_hand, &p->training, &states, &context, &accuracy);
            cr_assert_eq(ho_training_objective(training, lambda, state, &objective), HO_OK);
            cr_expect_float_eq(objective, states + 0.3 * context, 1e-12, "%s: %.17g, by hand %.17g", activations[a],
                               objective, states + 0.3 * context);
            plain_losses(&by_hand, &p->validation, &states, &context, &accuracy);
            cr_assert_eq(system->api->error(system, lambda, state, &error), HO_OK);
            cr_expect_float_eq(error, states + 0.5 * context, 1e-12);
            cr_assert_eq(ho_training_evaluate(training, lambda, state, &p->validation, &metrics), HO_OK);
            cr_expect_float_eq(metrics.loss, error, 1e-12);
            cr_expect_float_eq(metrics.accuracy, accuracy, 1e-12, "accuracy is of the validation error's first loss");
            system->api->vector_free(system, state);
            ho_training_free(training);
            two_free(p);
        }
}

Test(shared_trunk, accuracy_is_of_the_head_that_validation_looks_at)
{
    /* The main target is the context, by "outputs"; validation is of the other head. */
    two *p = two_new((net){"7 5", "outputs: 6|states", "tanh", NULL}, "sgd", 0);
    ho_term swap = p->objective[0];
    p->objective[0] = p->objective[1];
    p->objective[1] = swap;
    p->base.problem.classes_or_width = C;
    ho_training *training = small_training(&p->base);
    ho_system *system = ho_training_system(training);
    ho_vector *state = train(training, NULL, 3);
    ho_metrics metrics;
    cr_assert_eq(ho_training_evaluate(training, NULL, state, &p->validation, &metrics), HO_OK);
    plain by_hand = {training, state, "tanh"};
    double right = 0.0;
    for (int64_t n = 0; n < M; n++) {
        double h1[16], h2[16], z[16];
        int64_t best = 0;
        layer(&by_hand, "shared1_W", "shared1_b", true, p->validation.x64 + n * D, h1);
        layer(&by_hand, "shared2_W", "shared2_b", true, h1, h2);
        layer(&by_hand, "states_W", "states_b", false, h2, z);
        for (int64_t k = 1; k < K; k++)
            best = z[k] > z[best] ? k : best;
        right += (double)best == p->validation_targets[0].values[n];
    }
    cr_expect_float_eq(metrics.accuracy, right / M, 1e-15);
    system->api->vector_free(system, state);
    ho_training_free(training);
    two_free(p);
}

Test(shared_trunk, initial_weights_are_normal_of_the_chosen_deviation)
{
    static const struct {
        const char *name;
        int64_t in, out;
    } due[] = {{"shared1_W", D, 7}, {"shared1_b", 0, 7}, {"shared2_W", 7, 5},  {"shared2_b", 0, 5},
               {"states_W", 5, K},  {"states_b", 0, K},  {"context1_W", 5, 6}, {"context1_b", 0, 6},
               {"context_W", 6, C}, {"context_b", 0, C}};
    for (int he = 0; he < 2; he++) {
        net options = two_heads;
        options.init = he ? "he" : "glorot";
        two *p = two_new(options, "sgd", 0);
        small_fix(&p->base, "model.init_scale", 0.8);
        ho_training *training = small_training(&p->base);
        ho_system *system = ho_training_system(training);
        ho_vector *state = train(training, NULL, 0);
        size_t count;
        const ho_weight_tensor *weights = ho_training_weights(training, &count);
        cr_assert_eq(count, 10);
        for (size_t i = 0; i < count; i++) {
            double found[64];
            cr_expect_str_eq(weights[i].name, due[i].name);
            cr_assert_eq(weights[i].count, due[i].out * (due[i].in ? due[i].in : 1));
            ho_training_weight_get(training, state, i, found);
            char stream[64];
            snprintf(stream, sizeof stream, "weights/%s", due[i].name);
            double fan = he ? (double)due[i].in : (double)(due[i].in + due[i].out);
            for (int64_t j = 0; j < weights[i].count; j++) {
                double drawn = ho_normal_number(5, ho_stream(stream), (uint64_t)j);
                cr_expect_float_eq(found[j], due[i].in ? 0.8 * sqrt(2.0 / fan) * drawn : 0.0, 1e-14);
            }
        }
        system->api->vector_free(system, state);
        ho_training_free(training);
        two_free(p);
    }
}

Test(shared_trunk, without_heads_there_is_one_for_the_first_loss)
{
    double error[3];
    static const char *const heads[] = {NULL, "outputs", "states"}, *const weight[] = {"outputs_W", "outputs_W",
                                                                                       "states_W"};
    for (int i = 0; i < 3; i++) {
        two *p = two_new((net){i < 2 ? NULL : "128 128 128 128", heads[i], NULL, NULL}, "sgd", 0);
        p->base.problem.objective_count = 1;
        small_fix(&p->base, "model.init_scale", 0.0);
        ho_training *training = small_training(&p->base);
        size_t count;
        const ho_weight_tensor *weights = ho_training_weights(training, &count);
        cr_assert_eq(count, 10);
        cr_expect_str_eq(weights[6].name, "shared4_W");
        cr_expect_eq(weights[6].count, 128 * 128);
        cr_expect_str_eq(weights[8].name, weight[i]);
        error[i] = small_run(training, NULL, 1, NULL);
        ho_training_free(training);
        two_free(p);
    }
    cr_expect_eq(error[0], error[1]);
    cr_expect_eq(error[0], error[2]);
}

Test(shared_trunk, no_shared_layer_is_softmax)
{
    double error[2];
    for (int i = 0; i < 2; i++) {
        two *p = two_new((net){"", NULL, NULL, NULL}, "sgd", 0);
        p->base.problem.objective_count = 1;
        if (i)
            p->base.problem.model = small_instance(&p->base, HO_MODEL, "softmax", "model");
        small_fix(&p->base, "model.init_scale", 0.0);
        ho_training *training = small_training(&p->base);
        error[i] = small_run(training, NULL, T, NULL);
        ho_training_free(training);
        two_free(p);
    }
    cr_expect_float_eq(error[0], error[1], 1e-14);
}

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

typedef struct situation {
    char dynamics[16], activation[16];
    int64_t batch;
} situation;

static const situation situations[] = {
    {"sgd", "tanh", 0},         {"sgd", "x*sigmoid(x)", 7}, {"momentum", "tanh", 7}, {"momentum", "softplus", 0},
    {"momentum", "sigmoid", 7}, {"adam", "tanh", 0},        {"adam", "tanh", 7},     {"adam", "x*sigmoid(x)", 0},
};

static struct criterion_test_params all_situations(void)
{
    return cr_make_param_array(situation, (void *)(uintptr_t)situations, sizeof situations / sizeof *situations, NULL);
}

static two *tuned(const situation *at)
{
    net options = two_heads;
    options.activation = at->activation;
    two *p = two_new(options, at->dynamics, at->batch);
    small_tune(&p->base, "dynamics.learning_rate", strcmp(at->dynamics, "adam") == 0 ? 0.02 : 0.1);
    if (strcmp(at->dynamics, "momentum") == 0)
        small_tune(&p->base, "dynamics.momentum", 0.6);
    small_tune(&p->base, "secondary.weight", 0.4);
    small_tune(&p->base, "model.init_scale", 0.9);
    return p;
}

ParameterizedTestParameters(shared_trunk, hypergradients_agree)
{
    return all_situations();
}

ParameterizedTest(situation *at, shared_trunk, hypergradients_agree)
{
    two *p = tuned(at);
    ho_training *training = small_training(&p->base);
    double lambda[4], forward[4], reverse[4];
    int64_t count = ho_training_lambda_size(training);
    cr_assert(count >= 3 && count <= 4);
    ho_training_lambda_initial(training, lambda);
    double a = small_hypergradient(&p->base, training, "forward", lambda, T, forward);
    double b = small_hypergradient(&p->base, training, "reverse", lambda, T, reverse);
    cr_expect_eq(a, b);
    for (int64_t i = 0; i < count; i++) {
        cr_expect(fabs(reverse[i]) > 1e-6, "%s: hyperparameter %d has no influence", at->dynamics, (int)i);
        cr_expect(fabs(forward[i] - reverse[i]) <= 1e-10 * fabs(reverse[i]), "%s %d: forward %.17g, reverse %.17g",
                  at->dynamics, (int)i, forward[i], reverse[i]);
        double best = INFINITY;
        for (double width = 1e-3; width > 1e-7; width /= 10.0) {
            double moved[4], value[2];
            memcpy(moved, lambda, sizeof moved);
            for (int side = 0; side < 2; side++) {
                moved[i] = lambda[i] + (side ? width : -width);
                value[side] = small_run(training, moved, T, NULL);
            }
            best = fmin(best, fabs((value[1] - value[0]) / (2.0 * width) - reverse[i]));
        }
        cr_expect(best <= 1e-6 * fabs(reverse[i]), "%s %d: %g, differences are off by %g", at->dynamics, (int)i,
                  reverse[i], best);
    }
    ho_training_free(training);
    two_free(p);
}

Test(shared_trunk, f32_is_f64_within_a_thousandth)
{
    double gradient[2][4];
    for (int i = 0; i < 2; i++) {
        two *p = tuned(&(situation){"momentum", "relu", 7});
        p->base.problem.precision = i ? HO_F64 : HO_F32;
        ho_training *training = small_training(&p->base);
        double lambda[4];
        ho_training_lambda_initial(training, lambda);
        small_hypergradient(&p->base, training, "forward", lambda, T, gradient[i]);
        ho_training_free(training);
        two_free(p);
    }
    for (int j = 0; j < 4; j++)
        cr_expect(fabs(gradient[0][j] - gradient[1][j]) <= 1e-3 * fabs(gradient[1][j]), "%d: %g, %g", j, gradient[0][j],
                  gradient[1][j]);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void expect_no_net(net options, const char *part)
{
    small s = {.arena = ho_arena_new()};
    s.registry = ho_registry_new(NULL, &s.error);
    cr_assert_null(make_net(&s, options), "\"%s\" should be refused", part);
    cr_expect_eq(s.error.status, HO_INVALID);
    expect_text(s.error.text, ".yaml:");
    expect_text(s.error.text, part);
    ho_registry_free(s.registry);
    ho_arena_free(s.arena);
}

Test(shared_trunk, options_that_make_no_network_are_refused)
{
    expect_no_net((net){.shared = "7 5.5"}, "5.5 is not an integer");
    expect_no_net((net){.shared = "7 0"}, "shared: 0 is outside its range");
    expect_no_net((net){.heads = "states|2nd"}, "got \"2nd\"");
    expect_no_net((net){.heads = "states 5"}, "got \"states 5\"");
    expect_no_net((net){.heads = "states: 5 x"}, "expected integers from 1");
    expect_no_net((net){.heads = "states: 5 0"}, "expected integers from 1");
    expect_no_net((net){.heads = "states: 99999999999999999999"}, "expected integers from 1");
    expect_no_net((net){.heads = "states|states: 4"}, "\"states\" is listed twice");
    expect_no_net((net){.heads = "batch"}, "\"batch\" is a reserved name");
    expect_no_net((net){.activation = "gelu"},
                  "expected relu, tanh, sigmoid, softplus, linear or a formula over x, got \"gelu\"");
    expect_no_net((net){.activation = ""}, "expected relu");
    expect_no_net((net){.init = "xavier"}, "init");
}

/* The message of a problem that must be refused. */
static void expect_refusal(two *p, const char *place, const char *part)
{
    const char *text = small_refusal(&p->base);
    expect_text(text, place);
    expect_text(text, part);
    two_free(p);
}

Test(shared_trunk, a_head_without_a_loss_is_refused)
{
    two *p = two_new((net){"4", "states|contxt", NULL, NULL}, "sgd", 0);
    expect_refusal(
        p, "net.yaml:2:1: ",
        "\"contxt\": no loss has a target of this name; did you mean \"context\"? (targets of losses: states, "
        "context)");
    p = two_new(two_heads, "sgd", 0);
    p->base.problem.objective_count = 1;
    expect_refusal(p, "net.yaml:2:1: ", "\"context\": no loss has a target of this name");
    p = two_new((net){"4", "states|outputs|context", NULL, NULL}, "sgd", 0);
    expect_refusal(p, "shared_trunk", "\"states\" and \"outputs\"");
}

Test(shared_trunk, a_loss_without_a_head_is_refused_at_its_place)
{
    expect_refusal(two_new((net){"4", "states", NULL, NULL}, "sgd", 0), "net.yaml:22:11: ",
                   "loss \"squared_error\": the model \"shared_trunk\" has no head for the target \"context\"");
    two *p = two_new(two_heads, "sgd", 0);
    p->base.problem.model = small_instance(&p->base, HO_MODEL, "softmax", "model");
    expect_refusal(p, "net.yaml:22:11: ", "the model \"softmax\" has no head for the target \"context\"");
    expect_refusal(two_new((net){"4", "context", NULL, NULL}, "sgd", 0), "shared_trunk",
                   "forward must bind \"outputs\"");
}

Test(shared_trunk, a_target_that_validation_lacks_is_missed_by_the_loss_that_uses_it)
{
    two *p = two_new(two_heads, "sgd", 0);
    validate_context(p);
    expect_refusal(p, "net.yaml:24:11: ", "the validation data has no target \"context\" (it has: states)");
    p = two_new(two_heads, "sgd", 0);
    p->training.target_count = 1;
    expect_refusal(p, "net.yaml:22:11: ", "the training data has no target \"context\" (it has: states)");
}

Test(shared_trunk, activations_keep_the_shape)
{
    net options = two_heads;
    options.activation = "sum(x, 1)";
    expect_refusal(two_new(options, "sgd", 0), "net.yaml:2:1: ", "does not keep the shape of x");
    options.activation = "transpose(x)";
    options.shared = "18"; /* as wide as the batch is long */
    expect_refusal(two_new(options, "sgd", 0), "net.yaml:2:1: ", "does not keep the shape of x");
    options.activation = "x*sigmoidd(x)";
    expect_refusal(two_new(options, "sgd", 0), "net.yaml:2:1: ", "\"sigmoidd\"; did you mean \"sigmoid\"?");
}

Test(shared_trunk, a_weight_is_no_head)
{
    /* A target that is called as a weight of the model is, and which no head answers. */
    two *p = two_new((net){"3", "states", NULL, NULL}, "sgd", 0);
    p->training_targets[1].name = (char *)"shared1_b";
    p->objective[1].target = "shared1_b";
    expect_refusal(p, "net.yaml:22:11: ", "has no head for the target \"shared1_b\"");
    p = two_new((net){"3", "states", NULL, NULL}, "sgd", 0);
    p->training_targets[1].name = (char *)"inputs";
    p->objective[1].target = "inputs";
    expect_refusal(p, "net.yaml:22:11: ", "only the first loss's target can have this name");
}
