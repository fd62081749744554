#include "system/digits.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define SHADOWED     32 /* hypergradients from one with a shadow to the next */
#define LOOKED_AT    64 /* of the first steps all, and as many of the others */
#define MOST_DIGITS  16.0
#define CANCELLATION (1.0 / 3.0)
#define CALM_RISE    5.0 /* of adjoints: beyond it they do not tell enough */

void ho_meter_open(ho_meter *meter, const ho_layout *layout, const ho_hypers *hypers)
{
    ho_arena *arena = layout->ground->arena;
    *meter = (ho_meter){.layout = layout, .hypers = hypers};
    meter->by = ho_arena_alloc(arena, (hypers->tuned_count + 1) * sizeof *meter->by);
    meter->squares = ho_arena_alloc(arena, layout->weight_count * sizeof *meter->squares);
    meter->slopes = ho_arena_alloc(arena, layout->weight_count * sizeof *meter->slopes);
    meter->errors = ho_arena_alloc(arena, (hypers->count + 1) * sizeof *meter->errors);
    for (size_t i = 0; i < hypers->tuned_count; i++) {
        meter->by[i].squares = ho_arena_alloc(arena, layout->segments * layout->weight_count * sizeof *meter->squares);
        meter->by[i].lasts = ho_arena_alloc(arena, layout->weight_count * sizeof *meter->squares);
        meter->by[i].courses = ho_arena_alloc(arena, layout->segments * sizeof *meter->by[i].courses);
    }
    meter->shadow.amplification = 1;
    ho_meter_start(meter);
    ho_meter_stop(meter); /* only a mode has a shadow */
}

void ho_meter_close(ho_meter *meter)
{
    ho_vector_release(meter->shadow.state);
    ho_vector_release(meter->shadow.next);
}

static void restart(ho_course *course)
{
    *course = (ho_course){.growth = 1};
}

/* Where a shadow is due, it begins with the next step. */
static void await_shadow(ho_meter *meter)
{
    meter->shadow.stage = meter->hypergradients % SHADOWED == 0 ? HO_SHADOW_WAITS : HO_SHADOW_OFF;
}

void ho_meter_stop(ho_meter *meter)
{
    meter->shadow.stage = HO_SHADOW_OFF;
}

void ho_meter_reconsider(ho_meter *meter)
{
    meter->hypergradients--;
    await_shadow(meter);
}

void ho_meter_start(ho_meter *meter)
{
    const ho_layout *layout = meter->layout;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++) {
        ho_hyper_meter *h = &meter->by[i];
        *h = (ho_hyper_meter){.squares = h->squares, .courses = h->courses, .lasts = h->lasts};
        memset(h->lasts, 0, layout->weight_count * sizeof *h->lasts);
        memset(h->squares, 0, layout->segments * layout->weight_count * sizeof *h->squares);
        for (size_t k = 0; k < layout->segments; k++)
            restart(&h->courses[k]);
    }
    restart(&meter->course);
    meter->terms = meter->steps = 0;
    meter->t = -1;
    meter->step_weight = meter->sum = 0;
    meter->digits = (ho_digits){.fewest = NAN, .most = NAN};
    await_shadow(meter);
}

/* How many steps number k stands for, from 0; 0: it is passed over. */
static double weight_of(const ho_meter *meter, int64_t k)
{
    const int64_t steps = meter->layout->ground->problem->steps;
    const int64_t stride = (steps > 0 ? steps : k) / LOOKED_AT;
    return k < LOOKED_AT || stride <= 1 ? 1.0 : k % stride == 0 ? (double)stride : 0.0;
}

static double sum(const double *values, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

/* The norm of a column's segment, and its squares by weight tensor. */
static double norm_of(ho_meter *meter, const ho_vector *v)
{
    memset(meter->squares, 0, meter->layout->weight_count * sizeof *meter->squares);
    ho_vector_squares(v, 0, 0, meter->squares);
    return sqrt(sum(meter->squares, meter->layout->weight_count));
}

/* The next size; `squares`: what it is made of, by weight tensor. Sizes of 0 say nothing. */
static void follow(ho_course *course, const ho_layout *layout, double size, const double *squares, double weight,
                   int64_t t)
{
    if (isnan(size))
        course->growth = INFINITY;
    if (!(size > 0))
        return;
    course->inverse += weight / (size * size);
    course->growth = fmax(course->growth, size * sqrt(course->inverse));
    if (course->least == 0 || size < course->least) {
        course->least = size;
        course->least_at = t;
    } else if (size > course->least * course->most.factor) {
        size_t largest = 0;
        for (size_t i = 1; i < layout->weight_count; i++)
            if (squares[i] > squares[largest])
                largest = i;
        course->most = (ho_growth){layout->weights[largest].name, course->least_at, t, size / course->least};
    }
}

/* ---- backwards --------------------------------------------------------------------------------------------------- */

static void add_terms(ho_meter *meter, double weight, bool initial)
{
    for (size_t i = 0; i < meter->hypers->tuned_count; i++) {
        ho_hyper_meter *h = &meter->by[i];
        const double size = ho_hypers_cotangent_norm(meter->hypers, i);
        h->sum += weight * size;
        if (meter->size > 0 && !isnan(size))
            h->noise = fmax(h->noise, size / meter->size * sqrt(meter->sum));
        h->initial |= initial && size > 0;
    }
}

void ho_meter_error(ho_meter *meter, const ho_vector *by_state)
{
    norm_of(meter, by_state);
    for (size_t k = 0; k < meter->layout->weight_count; k++)
        meter->slopes[k] = sqrt(meter->squares[k]);
    restart(&meter->course);
    meter->terms = 0;
    meter->back_t = -1;
    meter->size = meter->sum = 0;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++)
        meter->by[i].sum = meter->by[i].noise = 0;
    add_terms(meter, 1, false);
}

