/* Steps of a training: against a loop written by hand, against their own derivatives, and replayed to the last bit. */
#include "counted_allocation.h"
#include "small_problem.h"

#include "system/internal.h"

#define MOST 2048

static ho_system *system_of(ho_training *training)
{
    return ho_training_system(training);
}

static void expect_ok(ho_training *training, ho_status status)
{
    cr_assert_eq(status, HO_OK, "%s", ho_training_error(training)->text);
}

static void expect_text(const char *text, const char *part)
{
    cr_expect(strstr(text, part), "\"%s\" should say \"%s\"", text, part);
}

static ho_vector *random_vector(ho_training *training, int64_t columns, uint64_t stream)
{
    ho_vector *v = system_of(training)->api->vector_new(system_of(training), columns);
    cr_assert_not_null(v);
    double *numbers = calloc((size_t)(columns * training->layout.size), sizeof *numbers);
    for (size_t i = 0; i < training->layout.segments; i++) {
        for (int64_t j = 0; j < columns * training->layout.size; j++)
            numbers[j] = ho_normal_number(stream, i, (uint64_t)j);
        ho_numbers_put(&training->ground, numbers, columns * training->layout.size, v->segments[i]);
    }
    free(numbers);
    return v;
}

/* A state that training really reaches: after `steps` steps. */
static ho_vector *reached(ho_training *training, const double *lambda, int64_t steps)
{
    ho_vector *state;
    small_run(training, lambda, steps, &state);
    return state;
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

/* Gradient of sum cross entropy + mtl penalty at (W, b), over the examples listed. */
static void hand_gradient(const small *s, const int64_t *rows, int64_t count, double a, double rho, const double *w,
                          double *g)
{
    const int64_t d = SMALL_D, k = SMALL_K;
    memset(g, 0, (size_t)((d + 1) * k) * sizeof *g);
    for (int64_t e = 0; e < count; e++) {
        const double *x = s->training.x64 + rows[e] * d;
        double z[SMALL_K], most = -INFINITY, sum = 0.0;
        for (int64_t j = 0; j < k; j++) {
            z[j] = w[d * k + j];
            for (int64_t i = 0; i < d; i++)
                z[j] += x[i] * w[i * k + j];
            most = fmax(most, z[j]);
        }
        for (int64_t j = 0; j < k; j++)
            sum += exp(z[j] - most);
        for (int64_t j = 0; j < k; j++) {
            double r = exp(z[j] - most) / sum - (s->targets[0].values[rows[e]] == (double)j);
            for (int64_t i = 0; i < d; i++)
                g[i * k + j] += r * x[i];
            g[d * k + j] += r;
        }
    }
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < k; j++) {
            g[i * k + j] += 2.0 * rho * w[i * k + j];
            for (int64_t l = 0; l < k; l++) /* both orders of a pair count */
                g[i * k + j] += l == j ? 0.0 : 4.0 * a * (w[i * k + j] - w[i * k + l]);
        }
}

Test(system_step, is_the_loop_one_would_write_for_adam)
{
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F64, .batch = 7});
    small_tune(s, "mtl.A", 0.03);
    small_fix(s, "mtl.rho", 0.2);
    small_fix(s, "dynamics.learning_rate", 0.05);
    ho_training *training = small_training(s);
    double lambda[16], w[(SMALL_D + 1) * SMALL_K] = {0}, m[(SMALL_D + 1) * SMALL_K] = {0},
                                         v[(SMALL_D + 1) * SMALL_K] = {0}, g[(SMALL_D + 1) * SMALL_K];
    const int64_t n = (SMALL_D + 1) * SMALL_K;
    ho_training_lambda_initial(training, lambda);
    for (int64_t t = 1; t <= SMALL_T; t++) {
        int64_t rows[7];
        for (int64_t i = 0; i < 7; i++)
            rows[i] = ho_batch_example(s->problem.seed, SMALL_N, 7, t, i);
        hand_gradient(s, rows, 7, 0.03, 0.2, w, g);
        double rate = 0.05 * sqrt(1.0 - pow(0.999, (double)t)) / (1.0 - pow(0.9, (double)t));
        for (int64_t i = 0; i < n; i++) {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
            w[i] -= rate * m[i] / sqrt(v[i] + 1e-10);
        }
    }
    ho_vector *state = reached(training, lambda, SMALL_T);
    const double *got = state->segments[0], *second = state->segments[2];
    for (int64_t i = 0; i < n; i++) {
        cr_expect_float_eq(got[i], w[i], 1e-11, "w %d: %.15g, by hand %.15g", (int)i, got[i], w[i]);
        cr_expect_float_eq(second[i], v[i], 1e-11);
    }
    cr_expect(fabs(w[0]) > 0.01);
    system_of(training)->api->vector_free(system_of(training), state);
    ho_training_free(training);
    small_free(s);
}

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

