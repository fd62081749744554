/* The plugin in a training, among stand-ins: what `hotool check` says of its hypergradients. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "check/check.h"
#include "proof/internal.h"
#include "system/optimizer.h"

#define EXAMPLES 18
#define FEATURES 5
#define OUTPUTS  3
#define BATCH    6
#define STEPS    8
#define MOST     64 /* hyperparameters */
#define OUTER    5  /* hyperparameters that the plugin drives */

/* A pipeline put together without a file. */
typedef struct made {
    ho_pipeline pipeline;
    ho_examples parts[2];
    ho_target targets[2];
    ho_term objective[2], validation;
    ho_hyper_setting settings[MOST];
    ho_instance *instances[8];
    size_t count;
} made;

/* The plugin that is checked, where it is of this kind, or a stand-in. */
static ho_instance *part(proof *p, made *m, uint32_t kind, const char *name, ho_error *error)
{
    const bool own = p->loaded->plugin.kind == kind;
    const ho_loaded *loaded = own ? p->loaded : ho_proof_standin(p, kind, error);
    ho_instance *instance = !loaded ? NULL
                            : own   ? ho_proof_instance(p, name, error)
                                    : ho_instance_new(loaded, name, NULL, NULL, (ho_place){0}, error);
    if (instance)
        m->instances[m->count++] = instance;
    return instance;
}

static ho_tree *number(proof *p, double value)
{
    char text[32];
    ho_print_real(value, text);
    ho_tree *tree = ho_tree_new(p->arena, HO_TREE_SCALAR, (ho_place){0});
    tree->text = ho_arena_strdup(p->arena, text);
    return tree;
}

/* Tunes every hyperparameter of a part. */
static void tune(proof *p, made *m, const ho_instance *instance)
{
    const ho_loaded *l = instance->loaded;
    for (uint32_t i = 0; i < l->hyper_count && m->pipeline.problem.setting_count < MOST; i++)
        m->settings[m->pipeline.problem.setting_count++] =
            (ho_hyper_setting){.name = ho_arena_format(p->arena, "%s.%s", instance->name, l->hypers[i].name),
                               .tuned = true,
                               .value = number(p, ho_proof_hyper_value(p, l, i))};
}

static void make_examples(proof *p, ho_examples *part, ho_target *target, bool labels)
{
    *part = (ho_examples){.count = EXAMPLES, .features = FEATURES, .targets = target, .target_count = 1};
    *target = (ho_target){.name = ho_arena_strdup(p->arena, "target"),
                          .labels = labels,
                          .classes = labels ? OUTPUTS : 0,
                          .width = labels ? 1 : OUTPUTS};
    const int64_t inputs = part->count * part->features, values = part->count * target->width;
    part->x64 = ho_arena_alloc(p->arena, (size_t)inputs * sizeof(double));
    target->values = ho_arena_alloc(p->arena, (size_t)values * sizeof(double));
    for (int64_t i = 0; i < inputs; i++)
        part->x64[i] = 0.7 * ho_proof_normal(p);
    for (int64_t i = 0; i < values; i++)
        target->values[i] = labels ? (double)(i % OUTPUTS) : ho_proof_normal(p);
}

/* An exact mode to begin with: the plugin, or one that is installed. */
static ho_instance *choose_mode(proof *p, made *m, ho_error *error)
{
    if (p->loaded->plugin.kind == HO_MODE)
        return part(p, m, HO_MODE, NULL, error);
    size_t count;
    const ho_loaded **modes = ho_registry_list(p->registry, HO_MODE, &count, NULL, NULL);
    ho_instance *mode = NULL;
    for (size_t i = 0; i < count && !mode; i++) {
        ho_error ignored = {0};
        if (!modes[i]->calls.mode.approximate)
            mode = ho_instance_new(modes[i], NULL, NULL, NULL, (ho_place){0}, &ignored);
    }
    free(modes);
    if (mode)
        m->instances[m->count++] = mode;
    return mode;
}

