/* Hyperparameters: their shapes and values, their nodes in the graph, the subspace they move in, and projection. */
#include "system/internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "system/values.h"

/* ---- sizes ----------------------------------------------------------------------------------------------------- */

void ho_weight_sizes(const ho_weight_tensor *weight, int64_t *rows, int64_t *columns)
{
    *columns = weight->shape.rank > 0 ? weight->shape.dims[weight->shape.rank - 1] : 1;
    *rows = weight->count / *columns;
}

const ho_named_size *ho_sizes_here(ho_training *training, int64_t batch, const ho_weight_tensor *weight,
                                   const ho_used_target *target)
{
    const ho_problem *problem = training->problem;
    int64_t rows = 0, columns = 0;
    if (weight)
        ho_weight_sizes(weight, &rows, &columns);
    const ho_named_size sizes[] = {{"features", problem->training->features},
                                   {"outputs", target ? target->outputs : problem->classes_or_width},
                                   {"examples", problem->training->count},
                                   {"steps", problem->steps},
                                   {"batch", batch},
                                   {"rows", rows},
                                   {"columns", columns},
                                   {NULL, 0}};
    return memcpy(ho_arena_alloc(training->arena, sizeof sizes), sizes, sizeof sizes);
}

/* ---- shapes ---------------------------------------------------------------------------------------------------- */

/* One alternative of a symbolic shape, trimmed; what follows its '|', or NULL. */
static const char *alternative(const char *text, char one[128])
{
    const char *bar = strchr(text, '|');
    size_t length = bar ? (size_t)(bar - text) : strlen(text);
    while (length > 0 && text[0] == ' ')
        text++, length--;
    while (length > 0 && text[length - 1] == ' ')
        length--;
    snprintf(one, 128, "%.*s", (int)length, text);
    return bar ? bar + 1 : NULL;
}

/* The chosen alternative of a declared shape; the empty one is written "scalar" by people. */
static ho_status choose_shape(ho_training *training, const char *qualified, const ho_hyper *hyper,
                              const ho_hyper_setting *setting, char one[128], ho_error *error)
{
    const char *text = hyper->shape ? hyper->shape : "";
    if (!setting || !setting->shape) {
        alternative(text, one);
        return HO_OK;
    }
    const char *known = "";
    for (const char *rest = text; rest;) {
        rest = alternative(rest, one);
        if (!strcmp(setting->shape, one) || (!*one && !strcmp(setting->shape, "scalar")))
            return HO_OK;
        known = ho_list_add(training, known, ho_arena_format(training->arena, "\"%s\"", *one ? one : "scalar"));
    }
    return ho_fail_at(error, HO_INVALID, setting->shape_place, "%s has no shape \"%s\"; it can be %s", qualified,
                      setting->shape, known);
}

/* Sizes of a symbolic shape for an owner. Penalties' rows and columns must agree over all the weights they cover. */
static ho_status resolve_shape(ho_training *training, const ho_owner *owner, ho_hyperparameter *h, const char *shape,
                               ho_error *error)
{
    const ho_weight_tensor *first = NULL;
    bool penalty = owner->term && owner->instance->loaded->plugin.kind == HO_PENALTY;
    bool loss = owner->term && owner->instance->loaded->plugin.kind == HO_LOSS;
    h->count = 1;
    for (const char *p = shape; *p;) {
        size_t length = strcspn(p, " ");
        char symbol[64];
        snprintf(symbol, sizeof symbol, "%.*s", (int)length, p);
        p += length + strspn(p + length, " ");
        if (h->rank == HO_MAX_RANK)
            return ho_fail_at(error, HO_INVALID, h->place, "%s: the shape \"%s\" has more than %d axes", h->name, shape,
                              HO_MAX_RANK);
        int64_t size = 0;
        if (!ho_parse_integer(symbol, &size)) {
            const ho_used_target *target = loss ? &training->targets[owner->target] : NULL;
            for (size_t i = 0; penalty && i < training->weight_count; i++) {
                if (!ho_term_covers(owner->term, &training->weights[i]))
                    continue;
                int64_t here = ho_size_find(ho_sizes_here(training, 0, &training->weights[i], target), symbol);
                if (!here)
                    break;
                if (first && here != size)
                    return ho_fail_at(error, HO_INVALID, h->place,
                                      "%s has the shape \"%s\", but its penalty covers weights of different sizes: %s "
                                      "has %" PRId64 " %s, %s has %" PRId64 "; give each weight a penalty of its own "
                                      "with `on:`",
                                      h->name, shape, first->name, size, symbol, training->weights[i].name, here);
                first = first ? first : &training->weights[i];
                size = here;
            }
            first = NULL;
            size = size ? size : ho_size_find(ho_sizes_here(training, 0, NULL, target), symbol);
            if (size == 0)
                return ho_fail_at(error, HO_INVALID, h->place,
                                  "%s: %s declares the shape \"%s\", but there is no size "
                                  "\"%s\" here",
                                  h->name, owner->instance->loaded->path, shape, symbol);
        }
        if (size < 1 || h->count > INT64_MAX / 16 / size)
            return ho_fail_at(error, HO_INVALID, h->place, "%s: size %" PRId64 " of the shape \"%s\" is out of range",
                              h->name, size, shape);
        h->dims[h->rank++] = size;
        h->count *= size;
    }
    if (h->rank != 2 || h->dims[0] != h->dims[1])
        h->structure = 0;
    return HO_OK;
}