Test(system_step, jvp_and_vjp_are_transposes)
{
    static const char *const dynamics[] = {"sgd",   "momentum", "rmsprop",  "adam",
                                           "adamw", "adagrad",  "nesterov", "lion"};
    for (size_t i = 0; i < 8; i++) {
        small *s = small_new((small_options){.dynamics = dynamics[i], .precision = HO_F64, .batch = 5});
        small_tune_all(s);
        ho_training *training = small_training(s);
        ho_system *system = system_of(training);
        double lambda[64], d[3 * 64], gradient[64] = {0}, left[3], right[3];
        int64_t size = ho_training_lambda_size(training);
        ho_training_lambda_initial(training, lambda);
        for (int64_t j = 0; j < 3 * size; j++)
            d[j] = ho_normal_number(8, 8, (uint64_t)j);
        ho_vector *state = reached(training, lambda, 6), *z = random_vector(training, 3, 21),
                  *a = random_vector(training, 1, 22), *out = system->api->vector_new(system, 3),
                  *back = system->api->vector_new(system, 1);
        expect_ok(training, system->api->jvp(system, 7, lambda, state, NULL, 3, z, d, out));
        expect_ok(training, system->api->vjp(system, 7, lambda, state, a, back, gradient));
        system->api->dot(system, a, out, left);
        system->api->dot(system, back, z, right);
        for (int64_t j = 0; j < 3; j++) {
            for (int64_t l = 0; l < size; l++)
                right[j] += gradient[l] * d[j * size + l];
            cr_expect_float_eq(left[j], right[j], 1e-11 * fabs(left[j]), "%s: <a, Jz> = %.15g, <aJ, z> = %.15g",
                               dynamics[i], left[j], right[j]);
        }
        /* The gradient is added to, not overwritten. */
        double twice[64];
        memcpy(twice, gradient, sizeof twice);
        expect_ok(training, system->api->vjp(system, 7, lambda, state, a, back, twice));
        for (int64_t l = 0; l < size; l++)
            cr_expect_eq(twice[l], 2.0 * gradient[l]);
        ho_vector *vectors[] = {state, z, a, out, back};
        for (size_t j = 0; j < 5; j++)
            system->api->vector_free(system, vectors[j]);
        ho_training_free(training);
        small_free(s);
    }
}

