/* Dynamics, models, losses and penalties: what their traces compute, against the same in plain C. */
#include "traced.h"

TestSuite(dynamics, .init = setup, .fini = teardown);
TestSuite(models, .init = setup, .fini = teardown);
TestSuite(losses, .init = setup, .fini = teardown);
TestSuite(penalties, .init = setup, .fini = teardown);
TestSuite(plugins, .init = setup, .fini = teardown);

/* ---- dynamics -----------------------------------------------------------------------------------------------------
 */

static const double w0[ROWS] = {1.0, -2.0, 0.5, 3.0, 0.25}, g0[ROWS] = {0.5, -1.0, 2.0, 0.0, 1e-3};
static const double slot0[ROWS] = {0.1, 0.2, -0.3, 0.0, 0.4}, square0[ROWS] = {0.3, 0.01, 2.0, 0.0, 1e-8};
static const double step_number = 7.0;

static void trace_step(const char *name, const char *slot, const double *slot_values)
{
    open_plugin(HO_DYNAMICS, name, NULL, NULL);
    bind("w", ROWS, 0, w0);
    bind("g", ROWS, 0, g0);
    bind("t", 0, 0, &step_number);
    if (slot)
        bind(slot, ROWS, 0, slot_values);
    if (strncmp(name, "adam", 4) == 0)
        bind("v", ROWS, 0, square0);
    cr_assert_eq(trace("step", instance->loaded->calls.dynamics.step), HO_OK, "%s", error.text);
}

static void expect_vector(const char *name, const double *due)
{
    double found[ROWS];
    cr_assert_eq(compute(bound(name), found), ROWS);
    expect_close(found, due, ROWS);
}

Test(dynamics, sgd_goes_down_the_gradient)
{
    double w[ROWS];
    trace_step("sgd", NULL, NULL);
    for (int i = 0; i < ROWS; i++)
        w[i] = w0[i] - 0.01 * g0[i];
    expect_vector("w", w);
}

Test(dynamics, momentum_keeps_a_velocity)
{
    double w[ROWS], v[ROWS];
    trace_step("momentum", "v", slot0);
    for (int i = 0; i < ROWS; i++) {
        v[i] = 0.9 * slot0[i] - 0.01 * g0[i];
        w[i] = w0[i] + v[i];
    }
    expect_vector("v", v);
    expect_vector("w", w);
}

Test(dynamics, rmsprop_divides_by_the_root_mean_square)
{
    double w[ROWS], v[ROWS];
    trace_step("rmsprop", "v", square0);
    for (int i = 0; i < ROWS; i++) {
        v[i] = 0.9 * square0[i] + 0.1 * g0[i] * g0[i];
        w[i] = w0[i] - 1e-3 * g0[i] / sqrt(v[i] + 1e-10);
    }
    expect_vector("v", v);
    expect_vector("w", w);
}

Test(dynamics, adam_corrects_the_bias_of_both_moments)
{
    double w[ROWS], m[ROWS], v[ROWS];
    trace_step("adam", "m", slot0);
    for (int i = 0; i < ROWS; i++) {
        m[i] = 0.9 * slot0[i] + 0.1 * g0[i];
        v[i] = 0.999 * square0[i] + 0.001 * g0[i] * g0[i];
        w[i] = w0[i] - 1e-3 * sqrt(1 - pow(0.999, 7)) / (1 - pow(0.9, 7)) * m[i] / sqrt(v[i] + 1e-10);
    }
    expect_vector("m", m);
    expect_vector("v", v);
    expect_vector("w", w);
}

Test(dynamics, adamw_takes_a_part_of_each_weight_too)
{
    double w[ROWS], m[ROWS], v[ROWS];
    trace_step("adamw", "m", slot0);
    for (int i = 0; i < ROWS; i++) {
        m[i] = 0.9 * slot0[i] + 0.1 * g0[i];
        v[i] = 0.999 * square0[i] + 0.001 * g0[i] * g0[i];
        w[i] = w0[i] - 1e-3 * sqrt(1 - pow(0.999, 7)) / (1 - pow(0.9, 7)) * m[i] / sqrt(v[i] + 1e-10) -
               1e-3 * 0.01 * w0[i];
    }
    expect_vector("m", m);
    expect_vector("v", v);
    expect_vector("w", w);
}