/* ---- declaring ------------------------------------------------------------------------------------------------- */

static const ho_hyper_setting *find_setting(ho_training *training, const char *name)
{
    for (size_t i = 0; i < training->problem->setting_count; i++)
        if (!strcmp(training->problem->settings[i].name, name)) {
            training->setting_used[i] = true;
            return &training->problem->settings[i];
        }
    return NULL;
}

static ho_constrained constrained_of(const ho_hyperparameter *h)
{
    ho_constrained c = {.struct_size = (uint32_t)sizeof c,
                        .structure = h->structure,
                        .rank = h->rank,
                        .count = h->count,
                        .lower = h->lower,
                        .upper = h->upper,
                        .name = h->name};
    memcpy(c.dims, h->dims, sizeof c.dims);
    return c;
}

/* The node that stands for a fixed value: a constant where all entries are equal, so that zeros fold away. */
static ho_node fixed_node(ho_training *training, const ho_hyperparameter *h)
{
    ho_shape shape = ho_shape_of(h->rank, h->dims);
    for (int64_t i = 1; i < h->count; i++)
        if (h->value[i] != h->value[0])
            return ho_training_numbers(training, h->name, shape, h->value);
    return h->rank == 0 ? ho_node_const(training->graph, h->value[0])
                        : ho_node_fill(training->graph, shape, h->value[0]);
}

static int64_t free_count(const ho_hyperparameter *h)
{
    int64_t k = h->dims[0];
    if (h->structure & HO_SYMMETRIC)
        return h->structure & HO_ZERO_DIAGONAL ? k * (k - 1) / 2 : k * (k + 1) / 2;
    return h->structure & HO_ZERO_DIAGONAL ? k * k - k : h->count;
}

static ho_status declare(ho_training *training, const ho_owner *owner, const ho_hyper *hyper, ho_error *error)
{
    size_t index = training->hyper_count;
    ho_hyperparameter *h = &training->hypers[index];
    h->name = ho_arena_format(training->arena, "%s.%s", owner->instance->name, hyper->name);
    h->doc = hyper->doc;
    h->owner = owner->instance->loaded;
    h->structure = hyper->structure;
    h->offset = -1;
    ho_domain_bounds(hyper->domain, &h->lower, &h->upper);
    const ho_hyper_setting *setting = find_setting(training, h->name);
    h->place = setting ? setting->place : owner->instance->place;
    char shape[128];
    if (choose_shape(training, h->name, hyper, setting, shape, error) ||
        resolve_shape(training, owner, h, shape, error))
        return error->status;
    double *value = ho_training_block(training, h->count, sizeof *value, h->name, error);
    if (!value)
        return error->status;
    h->value = value;
    if (ho_value_read(h, setting ? setting->value : NULL, hyper->initial, value, error))
        return error->status;
    if (setting) {
        h->constraint = setting->constraint;
        h->outer = setting->outer;
        h->tuned = setting->tuned;
    }
    ho_constrained c = constrained_of(h);
    if (h->constraint && ho_constraint_fits(h->constraint, &c, error))
        return error->status;
    if (h->tuned) {
        h->offset = training->lambda_size;
        h->directions = free_count(h);
        training->lambda_size += h->count;
        training->tuned[training->tuned_count] = index;
        size_t leaf = ho_training_leaf(training, h->name, ho_shape_of(h->rank, h->dims), NULL);
        training->tuned_leaves[training->tuned_count++] = leaf;
        training->hyper_nodes[index] = training->leaves[leaf].node;
    } else {
        training->hyper_nodes[index] = fixed_node(training, h);
    }
    training->hyper_count++;
    return ho_training_traced(training, error);
}