Test(system_step, tangents_are_central_differences)
{
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F64});
    small_tune_all(s);
    ho_training *training = small_training(s);
    ho_system *system = system_of(training);
    int64_t size = ho_training_lambda_size(training);
    double lambda[64], moved[64], d[64];
    ho_training_lambda_initial(training, lambda);
    for (int64_t j = 0; j < size; j++)
        d[j] = ho_normal_number(8, 9, (uint64_t)j);
    ho_training_free_gradient(training, d);
    ho_vector *state = reached(training, lambda, 4), *z = random_vector(training, 1, 23),
              *out = system->api->vector_new(system, 1), *side[2], *at = system->api->vector_new(system, 1);
    const double h = 1e-6;
    expect_ok(training, system->api->jvp(system, 5, lambda, state, NULL, 1, z, d, out));
    for (int k = 0; k < 2; k++) {
        double step = k ? h : -h;
        side[k] = system->api->vector_new(system, 1);
        for (int64_t j = 0; j < size; j++)
            moved[j] = lambda[j] + step * d[j];
        system->api->copy(system, state, at);
        system->api->axpby(system, step, z, 1.0, at);
        expect_ok(training, system->api->step(system, 5, moved, at, side[k]));
    }
    double norm, error;
    system->api->axpby(system, -0.5 / h, side[0], 0.5 / h, side[1]);
    system->api->axpby(system, -1.0, out, 1.0, side[1]);
    system->api->dot(system, out, out, &norm);
    system->api->dot(system, side[1], side[1], &error);
    cr_expect(sqrt(error) <= 1e-6 * sqrt(norm), "off by %g of %g", sqrt(error), sqrt(norm));
    ho_vector *vectors[] = {state, z, out, side[0], side[1], at};
    for (size_t j = 0; j < 6; j++)
        system->api->vector_free(system, vectors[j]);
    ho_training_free(training);
    small_free(s);
}

Test(system_initial, map_is_differentiated_both_ways)
{
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F64});
    small_tune(s, "mtl.rho", 0.1);
    small_tune(s, "model.init_scale", 0.5);
    ho_training *training = small_training(s);
    ho_system *system = system_of(training);
    int64_t at = -1;
    size_t count;
    const ho_hyperparameter *h = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++)
        at = strcmp(h[i].name, "model.init_scale") ? at : h[i].offset;
    double lambda[2], d[4] = {0}, gradient[2] = {1.0, 1.0}, dots[2], squares;
    d[at] = 1.0;         /* column 0 moves the scale */
    d[2 + 1 - at] = 1.0; /* column 1 moves rho, on which the start does not depend */
    ho_training_lambda_initial(training, lambda);
    ho_vector *state = system->api->vector_new(system, 1), *out = system->api->vector_new(system, 2);
    expect_ok(training, system->api->initial(system, lambda, state));
    expect_ok(training, system->api->initial_jvp(system, lambda, 2, d, out));
    expect_ok(training, system->api->initial_vjp(system, lambda, state, gradient));
    system->api->dot(system, state, state, &squares);
    system->api->dot(system, state, out, dots);
    cr_expect(squares > 0.1);
    /* The start is linear in the scale, so that its derivative is state/scale. */
    cr_expect_float_eq(dots[0], squares / 0.5, 1e-12 * squares);
    cr_expect_eq(dots[1], 0.0);
    cr_expect_float_eq(gradient[at], 1.0 + squares / 0.5, 1e-12 * squares);
    cr_expect_eq(gradient[1 - at], 1.0);
    system->api->vector_free(system, state);
    system->api->vector_free(system, out);
    ho_training_free(training);
    small_free(s);
}