Test(dynamics, adagrad_divides_by_the_root_of_the_sum)
{
    double w[ROWS], v[ROWS];
    trace_step("adagrad", "v", square0);
    for (int i = 0; i < ROWS; i++) {
        v[i] = square0[i] + g0[i] * g0[i];
        w[i] = w0[i] - 0.01 * g0[i] / sqrt(v[i] + 1e-10);
    }
    expect_vector("v", v);
    expect_vector("w", w);
}

Test(dynamics, nesterov_keeps_a_velocity_and_stays_ahead)
{
    double w[ROWS], v[ROWS];
    trace_step("nesterov", "v", slot0);
    for (int i = 0; i < ROWS; i++) {
        v[i] = 0.9 * slot0[i] - 0.01 * g0[i];
        w[i] = w0[i] + 0.9 * v[i] - 0.01 * g0[i];
    }
    expect_vector("v", v);
    expect_vector("w", w);
}

/* Gradients at the point ahead, u + momentum v, of J = sum x^4/4: what w is said to be. */
Test(dynamics, nesterov_is_the_method_of_the_paper)
{
    double u[ROWS], velocity[ROWS] = {0}, w[ROWS], v[ROWS] = {0}, g[ROWS];
    memcpy(u, w0, sizeof u);
    memcpy(w, w0, sizeof w);
    for (int t = 0; t < 5; t++) {
        open_plugin(HO_DYNAMICS, "nesterov", NULL, NULL);
        for (int i = 0; i < ROWS; i++) {
            velocity[i] = 0.9 * velocity[i] - 0.01 * pow(u[i] + 0.9 * velocity[i], 3);
            u[i] += velocity[i];
            g[i] = pow(w[i], 3);
        }
        bind("w", ROWS, 0, w);
        bind("g", ROWS, 0, g);
        bind("t", 0, 0, &step_number);
        bind("v", ROWS, 0, v);
        cr_assert_eq(trace("step", instance->loaded->calls.dynamics.step), HO_OK, "%s", error.text);
        double next[ROWS];
        compute(bound("w"), next);
        compute(bound("v"), v);
        memcpy(w, next, sizeof w);
        for (int i = 0; i < ROWS; i++)
            cr_expect_float_eq(w[i], u[i] + 0.9 * velocity[i], 1e-14, "step %d: %.17g", t, w[i]);
        teardown();
        setup();
    }
}

Test(dynamics, lion_goes_by_the_sign)
{
    double w[ROWS], m[ROWS];
    trace_step("lion", "m", slot0);
    for (int i = 0; i < ROWS; i++) {
        const double c = 0.9 * slot0[i] + 0.1 * g0[i];
        w[i] = w0[i] - 1e-4 * (c > 0 ? 1 : c < 0 ? -1 : 0);
        m[i] = 0.99 * slot0[i] + 0.01 * g0[i];
    }
    expect_vector("m", m);
    expect_vector("w", w);
}

/* The 1/epsilon of a weight whose gradient and second moment are 0 is the largest derivative that there is. */
Test(dynamics, derivatives_at_a_dead_weight_are_finite)
{
    static const char *const names[] = {"rmsprop", "adagrad", "adam", "adamw"};
    for (int k = 0; k < 4; k++) {
        static const double ones[ROWS] = {1, 1, 1, 1, 1};
        double found[ROWS];
        trace_step(names[k], k > 1 ? "m" : "v", k > 1 ? slot0 : square0);
        const ho_node inputs[] = {leaves[1], leaves[leaf_count - 1]}, w = bound("w"); /* g and v */
        const ho_node tangents[] = {bind("dg", ROWS, 0, ones), bind("dv", ROWS, 0, ones)};
        ho_node out;
        cr_assert_eq(ho_jvp(graph, 0, inputs, tangents, 2, &w, &out, 1), HO_OK, "%s", error.text);
        compute(out, found);
        for (int i = 0; i < ROWS; i++)
            cr_expect(isfinite(found[i]) && fabs(found[i]) < 1e9, "%s: derivative %d is %g", names[k], i, found[i]);
        teardown();
        setup();
    }
}

