#include "system/hypers.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/shapes.h"
#include "hotool/structure.h"
#include "system/values.h"

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* The form that a setting chooses, or the first. */
static const ho_shape_form *choose_form(ho_ground *ground, const ho_loaded *loaded, const ho_shape_forms *shape,
                                        const char *name, const ho_hyper_setting *setting, ho_error *error)
{
    if (!setting || !setting->shape)
        return shape->forms;
    const ho_shape_form *chosen = ho_shape_choose(loaded, shape, setting->shape, ground->arena);
    const char **words = ho_alloc(shape->count * sizeof *words), *before = ho_shape_prefixes(loaded->plugin.kind);
    for (size_t i = 0; i < shape->count; i++)
        words[i] = ho_shape_name(&shape->forms[i]);
    char *list = ho_join(words, shape->count);
    if (!chosen)
        ho_fail_at(error, HO_INVALID, setting->shape_place, "%s has no shape \"%s\" (known: %s%s%s)", name,
                   setting->shape, list, before ? "; before any of them: " : "", before ? before : "");
    free(list);
    free(words);
    return chosen;
}

/* The size of that name for the owner; 0: there is none, or an error. */
static int64_t size_of(const ho_hyperparameter *h, const ho_owner *owner, const ho_shape_form *form, const char *symbol,
                       const ho_places *places, ho_error *error)
{
    int64_t size = 0;
    double option;
    if (ho_parse_integer(symbol, &size))
        return size;
    if (!strcmp(symbol, "tensors"))
        return places->tensors;
    if (!strcmp(symbol, "weights"))
        return places->weights;
    if (ho_size_find(places->places[0].sizes, symbol) == 0 && ho_instance_number(owner->instance, symbol, &option))
        return option >= 1 && option < 0x1p53 ? (int64_t)option : -1;
    size = ho_size_find(places->places[0].sizes, symbol);
    for (size_t i = 1; i < places->count; i++) {
        const int64_t here = ho_size_find(places->places[i].sizes, symbol);
        if (here != size)
            ho_fail_at(error, HO_INVALID, h->place,
                       "%s has the shape \"%s\", but its %s covers weights of different sizes: %s has %" PRId64
                       " %s, %s has %" PRId64 "%s",
                       h->name, form->text, ho_kind_name(owner->instance->loaded->plugin.kind),
                       places->places[0].weight, size, symbol, places->places[i].weight, here,
                       owner->term ? "; give each weight a penalty of its own with `on:`" : "");
    }
    return size;
}

/* Where a schedule, or an entry for each tensor, is of no use. */
static ho_status check_form(const ho_hyperparameter *h, const ho_owner *owner, const ho_hyper *hyper,
                            const ho_shape_form *form, const ho_problem *problem, const ho_places *places,
                            ho_error *error)
{
    const ho_term *term = owner->term;
    if (form->by_step && term && term >= problem->validation_terms &&
        term < problem->validation_terms + problem->validation_count)
        return ho_fail_at(error, HO_INVALID, h->place, "%s has the shape \"%s\", but the validation error has no steps",
                          h->name, form->text);
    if (form->by_step && problem->steps == 0)
        return ho_fail_at(error, HO_INVALID, h->place,
                          "%s has the shape \"%s\", which needs a fixed number of steps; there is none with `steps: "
                          "unbounded`",
                          h->name, form->text);
    if (hyper->structure && (form->by_step || form->by_tensor) && form->seen_rank > 0)
        return ho_fail_at(error, HO_INVALID, h->place,
                          "%s has the shape \"%s\", but its plugin declares a structure, which is of a single matrix",
                          h->name, form->text);
    if (form->by_tensor && places->weights > 0 && form->seen_rank > 0)
        return ho_fail_at(error, HO_INVALID, h->place,
                          "%s has the shape \"%s\", but its dynamics sees all weights as one vector", h->name,
                          form->text);
    return HO_OK;
}

