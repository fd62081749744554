/* A small multi-task classification problem over the real plugins, for tests of the system and of the modes. */
#ifndef TEST_SMALL_PROBLEM_H
#define TEST_SMALL_PROBLEM_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "host/registry.h"
#include "system/training.h"

#define SMALL_N    24
#define SMALL_D    13
#define SMALL_K    4
#define SMALL_T    30
#define SMALL_DEAD 3 /* the last columns, where asked for: zero in training, nonzero in validation */

/* What a test may change before small_make. */
typedef struct small_options {
    const char *dynamics;
    ho_precision precision;
    int64_t batch, steps;
    bool dead;
} small_options;

typedef struct small {
    ho_problem problem;
    ho_examples training, validation;
    ho_target targets[2];
    ho_term objective[2], validation_term;
    ho_hyper_setting settings[16];
    ho_instance *instances[8];
    size_t instance_count;
    ho_arena *arena;
    ho_registry *registry;
    ho_error error;
} small;

static inline ho_tree *small_text(small *s, const char *text)
{
    ho_tree *tree = ho_tree_new(s->arena, HO_TREE_SCALAR, (ho_place){"small.yaml", 7, 3});
    tree->text = ho_arena_strdup(s->arena, text);
    return tree;
}

static inline ho_tree *small_number(small *s, double number)
{
    char text[64];
    snprintf(text, sizeof text, "%.17g", number);
    return small_text(s, text);
}

static inline ho_tree *small_list(small *s, const double *values, size_t count)
{
    ho_tree *tree = ho_tree_new(s->arena, HO_TREE_LIST, (ho_place){"small.yaml", 8, 5});
    for (size_t i = 0; i < count; i++)
        ho_tree_append(tree, small_number(s, values[i]));
    return tree;
}

static inline ho_instance *small_instance(small *s, uint32_t kind, const char *plugin, const char *name)
{
    const ho_loaded *loaded = ho_registry_find(s->registry, kind, plugin, (ho_place){0}, &s->error);
    cr_assert_not_null(loaded, "%s", s->error.text);
    ho_instance *instance = ho_instance_new(loaded, name, NULL, NULL, (ho_place){"small.yaml", 3, 1}, &s->error);
    cr_assert_not_null(instance, "%s", s->error.text);
    s->instances[s->instance_count++] = instance;
    return instance;
}

static inline ho_hyper_setting *small_set(small *s, const char *name, const ho_tree *value, bool tuned)
{
    ho_hyper_setting *setting = &s->settings[s->problem.setting_count++];
    *setting = (ho_hyper_setting){.name = name,
                                  .place = {"small.yaml", 5, 2},
                                  .tuned = tuned,
                                  .value = value,
                                  .shape_place = {"small.yaml", 6, 4}};
    return setting;
}

static inline void small_tune(small *s, const char *name, double value)
{
    small_set(s, name, small_number(s, value), true);
}

static inline void small_fix(small *s, const char *name, double value)
{
    small_set(s, name, small_number(s, value), false);
}

static inline void small_examples(ho_examples *examples, ho_target *target, int64_t count, uint64_t stream, bool dead,
                                  double dead_value)
{
    *examples = (ho_examples){.count = count, .features = SMALL_D, .targets = target, .target_count = 1};
    *target = (ho_target){.name = (char *)"labels", .labels = true, .classes = SMALL_K, .width = 1};
    examples->x64 = calloc((size_t)(count * SMALL_D), sizeof(double));
    target->values = calloc((size_t)count, sizeof(double));
    for (int64_t i = 0; i < count; i++) {
        target->values[i] = (double)(i % SMALL_K);
        for (int64_t j = 0; j < SMALL_D; j++) {
            double centre = ho_normal_number(1, 77, (uint64_t)(i % SMALL_K * SMALL_D + j));
            double noise = ho_normal_number(1, stream, (uint64_t)(i * SMALL_D + j));
            bool is_dead = dead && j >= SMALL_D - SMALL_DEAD;
            examples->x64[i * SMALL_D + j] = is_dead ? dead_value * (1.0 + 0.1 * noise) : 0.5 * centre + 0.7 * noise;
        }
    }
    for (int64_t i = 0; dead && dead_value == 0.0 && i < count; i++)
        for (int64_t j = SMALL_D - SMALL_DEAD; j < SMALL_D; j++)
            examples->x64[i * SMALL_D + j] = 0.0;
}

/* Model softmax, objective cross_entropy (sum, "ce") and task_interaction ("mtl"), validation cross_entropy (mean). */
static inline small *small_new(small_options options)
{
    small *s = calloc(1, sizeof *s);
    s->arena = ho_arena_new();
    s->registry = ho_registry_new(NULL, &s->error);
    cr_assert_not_null(s->registry, "%s", s->error.text);
    small_examples(&s->training, &s->targets[0], SMALL_N, 101, options.dead, 0.0);
    small_examples(&s->validation, &s->targets[1], SMALL_N + 5, 202, options.dead, 2.0);
    s->objective[0] = (ho_term){.plugin = small_instance(s, HO_LOSS, "cross_entropy", "ce")};
    s->objective[1] = (ho_term){.plugin = small_instance(s, HO_PENALTY, "task_interaction", "mtl")};
    s->validation_term = (ho_term){.plugin = small_instance(s, HO_LOSS, "cross_entropy", "validation"), .mean = true};
    s->problem = (ho_problem){.seed = 5,
                              .precision = options.precision,
                              .training = &s->training,
                              .validation = &s->validation,
                              .classes_or_width = SMALL_K,
                              .batch = options.batch,
                              .steps = options.steps ? options.steps : SMALL_T,
                              .model = small_instance(s, HO_MODEL, "softmax", "model"),
                              .dynamics = small_instance(s, HO_DYNAMICS, options.dynamics, "dynamics"),
                              .objective = s->objective,
                              .objective_count = 2,
                              .validation_terms = &s->validation_term,
                              .validation_count = 1,
                              .settings = s->settings};
    return s;
}