ho_status ho_hypers_declare(ho_training *training, ho_owner *owner, ho_error *error)
{
    static const ho_hyper weight = {
        .name = "weight", .initial = 1.0, .domain = HO_NONNEGATIVE, .doc = "weight of this term in its sum"};
    const ho_problem *problem = training->problem;
    const ho_hyper weights = {.name = "weights",
                              .initial = 1.0,
                              .domain = HO_NONNEGATIVE,
                              .doc = "weight of each training example in this term",
                              .shape =
                                  ho_arena_format(training->arena, "%" PRId64,
                                                  problem->weighted ? problem->weighted : problem->training->count)};
    const ho_loaded *loaded = owner->instance->loaded;
    bool per_example = owner->term && owner->term->per_example;
    owner->first = training->hyper_count;
    for (uint32_t i = 0; i < loaded->hyper_count; i++) {
        if (owner->term && !strcmp(loaded->hypers[i].name, weight.name))
            return ho_fail_at(error, HO_INVALID, owner->instance->place,
                              "%s: declares a hyperparameter \"weight\", which is the name of a term's weight",
                              loaded->path);
        if (per_example && !strcmp(loaded->hypers[i].name, weights.name))
            return ho_fail_at(error, HO_INVALID, owner->term->weights_place,
                              "weights: %s declares a hyperparameter \"weights\" of its own", loaded->path);
        if (declare(training, owner, &loaded->hypers[i], error))
            return error->status;
    }
    if ((owner->term && declare(training, owner, &weight, error)) ||
        (per_example && declare(training, owner, &weights, error)))
        return error->status;
    owner->count = training->hyper_count - owner->first;
    return HO_OK;
}

static ho_status unknown_setting(ho_training *training, const ho_hyper_setting *setting, ho_error *error)
{
    const char **names = ho_alloc((training->hyper_count + 1) * sizeof *names);
    for (size_t i = 0; i < training->hyper_count; i++)
        names[i] = training->hypers[i].name;
    const char *near = ho_nearest(setting->name, names, training->hyper_count);
    if (near) {
        ho_fail_at(error, HO_INVALID, setting->place, "unknown hyperparameter \"%s\"; did you mean \"%s\"?",
                   setting->name, near);
    } else {
        const char *known = "";
        for (size_t i = 0; i < training->hyper_count; i++)
            known = ho_list_add(training, known, names[i]);
        ho_fail_at(error, HO_INVALID, setting->place, "unknown hyperparameter \"%s\" (known: %s)", setting->name,
                   known);
    }
    free(names);
    return error->status;
}

ho_status ho_hypers_finish(ho_training *training, ho_error *error)
{
    const ho_problem *problem = training->problem;
    for (size_t i = 0; i < problem->setting_count; i++) {
        const ho_hyper_setting *setting = &problem->settings[i];
        for (size_t j = 0; j < i; j++)
            if (!strcmp(problem->settings[j].name, setting->name))
                return ho_fail_at(error, HO_INVALID, setting->place, "%s is given twice", setting->name);
        if (!training->setting_used[i])
            return unknown_setting(training, setting, error);
    }
    double *lambda = ho_training_block(training, training->lambda_size + 1, sizeof *lambda, "lambda", error);
    if (!lambda)
        return error->status;
    for (size_t i = 0; i < training->tuned_count; i++) {
        const ho_hyperparameter *h = &training->hypers[training->tuned[i]];
        memcpy(lambda + h->offset, h->value, (size_t)h->count * sizeof *lambda);
        training->directions += h->directions;
        size_t size = h->rank ? ho_number_size(training) : sizeof(double);
        training->tuned_cotangents[i] = ho_training_block(training, h->count, size, h->name, error);
        if (h->rank && problem->precision == HO_F32)
            training->tuned_numbers[i] = ho_training_block(training, h->count, size, h->name, error);
    }
    training->lambda_initial = lambda;
    return error->status ? error->status : ho_training_project(training, lambda, error);
}