void ho_meter_adjoint(ho_meter *meter, int64_t t, const ho_vector *state, const ho_vector *a)
{
    if (t == meter->back_t)
        return; /* a solver at one step: no way back */
    meter->back_t = t;
    const double weight = state ? weight_of(meter, meter->terms) : 1;
    meter->terms++;
    if (weight == 0)
        return;
    const double scale = state ? norm_of(meter, state) : 0;
    meter->size = norm_of(meter, a);
    if (scale > 0)
        follow(&meter->course, meter->layout, scale * meter->size, meter->squares, weight, t);
    meter->sum += weight * meter->size * meter->size;
    add_terms(meter, weight, !state);
}

/* ---- forwards ---------------------------------------------------------------------------------------------------- */

/* The step under way is over. */
static void end_step(ho_meter *meter)
{
    const ho_layout *layout = meter->layout;
    const size_t weights = layout->weight_count;
    for (size_t i = 0; i < meter->hypers->tuned_count && meter->step_weight > 0; i++) {
        ho_hyper_meter *h = &meter->by[i];
        h->last = sqrt(sum(h->squares, weights));
        for (size_t k = 0; k < weights; k++)
            h->lasts[k] = sqrt(h->squares[k]);
        h->peak = fmax(h->peak, h->last);
        h->initial |= meter->t == 0 && h->last > 0;
        for (size_t k = 0; k < layout->segments && meter->step_state > 0; k++) {
            const double *squares = h->squares + k * weights, size = sqrt(sum(squares, weights));
            follow(&h->courses[k], layout, size / meter->step_state, squares, meter->step_weight, meter->t);
        }
        memset(h->squares, 0, layout->segments * weights * sizeof *h->squares);
    }
    meter->step_weight = 0;
}

/* Which hyperparameter a direction moves. */
static size_t moved_by(const ho_hypers *hypers, const double *d)
{
    int64_t at = 0;
    while (at < hypers->size - 1 && d[at] == 0)
        at++;
    size_t i = 0;
    while (i + 1 < hypers->tuned_count && ho_tuned_hyper(hypers, i + 1)->offset <= at)
        i++;
    return i;
}

void ho_meter_tangents(ho_meter *meter, int64_t t, const ho_vector *state, const ho_vector *z, const double *d)
{
    if (meter->hypers->tuned_count == 0)
        return;
    if (t != meter->t) {
        end_step(meter);
        meter->t = t;
        meter->step_weight = weight_of(meter, meter->steps++);
        meter->step_state = state && meter->step_weight > 0 ? norm_of(meter, state) : 0;
    }
    for (int64_t j = 0; j < z->columns && meter->step_weight > 0; j++) {
        const ho_hyper_meter *h = &meter->by[moved_by(meter->hypers, d + j * meter->hypers->size)];
        for (size_t k = 0; k < meter->layout->segments; k++)
            ho_vector_squares(z, k, j, h->squares + k * meter->layout->weight_count);
    }
}

/* ---- the shadow -------------------------------------------------------------------------------------------------- */

static double roundoff_of(const ho_layout *layout)
{
    return 0.5 * (layout->ground->problem->precision == HO_F32 ? (double)FLT_EPSILON : DBL_EPSILON);
}

static ho_status make_shadow(ho_meter *meter, ho_error *error)
{
    ho_shadow *s = &meter->shadow;
    if (!s->state)
        s->state = ho_vector_make(meter->layout, 1, error);
    if (!s->next)
        s->next = ho_vector_make(meter->layout, 1, error);
    return s->state && s->next ? HO_OK : error->status;
}

