/* Examples in the run's precision, the leaves that stand for them, and which of them a step sees. */
#include "system/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static const char *list_targets(ho_training *training, const ho_examples *examples)
{
    const char *list = "";
    for (size_t i = 0; i < examples->target_count; i++)
        list = ho_list_add(training, list, examples->targets[i].name);
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
                      "target \"%s\": beside the first loss's, no target can be called so, as models have another "
                      "meaning for the name",
                      used->name);
}

/* Which target a loss wants, that the data has it where the loss needs it, and that the loss can work with it. */
static ho_status resolve(ho_training *training, ho_owner *owner, bool validates, ho_error *error)
{
    const ho_examples *examples = training->problem->training;
    const ho_term *term = owner->term;
    const char *loss = owner->instance->loaded->plugin.name;
    ho_place place = term->target ? term->target_place : owner->instance->place;
    if (!term->target && examples->target_count != 1)
        return ho_fail_at(error, HO_INVALID, place, "loss \"%s\": %s", loss,
                          examples->target_count ? "the data has several targets; choose one with `target:`"
                                                 : "the data has no targets");
    const char *name = term->target ? term->target : examples->targets[0].name;
    const ho_target *target = ho_examples_target(examples, name);
    const ho_target *validation = ho_examples_target(training->problem->validation, name);
    if (!target || (validates && !validation)) {
        const char *known = list_targets(training, target ? training->problem->validation : examples);
        return ho_fail_at(error, HO_INVALID, place, "loss \"%s\": the %s data has no target \"%s\" (it has: %s)", loss,
                          target ? "validation" : "training", name, *known ? known : "none");
    }
    uint32_t wants = owner->instance->loaded->calls.loss.targets;
    if (wants != HO_TARGET_ANY && (wants == HO_TARGET_LABELS) != target->labels)
        return ho_fail_at(error, HO_INVALID, place, "loss \"%s\" wants %s, but the target \"%s\" holds %s", loss,
                          wants == HO_TARGET_LABELS ? "labels" : "reals", name, target->labels ? "labels" : "reals");
    if (validation && (target->labels != validation->labels || target->width != validation->width))
        return ho_fail_at(error, HO_INVALID, place,
                          "target \"%s\" differs in kind or width between training and "
                          "validation",
                          name);
    int64_t width = target->labels ? target->classes : target->width;
    for (owner->target = 0; owner->target < training->target_count; owner->target++)
        if (!strcmp(training->targets[owner->target].name, name))
            break;
    ho_used_target *used = &training->targets[owner->target];
    if (owner->target == training->target_count) {
        *used = (ho_used_target){.name = target->name,
                                 .labels = target->labels,
                                 .width = target->width,
                                 .outputs = owner->target ? width : training->problem->classes_or_width};
        training->target_sizes[training->target_count++] = (ho_named_size){target->name, used->outputs};
    }
    used->validates |= validates;
    if (target->labels ? width > used->outputs || (validation && validation->classes > used->outputs)
                       : width != used->outputs)
        return ho_fail_at(error, HO_INVALID, place,
                          "loss \"%s\": the target \"%s\" has %" PRId64 " %s, the model %" PRId64 " outputs", loss,
                          name, validation && validation->classes > width ? validation->classes : width,
                          target->labels ? "classes" : "columns", used->outputs);
    return check_name(owner, used, ho_sizes_here(training, 0, NULL, NULL), error);
}

ho_status ho_targets_resolve(ho_training *training, ho_error *error)
{
    size_t validation = HO_TERM_OWNERS + training->problem->objective_count;
    training->targets = ho_arena_alloc(training->arena, training->owner_count * sizeof *training->targets);
    training->target_sizes = ho_arena_alloc(training->arena, training->owner_count * sizeof *training->target_sizes);
    for (size_t i = HO_TERM_OWNERS; i < training->owner_count; i++)
        if (training->owners[i].instance->loaded->plugin.kind == HO_LOSS &&
            resolve(training, &training->owners[i], i >= validation, error))
            return error->status;
    if (training->target_count == 0)
        return ho_fail(error, HO_INVALID, "the objective has no loss");
    return HO_OK;
}

size_t ho_target_measured(const ho_training *training)
{
    const ho_owner *owner = training->owners + HO_TERM_OWNERS + training->problem->objective_count;
    for (size_t i = 0; i < training->problem->validation_count; i++, owner++)
        if (owner->instance->loaded->plugin.kind == HO_LOSS)
            return owner->target;
    return 0;
}

/* ---- parts ----------------------------------------------------------------------------------------------------- */

static int64_t target_width(const ho_training *training, size_t target)
{
    return training->targets[target].labels ? 1 : training->targets[target].width;
}

bool ho_weighs_examples(const ho_training *training)
{
    const ho_problem *problem = training->problem;
    for (size_t i = 0; i < problem->objective_count; i++)
        if (problem->objective[i].per_example)
            return true;
    return false;
}

ho_status ho_part_reserve(ho_training *training, int64_t count, ho_part *part, ho_error *error)
{
    size_t size = ho_number_size(training);
    part->count = count;
    part->inputs = ho_training_block(training, count * training->problem->training->features, size, "examples", error);
    part->targets = ho_arena_alloc(training->arena, (training->target_count + 1) * sizeof *part->targets);
    for (size_t i = 0; i < training->target_count; i++)
        part->targets[i] = ho_training_block(training, count * target_width(training, i), size, "targets", error);
    return error->status;
}