void ho_hypers_bind(ho_training *training, const double *lambda)
{
    for (size_t i = 0; i < training->tuned_count; i++) {
        const ho_hyperparameter *h = &training->hypers[training->tuned[i]];
        const void *data = lambda + h->offset;
        if (training->tuned_numbers[i]) {
            ho_numbers_put(training, lambda + h->offset, h->count, training->tuned_numbers[i]);
            data = training->tuned_numbers[i];
        }
        training->leaves[training->tuned_leaves[i]].data = data;
    }
}

/* ---- the free subspace ----------------------------------------------------------------------------------------- */

void ho_direction(const ho_training *training, int64_t i, double *lambda)
{
    memset(lambda, 0, (size_t)training->lambda_size * sizeof *lambda);
    size_t at = 0;
    const ho_hyperparameter *h = &training->hypers[training->tuned[at]];
    while (i >= h->directions) {
        i -= h->directions;
        h = &training->hypers[training->tuned[++at]];
    }
    double *value = lambda + h->offset;
    if (!h->structure) {
        value[i] = 1.0;
        return;
    }
    int64_t k = h->dims[0];
    bool diagonal = !(h->structure & HO_ZERO_DIAGONAL), symmetric = h->structure & HO_SYMMETRIC;
    for (int64_t r = 0; r < k; r++)
        for (int64_t c = symmetric ? r : 0; c < k; c++) {
            if ((r == c && !diagonal) || i-- > 0)
                continue;
            if (r == c || !symmetric)
                value[r * k + c] = 1.0;
            else
                value[r * k + c] = value[c * k + r] = sqrt(0.5);
            return;
        }
}

/* The nearest point of a hyperparameter's structure: linear, so it serves values and gradients. */
static void structured(const ho_hyperparameter *h, double *value)
{
    int64_t k = h->dims[0];
    if (h->structure & HO_SYMMETRIC)
        for (int64_t r = 0; r < k; r++)
            for (int64_t c = 0; c < r; c++) {
                double mean = 0.5 * value[r * k + c] + 0.5 * value[c * k + r];
                value[r * k + c] = value[c * k + r] = mean;
            }
    if (h->structure & HO_ZERO_DIAGONAL)
        for (int64_t r = 0; r < k; r++)
            value[r * k + r] = 0.0;
}

void ho_training_free_gradient(const ho_training *training, double *gradient)
{
    for (size_t i = 0; i < training->tuned_count; i++) {
        const ho_hyperparameter *h = &training->hypers[training->tuned[i]];
        structured(h, gradient + h->offset);
    }
}

ho_status ho_training_project(ho_training *training, double *lambda, ho_error *error)
{
    for (size_t i = 0; i < training->tuned_count; i++) {
        const ho_hyperparameter *h = &training->hypers[training->tuned[i]];
        double *value = lambda + h->offset;
        for (int64_t j = 0; j < h->count; j++)
            if (!isfinite(value[j]))
                return ho_fail(error, HO_DIVERGED, "hyperparameter %s: entry %" PRId64 " is %s", h->name, j,
                               isnan(value[j]) ? "NaN" : "infinite");
        if (h->constraint) {
            ho_constrained c = constrained_of(h);
            ho_status status = ho_constraint_project(h->constraint, &c, value, error);
            if (status)
                return status;
            continue;
        }
        /* Clamping keeps the structure: both entries of a pair lie in the same interval. */
        structured(h, value);
        for (int64_t j = 0; j < h->count; j++)
            if (!((h->structure & HO_ZERO_DIAGONAL) && j / h->dims[0] == j % h->dims[0]))
                value[j] = fmin(fmax(value[j], h->lower), h->upper);
    }
    return HO_OK;
}
