/* One trajectory, two ways: some hyperparameters by tangents, the others by an adjoint. */
#include "tangents.h"
#include "trail.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct patterns {
    const char *const *texts;
    int64_t count; /* -1: not given */
} patterns;

typedef struct settings {
    patterns forward, reverse;
    int64_t steps_back; /* 0: all */
    int64_t columns_at_once;
} settings;

/* A hyperparameter. */
typedef struct part {
    const char *name;
    int64_t first, count; /* of lambda */
    int64_t directions;
    bool ahead;
} part;

typedef struct split_run {
    tangents ahead;
    trail back; /* zeroed where nothing goes back */
    part *parts;
    int64_t part_count;
    int64_t *which;    /* the part of each direction, SEVERAL: not of one alone; then the directions that go ahead */
    double *direction; /* room for one */
    double *by_tangents;
} split_run;

#define SEVERAL (-1)

#define refuse(s, at, ...) ((s)->api->fail_at((s), HO_HERE, (at), __VA_ARGS__))

/* ---- what there is ----------------------------------------------------------------------------------------------- */

static ho_status list_parts(split_run *r, ho_system *s)
{
    part p = {0};
    while (s->api->hyperparameter(s, r->part_count, &p.first, &p.count))
        r->part_count++;
    r->parts = s->api->alloc(s, ((uint64_t)r->part_count + 1) * sizeof(part));
    if (!r->parts)
        return HO_FAILED;
    for (int64_t i = 0; i < r->part_count; i++) {
        p.name = s->api->hyperparameter(s, i, &p.first, &p.count);
        r->parts[i] = p;
    }
    return HO_OK;
}

static bool moves(const part *p, const double *direction)
{
    for (int64_t i = p->first; i < p->first + p->count; i++)
        if (direction[i] != 0.0)
            return true;
    return false;
}

static void list_directions(split_run *r)
{
    for (int64_t d = 0; d < r->ahead.count; d++) {
        int64_t moved = 0;
        tangents_direction(&r->ahead, d, r->direction);
        for (int64_t i = 0; i < r->part_count; i++)
            if (moves(r->parts + i, r->direction)) {
                r->parts[i].directions++;
                r->which[d] = moved++ ? SEVERAL : i;
            }
    }
}

HO_PRINTF(2, 3)
static void append(char text[400], const char *format, ...)
{
    const size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, 400 - length, format, arguments);
    va_end(arguments);
}

/* ---- which hyperparameter goes which way, by name ---------------------------------------------------------------- */

/* `*` stands for any characters, `?` for one. */
static bool fits(const char *pattern, const char *name)
{
    for (; *pattern && *pattern != '*'; pattern++, name++)
        if (!*name || (*pattern != '?' && *pattern != *name))
            return false;
    if (!*pattern)
        return !*name;
    for (; !fits(pattern + 1, name); name++)
        if (!*name)
            return false;
    return true;
}

/* The first pattern that a name fits; NULL: none. */
static const char *pattern_of(const patterns *p, const char *name)
{
    for (int64_t i = 0; i < p->count; i++)
        if (fits(p->texts[i], name))
            return p->texts[i];
    return NULL;
}

static ho_status refuse_unknown(const split_run *r, ho_system *s, const char *option, const char *pattern)
{
    char tuned[400] = "";
    for (int64_t i = 0; i < r->part_count; i++)
        append(tuned, "%s%s", i ? ", " : "", r->parts[i].name);
    return refuse(s, pattern, "%s: \"%s\" names no hyperparameter that is tuned (tuned: %s)", option, pattern, tuned);
}

static ho_status expect_meaning(const split_run *r, ho_system *s, const char *option, const patterns *p)
{
    for (int64_t i = 0; i < p->count; i++) {
        int64_t h = 0;
        while (h < r->part_count && !fits(p->texts[i], r->parts[h].name))
            h++;
        if (h == r->part_count)
            return refuse_unknown(r, s, option, p->texts[i]);
        for (int64_t j = 0; j < i; j++)
            if (!strcmp(p->texts[i], p->texts[j]))
                return refuse(s, p->texts[i], "%s: \"%s\" is named twice", option, p->texts[i]);
    }
    return HO_OK;
}

