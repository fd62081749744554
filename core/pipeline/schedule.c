/* Updates during training, and what ends a training: `outer`'s schedule, `stop`, and `steps: unbounded`. */
#include <inttypes.h>
#include <string.h>

#include "pipeline/internal.h"

/* Looks are no nearer than this where `stop` does not say: a full batch's epoch is one step. */
#define LEAST_DEFAULT_LOOK 10

ho_status ho_describe_schedule(ho_reading *r, const ho_tree *outer)
{
    static const char *const schedules[] = {"batch", "online", NULL};
    static const char *const of_online[] = {"every", "validation_batch", "warm_restart"};
    ho_pipeline *p = r->pipeline;
    int64_t draw = 0;
    const ho_tree *every = ho_tree_get(outer, "every"), *warm = ho_tree_get(outer, "warm_restart");
    int online;
    if (ho_read_choice(ho_tree_get(outer, "schedule"), "schedule", schedules, &online, r->error) != HO_OK ||
        ho_read_count(every, "every", 1, &p->update_every, r->error) != HO_OK ||
        ho_read_count(ho_tree_get(outer, "validation_batch"), "validation_batch", 1, &draw, r->error) != HO_OK ||
        (warm && ho_tree_boolean(warm, "warm_restart", &p->warm_restart, r->error) != HO_OK))
        return r->error->status;
    for (size_t i = 0; !online && i < sizeof of_online / sizeof *of_online; i++) {
        const ho_tree *node = ho_tree_get(outer, of_online[i]);
        if (node)
            return ho_fail_at(r->error, HO_INVALID, node->key_place,
                              "%s: only updates online have it (schedule: online)", of_online[i]);
    }
    if (online && !every)
        return ho_fail_at(r->error, HO_INVALID, outer->place,
                          "outer: \"every\" is missing: updates online come every so many steps");
    /* A variant that searches may change a file whose hyperparameters move online. */
    p->online = online && p->strategy == HO_STRATEGY_HYPERGRADIENT;
    if (p->online)
        p->problem.validation_batch = draw;
    return HO_OK;
}

/* What ends a training without an end. */
static ho_status check_end(ho_reading *r)
{
    const ho_pipeline *p = r->pipeline;
    const ho_tree *steps = ho_tree_get(r->root, "steps");
    if (p->problem.steps > 0)
        return HO_OK;
    if (p->outer && p->strategy == HO_STRATEGY_HYPERGRADIENT && !p->online)
        return ho_fail_at(r->error, HO_INVALID, steps->place,
                          "steps: unbounded: a hypergradient after a whole training wants their number (or schedule: "
                          "online)");
    if (!p->watched || (p->stop.patience == 0 && p->stop.epochs == 0 && p->stop.seconds == 0))
        return ho_fail_at(r->error, HO_INVALID, steps->place,
                          "steps: unbounded: nothing would end this training; give \"stop\" a patience, epochs or "
                          "seconds");
    return HO_OK;
}

/* Whether the validation error's first loss is about labels. */
static bool measures_accuracy(const ho_pipeline *p)
{
    const ho_term *loss = p->problem.validation_terms, *end = loss + p->problem.validation_count;
    while (loss < end && loss->plugin->loaded->plugin.kind != HO_LOSS)
        loss++;
    if (loss == end || p->training.target_count == 0)
        return false;
    const ho_target *target = loss->target ? ho_examples_target(&p->training, loss->target) : p->training.targets;
    return target && target->labels;
}

ho_status ho_describe_stop(ho_reading *r)
{
    static const char *const quantities[] = {"validation_error", "validation_accuracy", NULL};
    static const char *const known[] = {"on", "every", "patience", "epochs", "seconds", NULL};
    ho_pipeline *p = r->pipeline;
    ho_stop *stop = &p->stop;
    const ho_tree *node = ho_tree_get(r->root, "stop");
    p->watched = node || p->online;
    if (node && (ho_tree_expect(node, HO_TREE_MAP, "stop", r->error) != HO_OK ||
                 ho_tree_only(node, "stop", known, r->error) != HO_OK))
        return r->error->status;
    const ho_tree *on = ho_tree_get(node, "on");
    int by_accuracy;
    if (ho_read_choice(on, "on", quantities, &by_accuracy, r->error) != HO_OK ||
        ho_read_count(ho_tree_get(node, "every"), "every", 1, &stop->every, r->error) != HO_OK ||
        ho_read_count(ho_tree_get(node, "patience"), "patience", 1, &stop->patience, r->error) != HO_OK ||
        ho_read_positive(ho_tree_get(node, "epochs"), "epochs", &stop->epochs, r->error) != HO_OK ||
        ho_read_positive(ho_tree_get(node, "seconds"), "seconds", &stop->seconds, r->error) != HO_OK)
        return r->error->status;
    stop->by_accuracy = by_accuracy == 1;
    if (stop->by_accuracy && !measures_accuracy(p))
        return ho_fail_at(r->error, HO_INVALID, on->place,
                          "on: validation_accuracy, but the validation error's first loss has no labels");
    int64_t epoch = ho_epoch_steps(p->training.count, p->problem.batch);
    if (stop->every == 0)
        stop->every = epoch > LEAST_DEFAULT_LOOK ? epoch : LEAST_DEFAULT_LOOK;
    if (p->problem.validation_batch > p->validation.count)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(ho_tree_get(r->root, "outer"), "validation_batch")->place,
                          "validation_batch: %" PRId64 " examples, but the validation part has %" PRId64,
                          p->problem.validation_batch, p->validation.count);
    if (p->watched && p->final_on != HO_FINAL_TRAINING)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(r->root, "final")->place,
                          "final: train_on: validation examples that are trained on cannot watch training too "
                          "(\"stop\", or updates online)");
    return check_end(r);
}
