/* Assembling a training: hyperparameters with their shapes, values and free directions, weights, and what is refused.
 */
#include "small_problem.h"

#include <unistd.h>

#include "base/npy.h"
#include "host/descriptor.h"

static small *adam(void)
{
    return small_new((small_options){.dynamics = "adam", .precision = HO_F64});
}

static const ho_hyperparameter *hyper(const ho_training *training, const char *name)
{
    size_t count;
    const ho_hyperparameter *h = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(h[i].name, name))
            return &h[i];
    cr_assert_fail("there is no hyperparameter %s", name);
    return NULL;
}

static void expect_text(const char *text, const char *part)
{
    cr_expect(strstr(text, part), "\"%s\" should say \"%s\"", text, part);
}

Test(system_hypers, come_from_every_plugin_with_shapes_and_defaults)
{
    small *s = adam();
    small_tune(s, "mtl.rho", 0.25);
    small_tune(s, "mtl.A", 0.5);
    ho_training *training = small_training(s);
    static const char *const names[] = {"model.init_scale",
                                        "model.temperature",
                                        "dynamics.learning_rate",
                                        "dynamics.beta1",
                                        "dynamics.beta2",
                                        "ce.weight",
                                        "mtl.A",
                                        "mtl.a",
                                        "mtl.rho",
                                        "mtl.weight",
                                        "validation.weight"};
    size_t count;
    const ho_hyperparameter *h = ho_training_hypers(training, &count);
    cr_assert_eq(count, sizeof names / sizeof *names);
    for (size_t i = 0; i < count; i++)
        cr_expect_str_eq(h[i].name, names[i]);
    const ho_hyperparameter *a = hyper(training, "mtl.A"), *rho = hyper(training, "mtl.rho");
    cr_expect(a->rank == 2 && a->dims[0] == SMALL_K && a->dims[1] == SMALL_K && a->count == 16);
    cr_expect_eq(a->structure, HO_SYMMETRIC | HO_ZERO_DIAGONAL);
    cr_expect(a->value[1] == 0.5 && a->value[5] == 0.0, "the structure forbids the diagonal");
    cr_expect(a->offset == 0 && rho->offset == 16 && rho->rank == 0 && rho->value[0] == 0.25);
    cr_expect_eq(ho_training_lambda_size(training), 17);
    const ho_hyperparameter *beta = hyper(training, "dynamics.beta2");
    cr_expect(!beta->tuned && beta->offset == -1 && beta->value[0] == 0.999 && beta->upper == 1.0 - 1e-6);
    ho_training_free(training);
    small_free(s);
}

Test(system_hypers, shape_alternatives_are_chosen_by_name)
{
    small *s = adam();
    double rho[SMALL_K] = {1, 2, 3, 4};
    small_set(s, "mtl.rho", small_list(s, rho, SMALL_K), true)->shape = "columns";
    ho_training *training = small_training(s);
    const ho_hyperparameter *h = hyper(training, "mtl.rho");
    cr_expect(h->rank == 1 && h->dims[0] == SMALL_K && h->value[2] == 3.0);
    ho_training_free(training);
    small_free(s);

    s = adam();
    small_set(s, "mtl.rho", NULL, true)->shape = "rows";
    expect_text(small_refusal(s), "small.yaml:6:4: mtl.rho has no shape \"rows\" (known: scalar, columns; before "
                                  "any of them: steps, tensors)");
    small_free(s);
}

/* A setting that must be refused, and what the message must say. */
static void expect_refusal(const char *name, const ho_tree *(*value)(small *s), const char *says)
{
    small *s = adam();
    small_set(s, name, value ? value(s) : NULL, false);
    const char *text = small_refusal(s);
    expect_text(text, says);
    expect_text(text, "small.yaml:");
    small_free(s);
}

static const ho_tree *minus_one(small *s)
{
    return small_number(s, -1.0);
}

static const ho_tree *three(small *s)
{
    return small_list(s, (double[]){1, 2, 3}, 3);
}

static const ho_tree *word(small *s)
{
    return small_text(s, "plenty");
}

static const ho_tree *map(small *s)
{
    return ho_tree_new(s->arena, HO_TREE_MAP, (ho_place){"small.yaml", 9, 9});
}

static ho_tree *matrix(small *s, double upper, double lower, double diagonal)
{
    ho_tree *rows = ho_tree_new(s->arena, HO_TREE_LIST, (ho_place){"small.yaml", 8, 5});
    for (int i = 0; i < SMALL_K; i++) {
        double row[SMALL_K];
        for (int j = 0; j < SMALL_K; j++)
            row[j] = i == j ? diagonal : i < j ? upper : lower;
        ho_tree_append(rows, small_list(s, row, SMALL_K));
    }
    return rows;
}