/* What is named goes where it is named; where only one list is given, what it leaves goes the other way. */
static ho_status follow_names(split_run *r, const settings *set, ho_system *s)
{
    ho_status status = expect_meaning(r, s, "forward", &set->forward);
    if (status == HO_OK)
        status = expect_meaning(r, s, "reverse", &set->reverse);
    if (status != HO_OK)
        return status;
    for (part *p = r->parts; p < r->parts + r->part_count; p++) {
        const char *forward = pattern_of(&set->forward, p->name), *back = pattern_of(&set->reverse, p->name);
        if (forward && back)
            return refuse(s, back, "reverse: \"%s\" is named twice: in forward (\"%s\") and in reverse (\"%s\")",
                          p->name, forward, back);
        if (!forward && !back && set->forward.count >= 0 && set->reverse.count >= 0)
            return refuse(s, NULL, "\"%s\" is named in neither forward nor reverse", p->name);
        p->ahead = forward || (!back && set->reverse.count >= 0);
    }
    return HO_OK;
}

/* ---- which, by cost ---------------------------------------------------------------------------------------------- */

#define MEBIBYTES(bytes) ((double)(bytes) / 0x1p20)

/* An adjoint over all steps serves all hyperparameters at the price of one: all go one way, the faster that fits. */
static void go_together(split_run *r, const settings *set, const ho_mode_costs *c)
{
    const ho_call_cost ahead = tangents_cost(c, r->ahead.count, set->columns_at_once),
                       back = trail_cost(c, c->steps, c->hypergradients);
    const double training = (double)c->steps * c->step.seconds;
    const int64_t memory = c->memory / 2;
    const bool forward =
        (ahead.bytes <= memory) == (back.bytes <= memory) ? ahead.seconds <= back.seconds : ahead.bytes <= memory;
    const ho_call_cost *chosen = forward ? &ahead : &back, *other = forward ? &back : &ahead;
    for (part *p = r->parts; p < r->parts + r->part_count; p++)
        p->ahead = forward;
    r->ahead.api->tell(r->ahead.system, HO_TELL_CHOICE,
                       "split: all go %s, %.3g trainings in %.3g MiB; %s, it would be %.3g in %.3g MiB",
                       forward ? "forward" : "back", chosen->seconds / training, MEBIBYTES(chosen->bytes),
                       forward ? "back" : "forward", other->seconds / training, MEBIBYTES(other->bytes));
}

static void append_parts(char text[400], const split_run *r, const ho_mode_costs *c, bool ahead)
{
    enum { MOST = 4 };
    int64_t count = 0;
    for (const part *p = r->parts; p < r->parts + r->part_count; p++)
        if (p->ahead == ahead && count++ < MOST)
            append(text, "%s %s (%.3g)", count == 1 ? "" : ",", p->name,
                   tangents_cost(c, p->directions, p->directions).seconds / ((double)c->steps * c->step.seconds));
    if (count > MOST)
        append(text, " and %" PRId64 " more", count - MOST);
    if (count == 0)
        append(text, " none");
}

/* Over fewer steps the adjoint is not exact: forward goes whatever takes less time so than, exactly, back. */
static void go_alone(split_run *r, const ho_mode_costs *c)
{
    char text[400] = "";
    const double back = trail_cost(c, c->steps, 1).seconds;
    for (part *p = r->parts; p < r->parts + r->part_count; p++)
        p->ahead = tangents_cost(c, p->directions, p->directions).seconds <= back;
    append(text, "forward go");
    append_parts(text, r, c, true);
    append(text, "; back go");
    append_parts(text, r, c, false);
    r->ahead.api->tell(
        r->ahead.system, HO_TELL_CHOICE,
        "split: %s. In brackets the trainings that its tangents alone would take; an adjoint over all steps would "
        "take %.3g",
        text, back / ((double)c->steps * c->step.seconds));
}