/* ---- models -------------------------------------------------------------------------------------------------------
 */

static double numbers(int i)
{
    return sin(1.0 + 1.7 * i);
}

static const double *fill(double *to, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = numbers(i) + 0.1 * (count % 7);
    return to;
}

static void trace_model(const char *bias, const double *scale, const double *temperature)
{
    static double drawn[ROWS * COLUMNS];
    open_plugin(HO_MODEL, "softmax", "bias", bias);
    if (scale)
        bind("init_scale", 0, 0, scale);
    if (temperature)
        bind("temperature", 0, 0, temperature);
    bind("drawn", ROWS, COLUMNS, fill(drawn, ROWS * COLUMNS));
    cr_assert_eq(trace("weights", instance->loaded->calls.model.weights), HO_OK, "%s", error.text);
}

Test(models, softmax_starts_from_zero_by_default)
{
    double zero;
    trace_model("true", NULL, NULL);
    cr_assert_eq(weight_count, 2);
    cr_expect(ho_is_constant(graph, weights[0], &zero) && zero == 0.0);
    cr_expect(ho_is_constant(graph, weights[1], &zero) && zero == 0.0);
    cr_expect_eq(ho_graph_at(graph, weights[1])->shape.dims[0], COLUMNS);
}

Test(models, softmax_scales_its_initial_weights)
{
    static const double scale = 0.3;
    double found[ROWS * COLUMNS], due[ROWS * COLUMNS];
    trace_model("true", &scale, NULL);
    cr_assert_eq(compute(weights[0], found), ROWS * COLUMNS);
    fill(due, ROWS * COLUMNS);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        due[i] *= 0.3 / sqrt(ROWS);
    expect_close(found, due, ROWS * COLUMNS);
}

static void check_outputs(const char *bias, const double *temperature)
{
    static double x[BATCH * ROWS], w[ROWS * COLUMNS], b[COLUMNS];
    double found[BATCH * COLUMNS], due[BATCH * COLUMNS];
    const bool has_bias = strcmp(bias, "true") == 0;
    trace_model(bias, NULL, temperature);
    cr_assert_eq(weight_count, has_bias ? 2 : 1);
    bind("W", ROWS, COLUMNS, fill(w, ROWS * COLUMNS));
    if (has_bias)
        bind("b", COLUMNS, 0, fill(b, COLUMNS));
    bind("inputs", BATCH, ROWS, fill(x, BATCH * ROWS));
    cr_assert_eq(trace("forward", instance->loaded->calls.model.forward), HO_OK, "%s", error.text);
    for (int i = 0; i < BATCH; i++)
        for (int k = 0; k < COLUMNS; k++) {
            due[i * COLUMNS + k] = has_bias ? b[k] : 0.0;
            for (int f = 0; f < ROWS; f++)
                due[i * COLUMNS + k] += x[i * ROWS + f] * w[f * COLUMNS + k];
            due[i * COLUMNS + k] /= temperature ? *temperature : 1.0;
        }
    cr_assert_eq(compute(bound("outputs"), found), BATCH * COLUMNS);
    expect_close(found, due, BATCH * COLUMNS);
}

Test(models, softmax_is_linear)
{
    check_outputs("true", NULL);
}

Test(models, softmax_divides_by_the_temperature)
{
    static const double temperature = 2.5;
    check_outputs("true", &temperature);
}