Test(system_error, gradient_is_central_differences_with_its_direct_term)
{
    small *s = small_new((small_options){.dynamics = "momentum", .precision = HO_F64});
    small_tune(s, "model.temperature", 1.3);
    small_tune(s, "validation.weight", 0.7);
    ho_training *training = small_training(s);
    ho_system *system = system_of(training);
    double lambda[2], gradient[2] = {0}, value, side[2], slope;
    ho_training_lambda_initial(training, lambda);
    ho_vector *state = reached(training, lambda, 5), *by = system->api->vector_new(system, 1),
              *z = random_vector(training, 1, 31), *at = system->api->vector_new(system, 1);
    expect_ok(training, system->api->error_gradient(system, lambda, state, &value, by, gradient));
    expect_ok(training, system->api->error(system, lambda, state, &side[0]));
    cr_expect_eq(value, side[0], "one value, whatever is asked beside it");
    const double h = 1e-5;
    for (int j = 0; j < 2; j++) {
        for (int k = 0; k < 2; k++) {
            double moved[2] = {lambda[0], lambda[1]};
            moved[j] += k ? h : -h;
            expect_ok(training, system->api->error(system, moved, state, &side[k]));
        }
        slope = (side[1] - side[0]) / (2 * h);
        cr_expect_float_eq(gradient[j], slope, 1e-8, "entry %d: %g, differences %g", j, gradient[j], slope);
        cr_expect(fabs(slope) > 1e-3);
    }
    for (int k = 0; k < 2; k++) {
        system->api->copy(system, state, at);
        system->api->axpby(system, k ? h : -h, z, 1.0, at);
        expect_ok(training, system->api->error(system, lambda, at, &side[k]));
    }
    system->api->dot(system, by, z, &slope);
    cr_expect_float_eq(slope, (side[1] - side[0]) / (2 * h), 1e-7 * fabs(slope));
    ho_vector *vectors[] = {state, by, z, at};
    for (size_t j = 0; j < 4; j++)
        system->api->vector_free(system, vectors[j]);
    ho_training_free(training);
    small_free(s);
}

/* ---- replay ------------------------------------------------------------------------------------------------------ */

static void expect_same(const ho_training *training, const ho_vector *a, const ho_vector *b, const char *what)
{
    for (size_t i = 0; i < training->layout.segments; i++)
        cr_expect_arr_eq(a->segments[i], b->segments[i],
                         (size_t)training->layout.size * ho_number_size(&training->ground), "%s: %s", what,
                         training->layout.names[i]);
}

