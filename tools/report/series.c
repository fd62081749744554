#include "report/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/read.h"

/* A repeat's points that are being read. */
typedef struct adding {
    ho_series_list *list;
    ho_arena *arena;
    size_t repeat;
    double x;
    size_t next; /* where to look for a series first: lines have their members in the same order */
} adding;

/* Whether the series is that of the hyperparameter, or of an array's sum. One name may be both in different rows. */
static bool is_of(const ho_series *s, ho_quantity of, const char *hyper, const char *ending)
{
    size_t length = strlen(hyper);
    return s->of == of && strncmp(s->name, hyper, length) == 0 && strcmp(s->name + length, ending) == 0;
}

static ho_series *series_of(adding *a, ho_quantity of, const char *hyper, bool array)
{
    ho_series_list *list = a->list;
    const char *ending = array ? ", sum of the entries" : "";
    for (size_t k = 0; k < list->count; k++) {
        size_t i = (a->next + k) % list->count;
        if (is_of(&list->items[i], of, hyper, ending)) {
            a->next = i + 1;
            return &list->items[i];
        }
    }
    ho_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items);
    ho_series *s = &list->items[list->count++];
    *s = (ho_series){.of = of, .name = ho_arena_format(a->arena, "%s%s", hyper, ending)};
    a->next = list->count;
    return s;
}

/* The last of several values at one x counts: a step may have an update and an evaluation. */
static void add_to(adding *a, ho_series *s, double value)
{
    if (s->count && s->points[s->count - 1].repeat == a->repeat && s->points[s->count - 1].x == a->x)
        s->count--;
    ho_grow((void **)&s->points, &s->capacity, s->count, sizeof *s->points);
    s->points[s->count++] = (ho_point){a->x, value, a->repeat};
}

static void add(adding *a, ho_quantity of, double value)
{
    if (isfinite(value))
        add_to(a, series_of(a, of, "", false), value);
}

static void add_named(adding *a, ho_quantity of, const ho_summaries *hypers)
{
    for (size_t i = 0; i < hypers->count; i++)
        if (isfinite(hypers->items[i].value))
            add_to(a, series_of(a, of, hypers->items[i].name, hypers->items[i].shape.rank > 0), hypers->items[i].value);
}

/* Digits, and where they are fewest what grew. */
static void add_digits(adding *a, ho_quantity of, const ho_rounding *r)
{
    if (!isfinite(r->left))
        return;
    ho_series *s = series_of(a, of, "", false);
    add_to(a, s, r->left);
    if (s->remark && !(r->left < s->least))
        return;
    s->least = r->left;
    if (r->hyper)
        s->remark = r->grew ? ho_arena_format(a->arena,
                                              "Fewest at %g, of %s: a change of %s grows %.2g-fold from step %lld to "
                                              "step %lld.",
                                              a->x, r->hyper, r->grew, r->growth, (long long)r->from, (long long)r->to)
                            : ho_arena_format(a->arena, "Fewest at %g, of %s.", a->x, r->hyper);
}

/* A search's candidates jump about: what counts is the lowest error so far, and their hyperparameters are no path. */
static void add_iteration(adding *a, const char *strategy, const ho_line *line)
{
    a->x = (double)line->iteration;
    if (strcmp(strategy, "hypergradient") == 0) {
        add(a, HO_OUTER_ERROR, line->validation_error);
        add(a, HO_STATIONARITY, line->stationarity);
        add_digits(a, HO_OUTER_DIGITS, &line->rounding);
        add_named(a, HO_OUTER_HYPER, &line->hypers);
    } else if (strcmp(strategy, "none") != 0 && isfinite(line->validation_error)) {
        const ho_series *s = series_of(a, HO_LOWEST_ERROR, "", false);
        const ho_point *last =
            s->count && s->points[s->count - 1].repeat == a->repeat ? &s->points[s->count - 1] : NULL;
        add(a, HO_LOWEST_ERROR, last ? fmin(last->value, line->validation_error) : line->validation_error);
    }
}

static void add_step(adding *a, const ho_line *line)
{
    a->x = (double)line->step;
    add(a, HO_TRAINING_ERROR, line->training_error);
    add(a, HO_VALIDATION_ERROR_COURSE, line->validation_error);
    add(a, HO_VALIDATION_ACCURACY_COURSE, line->validation_accuracy);
    add(a, HO_UPDATE_ERROR, line->error);
    add(a, HO_GRADIENT_NORM, line->gradient_norm);
    add_digits(a, HO_ONLINE_DIGITS, &line->rounding);
    if (line->best && isfinite(line->validation_error)) { /* the best so far: the last one is the best */
        ho_series *s = series_of(a, HO_BEST_EVALUATION, "", false);
        s->count -= s->count && s->points[s->count - 1].repeat == a->repeat;
        add_to(a, s, line->validation_error);
    }
    add_named(a, HO_ONLINE_HYPER, &line->hypers);
    add_named(a, HO_TANGENT_NORM, &line->tangent_norms);
}

ho_status ho_series_read(const char *path, const char *strategy, size_t repeat, ho_arena *arena, ho_series_list *list,
                         ho_error *error)
{
    adding a = {.list = list, .arena = arena, .repeat = repeat};
    ho_lines *lines = ho_lines_open(path, error);
    ho_line line;
    ho_place place;
    while (lines && ho_lines_next(lines, &line, &place, error)) {
        if (line.step > 0)
            add_step(&a, &line);
        else
            add_iteration(&a, strategy, &line);
        if (list->count > HO_RECORD_MOST_HYPERS)
            ho_fail_at(error, HO_INVALID, place, "hyperparameters: more than %d names", HO_RECORD_MOST_HYPERS);
        if (error->status != HO_OK)
            break;
    }
    ho_lines_close(lines);
    return error->status;
}

const ho_series *ho_series_find(const ho_series_list *list, ho_quantity of, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].of == of && strcmp(list->items[i].name, name) == 0 && list->items[i].count > 0)
            return &list->items[i];
    return NULL;
}

void ho_series_free(ho_series_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].points);
    free(list->items);
}