static const ho_tree *asymmetric(small *s)
{
    return matrix(s, 1, 2, 0);
}

static const ho_tree *with_diagonal(small *s)
{
    return matrix(s, 1, 1, 3);
}

static const ho_tree *missing_file(small *s)
{
    return small_text(s, "/nowhere/a.npy");
}

Test(system_hypers, wrong_settings_are_refused_with_place_and_reason)
{
    expect_refusal("mtl.rhoo", NULL, "small.yaml:5:2: unknown hyperparameter \"mtl.rhoo\"; did you mean \"mtl.rho\"?");
    expect_refusal("zzzzzzzzzzzzz.qqqqqqqq", NULL, "known: model.init_scale, ");
    expect_refusal("mtl.rho", minus_one, "mtl.rho: -1 is outside its domain [0, inf)");
    expect_refusal("dynamics.beta1", minus_one, "[0, 0.999999]");
    expect_refusal("mtl.A", minus_one, "mtl.A: entry (0, 1) -1 is outside its domain");
    expect_refusal("mtl.A", three, "mtl.A: expected a list of 4, got one of 3: the shape is (4, 4)");
    expect_refusal("mtl.rho", three, "expected a number, got a list: the shape is ()");
    expect_refusal("mtl.rho", word, "\"plenty\" is neither a number");
    expect_refusal("mtl.rho", map, "small.yaml:9:9: mtl.rho: ");
    expect_refusal("mtl.A", asymmetric, "must be symmetric, but entry (1, 0) is 2 and entry (0, 1) is 1");
    expect_refusal("mtl.A", with_diagonal, "mtl.A: entry (0, 0) is 3; the diagonal must be 0");
    expect_refusal("mtl.A", missing_file, "/nowhere/a.npy");
}

Test(system_hypers, a_setting_given_twice_is_refused)
{
    small *s = adam();
    small_fix(s, "mtl.rho", 1);
    small_fix(s, "mtl.rho", 2);
    expect_text(small_refusal(s), "mtl.rho is given twice");
    small_free(s);
}

static char *npy_path(const char *name)
{
    return ho_format("/tmp/test_system_%ld_%s.npy", (long)getpid(), name);
}

Test(system_hypers, values_come_from_npy_files_of_the_same_shape)
{
    char *path = npy_path("a");
    double a[16] = {0, 1, 2, 3, 1, 0, 4, 5, 2, 4, 0, 6, 3, 5, 6, 0};
    small *s = adam();
    cr_assert_eq(ho_npy_write_f64(path, 2, (int64_t[]){4, 4}, a, &s->error), HO_OK);
    small_set(s, "mtl.A", small_text(s, path), true);
    ho_training *training = small_training(s);
    cr_expect_arr_eq(hyper(training, "mtl.A")->value, a, sizeof a);
    ho_training_free(training);
    small_free(s);

    s = adam();
    cr_assert_eq(ho_npy_write_f64(path, 2, (int64_t[]){2, 8}, a, &s->error), HO_OK);
    small_set(s, "mtl.A", small_text(s, path), true);
    const char *text = small_refusal(s);
    expect_text(text, "has the shape (2, 8), the hyperparameter has (4, 4)");
    small_free(s);
    unlink(path);
    free(path);
}

/* ---- directions and projection ----------------------------------------------------------------------------------- */

Test(system_lambda, directions_are_an_orthonormal_basis_of_the_free_subspace)
{
    small *s = adam();
    small_tune(s, "mtl.A", 0.1);
    small_tune(s, "mtl.rho", 0.1);
    small_set(s, "model.init_scale", NULL, true);
    ho_training *training = small_training(s);
    ho_system *system = ho_training_system(training);
    int64_t size = system->api->lambda_size(system), count = system->api->directions(system);
    cr_assert_eq(count, 2 + SMALL_K * (SMALL_K - 1) / 2);
    double *basis = calloc((size_t)(count * size), sizeof *basis), *x = calloc((size_t)size, sizeof *x);
    for (int64_t i = 0; i < count; i++)
        system->api->direction(system, i, basis + i * size);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < count; j++) {
            double dot = 0.0;
            for (int64_t k = 0; k < size; k++)
                dot += basis[i * size + k] * basis[j * size + k];
            cr_expect_float_eq(dot, i == j ? 1.0 : 0.0, 1e-15, "<d%d, d%d> = %g", (int)i, (int)j, dot);
        }
    /* The projection of a gradient keeps just what the basis sees of it. */
    double *projected = calloc((size_t)size, sizeof *projected);
    for (int64_t k = 0; k < size; k++)
        projected[k] = x[k] = ho_normal_number(3, 4, (uint64_t)k);
    ho_training_free_gradient(training, projected);
    for (int64_t i = 0; i < count; i++) {
        double dot = 0.0;
        for (int64_t k = 0; k < size; k++)
            dot += x[k] * basis[i * size + k];
        for (int64_t k = 0; k < size; k++)
            projected[k] -= dot * basis[i * size + k];
    }
    for (int64_t k = 0; k < size; k++)
        cr_expect_float_eq(projected[k], 0.0, 1e-15);
    system->api->direction(system, count, x);
    cr_expect_eq(ho_training_error(training)->status, HO_FAILED);
    free(projected);
    free(basis);
    free(x);
    ho_training_free(training);
    small_free(s);
}