static ho_status begin_shadow(ho_meter *meter, int64_t t, const ho_vector *next, ho_error *error)
{
    ho_shadow *s = &meter->shadow;
    if (make_shadow(meter, error) != HO_OK)
        return error->status;
    ho_vector_copy(next, s->state);
    ho_vector_shake(s->state);
    restart(&s->course);
    s->farthest = 0;
    s->stage = HO_SHADOW_RUNS;
    s->t = t;
    return HO_OK;
}

ho_status ho_meter_step(ho_meter *meter, int64_t t, const ho_vector *next, ho_error *error)
{
    ho_shadow *s = &meter->shadow;
    if (s->stage == HO_SHADOW_WAITS)
        return begin_shadow(meter, t, next, error);
    if (s->stage != HO_SHADOW_RUNS || t != s->t + 1)
        return HO_OK;
    ho_vector *old = s->state;
    s->state = s->next;
    s->next = old;
    s->t = t;
    if (weight_of(meter, t - 1) == 0 && t != meter->layout->ground->problem->steps)
        return HO_OK;
    const double size = norm_of(meter, next);
    memset(meter->squares, 0, meter->layout->weight_count * sizeof *meter->squares);
    ho_vector_distances(s->state, next, meter->squares);
    const double distance = size > 0 ? sqrt(sum(meter->squares, meter->layout->weight_count)) / size : 0;
    follow(&s->course, meter->layout, distance, meter->squares, 1, t);
    s->farthest = isnan(distance) ? INFINITY : fmax(s->farthest, distance);
    return HO_OK;
}

/* ---- the estimate ------------------------------------------------------------------------------------------------ */

static double error_backwards(const ho_hyper_meter *h, double growth, double size)
{
    const double noise = h->initial ? 0 : h->noise;
    return (growth * h->sum + noise) / size;
}

/* The segment that grows most, in the hyperparameter whose tangents grow least: these grow also by what is added. */
static size_t growing_segment(const ho_meter *meter, double *growth)
{
    size_t segment = 0;
    *growth = 1;
    for (size_t k = 0; k < meter->layout->segments; k++) {
        double least = INFINITY;
        for (size_t i = 0; i < meter->hypers->tuned_count; i++)
            if (meter->by[i].courses[k].least > 0)
                least = fmin(least, meter->by[i].courses[k].growth);
        if (isfinite(least) && least > *growth) {
            *growth = least;
            segment = k;
        }
    }
    return segment;
}

static double error_forwards(const ho_meter *meter, const ho_hyper_meter *h, double growth, double size)
{
    double products = 0;
    for (size_t k = 0; k < meter->layout->weight_count; k++)
        products += meter->slopes[k] * h->lasts[k];
    const double cancellation = CANCELLATION * products / size;
    return growth * cancellation + (h->initial || h->last == 0 ? 1 : h->peak / h->last);
}

/* Whether adjoints say so little of what rounding does, or so much, that a shadow should tell. */
static bool seems_rough(const ho_meter *meter)
{
    const ho_course *c = &meter->course;
    return meter->terms <= 1 || !(c->most.factor <= CALM_RISE) || !isfinite(c->growth);
}

/* What shadows have seen of rounding. Without one, at a hypergradient that should have it, nothing yet. */
static void judge_shadow(ho_meter *meter, double roundoff)
{
    ho_shadow *s = &meter->shadow;
    const bool due = meter->hypergradients % SHADOWED == 0;
    if (s->stage == HO_SHADOW_RUNS)
        s->amplification = fmax(1, s->farthest / roundoff);
    else if (due)
        s->amplification = 1;
    s->missing = due && s->stage == HO_SHADOW_OFF && seems_rough(meter);
}

static double digits_of(double error)
{
    return isnan(error) ? 0 : fmin(fmax(-log10(error), 0), MOST_DIGITS);
}

void ho_meter_estimate(ho_meter *meter, const double *gradient)
{
    const double roundoff = roundoff_of(meter->layout);
    end_step(meter);
    judge_shadow(meter, roundoff);
    meter->digits = (ho_digits){.fewest = NAN,
                                .most = NAN,
                                .roundoff = roundoff,
                                .amplification = meter->shadow.amplification,
                                .errors = meter->errors};
    for (size_t i = 0; i < meter->hypers->count; i++)
        meter->errors[i] = NAN;
    const bool back = meter->terms > 0;
    const double amplification = meter->shadow.amplification;
    double growth = meter->course.growth;
    const size_t segment = back ? 0 : growing_segment(meter, &growth);
    const bool by_shadow = amplification > fmin(growth, HO_MUCH_GROWTH);
    growth = fmax(growth, amplification);
    bool finite = true;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++) {
        const ho_hyperparameter *hyper = ho_tuned_hyper(meter->hypers, i);
        const ho_hyper_meter *h = &meter->by[i];
        double square = 0;
        for (int64_t j = 0; j < hyper->count; j++) {
            square += gradient[hyper->offset + j] * gradient[hyper->offset + j];
            finite = finite && isfinite(gradient[hyper->offset + j]);
        }
        if (square == 0 || (meter->terms == 0 && meter->steps == 0))
            continue; /* a gradient of 0, and one that came about in another way, say nothing */
        const double size = sqrt(square), error = roundoff * (back ? error_backwards(h, growth, size)
                                                                   : error_forwards(meter, h, growth, size));
        const double digits = digits_of(error);
        meter->errors[meter->hypers->tuned[i].index] = error;
        if (!(digits >= meter->digits.fewest)) {
            meter->digits.fewest = digits;
            meter->digits.hyper = hyper->name;
            meter->digits.growth = by_shadow ? meter->shadow.course.most
                                   : back    ? meter->course.most
                                             : h->courses[segment].most;
        }
        meter->digits.most = fmax(meter->digits.most, digits);
    }
    meter->hypergradients += finite; /* else it is computed again */
    await_shadow(meter);
}

