/* One trajectory, two ways: some hyperparameters by tangents, the others by an adjoint. */
#include "tangents.h"
#include "trail.h"

#include <stdbool.h>

typedef struct patterns {
    const char *const *texts;
    int64_t count; /* -1: not given */
} patterns;

typedef struct settings {
    patterns forward, reverse;
    int64_t steps_back; /* 0: all */
    int64_t columns_at_once;
} settings;

typedef struct split_run {
    tangents ahead;
    trail back;
    bool *is_ahead;    /* by entry of lambda */
    int64_t *which;    /* directions that are carried as tangents */
    double *direction; /* room for one */
    double *by_tangents;
} split_run;

#define fail_with(s, ...) ((s)->api->fail((s), HO_HERE, __VA_ARGS__))

/* ---- which hyperparameter goes which way ------------------------------------------------------------------------- */

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

static bool names(const patterns *p, const char *name)
{
    for (int64_t i = 0; i < p->count; i++)
        if (fits(p->texts[i], name))
            return true;
    return false;
}

static ho_status expect_meaning(ho_system *s, const char *option, const patterns *p)
{
    for (int64_t i = 0; i < p->count; i++) {
        int64_t first, count, h = 0;
        const char *name;
        while ((name = s->api->hyperparameter(s, h, &first, &count)) && !fits(p->texts[i], name))
            h++;
        if (!name)
            return fail_with(s, "%s: \"%s\" names no hyperparameter that is tuned", option, p->texts[i]);
    }
    return HO_OK;
}

/* What is named goes where it is named; where only one of both is given, what it leaves goes the other way; where none
 * is, numbers go forward and arrays back, since a tangent costs as much as two steps. */
static ho_status choose(const settings *set, ho_system *s, const char *name, int64_t count, bool *ahead)
{
    const bool forward = names(&set->forward, name), back = names(&set->reverse, name);
    if (forward && back)
        return fail_with(s, "\"%s\" is named twice: in forward and in reverse", name);
    if (!forward && !back && set->forward.count >= 0 && set->reverse.count >= 0)
        return fail_with(s, "\"%s\" is named in neither forward nor reverse", name);
    *ahead = forward || (!back && (set->reverse.count >= 0 || (set->forward.count < 0 && count == 1)));
    return HO_OK;
}

static ho_status choose_all(split_run *r, const settings *set, ho_system *s)
{
    int64_t first, count;
    const char *name;
    ho_status status = expect_meaning(s, "forward", &set->forward);
    if (status == HO_OK)
        status = expect_meaning(s, "reverse", &set->reverse);
    for (int64_t h = 0; status == HO_OK && (name = s->api->hyperparameter(s, h, &first, &count)); h++) {
        bool ahead = false;
        status = choose(set, s, name, count, &ahead);
        for (int64_t i = first; i < first + count; i++)
            r->is_ahead[i] = ahead;
    }
    return status;
}

/* The directions of what goes forward. One that leaves it (as those of a check do) makes everything go back. */
static void choose_directions(split_run *r)
{
    tangents *t = &r->ahead;
    int64_t chosen = 0;
    bool mixed = false;
    for (int64_t d = 0; d < t->count && !mixed; d++) {
        bool ahead = false, back = false;
        t->api->direction(t->system, d, r->direction);
        for (int64_t i = 0; i < t->lambda_size; i++)
            if (r->direction[i] != 0.0)
                *(r->is_ahead[i] ? &ahead : &back) = true;
        if (ahead)
            r->which[chosen++] = d;
        mixed = ahead && back;
    }
    if (mixed)
        memset(r->is_ahead, 0, (size_t)t->lambda_size * sizeof *r->is_ahead);
    t->which = r->which;
    t->count = mixed ? 0 : chosen;
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
    s->api->free_memory(s, r->is_ahead);
    s->api->free_memory(s, r->which);
    s->api->free_memory(s, r->direction);
    s->api->free_memory(s, r->by_tangents);
    s->api->free_memory(s, r);
}

static ho_status make(split_run *r, const settings *set, ho_system *s, const double *lambda)
{
    const uint64_t entries = (uint64_t)r->ahead.lambda_size + 1;
    const int64_t steps = set->steps_back > 0 ? set->steps_back : s->api->steps(s);
    r->is_ahead = s->api->alloc(s, entries * sizeof *r->is_ahead);
    r->which = s->api->alloc(s, ((uint64_t)r->ahead.count + 1) * sizeof *r->which);
    r->direction = s->api->alloc(s, entries * sizeof *r->direction);
    r->by_tangents = s->api->alloc(s, entries * sizeof *r->by_tangents);
    if (!r->is_ahead || !r->which || !r->direction || !r->by_tangents)
        return HO_FAILED;
    if (steps == 0)
        return fail_with(s, "steps_back: it must say how far to go back in training without an end");
    ho_status status = choose_all(r, set, s);
    if (status != HO_OK)
        return status;
    choose_directions(r);
    status = tangents_start(&r->ahead, lambda, set->columns_at_once, 0, 1);
    return status == HO_OK ? trail_start(&r->back, s, lambda, steps) : status;
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

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    split_run *r = run;
    for (int64_t t = t0; t < t1; t++) {
        const ho_status status = tangents_step(&r->ahead, t + 1, lambda);
        ho_vector *to = status == HO_OK ? trail_next(&r->back, t, lambda) : NULL;
        if (!to)
            return status != HO_OK ? status : HO_FAILED;
        r->ahead.api->copy(r->ahead.system, r->ahead.state, to);
        trail_advance(&r->back);
    }
    return HO_OK;
}

/* Each entry from the way that its hyperparameter goes. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    split_run *r = run;
    ho_status status = tangents_products(&r->ahead, lambda, value, r->by_tangents);
    if (status != HO_OK)
        return status;
    tangents_sum(&r->ahead, r->direction, r->by_tangents);
    status = trail_hypergradient(&r->back, lambda, value, gradient);
    for (int64_t i = 0; i < r->ahead.lambda_size; i++)
        if (r->is_ahead[i])
            gradient[i] = r->by_tangents[i];
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
    return trail_pass(&r->back, snapshot);
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
     .doc = "the hyperparameters that go forward, by name, with * and ?; default: those that are one number each, or "
            "all that `reverse` leaves"},
    {.name = "reverse", .type = HO_STRINGS, .doc = "those that go back; default: all that `forward` leaves"},
    {.name = "steps_back",
     .type = HO_INTEGER,
     .doc = "over how many of the last steps the adjoint goes back; default: all, where training has an end",
     .least = 1,
     .most = 1e9},
    {.name = "columns_at_once",
     .type = HO_INTEGER,
     .initial = "64",
     .doc = "how many tangents are propagated through a step together",
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
        "reverse "
        "but for rounding; else it is exact for what goes forward, and that of truncated for the rest.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