static inline ho_training *small_training(small *s)
{
    ho_training *training = ho_training_new(&s->problem, &s->error);
    cr_assert_not_null(training, "%s", s->error.text);
    return training;
}

/* The message of a problem that must be refused. */
static inline const char *small_refusal(small *s)
{
    ho_training *training = ho_training_new(&s->problem, &s->error);
    cr_assert_null(training, "the problem should be refused");
    cr_assert_eq(s->error.status, HO_INVALID);
    return s->error.text;
}

static inline void small_free(small *s)
{
    for (size_t i = 0; i < s->instance_count; i++)
        ho_instance_free(s->instances[i]);
    ho_registry_free(s->registry);
    ho_arena_free(s->arena);
    free(s->training.x64);
    free(s->validation.x64);
    free(s->targets[0].values);
    free(s->targets[1].values);
    free(s);
}

/* Tunes every kind of hyperparameter there is: the dynamics', the initial map's, a matrix, the direct term's, a weight.
 */
static inline void small_tune_all(small *s)
{
    static const struct {
        const char *dynamics, *name;
        double value;
    } own[] = {{"sgd", "dynamics.learning_rate", 0.02},
               {"momentum", "dynamics.learning_rate", 0.01},
               {"momentum", "dynamics.momentum", 0.7},
               {"rmsprop", "dynamics.learning_rate", 0.01},
               {"rmsprop", "dynamics.decay", 0.9},
               {"adam", "dynamics.learning_rate", 0.01},
               {"adam", "dynamics.beta1", 0.8},
               {"adam", "dynamics.beta2", 0.95},
               {"adamw", "dynamics.learning_rate", 0.01},
               {"adamw", "dynamics.beta1", 0.8},
               {"adamw", "dynamics.beta2", 0.95},
               {"adamw", "dynamics.weight_decay", 0.3},
               {"adagrad", "dynamics.learning_rate", 0.05},
               {"nesterov", "dynamics.learning_rate", 0.01},
               {"nesterov", "dynamics.momentum", 0.7},
               {"lion", "dynamics.learning_rate", 0.01},
               {"lion", "dynamics.beta1", 0.8},
               {"lion", "dynamics.beta2", 0.95},
               {"lion", "dynamics.weight_decay", 0.3}};
    const char *dynamics = s->problem.dynamics->loaded->plugin.name;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!strcmp(own[i].dynamics, dynamics))
            small_tune(s, own[i].name, own[i].value);
    small_tune(s, "mtl.A", 0.02);
    small_tune(s, "mtl.rho", 0.03);
    small_tune(s, "model.init_scale", 0.6);
    small_tune(s, "model.temperature", 1.2);
    small_tune(s, "ce.weight", 0.9);
}

/* E after `steps` steps from the initial map, without any derivative; the state is left in *end where asked for. */
static inline double small_run(ho_training *training, const double *lambda, int64_t steps, ho_vector **end)
{
    ho_system *s = ho_training_system(training);
    ho_vector *state = s->api->vector_new(s, 1), *next = s->api->vector_new(s, 1);
    double value = NAN;
    cr_assert_eq(s->api->initial(s, lambda, state), HO_OK, "%s", ho_training_error(training)->text);
    for (int64_t t = 1; t <= steps; t++) {
        cr_assert_eq(s->api->step(s, t, lambda, state, next), HO_OK, "%s", ho_training_error(training)->text);
        ho_vector *swap = state;
        state = next;
        next = swap;
    }
    cr_assert_eq(s->api->error(s, lambda, state, &value), HO_OK, "%s", ho_training_error(training)->text);
    s->api->vector_free(s, next);
    if (end)
        *end = state;
    else
        s->api->vector_free(s, state);
    return value;
}

/* A mode with its defaults; free with ho_instance_free(). */
static inline ho_instance *small_mode(small *s, const char *mode)
{
    const ho_loaded *loaded = ho_registry_find(s->registry, HO_MODE, mode, (ho_place){0}, &s->error);
    cr_assert_not_null(loaded, "%s", s->error.text);
    ho_instance *instance = ho_instance_new(loaded, mode, NULL, NULL, (ho_place){0}, &s->error);
    cr_assert_not_null(instance, "%s", s->error.text);
    return instance;
}

/* The hypergradient by a mode plugin. */
static inline double small_hypergradient(small *s, ho_training *training, const char *mode, const double *lambda,
                                         int64_t steps, double *gradient)
{
    ho_instance *instance = small_mode(s, mode);
    const ho_mode_calls *calls = &instance->loaded->calls.mode;
    void *run = NULL;
    double value = NAN;
    cr_assert_eq(calls->start(instance->self, ho_training_system(training), lambda, &run), HO_OK, "%s",
                 ho_training_error(training)->text);
    cr_assert_eq(calls->advance(run, 0, steps, lambda), HO_OK, "%s", ho_training_error(training)->text);
    cr_assert_eq(calls->hypergradient(run, lambda, &value, gradient), HO_OK, "%s", ho_training_error(training)->text);
    calls->end(run);
    ho_instance_free(instance);
    ho_training_free_gradient(training, gradient);
    return value;
}

#endif