static ho_status make(proof *p, made *m, bool labels, ho_error *error)
{
    ho_problem *problem = &m->pipeline.problem;
    *m = (made){.pipeline = {.arena = p->arena,
                             .file = p->request->path,
                             .name = "training",
                             .data_label = labels ? "made, with labels" : "made, with real targets",
                             .registry = p->registry}};
    make_examples(p, &m->parts[0], &m->targets[0], labels);
    make_examples(p, &m->parts[1], &m->targets[1], labels);
    ho_instance *model = part(p, m, HO_MODEL, "model", error), *dynamics = part(p, m, HO_DYNAMICS, "dynamics", error);
    ho_instance *loss = part(p, m, HO_LOSS, "loss", error), *penalty = part(p, m, HO_PENALTY, "penalty", error);
    ho_instance *validation = part(p, m, HO_LOSS, "validation", error);
    m->pipeline.mode = choose_mode(p, m, error);
    if (error->status != HO_OK || !model || !dynamics || !loss || !penalty || !validation)
        return error->status;
    m->objective[0] = (ho_term){.plugin = loss, .mean = true};
    static const char *const on[] = {"V"}; /* a matrix: a penalty may be for nothing else */
    m->objective[1] = (ho_term){.plugin = penalty, .on = on, .on_count = p->loaded->plugin.kind != HO_MODEL};
    m->validation = (ho_term){.plugin = validation, .mean = true};
    *problem = (ho_problem){.seed = p->request->seed,
                            .precision = HO_F64,
                            .training = &m->parts[0],
                            .validation = &m->parts[1],
                            .classes_or_width = OUTPUTS,
                            .batch = BATCH,
                            .steps = STEPS,
                            .model = model,
                            .dynamics = dynamics,
                            .objective = m->objective,
                            .objective_count = 2,
                            .validation_terms = &m->validation,
                            .validation_count = 1,
                            .settings = m->settings};
    ho_instance *const tuned[] = {model, dynamics, loss, penalty};
    for (size_t i = 0; i < 4; i++)
        tune(p, m, tuned[i]);
    return HO_OK;
}

static void unmake(made *m)
{
    while (m->count > 0)
        ho_instance_free(m->instances[--m->count]);
}

/* Whether the plugin takes such targets. */
static bool takes(const proof *p, bool labels)
{
    if (p->loaded->plugin.kind == HO_LOSS) {
        const uint32_t targets = p->loaded->calls.loss.targets;
        return targets == HO_TARGET_ANY || labels == (targets == HO_TARGET_LABELS);
    }
    return !labels;
}

ho_status ho_prove_training(proof *p, ho_error *error)
{
    for (int labels = 0; labels < 2 && error->status == HO_OK; labels++) {
        made m;
        if (!takes(p, labels))
            continue;
        if (make(p, &m, labels, error) == HO_OK && m.pipeline.mode)
            ho_check(&m.pipeline, p->registry, NULL, p->request->interrupt, error);
        const bool ran = m.pipeline.mode;
        unmake(&m);
        if (error->status == HO_OK && !ran)
            return ho_proof_skip(p, "no exact mode is installed");
    }
    ho_proof_note(p, "%d steps", STEPS);
    return error->status;
}

bool ho_proof_trains_with(proof *p, const char *hyper, double value, ho_error *error)
{
    static const char *const kinds[] = {"", "dynamics", "model", "loss", "penalty"};
    const char *name = ho_arena_format(p->arena, "%s.%s", kinds[p->loaded->plugin.kind], hyper);
    made m;
    ho_training *training = NULL;
    if (make(p, &m, !takes(p, false), error) == HO_OK) {
        for (size_t i = 0; i < m.pipeline.problem.setting_count; i++)
            if (strcmp(m.settings[i].name, name) == 0)
                m.settings[i].value = number(p, value);
        training = ho_training_new(&m.pipeline.problem, error);
        ho_training_free(training);
    }
    unmake(&m);
    return training;
}

/* ---- outside ----------------------------------------------------------------------------------------------------- */

/* Twenty steps down |x|^2/2 and with gradients of all sizes: finite, the same in a second run. Frees the optimizer. */
static void run_outer(ho_optimizer *optimizer, double *x, ho_error *error)
{
    for (int i = 0; i < OUTER; i++)
        x[i] = 1.0 - 0.3 * i;
    for (int t = 0; t < 20 && error->status == HO_OK; t++) {
        double gradient[OUTER];
        for (int i = 0; i < OUTER; i++)
            gradient[i] = i == OUTER - 1 ? 0 : x[i] * pow(10, t % 5 - 2);
        ho_optimizer_step(optimizer, x, gradient, 1.0, error);
        for (int i = 0; i < OUTER && error->status == HO_OK; i++)
            if (!isfinite(x[i]))
                ho_proof_fail(error, "after step %d entry %d is %g", t + 1, i, x[i]);
    }
    ho_optimizer_free(optimizer);
}

/* A dynamics need not serve outside: what it asks for may not be there, such as the gradient at another point. */
ho_status ho_prove_outer(proof *p, ho_error *error)
{
    double x[2][OUTER] = {{0}};
    ho_instance *instance = ho_proof_instance(p, "outer", error);
    for (int run = 0; run < 2 && error->status == HO_OK; run++) {
        ho_error refusal = {0};
        ho_optimizer *optimizer = ho_optimizer_new(instance, NULL, NULL, OUTER, &refusal);
        if (optimizer)
            run_outer(optimizer, x[run], error);
        else if (refusal.status == HO_INVALID)
            ho_proof_skip(p, "no optimizer of hyperparameters: %s", refusal.text);
        else
            ho_fail_as(error, &refusal);
    }
    ho_instance_free(instance);
    for (int i = 0; i < OUTER && error->status == HO_OK; i++)
        if (x[0][i] != x[1][i])
            return ho_proof_fail(error, "two runs from the same start end at different points");
    if (!p->outcome->skipped)
        ho_proof_note(p, "20 steps, twice");
    return error->status;
}
