/* A network with shared layers and two heads, "states" (classes) and "context" (reals), over the real plugins. */
#ifndef TEST_TWO_HEADS_H
#define TEST_TWO_HEADS_H

#include "../unit/small_problem.h"

#define D 5 /* features */
#define K 4 /* classes of "states" */
#define C 3 /* columns of "context" */
#define N 18
#define M 11
#define T 12

/* What a test says of the model. */
typedef struct net {
    const char *shared, *heads, *activation, *init; /* lists as "7 5" and "states|context: 6"; NULL: the default */
} net;

typedef struct two {
    small base; /* registry, settings, instances */
    ho_examples training, validation;
    ho_target training_targets[2], validation_targets[2];
    ho_term objective[2], validation_terms[2];
} two;

static inline void add_option(small *s, ho_tree *map, const char *key, const char *text, const char *separator)
{
    if (!text)
        return;
    ho_tree *value =
        separator ? ho_tree_new(s->arena, HO_TREE_LIST, (ho_place){"net.yaml", 4, 9}) : small_text(s, text);
    for (const char *c = text; separator && *c;) {
        size_t length = strcspn(c, separator);
        ho_tree_append(value, small_text(s, ho_arena_format(s->arena, "%.*s", (int)length, c)));
        c += length + (c[length] != '\0');
    }
    value->key = key;
    ho_tree_append(map, value);
}

/* The model; NULL: base.error says why. */
static inline ho_instance *make_net(small *s, net options)
{
    ho_tree *map = ho_tree_new(s->arena, HO_TREE_MAP, (ho_place){"net.yaml", 2, 1});
    add_option(s, map, "shared", options.shared, " ");
    add_option(s, map, "heads", options.heads, "|");
    add_option(s, map, "activation", options.activation, NULL);
    add_option(s, map, "init", options.init, NULL);
    const ho_loaded *loaded = ho_registry_find(s->registry, HO_MODEL, "shared_trunk", (ho_place){0}, &s->error);
    cr_assert_not_null(loaded, "%s", s->error.text);
    ho_instance *instance = ho_instance_new(loaded, "model", map, NULL, (ho_place){"net.yaml", 2, 1}, &s->error);
    if (instance)
        s->instances[s->instance_count++] = instance;
    return instance;
}

static inline void fill_examples(ho_examples *examples, ho_target *targets, int64_t count, uint64_t stream)
{
    *examples = (ho_examples){.count = count, .features = D, .targets = targets, .target_count = 2};
    targets[0] = (ho_target){.name = (char *)"states", .labels = true, .classes = K, .width = 1};
    targets[1] = (ho_target){.name = (char *)"context", .width = C};
    examples->x64 = calloc((size_t)(count * D), sizeof(double));
    targets[0].values = calloc((size_t)count, sizeof(double));
    targets[1].values = calloc((size_t)(count * C), sizeof(double));
    for (int64_t i = 0; i < count * D; i++)
        examples->x64[i] = ho_normal_number(3, stream, (uint64_t)i);
    for (int64_t i = 0; i < count; i++)
        targets[0].values[i] = (double)((i * 7 + (int64_t)stream) % K);
    for (int64_t i = 0; i < count * C; i++)
        targets[1].values[i] = sin(1.0 + 0.7 * (double)i);
}

static inline ho_place place_of(int line)
{
    return (ho_place){"net.yaml", line, 11};
}

/* E_tot = mean cross entropy of states + secondary.weight * mean squared error of context; E = the first alone. The
 * validation part has no context. */
static inline two *two_new(net options, const char *dynamics, int64_t batch)
{
    two *p = calloc(1, sizeof *p);
    small *s = &p->base;
    s->arena = ho_arena_new();
    s->registry = ho_registry_new(NULL, &s->error);
    cr_assert_not_null(s->registry, "%s", s->error.text);
    fill_examples(&p->training, p->training_targets, N, 1);
    fill_examples(&p->validation, p->validation_targets, M, 2);
    p->validation.target_count = 1;
    p->objective[0] = (ho_term){.plugin = small_instance(s, HO_LOSS, "cross_entropy", "primary"),
                                .mean = true,
                                .target = "states",
                                .target_place = place_of(21)};
    p->objective[1] = (ho_term){.plugin = small_instance(s, HO_LOSS, "squared_error", "secondary"),
                                .mean = true,
                                .target = "context",
                                .target_place = place_of(22)};
    p->validation_terms[0] = (ho_term){.plugin = small_instance(s, HO_LOSS, "cross_entropy", "validation"),
                                       .mean = true,
                                       .target = "states",
                                       .target_place = place_of(23)};
    ho_instance *model = make_net(s, options);
    cr_assert_not_null(model, "%s", s->error.text);
    s->problem = (ho_problem){.seed = 5,
                              .precision = HO_F64,
                              .training = &p->training,
                              .validation = &p->validation,
                              .classes_or_width = K,
                              .batch = batch,
                              .steps = T,
                              .model = model,
                              .dynamics = small_instance(s, HO_DYNAMICS, dynamics, "dynamics"),
                              .objective = p->objective,
                              .objective_count = 2,
                              .validation_terms = p->validation_terms,
                              .validation_count = 1,
                              .settings = s->settings};
    return p;
}

/* Validation looks at the second task as well: E = E_P + 0.5 E_S. */
static inline void validate_context(two *p)
{
    small *s = &p->base;
    p->validation_terms[1] = (ho_term){.plugin = small_instance(s, HO_LOSS, "squared_error", "both"),
                                       .mean = true,
                                       .target = "context",
                                       .target_place = place_of(24)};
    s->problem.validation_count = 2;
    small_fix(s, "both.weight", 0.5);
}

static inline void two_free(two *p)
{
    for (size_t i = 0; i < p->base.instance_count; i++)
        ho_instance_free(p->base.instances[i]);
    ho_registry_free(p->base.registry);
    ho_arena_free(p->base.arena);
    free(p->training.x64);
    free(p->validation.x64);
    for (int i = 0; i < 2; i++) {
        free(p->training_targets[i].values);
        free(p->validation_targets[i].values);
    }
    free(p);
}

#endif