static ho_status resolve_shape(ho_hyperparameter *h, const ho_owner *owner, const ho_shape_form *form,
                               const ho_places *places, ho_seen *seen, ho_error *error)
{
    h->count = 1;
    for (; h->rank < form->rank; h->rank++) {
        const char *symbol = form->sizes[h->rank];
        const int64_t size = size_of(h, owner, form, symbol, places, error);
        if (error->status)
            return error->status;
        if (size == 0)
            return ho_fail_at(error, HO_INVALID, h->place,
                              "%s: %s declares the shape \"%s\", but there is no size "
                              "\"%s\" here",
                              h->name, owner->instance->loaded->path, form->text, symbol);
        if (size < 1 || h->count > INT64_MAX / 16 / size)
            return ho_fail_at(error, HO_INVALID, h->place, "%s: size \"%s\" of the shape \"%s\" is out of range",
                              h->name, symbol, form->text);
        h->dims[h->rank] = size;
        h->count *= size;
    }
    h->schedule = form->by_step ? h->dims[0] : 0;
    *seen = (ho_seen){.by_tensor = form->by_tensor, .shape.rank = form->seen_rank};
    for (int32_t i = 0; i < form->seen_rank; i++)
        seen->shape.dims[i] = form->seen[i] < 0 ? 1 : h->dims[form->seen[i]];
    if (h->rank != 2 || h->dims[0] != h->dims[1])
        h->structure = 0;
    return HO_OK;
}

ho_shape ho_hyper_part(const ho_hyperparameter *h)
{
    return h->schedule ? ho_shape_of(h->rank - 1, h->dims + 1) : ho_shape_of(h->rank, h->dims);
}

int64_t ho_hyper_part_count(const ho_hyperparameter *h)
{
    return h->schedule ? h->count / h->schedule : h->count;
}

int64_t ho_hyper_part_at(const ho_hyperparameter *h, int64_t t)
{
    return h->schedule ? (t - 1) * ho_hyper_part_count(h) : 0;
}

/* ---- declaring --------------------------------------------------------------------------------------------------- */

void ho_hypers_open(ho_hypers *hypers, ho_ground *ground, const ho_owner *owners, size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++)
        most += owners[i].instance->loaded->hyper_count + 2;
    *hypers = (ho_hypers){.ground = ground,
                          .all = ho_arena_alloc(ground->arena, most * sizeof *hypers->all),
                          .nodes = ho_arena_alloc(ground->arena, most * sizeof *hypers->nodes),
                          .seen = ho_arena_alloc(ground->arena, most * sizeof *hypers->seen),
                          .followed = ho_arena_alloc(ground->arena, most * sizeof *hypers->followed),
                          .tuned = ho_arena_alloc(ground->arena, most * sizeof *hypers->tuned),
                          .setting_used = ho_arena_alloc(ground->arena, (ground->problem->setting_count + 1) *
                                                                            sizeof *hypers->setting_used)};
}

static const ho_hyper_setting *find_setting(ho_hypers *hypers, const char *name)
{
    const ho_problem *problem = hypers->ground->problem;
    for (size_t i = 0; i < problem->setting_count; i++)
        if (!strcmp(problem->settings[i].name, name)) {
            hypers->setting_used[i] = true;
            return &problem->settings[i];
        }
    return NULL;
}

static bool all_equal(const ho_hyperparameter *h)
{
    int64_t i = 1;
    while (i < h->count && h->value[i] == h->value[0])
        i++;
    return i >= h->count;
}

/* The leaf of a fixed schedule, whose numbers follow one another as they are bound. */
static ho_node followed_node(ho_hypers *hypers, const ho_hyperparameter *h, ho_error *error)
{
    ho_ground *ground = hypers->ground;
    const ho_shape part = ho_hyper_part(h);
    void *numbers = part.rank ? ho_ground_block(ground, h->count, ho_number_size(ground), h->name, error) : NULL;
    if (numbers)
        ho_numbers_put(ground, h->value, h->count, numbers);
    if (error->status)
        return HO_POISON;
    ho_followed *followed = &hypers->followed[hypers->followed_count++];
    *followed = (ho_followed){.index = hypers->count,
                              .leaf = ho_leaf(ground, h->name, NULL, part, NULL),
                              .numbers = numbers ? numbers : (const void *)h->value};
    return ho_leaf_node(ground, followed->leaf);
}