ho_status ho_part_fill(ho_training *training, const ho_examples *examples, const char *what, ho_part *part,
                       ho_error *error)
{
    bool f32 = training->problem->precision == HO_F32;
    int64_t entries = examples->count * examples->features;
    part->count = examples->count;
    part->inputs = f32 ? (const void *)examples->x32 : (const void *)examples->x64;
    if (!part->inputs) {
        void *inputs = ho_training_block(training, entries, ho_number_size(training), "examples", error);
        if (!inputs)
            return error->status;
        if (f32)
            ho_numbers_put(training, examples->x64, entries, inputs);
        else
            for (int64_t i = 0; i < entries; i++)
                ((double *)inputs)[i] = (double)examples->x32[i];
        part->inputs = inputs;
    }
    int64_t bad = ho_numbers_bad(training, part->inputs, entries);
    if (bad < entries)
        return ho_fail(error, HO_INVALID, "%s example %" PRId64 ", feature %" PRId64 ": NaN or infinite%s", what,
                       bad / examples->features, bad % examples->features,
                       examples->x64 && f32 ? " in precision f32" : "");
    part->targets = ho_arena_alloc(training->arena, (training->target_count + 1) * sizeof *part->targets);
    for (size_t i = 0; i < training->target_count; i++) {
        const ho_target *target = ho_examples_target(examples, training->targets[i].name);
        if (!target)
            continue; /* no term needs it here, or ho_targets_resolve had refused */
        int64_t count = examples->count * target_width(training, i);
        void *values = ho_training_block(training, count, ho_number_size(training), "targets", error);
        if (!values)
            return error->status;
        ho_numbers_put(training, target->values, count, values);
        part->targets[i] = values;
    }
    return HO_OK;
}

/* ---- leaves ---------------------------------------------------------------------------------------------------- */

ho_feed *ho_feed_new(ho_training *training, int64_t size, const char *what)
{
    ho_feed *feed = ho_arena_alloc(training->arena, sizeof *feed);
    feed->size = size;
    char *name = ho_format("%s inputs", what);
    feed->inputs = ho_training_leaf(training, name,
                                    ho_shape_of(2, (int64_t[]){size, training->problem->training->features}), NULL);
    free(name);
    feed->targets = ho_arena_alloc(training->arena, (training->target_count + 1) * sizeof *feed->targets);
    for (size_t i = 0; i < training->target_count; i++) {
        const ho_used_target *target = &training->targets[i];
        name = ho_format("%s %s", what, target->name);
        feed->targets[i] = ho_training_leaf(
            training, name, ho_shape_of(target->labels ? 1 : 2, (int64_t[]){size, target->width}), NULL);
        free(name);
    }
    return feed;
}

void ho_feed_bind(ho_training *training, const ho_feed *feed, const ho_part *part)
{
    training->leaves[feed->inputs].data = part->inputs;
    if (feed->batch)
        training->leaves[feed->rows].data = part->rows;
    for (size_t i = 0; i < training->target_count; i++)
        training->leaves[feed->targets[i]].data = part->targets[i];
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

int64_t ho_epoch_steps(int64_t examples, int64_t batch)
{
    return batch > 0 && batch <= examples ? examples / batch : 1;
}

/* Which example stands at place i of batch number t. */
static int64_t drawn(uint64_t seed, uint64_t stream, int64_t examples, int64_t batch, int64_t t, int64_t i)
{
    int64_t steps = ho_epoch_steps(examples, batch);
    int64_t epoch = (t - 1) / steps, place = (t - 1) % steps * batch + i;
    return (int64_t)ho_permute(seed, stream ^ (uint64_t)epoch, (uint64_t)examples, (uint64_t)place);
}

int64_t ho_batch_example(uint64_t seed, int64_t examples, int64_t batch, int64_t t, int64_t i)
{
    return drawn(seed, ho_stream("batch"), examples, batch, t, i);
}

static void copy_row(const void *from, int64_t row, void *to, int64_t place, size_t bytes)
{
    memcpy((char *)to + (size_t)place * bytes, (const char *)from + (size_t)row * bytes, bytes);
}

/* The examples of batch number t, out of all into the batch. */
static void load(ho_training *training, const char *stream, const ho_part *all, int64_t t, ho_part *batch)
{
    const ho_problem *problem = training->problem;
    size_t size = ho_number_size(training);
    for (int64_t i = 0; i < batch->count; i++) {
        int64_t row = drawn(problem->seed, ho_stream(stream), all->count, batch->count, t, i);
        copy_row(all->inputs, row, (void *)batch->inputs, i, (size_t)problem->training->features * size);
        for (size_t j = 0; j < training->target_count; j++)
            if (all->targets[j])
                copy_row(all->targets[j], row, (void *)batch->targets[j], i, (size_t)target_width(training, j) * size);
        if (batch->rows)
            ho_numbers_put(training, &(double){(double)row}, 1, (char *)batch->rows + (size_t)i * size);
    }
}

void ho_batch_load(ho_training *training, int64_t t)
{
    if (training->problem->batch == 0 || training->batch_loaded == t)
        return;
    load(training, "batch", &training->training_part, t, &training->batch_part);
    training->batch_loaded = t;
}

void ho_training_draw_validation(ho_training *training, int64_t draw)
{
    if (training->problem->validation_batch == 0 || training->draw_loaded == draw)
        return;
    load(training, "validation batch", &training->validation_part, draw, &training->draw_part);
    training->draw_loaded = draw;
}
