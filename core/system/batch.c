#include "system/batch.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

/* ---- sizes and targets ------------------------------------------------------------------------------------------- */

const ho_named_size *ho_sizes_here(ho_ground *ground, int64_t batch, const ho_shape *weight,
                                   const ho_used_target *target)
{
    const ho_problem *problem = ground->problem;
    const int64_t columns = !weight ? 0 : weight->rank ? weight->dims[weight->rank - 1] : 1;
    const ho_named_size sizes[] = {{"features", problem->training->features},
                                   {"outputs", target ? target->outputs : problem->classes_or_width},
                                   {"examples", problem->stream ? 0 : problem->training->count},
                                   {"steps", problem->steps},
                                   {"batch", batch},
                                   {"rows", weight ? ho_shape_count(weight) / columns : 0},
                                   {"columns", columns},
                                   {NULL, 0}};
    return memcpy(ho_arena_alloc(ground->arena, sizeof sizes), sizes, sizeof sizes);
}

static char *list_targets(const ho_examples *examples)
{
    const char **names = ho_alloc((examples->target_count + 1) * sizeof *names);
    for (size_t i = 0; i < examples->target_count; i++)
        names[i] = examples->targets[i].name;
    char *list = examples->target_count ? ho_join(names, examples->target_count) : ho_strdup("none");
    free(names);
    return list;
}

/* A further target's head is asked for by the target's name: it must not be a size's or the inputs'. */
static ho_status check_name(const ho_owner *owner, const ho_used_target *used, const ho_named_size *sizes,
                            ho_error *error)
{
    bool taken = !strcmp(used->name, "inputs");
    for (const ho_named_size *size = sizes; size->symbol; size++)
        taken |= !strcmp(used->name, size->symbol);
    if (!taken || owner->target == 0)
        return HO_OK;
    return ho_fail_at(error, HO_INVALID, owner->term->target ? owner->term->target_place : owner->instance->place,
                      "target \"%s\": only the first loss's target can have this name, which models use for something "
                      "else",
                      used->name);
}

/* Which target a loss wants, that the data has it where the loss needs it, and that the loss can work with it. */
static ho_status resolve(ho_feeds *data, ho_owner *owner, bool validates, ho_error *error)
{
    const ho_problem *problem = data->ground->problem;
    ho_targets *targets = &data->targets;
    const ho_examples *examples = problem->training;
    const ho_term *term = owner->term;
    const char *loss = owner->instance->loaded->plugin.name;
    ho_place place = term->target ? term->target_place : owner->instance->place;
    if (!term->target && examples->target_count != 1)
        return ho_fail_at(error, HO_INVALID, place, "loss \"%s\": %s", loss,
                          examples->target_count ? "the data has several targets; choose one with `target:`"
                                                 : "the data has no targets");
    const char *name = term->target ? term->target : examples->targets[0].name;
    const ho_target *target = ho_examples_target(examples, name);
    const ho_target *validation = ho_examples_target(problem->validation, name);
    if (!target || (validates && !validation)) {
        char *known = list_targets(target ? problem->validation : examples);
        ho_fail_at(error, HO_INVALID, place, "loss \"%s\": the %s data has no target \"%s\" (it has: %s)", loss,
                   target ? "validation" : "training", name, known);
        free(known);
        return error->status;
    }
    uint32_t wants = owner->instance->loaded->calls.loss.targets;
    if (wants != HO_TARGET_ANY && (wants == HO_TARGET_LABELS) != target->labels)
        return ho_fail_at(error, HO_INVALID, place, "loss \"%s\" needs %s, but the target \"%s\" holds %s", loss,
                          wants == HO_TARGET_LABELS ? "labels" : "reals", name, target->labels ? "labels" : "reals");
    if (validation && (target->labels != validation->labels || target->width != validation->width))
        return ho_fail_at(error, HO_INVALID, place,
                          "target \"%s\" differs in kind or width between training and "
                          "validation",
                          name);
    int64_t width = target->labels ? target->classes : target->width;
    for (owner->target = 0; owner->target < targets->count; owner->target++)
        if (!strcmp(targets->used[owner->target].name, name))
            break;
    ho_used_target *used = &targets->used[owner->target];
    if (owner->target == targets->count) {
        *used = (ho_used_target){.name = target->name,
                                 .labels = target->labels,
                                 .width = target->width,
                                 .outputs = owner->target ? width : problem->classes_or_width};
        targets->sizes[targets->count++] = (ho_named_size){target->name, used->outputs};
    }
    used->validates |= validates;
    if (target->labels ? width > used->outputs || (validation && validation->classes > used->outputs)
                       : width != used->outputs)
        return ho_fail_at(error, HO_INVALID, place,
                          "loss \"%s\": the target \"%s\" has %" PRId64 " %s, the model %" PRId64 " outputs", loss,
                          name, validation && validation->classes > width ? validation->classes : width,
                          target->labels ? "classes" : "columns", used->outputs);
    return check_name(owner, used, ho_sizes_here(data->ground, 0, NULL, NULL), error);
}