Test(models, softmax_can_do_without_a_bias)
{
    check_outputs("false", NULL);
}

/* ---- losses -------------------------------------------------------------------------------------------------------
 */

static const double one_hot[BATCH * COLUMNS] = {1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0};

static void check_cross_entropy(const double *z, const char *smoothing)
{
    const double e = smoothing ? strtod(smoothing, NULL) : 0.0;
    double found[BATCH], due[BATCH];
    open_plugin(HO_LOSS, "cross_entropy", smoothing ? "label_smoothing" : NULL, smoothing);
    bind("outputs", BATCH, COLUMNS, z);
    bind("targets", BATCH, COLUMNS, one_hot);
    cr_assert_eq(trace("per_example", instance->loaded->calls.loss.per_example), HO_OK, "%s", error.text);
    for (int i = 0; i < BATCH; i++) {
        double largest = -HUGE_VAL, sum = 0.0;
        for (int k = 0; k < COLUMNS; k++)
            largest = fmax(largest, z[i * COLUMNS + k]);
        for (int k = 0; k < COLUMNS; k++)
            sum += exp(z[i * COLUMNS + k] - largest);
        due[i] = 0.0;
        for (int k = 0; k < COLUMNS; k++)
            due[i] += ((1 - e) * one_hot[i * COLUMNS + k] + e / COLUMNS) * (log(sum) + largest - z[i * COLUMNS + k]);
    }
    cr_assert_eq(compute(bound("loss"), found), BATCH);
    expect_close(found, due, BATCH);
}

Test(losses, cross_entropy_is_the_negative_log_likelihood)
{
    double z[BATCH * COLUMNS];
    check_cross_entropy(fill(z, BATCH * COLUMNS), NULL);
}

Test(losses, cross_entropy_smooths_labels)
{
    double z[BATCH * COLUMNS];
    check_cross_entropy(fill(z, BATCH * COLUMNS), "0.1");
}

Test(losses, cross_entropy_takes_outputs_of_any_size)
{
    static const double z[BATCH * COLUMNS] = {1e4, -1e4, 0, 1e4, -1e4, 0, -5e3, -5e3, -5e3, 800, 800, -800};
    check_cross_entropy(z, NULL);
}

/* softmax - one-hot: the shift under stop must not change it. */
Test(losses, the_gradient_of_cross_entropy_is_that_of_the_softmax)
{
    double z[BATCH * COLUMNS], found[BATCH * COLUMNS];
    check_cross_entropy(fill(z, BATCH * COLUMNS), NULL);
    ho_node gradient;
    cr_assert_eq(ho_gradient(graph, ho_node_sum_all(graph, bound("loss")), leaves, &gradient, 1), HO_OK, "%s",
                 error.text);
    cr_assert_eq(compute(gradient, found), BATCH * COLUMNS);
    for (int i = 0; i < BATCH; i++) {
        double due[COLUMNS], sum = 0.0;
        for (int k = 0; k < COLUMNS; k++)
            sum += exp(z[i * COLUMNS + k]);
        for (int k = 0; k < COLUMNS; k++)
            due[k] = exp(z[i * COLUMNS + k]) / sum - one_hot[i * COLUMNS + k];
        expect_close(found + i * COLUMNS, due, COLUMNS);
    }
}

Test(losses, squared_error_sums_over_outputs)
{
    double z[BATCH * COLUMNS], y[BATCH * COLUMNS], found[BATCH], due[BATCH] = {0};
    open_plugin(HO_LOSS, "squared_error", NULL, NULL);
    bind("outputs", BATCH, COLUMNS, fill(z, BATCH * COLUMNS));
    for (int i = 0; i < BATCH * COLUMNS; i++) {
        y[i] = cos(i);
        due[i / COLUMNS] += (z[i] - y[i]) * (z[i] - y[i]);
    }
    bind("targets", BATCH, COLUMNS, y);
    cr_assert_eq(trace("per_example", instance->loaded->calls.loss.per_example), HO_OK, "%s", error.text);
    cr_assert_eq(compute(bound("loss"), found), BATCH);
    expect_close(found, due, BATCH);
}