Test(system_replay, next_states_are_the_same_bits_whoever_asks)
{
    static const int64_t batches[] = {0, 7, SMALL_N};
    for (int precision = 0; precision < 2; precision++)
        for (size_t b = 0; b < 3; b++)
            for (int threads = 1; threads <= 2; threads++) {
                ho_exec_threads(threads);
                small *s = small_new((small_options){
                    .dynamics = "adam", .precision = precision ? HO_F64 : HO_F32, .batch = batches[b], .dead = true});
                small_tune_all(s);
                ho_training *training = small_training(s);
                ho_system *system = system_of(training);
                double lambda[64], *d = calloc(64 * 5, sizeof *d);
                ho_training_lambda_initial(training, lambda);
                ho_vector *state = reached(training, lambda, 9), *next = system->api->vector_new(system, 1),
                          *again = system->api->vector_new(system, 1);
                expect_ok(training, system->api->step(system, 10, lambda, state, next));
                for (int64_t columns = 1; columns <= 5; columns += 2) {
                    ho_vector *z = random_vector(training, columns, 40),
                              *out = system->api->vector_new(system, columns);
                    expect_ok(training, system->api->jvp(system, 10, lambda, state, again, columns, z, d, out));
                    expect_same(training, next, again, "jvp");
                    system->api->vector_free(system, z);
                    system->api->vector_free(system, out);
                }
                /* Another step in between, then the same one again. */
                expect_ok(training, system->api->step(system, 2, lambda, state, again));
                expect_ok(training, system->api->step(system, 10, lambda, state, again));
                expect_same(training, next, again, "replay");
                /* Nor do threads change products as small as these: the state after ten steps at one thread is the one
                 * at two. */
                ho_exec_threads(1);
                ho_vector *single = reached(training, lambda, 10);
                expect_same(training, next, single, "threads");
                ho_vector *vectors[] = {state, next, again, single};
                for (size_t j = 0; j < 4; j++)
                    system->api->vector_free(system, vectors[j]);
                free(d);
                ho_training_free(training);
                small_free(s);
            }
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

#if defined(COUNTS_ALLOCATION)
typedef struct loop_vectors {
    ho_vector *state, *next, *z, *tangents, *adjoint, *by_state;
} loop_vectors;

/* What modes do in their loops, at step t. */
static void run_calls(ho_training *training, int64_t t, const double *lambda, const double *d, const loop_vectors *v)
{
    ho_system *s = system_of(training);
    const ho_system_api *api = s->api;
    double value, products[2], gradient[64];
    memset(gradient, 0, sizeof gradient);
    expect_ok(training, api->initial(s, lambda, v->state));
    expect_ok(training, api->initial_jvp(s, lambda, 2, d, v->z));
    expect_ok(training, api->step(s, t, lambda, v->state, v->next));
    expect_ok(training, api->jvp(s, t, lambda, v->state, NULL, 2, v->z, d, v->tangents));
    expect_ok(training, api->error(s, lambda, v->next, &value));
    expect_ok(training, api->error_gradient(s, lambda, v->next, &value, v->adjoint, gradient));
    expect_ok(training, api->vjp(s, t, lambda, v->state, v->adjoint, v->by_state, gradient));
    expect_ok(training, api->initial_vjp(s, lambda, v->by_state, gradient));
    api->axpby(s, 0.5, v->by_state, 0.5, v->adjoint);
    api->copy(s, v->adjoint, v->by_state);
    api->dot(s, v->adjoint, v->z, products);
    expect_ok(training, api->poll(s));
}

Test(system_memory, calls_allocate_nothing_once_their_plans_exist)
{
    static const int64_t batches[] = {0, 7};
    for (int precision = 0; precision < 2; precision++)
        for (size_t b = 0; b < 2; b++) {
            small *s = small_new(
                (small_options){.dynamics = "adam", .precision = precision ? HO_F64 : HO_F32, .batch = batches[b]});
            small_tune_all(s);
            ho_training *training = small_training(s);
            ho_system *system = system_of(training);
            const ho_system_api *api = system->api;
            double lambda[64], d[128] = {0};
            cr_assert_leq(ho_training_lambda_size(training), 64);
            ho_training_lambda_initial(training, lambda);
            loop_vectors v = {.state = api->vector_new(system, 1),
                              .next = api->vector_new(system, 1),
                              .z = api->vector_new(system, 2),
                              .tangents = api->vector_new(system, 2),
                              .adjoint = api->vector_new(system, 1),
                              .by_state = api->vector_new(system, 1)};
            run_calls(training, 1, lambda, d, &v);
            size_t before = allocations;
            for (int64_t t = 2; t <= 6; t++)
                run_calls(training, t, lambda, d, &v);
            cr_expect_eq(allocations, before, "batch %d: %zu allocations in 5 steps", (int)batches[b],
                         allocations - before);
            ho_vector *vectors[] = {v.state, v.next, v.z, v.tangents, v.adjoint, v.by_state};
            for (size_t i = 0; i < 6; i++)
                api->vector_free(system, vectors[i]);
            ho_training_free(training);
            small_free(s);
        }
}
#endif

Test(system_batch, every_example_at_most_once_an_epoch_and_each_epoch_otherwise)
{
    const int64_t n = 23, batch = 5, batches = ho_epoch_steps(n, batch);
    int seen[23], ever[23] = {0};
    int64_t differing = 0;
    cr_assert_eq(batches, 4);
    for (int64_t epoch = 0; epoch < 30; epoch++) {
        memset(seen, 0, sizeof seen);
        for (int64_t t = epoch * batches + 1; t <= (epoch + 1) * batches; t++)
            for (int64_t i = 0; i < batch; i++) {
                int64_t row = ho_batch_example(3, n, batch, t, i);
                cr_assert(row >= 0 && row < n);
                seen[row]++;
                ever[row]++;
                cr_expect_eq(row, ho_batch_example(3, n, batch, t, i));
                differing += row != ho_batch_example(3, n, batch, t + batches, i);
            }
        for (int64_t i = 0; i < n; i++)
            cr_expect(seen[i] <= 1, "example %d comes %d times in epoch %d", (int)i, seen[i], (int)epoch);
    }
    for (int64_t i = 0; i < n; i++)
        cr_expect(ever[i] > 15, "example %d is drawn as often as others", (int)i);
    cr_expect(differing > 400);
}

Test(system_batch, steps_see_just_their_batch)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F64, .batch = 4});
    ho_training *training = small_training(s);
    ho_vector *state = reached(training, NULL, 3);
    double w[(SMALL_D + 1) * SMALL_K] = {0}, g[(SMALL_D + 1) * SMALL_K];
    for (int64_t t = 1; t <= 3; t++) {
        int64_t rows[4];
        for (int64_t i = 0; i < 4; i++)
            rows[i] = ho_batch_example(s->problem.seed, SMALL_N, 4, t, i);
        hand_gradient(s, rows, 4, 0.0, 0.0, w, g);
        for (int64_t i = 0; i < training->layout.size; i++)
            w[i] -= 0.01 * g[i];
    }
    for (int64_t i = 0; i < training->layout.size; i++)
        cr_expect_float_eq(((double *)state->segments[0])[i], w[i], 1e-14);
    system_of(training)->api->vector_free(system_of(training), state);
    ho_training_free(training);
    small_free(s);
}

