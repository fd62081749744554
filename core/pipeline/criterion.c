/* What the validation error is the mean over: the training and the validation part dealt anew into folds. */
#include <inttypes.h>

#include "pipeline/internal.h"

static const ho_tree *key_of(const ho_reading *r)
{
    return ho_tree_get(ho_tree_get(r->root, "validation"), "folds");
}

ho_status ho_check_criterion_place(ho_reading *r)
{
    static const char *const wrong[] = {"outer", "data", "stop", "final"};
    for (size_t i = 0; i <= sizeof wrong / sizeof *wrong; i++) {
        const ho_tree *map = i ? ho_tree_get(r->root, wrong[i - 1]) : r->root, *key = ho_tree_get(map, "folds");
        if (key)
            return ho_fail_at(r->error, HO_INVALID, key->key_place,
                              "folds: belongs to `validation`, as validation: {folds: %s}",
                              key->kind == HO_TREE_SCALAR ? key->text : "5");
    }
    return HO_OK;
}

static ho_status refuse(ho_reading *r, ho_place place, const char *what)
{
    return ho_fail_at(r->error, HO_INVALID, place, "%s; not with \"folds\" of `validation`", what);
}

/* What is tied to the examples of one training part. */
static ho_status check_parts(ho_reading *r, const ho_data_source *source)
{
    const ho_pipeline *p = r->pipeline;
    const ho_term *weighted = ho_weighted_term(&p->problem);
    const int64_t count = p->training.count + p->validation.count;
    if (source->noisy)
        return refuse(r, source->noise.place, "noise: it is laid over the labels of one training part");
    if (weighted)
        return refuse(r, weighted->weights_place, "weights: they are those of the examples of one training part");
    if (p->folds > count)
        return ho_fail_at(r->error, HO_INVALID, key_of(r)->place,
                          "folds: %" PRId64 ", but there are %" PRId64 " examples for training and validation",
                          p->folds, count);
    return HO_OK;
}

/* Fold `fold` validates, the others are trained on. `rows`: room for all of them. */
static ho_status take_fold(const ho_examples *all, const int64_t *fold_of, int64_t fold, int64_t *rows, ho_fold *out,
                           ho_error *error)
{
    int64_t trained = 0, validated = all->count;
    for (int64_t i = all->count - 1; i >= 0; i--)
        if (fold_of[i] == fold)
            rows[--validated] = i;
    for (int64_t i = 0; i < all->count; i++)
        if (fold_of[i] != fold)
            rows[trained++] = i;
    if (ho_examples_take(all, rows, trained, &out->training, error) == HO_OK)
        ho_examples_take(all, rows + validated, all->count - validated, &out->validation, error);
    return error->status;
}

/* The first fold has no fewer examples than any other, so that no training part is smaller than its own. */
static ho_status deal(ho_reading *r, const ho_examples *all, const ho_target *labels, uint64_t seed, int64_t *fold_of,
                      int64_t *rows)
{
    ho_pipeline *p = r->pipeline;
    ho_fold first = {0};
    if (ho_deal_folds(labels, all->count, p->folds, seed, fold_of, r->error) != HO_OK)
        return r->error->status;
    take_fold(all, fold_of, 0, rows, &first, r->error);
    ho_examples_free(&p->training);
    ho_examples_free(&p->validation);
    p->training = first.training;
    p->validation = first.validation;
    p->further = ho_arena_alloc(r->arena, (size_t)p->folds * sizeof *p->further);
    for (int64_t i = 1; i < p->folds && r->error->status == HO_OK; i++)
        take_fold(all, fold_of, i, rows, &p->further[i - 1], r->error);
    return r->error->status;
}

ho_status ho_describe_folds(ho_reading *r, const ho_data_source *source, const char *name)
{
    const ho_pipeline *p = r->pipeline;
    ho_examples all = {0};
    if (check_parts(r, source) != HO_OK)
        return r->error->status;
    if (ho_examples_join(&p->training, &p->validation, &all, r->error) == HO_OK) {
        const ho_target *target = ho_examples_target(&all, name);
        const bool stratified = target && target->labels && (!source->divided || source->split.stratified);
        int64_t *memory = ho_large_alloc(2 * (uint64_t)all.count, sizeof *memory, "the folds of the data", r->error);
        if (memory)
            deal(r, &all, stratified ? target : NULL, source->divided ? source->split.seed : p->problem.seed, memory,
                 memory + all.count);
        ho_large_free(memory);
    }
    ho_examples_free(&all);
    return r->error->status;
}

/* The final training is on all examples unless the file says otherwise, which is refused. */
static ho_status settle_final(ho_reading *r)
{
    ho_tree *final = ho_tree_get(r->root, "final");
    const ho_tree *on = ho_tree_get(final, "train_on");
    if (on && r->pipeline->final_on != HO_FINAL_BOTH)
        return refuse(r, on->place,
                      "train_on: each example is trained on and validates, so that only "
                      "training+validation is left");
    r->pipeline->final_on = HO_FINAL_BOTH;
    if (on)
        return HO_OK;
    const ho_place place = key_of(r)->place;
    if (!final) {
        final = ho_tree_new(r->arena, HO_TREE_MAP, place);
        ho_tree_put(r->root, "final", place, final);
    }
    ho_tree_put_text(r->arena, final, "train_on", place, "training+validation");
    return HO_OK;
}

ho_status ho_check_folds(ho_reading *r)
{
    const ho_pipeline *p = r->pipeline;
    const ho_tree *outer = ho_tree_get(r->root, "outer"), *stop = ho_tree_get(r->root, "stop");
    if (p->online)
        return refuse(r, ho_tree_get(outer, "schedule")->place, "schedule: online: it has one training");
    if (p->warm_start)
        return refuse(r, ho_tree_get(outer, "warm_start")->place,
                      "warm_start: the result is the weights of one training");
    if (stop)
        return refuse(r, stop->key_place, "stop: it ends each training by a validation part of its own");
    return settle_final(r);
}