Test(system_lambda, is_projected_onto_domain_structure_and_constraint)
{
    small *s = adam();
    small_tune(s, "mtl.A", 0.5);
    small_tune(s, "mtl.rho", 0.1);
    ho_tree *settings = ho_tree_new(s->arena, HO_TREE_MAP, (ho_place){0});
    ho_tree *most = small_number(s, 2.4);
    most->key = "at_most";
    ho_tree_append(settings, most);
    const ho_loaded *loaded = ho_registry_find(s->registry, HO_CONSTRAINT, "nonnegative_sum", (ho_place){0}, &s->error);
    cr_assert_not_null(loaded, "%s", s->error.text);
    s->settings[0].constraint = ho_instance_new(loaded, "c", settings, NULL, (ho_place){0}, &s->error);
    cr_assert_not_null(s->settings[0].constraint, "%s", s->error.text);
    s->instances[s->instance_count++] = s->settings[0].constraint;
    ho_training *training = small_training(s);
    double lambda[17];
    ho_training_lambda_initial(training, lambda);
    for (int i = 0; i < 16; i++)
        cr_expect_float_eq(lambda[i], i % 5 ? 0.2 : 0.0, 1e-12, "twelve entries of 0.5 shrink to a sum of 2.4");
    lambda[16] = -3.0;
    cr_assert_eq(ho_training_project(training, lambda, &s->error), HO_OK);
    cr_expect_eq(lambda[16], 0.0);
    lambda[3] = NAN;
    cr_expect_eq(ho_training_project(training, lambda, &s->error), HO_DIVERGED);
    expect_text(s->error.text, "mtl.A: entry 3 is NaN");
    ho_training_free(training);
    small_free(s);
}

/* ---- weights, terms, data ---------------------------------------------------------------------------------------- */

Test(system_weights, lie_in_the_state_in_the_order_declared)
{
    small *s = adam();
    ho_training *training = small_training(s);
    size_t count;
    const ho_weight_tensor *w = ho_training_weights(training, &count);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(w[0].name, "W");
    cr_expect(w[0].offset == 0 && w[0].count == SMALL_D * SMALL_K && w[0].shape.rank == 2);
    cr_expect_str_eq(w[1].name, "b");
    cr_expect(w[1].offset == SMALL_D * SMALL_K && w[1].count == SMALL_K);
    cr_expect_eq(ho_training_state_bytes(training), 3 * (SMALL_D + 1) * SMALL_K * 8);
    ho_training_free(training);
    small_free(s);
}

Test(system_weights, may_start_from_a_file)
{
    char *path = npy_path("start");
    double b[SMALL_K] = {1, -2, 3, -4}, got[SMALL_K];
    small *s = adam();
    ho_start start = {"b", path, {"small.yaml", 4, 4}};
    s->problem.starts = &start;
    s->problem.start_count = 1;
    cr_assert_eq(ho_npy_write_f64(path, 1, (int64_t[]){SMALL_K}, b, &s->error), HO_OK);
    ho_training *training = small_training(s);
    ho_vector *state;
    small_run(training, NULL, 0, &state);
    ho_training_weight_get(training, state, 1, got);
    cr_expect_arr_eq(got, b, sizeof b);
    ho_training_system(training)->api->vector_free(ho_training_system(training), state);
    ho_training_free(training);

    start.weight = "bb";
    expect_text(small_refusal(s), "small.yaml:4:4: start: the model has no weight \"bb\"; did you mean \"b\"?");
    s->error = (ho_error){0};
    start.weight = "W";
    expect_text(small_refusal(s), "has the shape (4), the weight \"W\" has (13, 4)");
    small_free(s);
    unlink(path);
    free(path);
}