/* The node that stands for a fixed value: a constant where all entries are equal, so that zeros fold away. */
static ho_node fixed_node(ho_hypers *hypers, const ho_hyperparameter *h, ho_error *error)
{
    if (all_equal(h))
        return ho_node_fill(hypers->ground->graph, ho_hyper_part(h), h->value[0]);
    return h->schedule ? followed_node(hypers, h, error)
                       : ho_leaf_numbers(hypers->ground, h->name, ho_hyper_part(h), h->value);
}

static int64_t free_count(const ho_hyperparameter *h)
{
    int64_t k = h->dims[0];
    if (h->structure & HO_SYMMETRIC)
        return h->structure & HO_ZERO_DIAGONAL ? k * (k - 1) / 2 : k * (k + 1) / 2;
    return h->structure & HO_ZERO_DIAGONAL ? k * k - k : h->count;
}

/* Reads the value that stands beside the one in use: it is checked all the same, and must not say otherwise. */
static ho_status check_beside(const ho_hyperparameter *h, const ho_hyper_setting *setting, ho_error *error)
{
    double *value = ho_large_alloc((uint64_t)h->count, sizeof *value, h->name, error);
    int64_t same = 0;
    const bool read = value && ho_value_read(h, setting->beside, 0.0, value, error) == HO_OK;
    while (read && same < h->count && value[same] == h->value[same])
        same++;
    if (read && same < h->count) {
        char number[32], other[32], place[HO_PLACE_TEXT];
        ho_print_real(h->value[0], number);
        ho_print_real(value[0], other);
        ho_fail_at(error, HO_INVALID, setting->value->place,
                   "%s: %s here and %s at %s; give one value, as --set %s=VALUE does", h->name,
                   h->rank ? "one value" : number, h->rank ? "another" : other,
                   ho_place_print(setting->beside->place, place), h->name);
    }
    ho_large_free(value);
    return error->status;
}

/* The first entry that the scale does not have; -1: it has all. Entries that the structure fixes do not count. */
static int64_t beyond_scale(const ho_hyperparameter *h, ho_scale scale)
{
    const ho_constrained c = ho_constrained_of(h);
    for (int64_t i = 0; i < h->count; i++)
        if (ho_entry_free(&c, i) && !ho_scale_has(scale, h->value[i]))
            return i;
    return -1;
}

static ho_status refuse_value(const ho_hyperparameter *h, ho_scale scale, double value, ho_place place, ho_error *error)
{
    char number[32];
    ho_print_real(value, number);
    if (scale == HO_SCALE_LOG)
        return ho_fail_at(error, HO_INVALID, place,
                          "%s: scale: log, but its initial value is %s, which has no logarithm; start with a small "
                          "value, such as init: 1e-4, or set scale: linear",
                          h->name, number);
    return ho_fail_at(error, HO_INVALID, place,
                      "%s: scale: logit, but its initial value is %s, an end of the scale; start inside, such as init: "
                      "%s, or set scale: linear",
                      h->name, number, value > 0 ? "0.99" : "0.01");
}

/* The scale that the setting asks for, which must go with domain and initial value; else the domain's. `natural`: steps
 * are linear where nothing is asked for. */
static ho_status settle_scale(ho_hyperparameter *h, const ho_hyper_setting *setting, bool natural, ho_error *error)
{
    const ho_scale own = ho_scale_of_domain(h->lower, h->upper);
    const bool said = setting && setting->scale != HO_SCALE_AUTO;
    h->scale = said ? setting->scale : h->rank == 0 ? own : HO_SCALE_LINEAR;
    h->step_scale = h->scale;
    const int64_t beyond = beyond_scale(h, h->scale);
    if (!said) {
        if (beyond >= 0 || natural)
            h->step_scale = HO_SCALE_LINEAR;
        return HO_OK;
    }
    char domain[80];
    const bool fits = h->scale == HO_SCALE_LOGIT ? own == HO_SCALE_LOGIT : h->scale == HO_SCALE_LINEAR || h->lower >= 0;
    if (!fits)
        return ho_fail_at(error, HO_INVALID, setting->scale_place, "%s: scale: %s does not suit its domain %s; use %s",
                          h->name, ho_scale_names[h->scale], ho_domain_print(h->lower, h->upper, domain),
                          ho_scale_names[own]);
    return beyond < 0 ? HO_OK
                      : refuse_value(h, h->scale, h->value[beyond],
                                     setting->value ? setting->value->place : setting->scale_place, error);
}

