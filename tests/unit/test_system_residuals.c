/* Residuals: derivatives and next states from them, to the last bit; how little is computed again; and misuse. */
#include "small_problem.h"

#include "system/internal.h"

#define MOST_LAMBDA 64
#define COLUMNS     2

static void expect_text(const char *text, const char *part)
{
    cr_expect(strstr(text, part), "\"%s\" should say \"%s\"", text, part);
}

/* A training at a state that it really reaches. */
typedef struct fixture {
    small *s;
    ho_training *training;
    ho_system *system;
    const ho_system_api *api;
    double lambda[MOST_LAMBDA], d[COLUMNS * MOST_LAMBDA];
    ho_vector *state, *next, *again, *z, *out, *tangents, *a, *back, *by;
    ho_residuals *kept;
} fixture;

static ho_vector *random_vector(const fixture *f, int64_t columns, uint64_t stream)
{
    ho_vector *v = f->api->vector_new(f->system, columns);
    cr_assert_not_null(v);
    ho_training_random(f->training, NULL, v, stream);
    return v;
}

static void open_small(fixture *f, small *s)
{
    *f = (fixture){.s = s, .training = small_training(s)};
    f->system = ho_training_system(f->training);
    f->api = f->system->api;
    cr_assert_leq(ho_training_lambda_size(f->training), MOST_LAMBDA);
    ho_training_lambda_initial(f->training, f->lambda);
    for (uint64_t j = 0; j < COLUMNS * MOST_LAMBDA; j++)
        f->d[j] = ho_normal_number(8, 8, j);
    small_run(f->training, f->lambda, 6, &f->state);
    f->z = random_vector(f, COLUMNS, 1);
    f->a = random_vector(f, 1, 2);
    f->next = f->api->vector_new(f->system, 1);
    f->again = f->api->vector_new(f->system, 1);
    f->back = f->api->vector_new(f->system, 1);
    f->by = f->api->vector_new(f->system, 1);
    f->out = f->api->vector_new(f->system, COLUMNS);
    f->tangents = f->api->vector_new(f->system, COLUMNS);
    f->kept = f->api->residuals_new(f->system);
    cr_assert_not_null(f->kept, "%s", ho_training_error(f->training)->text);
}

static void close_small(fixture *f)
{
    ho_vector *vectors[] = {f->state, f->next, f->again, f->z, f->out, f->tangents, f->a, f->back, f->by};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        f->api->vector_free(f->system, vectors[i]);
    f->api->residuals_free(f->system, f->kept);
    ho_training_free(f->training);
    small_free(f->s);
}

static void expect_ok(const fixture *f, ho_status status)
{
    cr_assert_eq(status, HO_OK, "%s", ho_training_error(f->training)->text);
}

static void expect_same(const fixture *f, const ho_vector *a, const ho_vector *b, const char *what)
{
    const char *dynamics = f->s->problem.dynamics->loaded->plugin.name;
    for (size_t i = 0; i < f->training->layout.segments; i++)
        cr_expect_arr_eq(a->segments[i], b->segments[i],
                         (size_t)(a->columns * f->training->layout.size) * ho_number_size(&f->training->ground),
                         "%s: %s: %s", dynamics, what, f->training->layout.names[i]);
}

/* Each call at step 7, from the state alone and from residuals. */
static void expect_same_bits(fixture *f)
{
    double gradient[MOST_LAMBDA] = {0}, replayed[MOST_LAMBDA] = {0};
    expect_ok(f, f->api->step(f->system, 7, f->lambda, f->state, f->next));
    expect_ok(f, f->api->linearize(f->system, 7, f->lambda, f->state, f->again, f->kept));
    expect_same(f, f->next, f->again, "linearize");
    expect_ok(f, f->api->step(f->system, 8, f->lambda, f->next, f->again)); /* other numbers in the plans' memory */
    expect_ok(f, f->api->residual_step(f->system, f->kept, 7, f->lambda, f->state, f->again));
    expect_same(f, f->next, f->again, "residual_step");
    expect_ok(f, f->api->vjp(f->system, 7, f->lambda, f->state, f->a, f->back, gradient));
    for (int i = 0; i < 2; i++) {
        memset(replayed, 0, sizeof replayed);
        expect_ok(f, f->api->residual_vjp(f->system, f->kept, 7, f->lambda, f->state, f->a, f->by, replayed));
        expect_same(f, f->back, f->by, "residual_vjp");
        cr_expect_arr_eq(gradient, replayed, sizeof gradient, "residual_vjp: gradient");
    }
    expect_ok(f, f->api->jvp(f->system, 7, f->lambda, f->state, f->again, COLUMNS, f->z, f->d, f->out));
    expect_ok(f, f->api->residual_jvp(f->system, f->kept, 7, f->lambda, f->state, COLUMNS, f->z, f->d, f->tangents));
    expect_same(f, f->out, f->tangents, "residual_jvp");
}