/* ---- vectors and misuse ------------------------------------------------------------------------------------------ */

Test(system_vectors, do_arithmetic_by_column)
{
    for (int precision = 0; precision < 2; precision++) {
        small *s = small_new((small_options){.dynamics = "momentum", .precision = precision ? HO_F64 : HO_F32});
        ho_training *training = small_training(s);
        ho_system *system = system_of(training);
        ho_vector *x = random_vector(training, 1, 50), *y = random_vector(training, 1, 51),
                  *b = system->api->vector_new(system, 2), *empty = system->api->vector_new(system, 2);
        double xx, xy, mixed, columns[2];
        system->api->dot(system, x, x, &xx);
        system->api->dot(system, x, y, &xy);
        system->api->axpby(system, 2.0, x, -3.0, y);
        system->api->dot(system, x, y, &mixed);
        cr_expect_float_eq(mixed, 2.0 * xx - 3.0 * xy, precision ? 1e-11 : 1e-4);
        size_t bytes = (size_t)training->layout.size * ho_number_size(&training->ground);
        for (size_t i = 0; i < training->layout.segments; i++) {
            memcpy(b->segments[i], x->segments[i], bytes);
            memcpy((char *)b->segments[i] + bytes, y->segments[i], bytes);
        }
        system->api->dot(system, x, b, columns);
        cr_expect(columns[0] == xx && columns[1] == mixed);
        memset(empty->segments[0], 0xff, 2 * bytes); /* NaN */
        system->api->zero(system, empty);
        system->api->dot(system, x, empty, columns);
        cr_expect(columns[0] == 0.0 && columns[1] == 0.0, "zero forgets what was there");
        system->api->copy(system, b, empty);
        system->api->dot(system, x, empty, columns);
        cr_expect(columns[0] == xx && columns[1] == mixed);
        if (precision)
            ((double *)y->segments[0])[0] = NAN;
        else
            ((float *)y->segments[0])[0] = NAN;
        cr_expect_not(ho_training_finite(training, y));
        system->api->axpby(system, 1.0, x, 0.0, y);
        cr_expect(ho_training_finite(training, y), "a factor 0 forgets what was there");
        cr_expect_eq(system->api->vector_bytes(system, b), 2 * ho_training_state_bytes(training));
        cr_expect_eq((uintptr_t)b->segments[1] % 64, 0);
        ho_vector *vectors[] = {x, y, b, empty};
        for (size_t j = 0; j < 4; j++)
            system->api->vector_free(system, vectors[j]);
        system->api->vector_free(system, NULL);
        cr_expect_eq(ho_training_error(training)->status, HO_OK);
        ho_training_free(training);
        small_free(s);
    }
}

static void expect_failure(ho_training *training, ho_status status, const char *says)
{
    cr_expect_eq(status, HO_FAILED);
    expect_text(ho_training_error(training)->text, says);
    *ho_training_error(training) = (ho_error){0};
}

