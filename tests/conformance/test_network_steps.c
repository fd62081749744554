/* Steps of a network with several layers and two heads: the same bits whoever asks for them and however often, and
 * derivatives that are transposes, at sizes that go through the BLAS, its threads and vectors' last entries. */
#include "two_heads.h"

#include "system/internal.h"

#define COLUMNS 3

/* 18 x 97 x 801 is worth a second thread; 7 examples, 801, 33 and 41 fill no vector. */
static const char shared[] = "97 801 33", heads[] = "states|context: 41";

static ho_vector *random_vector(ho_training *training, int64_t columns, uint64_t stream)
{
    ho_system *system = ho_training_system(training);
    ho_vector *v = system->api->vector_new(system, columns);
    cr_assert_not_null(v);
    int64_t count = columns * training->layout.size;
    double *numbers = ho_alloc((size_t)count * sizeof *numbers);
    for (size_t i = 0; i < training->layout.segments; i++) {
        for (int64_t j = 0; j < count; j++)
            numbers[j] = ho_normal_number(stream, i, (uint64_t)j);
        ho_numbers_put(&training->ground, numbers, count, v->segments[i]);
    }
    free(numbers);
    return v;
}

static void expect_same(const ho_training *training, const ho_vector *a, const ho_vector *b, const char *what)
{
    for (size_t i = 0; i < training->layout.segments; i++)
        cr_expect_arr_eq(a->segments[i], b->segments[i],
                         (size_t)(a->columns * training->layout.size) * ho_number_size(&training->ground), "%s: %s",
                         what, training->layout.names[i]);
}

/* The calls at step 4, from one state and along the same directions. */
typedef struct calls {
    ho_training *training;
    ho_system *system;
    double lambda[4], d[COLUMNS * 4];
    ho_vector *state, *z, *a;
} calls;

static void expect_ok(const calls *c, ho_status status)
{
    cr_assert_eq(status, HO_OK, "%s", ho_training_error(c->training)->text);
}

/* next and the tangents of one column, or of COLUMNS. */
static void expect_tangents(const calls *c, const ho_vector *next, int64_t columns, const ho_vector *z)
{
    const ho_system_api *api = c->system->api;
    ho_vector *again = api->vector_new(c->system, 1), *out = api->vector_new(c->system, columns),
              *replayed = api->vector_new(c->system, columns);
    expect_ok(c, api->jvp(c->system, 4, c->lambda, c->state, again, columns, z, c->d, out));
    expect_same(c->training, next, again, "next of jvp");
    expect_ok(c, api->jvp(c->system, 3, c->lambda, c->state, again, columns, z, c->d, replayed));
    expect_ok(c, api->jvp(c->system, 4, c->lambda, c->state, NULL, columns, z, c->d, replayed));
    expect_same(c->training, out, replayed, "jvp replayed");
    api->vector_free(c->system, again);
    api->vector_free(c->system, out);
    api->vector_free(c->system, replayed);
}

/* <a, A z + B d> = <a A, z> + <a B, d>, and the same bits again after another step's. */
static void expect_transposed(const calls *c, double tolerance)
{
    const ho_system_api *api = c->system->api;
    ho_vector *out = api->vector_new(c->system, COLUMNS), *back = api->vector_new(c->system, 1),
              *again = api->vector_new(c->system, 1);
    double gradient[4] = {0}, other[4] = {0}, replayed[4] = {0}, left[COLUMNS], right[COLUMNS];
    expect_ok(c, api->jvp(c->system, 4, c->lambda, c->state, NULL, COLUMNS, c->z, c->d, out));
    expect_ok(c, api->vjp(c->system, 4, c->lambda, c->state, c->a, back, gradient));
    expect_ok(c, api->vjp(c->system, 3, c->lambda, c->state, c->a, again, other));
    expect_ok(c, api->vjp(c->system, 4, c->lambda, c->state, c->a, again, replayed));
    expect_same(c->training, back, again, "vjp replayed");
    cr_expect_arr_eq(gradient, replayed, sizeof gradient);
    api->dot(c->system, c->a, out, left);
    api->dot(c->system, back, c->z, right);
    for (int j = 0; j < COLUMNS; j++) {
        for (int l = 0; l < 4; l++)
            right[j] += gradient[l] * c->d[j * 4 + l];
        cr_expect_float_eq(left[j], right[j], tolerance * fabs(left[j]), "<a, Jz> = %.15g, <aJ, z> = %.15g", left[j],
                           right[j]);
    }
    api->vector_free(c->system, out);
    api->vector_free(c->system, back);
    api->vector_free(c->system, again);
}