static ho_node declare(ho_hypers *hypers, const ho_owner *owner, const ho_hyper *hyper, const ho_shape_forms *shape,
                       const ho_places *places, ho_error *error)
{
    ho_ground *ground = hypers->ground;
    const size_t index = hypers->count;
    ho_hyperparameter *h = &hypers->all[index];
    h->name = ho_arena_format(ground->arena, "%s.%s", owner->instance->name, hyper->name);
    h->doc = hyper->doc;
    h->owner = owner->instance->loaded;
    h->structure = hyper->structure;
    h->offset = -1;
    ho_domain_bounds(hyper->domain, &h->lower, &h->upper);
    const ho_hyper_setting *setting = find_setting(hypers, h->name);
    h->place = setting ? setting->place : owner->instance->place;
    const ho_shape_form *form = choose_form(ground, h->owner, shape, h->name, setting, error);
    if (!form || check_form(h, owner, hyper, form, ground->problem, places, error) ||
        resolve_shape(h, owner, form, places, &hypers->seen[index], error))
        return HO_POISON;
    double *value = ho_ground_block(ground, h->count, sizeof *value, h->name, error);
    if (!value || ho_value_read(h, setting ? setting->value : NULL, hyper->initial, value, error))
        return HO_POISON;
    h->value = value;
    if (settle_scale(h, setting, ground->problem->natural_steps, error))
        return HO_POISON;
    if (setting && setting->beside && check_beside(h, setting, error))
        return HO_POISON;
    if (setting) {
        h->constraint = setting->constraint;
        h->outer = setting->outer;
        h->tuned = setting->tuned;
    }
    const ho_constrained c = ho_constrained_of(h);
    if (h->constraint && ho_constraint_fits(h->constraint, &c, error))
        return HO_POISON;
    if (h->tuned) {
        h->offset = hypers->size;
        h->directions = free_count(h);
        hypers->size += h->count;
        size_t leaf = ho_leaf(ground, h->name, NULL, ho_hyper_part(h), NULL);
        hypers->tuned[hypers->tuned_count++] = (ho_tuned){.index = index, .leaf = leaf};
        hypers->nodes[index] = ho_leaf_node(ground, leaf);
    } else {
        hypers->nodes[index] = fixed_node(hypers, h, error);
    }
    hypers->count++;
    return ho_ground_traced(ground, error) ? HO_POISON : hypers->nodes[index];
}

ho_status ho_hypers_declare(ho_hypers *hypers, ho_owner *owner, const ho_places *places, ho_error *error)
{
    static const ho_hyper weight = {
        .name = "weight", .initial = 1.0, .domain = HO_NONNEGATIVE, .doc = "weight of this term in its sum"};
    static const ho_hyper weights = {.name = "weights",
                                     .initial = 1.0,
                                     .domain = HO_NONNEGATIVE,
                                     .doc = "weight of each training example in this term"};
    static const ho_shape_form scalar = {.text = ""};
    const ho_problem *problem = hypers->ground->problem;
    const char *weighted = ho_arena_format(hypers->ground->arena, "%" PRId64,
                                           problem->weighted ? problem->weighted : problem->training->count);
    const ho_shape_form each = {.text = weighted, .rank = 1, .sizes = {weighted}, .seen_rank = 1};
    const ho_loaded *loaded = owner->instance->loaded;
    const bool per_example = owner->term && owner->term->per_example;
    if (owner->term && ho_has_hyper(loaded, weight.name))
        return ho_fail_at(error, HO_INVALID, owner->instance->place,
                          "%s: declares a hyperparameter \"weight\", which is the name of a term's weight",
                          loaded->path);
    if (per_example && ho_has_hyper(loaded, weights.name))
        return ho_fail_at(error, HO_INVALID, owner->term->weights_place,
                          "weights: %s declares a hyperparameter \"weights\" of its own", loaded->path);
    const ho_places whole = {.places = places->places, .count = 1};
    owner->first = hypers->count;
    for (uint32_t i = 0; i < loaded->hyper_count; i++)
        if (!declare(hypers, owner, &loaded->hypers[i], &loaded->shapes[i], places, error))
            return error->status;
    if (owner->term)
        owner->weight = declare(hypers, owner, &weight, &(ho_shape_forms){&scalar, 1}, &whole, error);
    if (per_example && !error->status)
        owner->example_weights = declare(hypers, owner, &weights, &(ho_shape_forms){&each, 1}, &whole, error);
    return error->status;
}