static void expect_gradient_of(ho_node gradient, const double *due, int64_t count)
{
    double found[ROWS * COLUMNS];
    cr_assert_eq(compute(gradient, found), count);
    expect_close(found, due, (size_t)count);
}

/* Errors on both sides of delta, at it, and 0. */
Test(losses, huber_is_quadratic_and_then_linear)
{
    static const double delta = 0.75, z[BATCH * COLUMNS] = {0.5, -0.5, 0, 2, -3, 0.75, -0.75, 0.8, -0.7, 0.25, 1e3, 0};
    static const double y[BATCH * COLUMNS] = {0};
    double found[BATCH], due[BATCH] = {0}, slopes[BATCH * COLUMNS], curves[BATCH * COLUMNS], by_delta = 0.0;
    open_plugin(HO_LOSS, "huber", NULL, NULL);
    bind("outputs", BATCH, COLUMNS, z);
    bind("targets", BATCH, COLUMNS, y);
    bind("delta", 0, 0, &delta);
    for (int i = 0; i < BATCH * COLUMNS; i++) {
        const double size = fabs(z[i]);
        due[i / COLUMNS] += size < delta ? 0.5 * size * size : delta * (size - 0.5 * delta);
        slopes[i] = size < delta ? z[i] : z[i] > 0 ? delta : -delta;
        curves[i] = size < delta ? 1.0 : 0.0;
        by_delta += size < delta ? 0.0 : size - delta;
    }
    cr_assert_eq(trace("per_example", instance->loaded->calls.loss.per_example), HO_OK, "%s", error.text);
    cr_assert_eq(compute(bound("loss"), found), BATCH);
    expect_close(found, due, BATCH);
    const ho_node by[] = {leaves[0], leaves[2]};
    ho_node gradient[2], second;
    cr_assert_eq(ho_gradient(graph, ho_node_sum_all(graph, bound("loss")), by, gradient, 2), HO_OK, "%s", error.text);
    expect_gradient_of(gradient[0], slopes, BATCH * COLUMNS);
    expect_gradient_of(gradient[1], &by_delta, 1);
    cr_assert_eq(ho_gradient(graph, ho_node_sum_all(graph, gradient[0]), by, &second, 1), HO_OK, "%s", error.text);
    expect_gradient_of(second, curves, BATCH * COLUMNS);
}

/* ---- penalties ----------------------------------------------------------------------------------------------------
 */

static const double per_column[COLUMNS] = {0.5, 2.0, 0.0}, common = 0.7, tie = 0.35;
static const double relations[COLUMNS * COLUMNS] = {0, 1.5, 0.25, 1.5, 0, 0.75, 0.25, 0.75, 0};
static double matrix[ROWS * COLUMNS];

/* The double sum as it is written, with nothing rearranged. */
static double penalty_by_hand(const double *A, double a, const double *rho, int64_t rho_step)
{
    double total = 0.0;
    fill(matrix, ROWS * COLUMNS);
    for (int f = 0; f < ROWS; f++)
        for (int j = 0; j < COLUMNS; j++) {
            const double wj = matrix[f * COLUMNS + j];
            total += rho[j * rho_step] * wj * wj;
            for (int k = 0; k < COLUMNS; k++) {
                const double d = wj - matrix[f * COLUMNS + k];
                total += ((A ? A[j * COLUMNS + k] : 0.0) + a) * d * d;
            }
        }
    return total;
}

static double trace_penalty(const char *name, const double *A, const double *a, const double *rho, int64_t rho_count)
{
    open_plugin(HO_PENALTY, name, NULL, NULL);
    bind("w", ROWS, COLUMNS, fill(matrix, ROWS * COLUMNS));
    if (A)
        bind("A", COLUMNS, COLUMNS, A);
    if (a)
        bind("a", 0, 0, a);
    if (rho)
        bind("rho", rho_count, 0, rho);
    cr_assert_eq(trace("value", instance->loaded->calls.penalty.value), HO_OK, "%s", error.text);
    return compute_one(bound("penalty"));
}

