/* Courses of a training: the lines of metrics.jsonl that tell of a step, at a look or an update of the
 * hyperparameters. Everything that is known of their form stands here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/internal.h"

/* Sizes that no honest run reaches. */
#define MOST_STEPS  1e12
#define MOST_HYPERS 10000

/* A step told twice, by an update and by a look, is one point: its last. */
static void put(ho_report_course *course, size_t repeat, double step, double value)
{
    if (!isfinite(value))
        return;
    ho_report_point *last = course->count ? &course->points[course->count - 1] : NULL;
    if (last && last->repeat == repeat && last->step == step) {
        last->value = value;
        return;
    }
    ho_grow((void **)&course->points, &course->capacity, course->count, sizeof *course->points);
    course->points[course->count++] = (ho_report_point){step, value, repeat};
}

/* Whether `name` is the hyperparameter `hyper`, or the sum of an array of this name. */
static bool is_called(const char *name, const char *hyper, const char *ending)
{
    size_t length = strlen(hyper);
    return strncmp(name, hyper, length) == 0 && strcmp(name + length, ending) == 0;
}

/* The course of a hyperparameter. Lines tell them in the same order: *next is where to look first. */
static ho_report_course *named(ho_report *report, ho_report_course_list *list, const char *hyper, bool array,
                               size_t *next)
{
    const char *ending = array ? ", sum of the entries" : "";
    for (size_t k = 0; k < list->count; k++) {
        size_t i = (*next + k) % list->count;
        if (is_called(list->items[i].name, hyper, ending)) {
            *next = i + 1;
            return &list->items[i];
        }
    }
    ho_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items);
    list->items[list->count] = (ho_report_course){.name = ho_arena_format(report->arena, "%s%s", hyper, ending)};
    *next = list->count + 1;
    return &list->items[list->count++];
}

/* A member that is an object of hyperparameters, or null, or not there. */
static ho_status members_of(ho_place place, json_t *record, const char *key, json_t **object, ho_error *error)
{
    *object = json_object_get(record, key);
    if (*object && !json_is_object(*object) && !json_is_null(*object))
        return ho_fail_at(error, HO_INVALID, place, "%s: wanted is an object", key);
    if (json_object_size(*object) > MOST_HYPERS)
        return ho_fail_at(error, HO_INVALID, place, "%s: wanted are at most %d members", key, MOST_HYPERS);
    return HO_OK;
}

/* Where a line stands: in which repeat, and at which step. */
typedef struct moment {
    ho_report *report;
    ho_place place;
    size_t repeat;
    double step;
} moment;

static ho_status take_hypers(const moment *m, ho_report_course_list *list, json_t *record, const char *key,
                             ho_error *error)
{
    json_t *object, *member;
    const char *name;
    size_t next = 0;
    if (members_of(m->place, record, key, &object, error) != HO_OK)
        return error->status;
    json_object_foreach(object, name, member)
    {
        bool array;
        double value;
        if (ho_report_hyper_value(m->place, key, name, member, &array, &value, error) != HO_OK)
            return error->status;
        ho_report_course *course = named(m->report, list, name, array, &next);
        if (list->count > MOST_HYPERS)
            return ho_fail_at(error, HO_INVALID, m->place, "%s: more than %d names in this file", key, MOST_HYPERS);
        put(course, m->repeat, m->step, value);
    }
    return HO_OK;
}

static ho_status take_numbers(const moment *m, ho_report_watched *w, const json_t *record, ho_error *error)
{
    const struct {
        const char *key;
        ho_report_course *course; /* NULL: checked, and not drawn */
    } members[] = {{"training_error", &w->training_error},
                   {"validation_error", &w->validation_error},
                   {"validation_accuracy", &w->validation_accuracy},
                   {"error", &w->update_error},
                   {"gradient_norm", &w->gradient_norm},
                   {"epoch", NULL},
                   {"cpu_seconds", NULL},
                   {"update", NULL},
                   {"look", NULL}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        double value;
        if (ho_report_real(m->place, record, members[i].key, &value, error) != HO_OK)
            return error->status;
        if (members[i].course)
            put(members[i].course, m->repeat, m->step, value);
    }
    return HO_OK;
}

/* Looks are called the best so far: the last of them in each repeat is its best. */
static ho_status take_best(const moment *m, ho_report_watched *w, const json_t *record, ho_error *error)
{
    const json_t *best = json_object_get(record, "best");
    if (best && !json_is_boolean(best) && !json_is_null(best))
        return ho_fail_at(error, HO_INVALID, m->place, "best: wanted is true or false");
    double value = json_number_value(json_object_get(record, "validation_error"));
    if (!json_is_true(best) || !json_is_number(json_object_get(record, "validation_error")))
        return HO_OK;
    ho_report_course *course = &w->best;
    if (course->count && course->points[course->count - 1].repeat == m->repeat)
        course->count--;
    put(course, m->repeat, m->step, value);
    return HO_OK;
}

ho_status ho_report_take_step(ho_report *report, ho_report_row *row, size_t repeat, ho_place place, json_t *record,
                              double *last, ho_error *error)
{
    const json_t *step = json_object_get(record, "step");
    moment m = {report, place, repeat, json_number_value(step)};
    if (!json_is_integer(step) || m.step < 1 || m.step > MOST_STEPS)
        return ho_fail_at(error, HO_INVALID, place, "step: wanted is a whole number from 1 to %.0f", MOST_STEPS);
    if (m.step < *last)
        return ho_fail_at(error, HO_INVALID, place, "step: is %.0f after %.0f: wanted are lines in the order of steps",
                          m.step, *last);
    if (json_object_get(record, "iteration"))
        return ho_fail_at(error, HO_INVALID, place, "wanted is a step or an iteration, not both");
    *last = m.step;
    ho_report_watched *w = &row->watched;
    if (take_numbers(&m, w, record, error) != HO_OK || take_best(&m, w, record, error) != HO_OK ||
        take_hypers(&m, &w->hypers, record, "hyperparameters", error) != HO_OK)
        return error->status;
    return take_hypers(&m, &w->tangents, record, "tangent_norms", error);
}

static void free_list(ho_report_course_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].points);
    free(list->items);
}

void ho_report_watched_free(ho_report_watched *w)
{
    free(w->training_error.points);
    free(w->validation_error.points);
    free(w->validation_accuracy.points);
    free(w->best.points);
    free(w->update_error.points);
    free(w->gradient_norm.points);
    free_list(&w->hypers);
    free_list(&w->tangents);
}