Test(system_misuse, by_a_mode_is_a_message)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F32}),
          *other = small_new((small_options){.dynamics = "sgd", .precision = HO_F32});
    small_tune(s, "mtl.rho", 0.1);
    ho_training *training = small_training(s), *stranger = small_training(other);
    ho_system *system = system_of(training);
    const ho_system_api *api = system->api;
    ho_vector *a = api->vector_new(system, 1), *b = api->vector_new(system, 1), *wide = api->vector_new(system, 2),
              *foreign = system_of(stranger)->api->vector_new(system_of(stranger), 1);
    double lambda[1] = {0.1}, value;
    expect_failure(training, api->step(system, 0, lambda, a, b), "step: there is no step 0 in 1..30");
    expect_failure(training, api->step(system, 31, lambda, a, b), "there is no step 31");
    expect_failure(training, api->step(system, 1, NULL, a, b), "step: lambda is missing");
    expect_failure(training, api->step(system, 1, lambda, NULL, b), "step: the state is missing");
    expect_failure(training, api->step(system, 1, lambda, a, NULL), "step: next is missing");
    expect_failure(training, api->step(system, 1, lambda, a, a), "the same vector");
    expect_failure(training, api->step(system, 1, lambda, a, wide), "next has 2 columns, expected 1");
    expect_failure(training, api->step(system, 1, lambda, foreign, b), "belongs to another training");
    expect_failure(training, api->jvp(system, 1, lambda, a, NULL, 2, wide, NULL, wide), "jvp: d is missing");
    expect_failure(training, api->jvp(system, 1, lambda, a, NULL, 0, wide, lambda, wide), "0 columns");
    expect_failure(training, api->vjp(system, 1, lambda, a, b, b, lambda), "the same vector");
    expect_failure(training, api->error(system, lambda, a, NULL), "value is missing");
    expect_failure(training, api->error_gradient(system, lambda, a, &value, b, NULL), "gradient is missing");
    expect_failure(training, api->initial(system, lambda, wide), "columns");
    cr_expect_null(api->vector_new(system, 0));
    expect_failure(training, HO_FAILED, "at least 1");
    cr_expect_null(api->vector_new(system, INT64_MAX / 8));
    expect_failure(training, HO_FAILED, "");
    api->copy(system, wide, a);
    expect_failure(training, HO_FAILED, "copy: to has 1 columns, expected 2");
    api->vector_free(system, foreign);
    expect_failure(training, HO_FAILED, "belongs to another training");
    expect_failure(training, api->fail(system, "mode.c", 12, "no %s", "luck"), "mode.c:12: no luck");
    void *memory = api->alloc(system, 100);
    cr_expect_not_null(memory);
    api->free_memory(system, memory);
    api->vector_free(system, a);
    api->vector_free(system, b);
    api->vector_free(system, wide);
    system_of(stranger)->api->vector_free(system_of(stranger), foreign);
    ho_training_free(training);
    ho_training_free(stranger);
    small_free(s);
    small_free(other);
}

Test(system_interrupt, is_seen_by_poll_and_by_steps)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F32});
    ho_training *training = small_training(s);
    ho_system *system = system_of(training);
    volatile int flag = 0;
    ho_training_interrupt(training, &flag);
    ho_vector *a = system->api->vector_new(system, 1), *b = system->api->vector_new(system, 1);
    cr_expect_eq(system->api->poll(system), HO_OK);
    cr_expect_eq(system->api->step(system, 1, NULL, a, b), HO_OK);
    flag = 1;
    cr_expect_eq(system->api->poll(system), HO_INTERRUPTED);
    cr_expect_eq(system->api->step(system, 1, NULL, a, b), HO_INTERRUPTED);
    system->api->vector_free(system, a);
    system->api->vector_free(system, b);
    ho_training_free(training);
    small_free(s);
}