static void expect_number(double found, double due)
{
    expect_close(&found, &due, 1);
}

Test(penalties, l2_with_one_strength)
{
    expect_number(trace_penalty("l2", NULL, NULL, &common, 0), penalty_by_hand(NULL, 0, &common, 0));
}

Test(penalties, l2_with_a_strength_for_each_column)
{
    expect_number(trace_penalty("l2", NULL, NULL, per_column, COLUMNS), penalty_by_hand(NULL, 0, per_column, 1));
}

Test(penalties, l2_of_a_vector)
{
    open_plugin(HO_PENALTY, "l2", NULL, NULL);
    bind("w", ROWS, 0, w0);
    bind("rho", 0, 0, &common);
    cr_assert_eq(trace("value", instance->loaded->calls.penalty.value), HO_OK, "%s", error.text);
    expect_number(compute_one(bound("penalty")), 0.7 * (1 + 4 + 0.25 + 9 + 0.0625));
}

Test(penalties, task_interaction_with_a_matrix)
{
    const double none = 0.0;
    expect_number(trace_penalty("task_interaction", relations, NULL, NULL, 0), penalty_by_hand(relations, 0, &none, 0));
}

Test(penalties, task_interaction_with_one_number)
{
    expect_number(trace_penalty("task_interaction", NULL, &tie, &common, 0), penalty_by_hand(NULL, tie, &common, 0));
}

Test(penalties, task_interaction_with_everything)
{
    expect_number(trace_penalty("task_interaction", relations, &tie, per_column, COLUMNS),
                  penalty_by_hand(relations, tie, per_column, 1));
}

Test(penalties, task_interaction_of_a_matrix_that_is_not_symmetric)
{
    static const double lopsided[COLUMNS * COLUMNS] = {0, 2, 0, 0, 0, 1, 3, 0, 0};
    const double none = 0.0;
    expect_number(trace_penalty("task_interaction", lopsided, NULL, NULL, 0), penalty_by_hand(lopsided, 0, &none, 0));
}

/* With entries that are 0, where the slope is 0 and no curvature is seen. */
static const double signs[ROWS * COLUMNS] = {1.5, -2, 0, -0.25, 0, 3, 1e-9, -1e-9, 0, 7, -7, 0.5, -0.5, 0, 1};

static double sign(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* The penalty, its gradient and its curvature: sum_ij a_j |w_ij| + b_j w_ij^2. */
static void check_absolute(const char *name, const char *first, const double *a, const double *b, int64_t count)
{
    double due = 0.0, slopes[ROWS * COLUMNS], curves[ROWS * COLUMNS];
    open_plugin(HO_PENALTY, name, NULL, NULL);
    const ho_node w = bind("w", ROWS, COLUMNS, signs);
    bind(first, count, 0, a);
    if (b)
        bind("l2", count, 0, b);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        const double aj = a[count ? i % COLUMNS : 0], bj = b ? b[count ? i % COLUMNS : 0] : 0.0;
        due += aj * fabs(signs[i]) + bj * signs[i] * signs[i];
        slopes[i] = aj * sign(signs[i]) + 2.0 * bj * signs[i];
        curves[i] = 2.0 * bj;
    }
    cr_assert_eq(trace("value", instance->loaded->calls.penalty.value), HO_OK, "%s", error.text);
    expect_number(compute_one(bound("penalty")), due);
    ho_node gradient, second;
    cr_assert_eq(ho_gradient(graph, bound("penalty"), &w, &gradient, 1), HO_OK, "%s", error.text);
    expect_gradient_of(gradient, slopes, ROWS * COLUMNS);
    cr_assert_eq(ho_gradient(graph, ho_node_sum_all(graph, gradient), &w, &second, 1), HO_OK, "%s", error.text);
    expect_gradient_of(second, curves, ROWS * COLUMNS);
}

