/* The trainings whose mean is the validation error: over folds of the examples, and over seeds. */
#include <inttypes.h>

#include "pipeline/internal.h"

#define SEED_STEP 1000 /* from one training's seed to the next: repetitions count by 1, and are no more */
_Static_assert(SEED_STEP >= HO_MOST_REPETITIONS, "no two runs of a file train with one seed");

int64_t ho_pipeline_trainings(const ho_pipeline *p)
{
    return (p->folds ? p->folds : 1) * p->seeds;
}

ho_problem ho_pipeline_problem(const ho_pipeline *p, int64_t k)
{
    ho_problem problem = p->problem;
    const int64_t fold = k / p->seeds;
    problem.seed += (uint64_t)(k % p->seeds) * SEED_STEP;
    if (fold > 0) {
        problem.training = &p->further[fold - 1].training;
        problem.validation = &p->further[fold - 1].validation;
    }
    return problem;
}

char *ho_pipeline_training_name(const ho_pipeline *p, int64_t k)
{
    const int64_t fold = k / p->seeds + 1;
    const uint64_t seed = ho_pipeline_problem(p, k).seed;
    if (p->folds && p->seeds > 1)
        return ho_format("fold %" PRId64 " of %" PRId64 ", seed %" PRIu64, fold, p->folds, seed);
    if (p->folds)
        return ho_format("fold %" PRId64 " of %" PRId64, fold, p->folds);
    return p->seeds > 1 ? ho_format("seed %" PRIu64, seed) : NULL;
}

/* ---- where they stand, and what they go with --------------------------------------------------------------------- */

/* The one that asks for several trainings; NULL: none. */
static const ho_tree *key_of(const ho_reading *r)
{
    const ho_tree *map = ho_tree_get(r->root, "validation");
    return r->pipeline->folds ? ho_tree_get(map, "folds") : r->pipeline->seeds > 1 ? ho_tree_get(map, "seeds") : NULL;
}

ho_status ho_check_criterion_place(ho_reading *r)
{
    static const char *const wrong[] = {NULL, "outer", "data", "stop", "final"}, *const keys[] = {"folds", "seeds"};
    for (size_t i = 0; i < 2 * sizeof wrong / sizeof *wrong; i++) {
        const char *where = wrong[i / 2], *name = keys[i % 2];
        const ho_tree *key = ho_tree_get(where ? ho_tree_get(r->root, where) : r->root, name);
        if (key)
            return ho_fail_at(r->error, HO_INVALID, key->key_place,
                              "%s: belongs to `validation`, as validation: {%s: %s}", name, name,
                              key->kind == HO_TREE_SCALAR ? key->text : "5");
    }
    return HO_OK;
}

static ho_status refuse(ho_reading *r, ho_place place, const char *what)
{
    return ho_fail_at(r->error, HO_INVALID, place, "%s; not with \"%s\" of `validation`", what, key_of(r)->key);
}

/* ---- folds --------------------------------------------------------------------------------------------------------
 */

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

static const char *text_of(const ho_pipeline *p)
{
    const char *folds = p->folds ? ho_arena_format(p->arena, "%" PRId64 " folds", p->folds) : "";
    if (p->seeds == 1)
        return folds;
    return ho_arena_format(p->arena, "%s%s%" PRId64 " seeds", folds, p->folds ? " x " : "", p->seeds);
}

ho_status ho_check_criterion(ho_reading *r)
{
    ho_pipeline *p = r->pipeline;
    const ho_tree *outer = ho_tree_get(r->root, "outer"), *stop = ho_tree_get(r->root, "stop");
    if (ho_pipeline_trainings(p) == 1)
        return HO_OK;
    p->criterion = text_of(p);
    if (p->online)
        return refuse(r, ho_tree_get(outer, "schedule")->place, "schedule: online: it has one training");
    if (p->warm_start)
        return refuse(r, ho_tree_get(outer, "warm_start")->place,
                      "warm_start: the result is the weights of one training");
    if (stop)
        return refuse(r, stop->key_place, "stop: it ends each training by a validation part of its own");
    return p->folds ? settle_final(r) : HO_OK;
}