Test(residuals, give_the_bits_of_step_jvp_and_vjp)
{
    static const char *const dynamics[] = {"sgd",   "momentum", "rmsprop",  "adam",
                                           "adamw", "adagrad",  "nesterov", "lion"};
    for (size_t i = 0; i < 32; i++) {
        fixture f;
        small *s = small_new((small_options){
            .dynamics = dynamics[i % 8], .precision = i & 8 ? HO_F64 : HO_F32, .batch = i & 16 ? 7 : 0});
        small_tune_all(s);
        open_small(&f, s);
        expect_same_bits(&f);
        close_small(&f);
    }
}

Test(residuals, hold_where_results_are_examined)
{
    fixture f;
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F64, .batch = 7});
    small_tune_all(s);
    open_small(&f, s);
    ho_training_examine(f.training, true);
    expect_same_bits(&f);
    /* Made while results were examined, used when they no longer are; and the other way round. */
    for (int on = 0; on < 2; on++) {
        double gradient[MOST_LAMBDA] = {0};
        ho_training_examine(f.training, on == 0);
        expect_ok(&f, f.api->linearize(f.system, 7, f.lambda, f.state, f.again, f.kept));
        ho_training_examine(f.training, on == 1);
        expect_ok(&f, f.api->residual_vjp(f.system, f.kept, 7, f.lambda, f.state, f.a, f.by, gradient));
        expect_same(&f, f.back, f.by, "residual_vjp");
    }
    close_small(&f);
}

/* ---- what is computed again -------------------------------------------------------------------------------------- */

static size_t count_ops(const fixture *f, ho_how how, ho_way way, uint32_t op)
{
    const ho_keeping none = {0}, *kept = way == HO_KEPT ? ho_keeping_get(f->training) : &none;
    const ho_program *program = ho_program_of_step(f->training, how, way, 0);
    const ho_graph *graph = f->training->ground.graph;
    size_t length, count = 0;
    cr_assert_not_null(program);
    ho_node *order =
        ho_graph_order_from(graph, kept->nodes, kept->count, program->outputs, program->output_count, &length);
    for (size_t i = 0; i < length; i++) {
        bool given = false;
        for (size_t k = 0; k < kept->count; k++)
            given |= kept->nodes[k] == order[i];
        count += !given && ho_graph_at(graph, order[i])->op == op;
    }
    free(order);
    return count;
}

Test(residuals, save_a_softmax_step_all_products_of_its_value)
{
    static const char *const dynamics[] = {"sgd", "momentum", "rmsprop", "adam"};
    for (size_t i = 0; i < 4; i++) {
        fixture f;
        small *s = small_new((small_options){.dynamics = dynamics[i], .precision = HO_F64});
        small_tune(s, "mtl.rho", 0.03);
        small_tune(s, "ce.weight", 0.9);
        open_small(&f, s);
        cr_expect_eq(count_ops(&f, HO_VALUE, HO_PLAIN, HO_OP_MATMUL), 2);
        cr_expect_eq(count_ops(&f, HO_VALUE, HO_KEEPING, HO_OP_MATMUL), 2);
        cr_expect_eq(count_ops(&f, HO_VALUE, HO_KEPT, HO_OP_MATMUL), 0);
        cr_expect_eq(count_ops(&f, HO_VJP, HO_PLAIN, HO_OP_MATMUL), i < 2 ? 3 : 4); /* adam needs the gradient */
        cr_expect_eq(count_ops(&f, HO_VJP, HO_KEPT, HO_OP_MATMUL), 2);
        cr_expect_gt(count_ops(&f, HO_VJP, HO_PLAIN, HO_OP_EXP), 0);
        cr_expect_eq(count_ops(&f, HO_VJP, HO_KEPT, HO_OP_EXP), 0);
        /* The gradient, the probabilities, and no more than a few numbers for each example. */
        const int64_t weights = (SMALL_D + 1) * SMALL_K, most = weights + SMALL_N * SMALL_K + 4 * SMALL_N;
        cr_expect_leq(f.api->residuals_bytes(f.system), most * 8 + 8 * 64, "%s keeps %lld bytes", dynamics[i],
                      (long long)f.api->residuals_bytes(f.system));
        close_small(&f);
    }
}