/* next, tangents and cotangents from residuals, also after the residuals held another step. */
static void expect_kept(const calls *c, const ho_vector *next)
{
    const ho_system_api *api = c->system->api;
    ho_residuals *kept = api->residuals_new(c->system);
    ho_vector *again = api->vector_new(c->system, 1), *back = api->vector_new(c->system, 1),
              *out = api->vector_new(c->system, COLUMNS), *tangents = api->vector_new(c->system, COLUMNS);
    double gradient[4] = {0}, replayed[4] = {0};
    cr_assert_not_null(kept);
    cr_expect_gt(api->residuals_bytes(c->system), 0);
    expect_ok(c, api->linearize(c->system, 3, c->lambda, c->state, again, kept));
    expect_ok(c, api->linearize(c->system, 4, c->lambda, c->state, again, kept));
    expect_same(c->training, next, again, "next of linearize");
    expect_ok(c, api->residual_step(c->system, kept, 4, c->lambda, c->state, back));
    expect_same(c->training, next, back, "next from residuals");
    expect_ok(c, api->vjp(c->system, 4, c->lambda, c->state, c->a, back, gradient));
    expect_ok(c, api->residual_vjp(c->system, kept, 4, c->lambda, c->state, c->a, again, replayed));
    expect_same(c->training, back, again, "vjp from residuals");
    cr_expect_arr_eq(gradient, replayed, sizeof gradient);
    expect_ok(c, api->jvp(c->system, 4, c->lambda, c->state, NULL, COLUMNS, c->z, c->d, out));
    expect_ok(c, api->residual_jvp(c->system, kept, 4, c->lambda, c->state, COLUMNS, c->z, c->d, tangents));
    expect_same(c->training, out, tangents, "jvp from residuals");
    api->residuals_free(c->system, kept);
    ho_vector *vectors[] = {again, back, out, tangents};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        api->vector_free(c->system, vectors[i]);
}

/* The cotangents of all layers are laid side by side, not added as padded tensors. */
static void expect_no_padding(const calls *c)
{
    const ho_program *program = ho_program_of_step(c->training, HO_VJP, HO_PLAIN, 0);
    const ho_graph *graph = c->training->ground.graph;
    size_t length, padded = 0;
    ho_node *order = ho_graph_order(graph, program->outputs, program->output_count, &length);
    for (size_t i = 0; i < length; i++)
        padded += ho_graph_at(graph, order[i])->op == HO_OP_PAD;
    cr_expect_eq(padded, 0, "%zu paddings", padded);
    free(order);
}

static void check_step(const char *activation, ho_precision precision, int64_t batch)
{
    two *p = two_new((net){shared, heads, activation, "he"}, "momentum", batch);
    p->base.problem.precision = precision;
    small_tune(&p->base, "dynamics.learning_rate", 0.05);
    small_tune(&p->base, "dynamics.momentum", 0.6);
    small_tune(&p->base, "secondary.weight", 0.4);
    small_tune(&p->base, "model.init_scale", 0.9);
    calls c = {.training = small_training(&p->base)};
    c.system = ho_training_system(c.training);
    const ho_system_api *api = c.system->api;
    cr_assert_eq(ho_training_lambda_size(c.training), 4);
    ho_training_lambda_initial(c.training, c.lambda);
    for (uint64_t j = 0; j < COLUMNS * 4; j++)
        c.d[j] = ho_normal_number(8, 8, j);
    small_run(c.training, c.lambda, 3, &c.state);
    c.z = random_vector(c.training, COLUMNS, 21);
    c.a = random_vector(c.training, 1, 22);
    ho_vector *next = api->vector_new(c.system, 1), *again = api->vector_new(c.system, 1);
    expect_ok(&c, api->step(c.system, 4, c.lambda, c.state, next));
    expect_tangents(&c, next, COLUMNS, c.z);
    expect_tangents(&c, next, 1, c.a);
    expect_transposed(&c, precision == HO_F32 ? 1e-3 : 1e-10);
    expect_kept(&c, next);
    expect_no_padding(&c);
    expect_ok(&c, api->step(c.system, 4, c.lambda, c.state, again));
    expect_same(c.training, next, again, "step replayed");
    ho_vector *vectors[] = {next, again, c.state, c.z, c.a};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        api->vector_free(c.system, vectors[i]);
    ho_training_free(c.training);
    two_free(p);
}

static void check_steps(int threads)
{
    static const int64_t batches[] = {0, 1, 7};
    ho_exec_threads(threads);
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
        for (int precision = 0; precision < 2; precision++) {
            check_step("relu", precision ? HO_F64 : HO_F32, batches[b]);
            check_step("tanh", precision ? HO_F64 : HO_F32, batches[b]);
        }
}

Test(network_steps, are_the_same_bits_whoever_asks_on_one_thread)
{
    check_steps(1);
}

Test(network_steps, are_the_same_bits_whoever_asks_on_two_threads)
{
    check_steps(2);
}