Test(system_terms, patterns_choose_weights)
{
    static const char *const everything[] = {"*"}, *const bias[] = {"b"}, *const none[] = {"W", "kernel*"};
    small *s = adam();
    s->objective[1].plugin = small_instance(s, HO_PENALTY, "l2", "l2");
    small_fix(s, "l2.rho", 1.0);
    s->objective[1].on_place = (ho_place){"small.yaml", 11, 6};
    double objective[3];
    static const char *const *const on[] = {NULL, everything, bias};
    for (size_t i = 0; i < 3; i++) {
        s->objective[1].on = on[i];
        s->objective[1].on_count = on[i] ? 1 : 0;
        ho_training *training = small_training(s);
        ho_system *system = ho_training_system(training);
        ho_vector *state;
        small_run(training, NULL, 3, &state);
        cr_assert_eq(ho_training_objective(training, NULL, state, &objective[i]), HO_OK);
        system->api->vector_free(system, state);
        ho_training_free(training);
    }
    cr_expect(objective[0] != objective[1] && objective[1] != objective[2]);
    s->objective[1].on = none;
    s->objective[1].on_count = 2;
    expect_text(small_refusal(s), "small.yaml:11:6: on: \"kernel*\" matches no weight (the model has: W, b)");
    small_free(s);
}

static ho_status two_layers(void *self, ho_trace *x)
{
    (void)self;
    const int64_t first[] = {ho_size(x, "features"), 3}, second[] = {3, ho_size(x, "outputs")};
    ho_weight(x, "U", ho_normal(x, "U", 2, first));
    ho_weight(x, "V", ho_normal(x, "V", 2, second));
    return ho_ok(x);
}

static ho_status two_layers_forward(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "outputs", "tanh(inputs @ U) @ V");
    return ho_ok(x);
}

Test(system_terms, a_strength_per_column_needs_weights_of_as_many_columns)
{
    static const ho_model_calls calls = {
        .struct_size = sizeof calls, .weights = two_layers, .forward = two_layers_forward};
    static const ho_plugin plugin = {HO_PLUGIN_HEAD(HO_MODEL), .name = "two_layers", .version = "1", .doc = "of a test",
                                     .calls = &calls};
    static const char *const last[] = {"V"};
    for (int on = 0; on < 2; on++) {
        small *s = adam();
        ho_loaded loaded;
        cr_assert_eq(ho_descriptor_read(&plugin, sizeof plugin, "two_layers.so", s->arena, &loaded, &s->error), HO_OK);
        s->problem.model = ho_instance_new(&loaded, "model", NULL, NULL, (ho_place){0}, &s->error);
        s->instances[s->instance_count++] = s->problem.model;
        s->objective[1].plugin = small_instance(s, HO_PENALTY, "l2", "l2");
        s->objective[1].on = last;
        s->objective[1].on_count = (size_t)on;
        small_set(s, "l2.rho", NULL, false)->shape = "columns";
        if (on)
            ho_training_free(small_training(s));
        else
            expect_text(small_refusal(s), "small.yaml:5:2: l2.rho has the shape \"columns\", but its penalty covers "
                                          "weights of different sizes: U has 3 columns, V has 4; give each");
        small_free(s);
    }
}

Test(system_terms, two_of_one_name_are_refused)
{
    small *s = adam();
    s->objective[1].plugin = small_instance(s, HO_PENALTY, "l2", "ce");
    expect_text(small_refusal(s), "two plugins are called \"ce\"");
    small_free(s);
}

Test(system_data, must_fit_the_problem)
{
    small *s = adam();
    s->problem.batch = SMALL_N + 1;
    expect_text(small_refusal(s), "batch: 25 examples, but the training part has 24");
    small_free(s);

    s = adam();
    s->objective[0].target = "digits";
    s->objective[0].target_place = (ho_place){"small.yaml", 12, 1};
    expect_text(small_refusal(s),
                "small.yaml:12:1: loss \"cross_entropy\": the training data has no target \"digits\" (it has: labels)");
    small_free(s);

    s = adam();
    s->targets[0].labels = s->targets[1].labels = false;
    expect_text(small_refusal(s), "loss \"cross_entropy\" needs labels, but the target \"labels\" holds reals");
    small_free(s);

    s = adam();
    s->problem.classes_or_width = SMALL_K - 1;
    expect_text(small_refusal(s), "has 4 classes, the model 3 outputs");
    small_free(s);

    s = adam();
    s->problem.precision = HO_F32;
    s->validation.x64[SMALL_D + 2] = 1e300;
    expect_text(small_refusal(s), "validation example 1, feature 2: NaN or infinite in precision f32");
    small_free(s);
}

Test(system_dump, prints_each_graph_and_refuses_others)
{
    small *s = adam();
    ho_training *training = small_training(s);
    static const char *const graphs[] = {"step", "error", "initial"};
    for (size_t i = 0; i < 3; i++) {
        FILE *file = tmpfile();
        cr_expect_eq(ho_training_dump(training, graphs[i], i == 1, file, &s->error), HO_OK);
        cr_expect(ftell(file) > 20);
        fclose(file);
    }
    cr_expect_eq(ho_training_dump(training, "stp", false, stderr, &s->error), HO_INVALID);
    ho_training_free(training);
    small_free(s);
}