void ho_hypers_seen(const ho_hypers *hypers, const ho_owner *owner, size_t tensor, ho_node *nodes)
{
    ho_graph *graph = hypers->ground->graph;
    for (uint32_t i = 0; i < owner->instance->loaded->hyper_count; i++) {
        const ho_seen *seen = &hypers->seen[owner->first + i];
        nodes[i] = hypers->nodes[owner->first + i];
        const ho_shape *whole = &ho_graph_at(graph, nodes[i])->shape;
        if (seen->by_tensor)
            nodes[i] = ho_node_slice(graph, nodes[i], whole->rank, (int64_t)tensor, 1);
        if (seen->by_tensor || !ho_shape_equal(whole, &seen->shape))
            nodes[i] = ho_node_reshape(graph, nodes[i], seen->shape);
    }
}

static ho_status unknown_setting(const ho_hypers *hypers, const ho_hyper_setting *setting, ho_error *error)
{
    const char **names = ho_alloc((hypers->count + 1) * sizeof *names);
    for (size_t i = 0; i < hypers->count; i++)
        names[i] = hypers->all[i].name;
    char suggestion[HO_SUGGESTION];
    char *known = ho_join(names, hypers->count);
    ho_fail_at(error, HO_INVALID, setting->place, "unknown hyperparameter \"%s\"%s (known: %s)", setting->name,
               ho_suggest(ho_nearest(setting->name, names, hypers->count), suggestion), known);
    free(known);
    free(names);
    return error->status;
}

const ho_hyperparameter *ho_tuned_hyper(const ho_hypers *hypers, size_t tuned)
{
    return &hypers->all[hypers->tuned[tuned].index];
}

ho_status ho_hypers_finish(ho_hypers *hypers, ho_error *error)
{
    ho_ground *ground = hypers->ground;
    for (size_t i = 0; i < ground->problem->setting_count; i++) {
        const ho_hyper_setting *setting = &ground->problem->settings[i];
        for (size_t j = 0; j < i; j++)
            if (!strcmp(ground->problem->settings[j].name, setting->name))
                return ho_fail_at(error, HO_INVALID, setting->place, "%s is given twice", setting->name);
        if (!hypers->setting_used[i])
            return unknown_setting(hypers, setting, error);
    }
    hypers->initial = ho_ground_block(ground, hypers->size + 1, sizeof *hypers->initial, "lambda", error);
    for (size_t i = 0; i < hypers->tuned_count && !error->status; i++) {
        const ho_hyperparameter *h = ho_tuned_hyper(hypers, i);
        memcpy(hypers->initial + h->offset, h->value, (size_t)h->count * sizeof *h->value);
        hypers->directions += h->directions;
        const bool tensor = ho_hyper_part(h).rank > 0;
        const int64_t count = ho_hyper_part_count(h);
        const size_t size = tensor ? ho_number_size(ground) : sizeof(double);
        hypers->tuned[i].cotangent = ho_ground_block(ground, count, size, h->name, error);
        if (tensor && ground->problem->precision == HO_F32)
            hypers->tuned[i].numbers = ho_ground_block(ground, count, size, h->name, error);
    }
    return error->status ? error->status : ho_hypers_project(hypers, hypers->initial, error);
}

/* ---- lambda ------------------------------------------------------------------------------------------------------ */