/* Whatever they save, or a search by costs would depend on memory. */
Test(residuals, count_as_what_they_stand_for)
{
    fixture f;
    double gradient[MOST_LAMBDA] = {0};
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F64});
    small_tune(s, "mtl.rho", 0.03);
    open_small(&f, s);
    const int64_t before = ho_training_evaluations(f.training);
    expect_ok(&f, f.api->linearize(f.system, 7, f.lambda, f.state, f.next, f.kept));
    cr_expect_eq(ho_training_evaluations(f.training), before + 1);
    expect_ok(&f, f.api->residual_step(f.system, f.kept, 7, f.lambda, f.state, f.again));
    cr_expect_eq(ho_training_evaluations(f.training), before + 1);
    expect_ok(&f, f.api->residual_vjp(f.system, f.kept, 7, f.lambda, f.state, f.a, f.by, gradient));
    cr_expect_eq(ho_training_evaluations(f.training), before + 4);
    expect_ok(&f, f.api->residual_jvp(f.system, f.kept, 7, f.lambda, f.state, COLUMNS, f.z, f.d, f.out));
    cr_expect_eq(ho_training_evaluations(f.training), before + 5 + 2 * COLUMNS);
    close_small(&f);
}

/* ---- misuse ------------------------------------------------------------------------------------------------------ */

static void expect_refusal(fixture *f, ho_residuals *r, int64_t t, const double *lambda, const ho_vector *state,
                           const char *why)
{
    double gradient[MOST_LAMBDA] = {0};
    cr_expect_eq(f->api->residual_vjp(f->system, r, t, lambda, state, f->a, f->by, gradient), HO_FAILED);
    expect_text(ho_training_error(f->training)->text, "residual_vjp: the residuals");
    expect_text(ho_training_error(f->training)->text, why);
    *ho_training_error(f->training) = (ho_error){0};
    cr_expect_eq(f->api->residual_step(f->system, r, t, lambda, state, f->again), HO_FAILED);
    expect_text(ho_training_error(f->training)->text, why);
    *ho_training_error(f->training) = (ho_error){0};
    cr_expect_eq(f->api->residual_jvp(f->system, r, t, lambda, state, COLUMNS, f->z, f->d, f->out), HO_FAILED);
    expect_text(ho_training_error(f->training)->text, why);
    *ho_training_error(f->training) = (ho_error){0};
}

Test(residuals, of_anything_else_are_refused)
{
    fixture f, other;
    double lambda[MOST_LAMBDA];
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F32, .batch = 7});
    small_tune_all(s);
    open_small(&f, s);
    s = small_new((small_options){.dynamics = "adam", .precision = HO_F32, .batch = 7});
    small_tune_all(s);
    open_small(&other, s);
    expect_refusal(&f, f.kept, 7, f.lambda, f.state, "are of no step yet");
    expect_ok(&f, f.api->linearize(f.system, 7, f.lambda, f.state, f.next, f.kept));
    expect_refusal(&f, NULL, 7, f.lambda, f.state, "are missing");
    expect_refusal(&f, other.kept, 7, f.lambda, f.state, "belong to another training");
    expect_refusal(&f, f.kept, 8, f.lambda, f.state, "are of step 7, not of step 8");
    expect_refusal(&f, f.kept, 7, f.lambda, f.next, "were made from another state");
    memcpy(lambda, f.lambda, sizeof lambda);
    lambda[ho_training_lambda_size(f.training) - 1] *= 1.0 + 1e-15;
    expect_refusal(&f, f.kept, 7, lambda, f.state, "were made with another lambda");
    f.api->residuals_free(f.system, f.kept);
    expect_refusal(&f, f.kept, 7, f.lambda, f.state, "have been freed");
    f.api->residuals_free(f.system, f.kept);
    expect_text(ho_training_error(f.training)->text, "residuals_free: the residuals have been freed");
    *ho_training_error(f.training) = (ho_error){0};
    f.api->residuals_free(f.system, NULL);
    cr_expect_eq(ho_training_error(f.training)->status, HO_OK);
    /* The memory is used again. */
    ho_residuals *first = f.api->residuals_new(f.system), *second = f.api->residuals_new(f.system);
    cr_expect(first && second && first != second);
    f.api->residuals_free(f.system, second);
    f.kept = first;
    close_small(&other);
    close_small(&f);
}

/* A step that fails leaves residuals that nothing can be computed from. */
Test(residuals, of_a_step_that_failed_are_of_no_step)
{
    fixture f;
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F64});
    small_tune_all(s);
    open_small(&f, s);
    expect_ok(&f, f.api->linearize(f.system, 7, f.lambda, f.state, f.next, f.kept));
    volatile int flag = 1;
    ho_training_interrupt(f.training, &flag);
    cr_expect_eq(f.api->linearize(f.system, 8, f.lambda, f.next, f.again, f.kept), HO_INTERRUPTED);
    ho_training_interrupt(f.training, NULL);
    *ho_training_error(f.training) = (ho_error){0};
    /* Nothing was touched yet. */
    double gradient[MOST_LAMBDA] = {0};
    expect_ok(&f, f.api->residual_vjp(f.system, f.kept, 7, f.lambda, f.state, f.a, f.by, gradient));
    close_small(&f);
}