ho_status ho_targets_resolve(ho_feeds *data, ho_owner *owners, size_t count, size_t validation_count, ho_error *error)
{
    ho_targets *targets = &data->targets;
    targets->used = ho_arena_alloc(data->ground->arena, (count + 1) * sizeof *targets->used);
    targets->sizes = ho_arena_alloc(data->ground->arena, (count + 1) * sizeof *targets->sizes);
    bool measured = false;
    for (size_t i = 0; i < count; i++) {
        const bool validates = i >= count - validation_count;
        if (owners[i].instance->loaded->plugin.kind != HO_LOSS)
            continue;
        if (resolve(data, &owners[i], validates, error))
            return error->status;
        if (validates && !measured)
            targets->measured = owners[i].target;
        measured |= validates;
    }
    return targets->count ? HO_OK : ho_fail(error, HO_INVALID, "the objective has no loss");
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* The target of these examples that is of the kind in use; NULL: they have none. */
static const ho_target *target_in(const ho_feeds *data, const ho_examples *examples, size_t target)
{
    const ho_used_target *used = &data->targets.used[target];
    const ho_target *found = ho_examples_target(examples, used->name);
    return found && found->labels == used->labels && found->width == used->width ? found : NULL;
}

ho_status ho_part_new(ho_feeds *data, const ho_examples *all, int64_t count, const char *what, ho_part *part,
                      ho_error *error)
{
    ho_ground *ground = data->ground;
    const bool f32 = ground->problem->precision == HO_F32;
    const int64_t inputs[] = {count, ground->problem->training->features};
    const size_t size = ho_number_size(ground), targets = data->targets.count;
    *part = (ho_part){.count = count,
                      .inputs = !all  ? NULL
                                : f32 ? (const void *)all->x32
                                      : (const void *)all->x64,
                      .targets = ho_arena_alloc(ground->arena, (targets + 1) * sizeof *part->targets),
                      .target_leaves = ho_arena_alloc(ground->arena, (targets + 1) * sizeof *part->target_leaves)};
    if (!part->inputs)
        part->inputs = ho_ground_block(ground, inputs[0] * inputs[1], size, "examples", error);
    part->inputs_leaf = ho_leaf(ground, what, "inputs", ho_shape_of(2, inputs), part->inputs);
    for (size_t i = 0; i < targets && !error->status; i++) {
        const ho_used_target *used = &data->targets.used[i];
        const ho_target *target = all ? target_in(data, all, i) : NULL;
        if (!all || (target && f32))
            part->targets[i] = ho_ground_block(ground, count * used->width, size, "targets", error);
        else
            part->targets[i] = target ? target->values : NULL;
        const ho_shape shape = ho_shape_of(used->labels ? 1 : 2, (int64_t[]){count, used->width});
        part->target_leaves[i] = ho_leaf(ground, what, used->name, shape, part->targets[i]);
    }
    if (all && !error->status)
        ho_part_fill(data, all, NULL, 0, count, part);
    return error->status;
}

/* `count` rows of `width` numbers, in one of two precisions, into the run's. */
static void copy_rows(const ho_ground *ground, const float *narrow, const double *wide, int64_t width, int64_t row,
                      int64_t place, void *to)
{
    char *into = (char *)to + (size_t)(place * width) * ho_number_size(ground);
    if (!narrow)
        ho_numbers_put(ground, wide + row * width, width, into);
    else if (ground->problem->precision == HO_F32)
        memcpy(into, narrow + row * width, (size_t)width * sizeof *narrow);
    else
        for (int64_t i = 0; i < width; i++)
            ((double *)(void *)into)[i] = (double)narrow[row * width + i];
}

void ho_part_fill(const ho_feeds *data, const ho_examples *examples, const int64_t *rows, int64_t first, int64_t count,
                  ho_part *part)
{
    const int64_t last = first + count - 1;
    if (part->inputs != examples->x32 && part->inputs != examples->x64)
        for (int64_t i = 0, place = first; i < part->count; i++, place += place < last)
            copy_rows(data->ground, examples->x32, examples->x64, examples->features, rows ? rows[place] : place, i,
                      (void *)part->inputs);
    for (size_t j = 0; j < data->targets.count; j++) {
        const ho_target *target = target_in(data, examples, j);
        for (int64_t i = 0, place = first; i < part->count && target && part->targets[j] != target->values;
             i++, place += place < last)
            copy_rows(data->ground, NULL, target->values, target->width, rows ? rows[place] : place, i,
                      (void *)part->targets[j]);
    }
}

/* Data readers see to it that values are finite; in f32 they may no longer be. */
static ho_status check_finite(const ho_ground *ground, const ho_examples *examples, const char *what, ho_error *error)
{
    const bool f32 = ground->problem->precision == HO_F32;
    for (int64_t i = 0; i < examples->count * examples->features; i++) {
        const double x = examples->x32 ? (double)examples->x32[i] : examples->x64[i];
        if (f32 ? !isfinite((float)x) : !isfinite(x))
            return ho_fail(error, HO_INVALID, "%s example %" PRId64 ", feature %" PRId64 ": NaN or infinite%s", what,
                           i / examples->features, i % examples->features,
                           examples->x64 && f32 ? " in precision f32" : "");
    }
    return HO_OK;
}

/* A batch of these examples, or all of them. */
static ho_status make_part(ho_feeds *data, const ho_examples *examples, int64_t batch, const char *what, ho_part *part,
                           ho_error *error)
{
    if (check_finite(data->ground, examples, what, error))
        return error->status;
    ho_part_new(data, batch ? NULL : examples, batch ? batch : examples->count, what, part, error);
    if (batch && !error->status)
        part->chosen = ho_ground_block(data->ground, batch, sizeof *part->chosen, "numbers of examples", error);
    return error->status;
}

ho_status ho_feeds_make(ho_feeds *data, bool numbered, ho_error *error)
{
    ho_ground *ground = data->ground;
    const ho_problem *p = ground->problem;
    ho_part *part = &data->training;
    if (make_part(data, p->training, p->batch, "training", part, error))
        return error->status;
    if (numbered && p->batch > 0) {
        part->rows = ho_ground_block(ground, p->batch, ho_number_size(ground), "numbers of examples", error);
        part->rows_leaf = ho_leaf(ground, "numbers of examples", NULL, ho_shape_of(1, &p->batch), part->rows);
    }
    if (make_part(data, p->validation, p->validation_batch, "validation", &data->validation, error) == HO_OK)
        ho_validation_load(data, 1);
    return error->status;
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

int64_t ho_epoch_steps(int64_t examples, int64_t batch)
{
    return batch > 0 && batch <= examples ? examples / batch : 1;
}

/* Which examples stand at places first .. first+count-1 of batch number t. A batch lies within one epoch. */
static void draw(uint64_t seed, uint64_t stream, int64_t examples, int64_t batch, int64_t t, int64_t first,
                 int64_t count, int64_t *chosen)
{
    const int64_t steps = ho_epoch_steps(examples, batch), epoch = (t - 1) / steps;
    const int64_t place = (t - 1) % steps * batch + first;
    const ho_permutation order = ho_permutation_of(seed, stream ^ (uint64_t)epoch, (uint64_t)examples);
    ho_permuted_run(&order, place, count, chosen);
}

int64_t ho_batch_example(uint64_t seed, int64_t examples, int64_t batch, int64_t t, int64_t i)
{
    int64_t chosen;
    draw(seed, ho_stream("batch"), examples, batch, t, i, 1, &chosen);
    return chosen;
}

/* The examples of batch number t. */
static void load(const ho_feeds *data, const char *stream, const ho_examples *all, int64_t t, ho_part *batch)
{
    draw(data->ground->problem->seed, ho_stream(stream), all->count, batch->count, t, 0, batch->count, batch->chosen);
    ho_part_fill(data, all, batch->chosen, 0, batch->count, batch);
    for (int64_t i = 0; batch->rows && i < batch->count; i++)
        ho_numbers_put(data->ground, &(double){(double)batch->chosen[i]}, 1,
                       (char *)batch->rows + (size_t)i * ho_number_size(data->ground));
}

bool ho_batch_has(const ho_feeds *data, size_t leaf)
{
    const ho_part *part = &data->training;
    bool has = leaf == part->inputs_leaf || (part->rows && leaf == part->rows_leaf);
    for (size_t i = 0; i < data->targets.count; i++)
        has |= part->targets[i] && leaf == part->target_leaves[i];
    return has;
}

/* A stream's examples come in their own order. */
static ho_status load_next(ho_feeds *data, int64_t t, ho_error *error)
{
    const ho_problem *p = data->ground->problem;
    if (ho_stream_load(p->stream, t, error) ||
        (p->training->x64 && check_finite(data->ground, p->training, "batch", error))) {
        ho_error_prefix(error, "step %" PRId64, t);
        return error->status;
    }
    ho_part_fill(data, p->training, NULL, 0, p->batch, &data->training);
    return HO_OK;
}

ho_status ho_batch_load(ho_feeds *data, int64_t t, ho_error *error)
{
    const ho_problem *p = data->ground->problem;
    if (data->training_loaded == t)
        return HO_OK;
    if (p->stream && load_next(data, t, error))
        return error->status;
    if (!p->stream && data->training.chosen)
        load(data, "batch", p->training, t, &data->training);
    data->training_loaded = t;
    return HO_OK;
}

void ho_validation_load(ho_feeds *data, int64_t draw)
{
    if (data->validation.chosen && data->validation_loaded != draw)
        load(data, "validation batch", data->ground->problem->validation, draw, &data->validation);
    data->validation_loaded = draw;
}