static ho_status choose(split_run *r, const settings *set, ho_system *s)
{
    if (set->forward.count >= 0 || set->reverse.count >= 0)
        return follow_names(r, set, s);
    const ho_mode_costs *c = s->api->costs(s);
    if (!c)
        return HO_FAILED;
    if (set->steps_back == 0 || set->steps_back >= c->steps)
        go_together(r, set, c);
    else
        go_alone(r, c);
    return HO_OK;
}

static bool any(const split_run *r, bool ahead)
{
    for (int64_t i = 0; i < r->part_count; i++)
        if (r->parts[i].ahead == ahead)
            return true;
    return false;
}

/* The directions of what goes forward. One that leaves it (as those of a check do) makes everything go back. */
static void choose_directions(split_run *r)
{
    tangents *t = &r->ahead;
    int64_t chosen = 0;
    bool mixed = false;
    for (int64_t d = 0; d < t->count; d++)
        mixed = mixed || r->which[d] == SEVERAL;
    for (int64_t i = 0; mixed && any(r, false) && i < r->part_count; i++)
        r->parts[i].ahead = false;
    const bool whole = !any(r, false);
    for (int64_t d = 0; d < t->count; d++)
        if (whole || (r->which[d] != SEVERAL && r->parts[r->which[d]].ahead))
            r->which[chosen++] = d;
    t->which = r->which;
    t->count = chosen;
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

static void end(void *run)
{
    split_run *r = run;
    if (!r)
        return;
    ho_system *s = r->ahead.system;
    tangents_free(&r->ahead);
    if (r->back.system)
        trail_free(&r->back);
    s->api->free_memory(s, r->parts);
    s->api->free_memory(s, r->which);
    s->api->free_memory(s, r->direction);
    s->api->free_memory(s, r->by_tangents);
    s->api->free_memory(s, r);
}

static ho_status make(split_run *r, const settings *set, ho_system *s, const double *lambda)
{
    const uint64_t entries = (uint64_t)r->ahead.lambda_size + 1;
    const int64_t steps = set->steps_back > 0 ? set->steps_back : s->api->steps(s);
    r->which = s->api->alloc(s, ((uint64_t)r->ahead.count + 1) * sizeof *r->which);
    r->direction = s->api->alloc(s, entries * sizeof *r->direction);
    r->by_tangents = s->api->alloc(s, entries * sizeof *r->by_tangents);
    if (!r->which || !r->direction || !r->by_tangents || list_parts(r, s) != HO_OK)
        return HO_FAILED;
    list_directions(r);
    ho_status status = choose(r, set, s);
    if (status != HO_OK)
        return status;
    choose_directions(r);
    status = tangents_start(&r->ahead, lambda, set->columns_at_once, 0, 1);
    if (status != HO_OK || !any(r, false))
        return status;
    if (steps == 0)
        return refuse(s, NULL, "steps_back: it is required when the number of steps is unbounded");
    return trail_start(&r->back, s, lambda, steps);
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    split_run *r = s->api->alloc(s, sizeof(split_run));
    if (!r)
        return HO_FAILED;
    r->ahead = tangents_of(s);
    const ho_status status = make(r, self, s, lambda);
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

static ho_status keep(split_run *r, int64_t t, const double *lambda)
{
    ho_vector *to = trail_next(&r->back, t, lambda);
    if (!to)
        return HO_FAILED;
    r->ahead.api->copy(r->ahead.system, r->ahead.state, to);
    trail_advance(&r->back);
    return HO_OK;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    split_run *r = run;
    ho_status status = HO_OK;
    for (int64_t t = t0; t < t1 && status == HO_OK; t++) {
        status = tangents_step(&r->ahead, t + 1, lambda);
        if (status == HO_OK && r->back.system)
            status = keep(r, t, lambda);
    }
    return status;
}

/* Each entry from the way that its hyperparameter goes. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    split_run *r = run;
    double *by_tangents = r->back.system ? r->by_tangents : gradient;
    ho_status status = tangents_products(&r->ahead, lambda, value, by_tangents);
    if (status == HO_OK)
        tangents_sum(&r->ahead, r->direction, by_tangents);
    if (status != HO_OK || !r->back.system)
        return status;
    status = trail_hypergradient(&r->back, lambda, value, gradient);
    for (const part *p = r->parts; p < r->parts + r->part_count; p++)
        if (p->ahead)
            memcpy(gradient + p->first, by_tangents + p->first, (size_t)p->count * sizeof *gradient);
    return status;
}

static const ho_vector *state(void *run)
{
    return ((const split_run *)run)->ahead.state;
}

static ho_status forget(void *run)
{
    split_run *r = run;
    tangents_forget(&r->ahead);
    if (r->back.system)
        trail_forget(&r->back);
    return HO_OK;
}

static int64_t bytes(void *run)
{
    const split_run *r = run;
    return r->ahead.bytes + r->back.bytes;
}

static ho_status pass(void *run, ho_snapshot *snapshot)
{
    split_run *r = run;
    tangents_pass(&r->ahead, snapshot);
    return r->back.system ? trail_pass(&r->back, snapshot) : HO_OK;
}

static int64_t steps_back(void *self)
{
    const settings *set = self;
    return set->steps_back ? set->steps_back : HO_ALL_STEPS;
}

static ho_status read_patterns(ho_setup *u, const char *option, patterns *p)
{
    p->count = ho_option_count(u, option);
    if (p->count == 0) {
        p->count = -1;
        return HO_OK;
    }
    const char **texts = ho_setup_alloc(u, (uint64_t)p->count * sizeof *texts);
    for (int64_t i = 0; texts && i < p->count; i++)
        texts[i] = ho_option_string_at(u, option, i);
    p->texts = texts;
    return texts ? HO_OK : HO_FAILED;
}

static ho_status create(ho_setup *u, void **self)
{
    settings *set = ho_setup_alloc(u, sizeof *set);
    if (!set || read_patterns(u, "forward", &set->forward) != HO_OK ||
        read_patterns(u, "reverse", &set->reverse) != HO_OK)
        return HO_FAILED;
    set->steps_back = ho_option_integer(u, "steps_back");
    set->columns_at_once = ho_option_integer(u, "columns_at_once");
    *self = set;
    return HO_OK;
}

static const ho_option options[] = {
    {.name = "forward",
     .type = HO_STRINGS,
     .doc = "names of the hyperparameters to differentiate forward; * and ? are wildcards. Default: all that are not "
            "in `reverse` or, without `reverse`, those that are cheaper that way"},
    {.name = "reverse",
     .type = HO_STRINGS,
     .doc = "names of the hyperparameters to differentiate backward; default: all that are not in `forward`"},
    {.name = "steps_back",
     .type = HO_INTEGER,
     .doc = "number of last steps that the adjoint goes back over; default: all, if the number of steps is fixed",
     .least = 1,
     .most = 1e9},
    {.name = "columns_at_once",
     .type = HO_INTEGER,
     .initial = "64",
     .doc = "number of tangents propagated through a step at a time",
     .least = 1.0,
     .most = 65536.0},
};

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .approximate = 1,
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .end = end,
    .pass = pass,
    .steps_back = steps_back,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "split",
    .version = "1.0.0",
    .doc = "one trajectory, two ways: some hyperparameters by tangents, the others by an adjoint over the last steps",
    .details =
        "hypergradient: {mode: split, forward: [dynamics.*], reverse: [mtl.A], steps_back: 20}\n\n"
        "For few rates and momenta beside an array: tangents give the former exactly, after any step; the adjoint "
        "gives the array's entries at the price of one, over the last steps_back steps, in the memory of their states. "
        "So all are updated online together. With steps_back of all steps, or without it, the gradient is that of "
        "reverse but for rounding; else it is exact for what goes forward, and that of truncated for the rest.\n\n"
        "Where neither list is given, costs decide, as `auto` and `hotool plan` reckon them, and one line says how. "
        "With "
        "steps_back of fewer steps, each hyperparameter goes forward whose tangents alone would take no longer than an "
        "adjoint over all steps: what is exact at an ordinary price. Over all steps, one adjoint serves all of them, "
        "so "
        "all go one way: the faster, where memory allows.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