Test(penalties, l1_has_the_signs_as_its_gradient)
{
    check_absolute("l1", "rho", &common, NULL, 0);
}

Test(penalties, l1_with_a_strength_for_each_column)
{
    check_absolute("l1", "rho", per_column, NULL, COLUMNS);
}

Test(penalties, elastic_net_is_l1_and_l2)
{
    check_absolute("elastic_net", "l1", &common, &tie, 0);
}

Test(penalties, elastic_net_with_strengths_for_each_column)
{
    static const double squares[COLUMNS] = {0.0, 1.25, 3.0};
    check_absolute("elastic_net", "l1", per_column, squares, COLUMNS);
}

/* As hypergradients of A need it: sum_f (w_fj - w_fk)^2 in every entry. */
Test(penalties, task_interaction_has_the_squared_distances_as_its_gradient_by_A)
{
    double found[COLUMNS * COLUMNS], due[COLUMNS * COLUMNS] = {0};
    ho_node gradient;
    trace_penalty("task_interaction", relations, NULL, NULL, 0);
    cr_assert_eq(ho_gradient(graph, bound("penalty"), leaves + 1, &gradient, 1), HO_OK, "%s", error.text);
    cr_assert_eq(compute(gradient, found), COLUMNS * COLUMNS);
    for (int i = 0; i < COLUMNS * COLUMNS; i++)
        for (int f = 0; f < ROWS; f++)
            due[i] += pow(matrix[f * COLUMNS + i / COLUMNS] - matrix[f * COLUMNS + i % COLUMNS], 2);
    expect_close(found, due, COLUMNS * COLUMNS);
}

Test(penalties, task_interaction_needs_no_product_where_A_is_constant_0)
{
    size_t length;
    trace_penalty("task_interaction", NULL, &tie, &common, 0);
    const ho_node penalty = bound("penalty");
    ho_node *order = ho_graph_order(graph, &penalty, 1, &length);
    for (size_t i = 0; i < length; i++)
        cr_expect_neq(ho_graph_at(graph, order[i])->op, HO_OP_MATMUL);
    free(order);
}

Test(penalties, task_interaction_refuses_a_vector)
{
    open_plugin(HO_PENALTY, "task_interaction", NULL, NULL);
    bind("w", ROWS, 0, w0);
    cr_assert_eq(trace("value", instance->loaded->calls.penalty.value), HO_INVALID);
    cr_expect_not_null(strstr(error.text, "task_interaction.c"), "%s", error.text);
    cr_expect_not_null(strstr(error.text, "columns of a matrix"), "%s", error.text);
    cr_expect_not_null(strstr(error.text, "rank 1"), "%s", error.text);
}

/* ---- all of them --------------------------------------------------------------------------------------------------
 */

static void report_refusal(void *context, const char *message)
{
    (void)context;
    cr_expect_fail("%s", message);
}

Test(plugins, all_load_and_document_themselves)
{
    size_t count;
    const ho_loaded **all = ho_registry_list(registry, 0, &count, report_refusal, NULL);
    cr_expect_geq(count, 31);
    for (size_t i = 0; i < count; i++) {
        const ho_loaded *p = all[i];
        cr_expect(p->plugin.doc && p->plugin.doc[0], "%s has no doc", p->path);
        cr_expect(p->plugin.details && p->plugin.details[0], "%s has no details", p->path);
        for (uint32_t k = 0; k < p->option_count; k++)
            cr_expect(p->options[k].doc && p->options[k].doc[0], "%s: %s has no doc", p->path, p->options[k].name);
        for (uint32_t k = 0; k < p->hyper_count; k++)
            cr_expect(p->hypers[k].doc && p->hypers[k].doc[0], "%s: %s has no doc", p->path, p->hypers[k].name);
    }
    free(all);
}