void ho_hypers_bind(ho_hypers *hypers, const double *lambda, int64_t t)
{
    ho_bound *leaves = hypers->ground->leaves;
    for (size_t i = 0; i < hypers->tuned_count; i++) {
        const ho_hyperparameter *h = ho_tuned_hyper(hypers, i);
        const ho_tuned *tuned = &hypers->tuned[i];
        const double *from = lambda + h->offset + ho_hyper_part_at(h, t);
        if (tuned->numbers)
            ho_numbers_put(hypers->ground, from, ho_hyper_part_count(h), tuned->numbers);
        leaves[tuned->leaf].data = tuned->numbers ? tuned->numbers : from;
    }
    for (size_t i = 0; i < hypers->followed_count; i++) {
        const ho_followed *followed = &hypers->followed[i];
        const ho_hyperparameter *h = &hypers->all[followed->index];
        const size_t size = ho_hyper_part(h).rank ? ho_number_size(hypers->ground) : sizeof(double);
        leaves[followed->leaf].data = followed->numbers + (size_t)ho_hyper_part_at(h, t) * size;
    }
}

/* Entry j of a tuned hyperparameter's cotangent. */
static double cotangent_at(const ho_hypers *hypers, size_t tuned, int64_t j)
{
    const void *from = hypers->tuned[tuned].cotangent;
    const bool wide =
        ho_hyper_part(ho_tuned_hyper(hypers, tuned)).rank == 0 || hypers->ground->problem->precision == HO_F64;
    return wide ? ((const double *)from)[j] : (double)((const float *)from)[j];
}

double ho_hypers_cotangent_norm(const ho_hypers *hypers, size_t tuned)
{
    double sum = 0;
    for (int64_t j = 0; j < ho_hyper_part_count(ho_tuned_hyper(hypers, tuned)); j++)
        sum += cotangent_at(hypers, tuned, j) * cotangent_at(hypers, tuned, j);
    return sqrt(sum);
}

void ho_hypers_collect(const ho_hypers *hypers, int64_t t, double *gradient)
{
    for (size_t i = 0; i < hypers->tuned_count; i++) {
        const ho_hyperparameter *h = ho_tuned_hyper(hypers, i);
        double *to = gradient + h->offset + ho_hyper_part_at(h, t);
        for (int64_t j = 0; j < ho_hyper_part_count(h); j++)
            to[j] += cotangent_at(hypers, i, j);
    }
}

void ho_hypers_direction(const ho_hypers *hypers, int64_t i, double *lambda)
{
    const size_t size = (size_t)hypers->size;
    if (hypers->restricted) {
        memcpy(lambda, hypers->restricted + (size_t)i * size, size * sizeof *lambda);
        return;
    }
    memset(lambda, 0, size * sizeof *lambda);
    size_t at = 0;
    while (i >= ho_tuned_hyper(hypers, at)->directions)
        i -= ho_tuned_hyper(hypers, at++)->directions;
    const ho_hyperparameter *h = ho_tuned_hyper(hypers, at);
    double *value = lambda + h->offset;
    if (!h->structure) {
        value[i] = 1.0;
        return;
    }
    const int64_t k = h->dims[0];
    const bool diagonal = !(h->structure & HO_ZERO_DIAGONAL), symmetric = h->structure & HO_SYMMETRIC;
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

void ho_hypers_project_gradient(const ho_hypers *hypers, double *gradient)
{
    for (size_t i = 0; i < hypers->tuned_count; i++) {
        const ho_constrained c = ho_constrained_of(ho_tuned_hyper(hypers, i));
        ho_project_structure(&c, gradient + ho_tuned_hyper(hypers, i)->offset);
    }
}

ho_status ho_hypers_project(const ho_hypers *hypers, double *lambda, ho_error *error)
{
    for (size_t i = 0; i < hypers->tuned_count; i++) {
        const ho_hyperparameter *h = ho_tuned_hyper(hypers, i);
        const ho_constrained c = ho_constrained_of(h);
        double *value = lambda + h->offset;
        for (int64_t j = 0; j < h->count; j++)
            if (!isfinite(value[j]))
                return ho_fail(error, HO_DIVERGED, "hyperparameter %s: entry %" PRId64 " is %s", h->name, j,
                               isnan(value[j]) ? "NaN" : "infinite");
        if (!h->constraint)
            ho_project_box(&c, h->lower, h->upper, value);
        else if (ho_constraint_project(h->constraint, &c, value, error))
            return error->status;
    }
    return HO_OK;
}