/* ---- a memory of it ---------------------------------------------------------------------------------------------- */

static void pass_growth(const ho_meter *meter, ho_growth *growth, ho_snapshot *snapshot)
{
    HO_SNAPSHOT(snapshot, *growth);
    ho_snapshot_text(snapshot, &growth->weight, meter->layout->ground->arena);
}

static void pass_course(const ho_meter *meter, ho_course *course, ho_snapshot *snapshot)
{
    HO_SNAPSHOT(snapshot, *course);
    pass_growth(meter, &course->most, snapshot);
}

static void pass_hyper(const ho_meter *meter, ho_hyper_meter *h, ho_snapshot *snapshot)
{
    const size_t weights = meter->layout->weight_count, segments = meter->layout->segments;
    HO_SNAPSHOT(snapshot, h->initial);
    HO_SNAPSHOT(snapshot, h->sum);
    HO_SNAPSHOT(snapshot, h->noise);
    HO_SNAPSHOT(snapshot, h->last);
    HO_SNAPSHOT(snapshot, h->peak);
    ho_snapshot_pass(snapshot, h->lasts, weights * sizeof *h->lasts);
    ho_snapshot_pass(snapshot, h->squares, segments * weights * sizeof *h->squares);
    for (size_t k = 0; k < segments; k++)
        pass_course(meter, &h->courses[k], snapshot);
}

static void pass_digits(ho_meter *meter, ho_snapshot *snapshot)
{
    ho_digits *d = &meter->digits;
    HO_SNAPSHOT(snapshot, d->fewest);
    HO_SNAPSHOT(snapshot, d->most);
    HO_SNAPSHOT(snapshot, d->amplification);
    HO_SNAPSHOT(snapshot, d->roundoff);
    ho_snapshot_text(snapshot, &d->hyper, meter->layout->ground->arena);
    pass_growth(meter, &d->growth, snapshot);
    ho_snapshot_pass(snapshot, meter->errors, meter->hypers->count * sizeof *meter->errors);
    d->errors = meter->errors;
}

static ho_status pass_shadow(ho_meter *meter, ho_snapshot *snapshot, ho_error *error)
{
    ho_shadow *s = &meter->shadow;
    HO_SNAPSHOT(snapshot, s->stage);
    HO_SNAPSHOT(snapshot, s->t);
    HO_SNAPSHOT(snapshot, s->amplification);
    HO_SNAPSHOT(snapshot, s->farthest);
    pass_course(meter, &s->course, snapshot);
    if (s->stage != HO_SHADOW_RUNS)
        return HO_OK;
    if (make_shadow(meter, error) != HO_OK)
        return error->status;
    ho_vector_pass(s->state, snapshot);
    return HO_OK;
}

ho_status ho_meter_pass(ho_meter *meter, ho_snapshot *snapshot, ho_error *error)
{
    HO_SNAPSHOT(snapshot, meter->hypergradients);
    HO_SNAPSHOT(snapshot, meter->terms);
    HO_SNAPSHOT(snapshot, meter->back_t);
    HO_SNAPSHOT(snapshot, meter->weight);
    HO_SNAPSHOT(snapshot, meter->size);
    HO_SNAPSHOT(snapshot, meter->sum);
    HO_SNAPSHOT(snapshot, meter->t);
    HO_SNAPSHOT(snapshot, meter->steps);
    HO_SNAPSHOT(snapshot, meter->step_weight);
    HO_SNAPSHOT(snapshot, meter->step_state);
    pass_course(meter, &meter->course, snapshot);
    ho_snapshot_pass(snapshot, meter->slopes, meter->layout->weight_count * sizeof *meter->slopes);
    for (size_t i = 0; i < meter->hypers->tuned_count; i++)
        pass_hyper(meter, &meter->by[i], snapshot);
    pass_digits(meter, snapshot);
    return pass_shadow(meter, snapshot, error);
}
