#include "system/digits.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define LOOKED_AT    64 /* of the first steps all, and as many of the others */
#define MOST_DIGITS  16.0
#define CANCELLATION (1.0 / 3.0)

void ho_meter_open(ho_meter *meter, const ho_layout *layout, const ho_hypers *hypers)
{
    ho_arena *arena = layout->ground->arena;
    *meter = (ho_meter){.layout = layout, .hypers = hypers};
    meter->by = ho_arena_alloc(arena, (hypers->tuned_count + 1) * sizeof *meter->by);
    meter->squares = ho_arena_alloc(arena, layout->weight_count * sizeof *meter->squares);
    meter->errors = ho_arena_alloc(arena, (hypers->count + 1) * sizeof *meter->errors);
    for (size_t i = 0; i < hypers->tuned_count; i++) {
        meter->by[i].squares = ho_arena_alloc(arena, layout->segments * layout->weight_count * sizeof *meter->squares);
        meter->by[i].courses = ho_arena_alloc(arena, layout->segments * sizeof *meter->by[i].courses);
    }
    ho_meter_start(meter);
}

static void restart(ho_course *course)
{
    *course = (ho_course){.growth = 1};
}

void ho_meter_start(ho_meter *meter)
{
    const ho_layout *layout = meter->layout;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++) {
        ho_hyper_meter *h = &meter->by[i];
        *h = (ho_hyper_meter){.squares = h->squares, .courses = h->courses};
        memset(h->squares, 0, layout->segments * layout->weight_count * sizeof *h->squares);
        for (size_t k = 0; k < layout->segments; k++)
            restart(&h->courses[k]);
    }
    restart(&meter->course);
    meter->terms = meter->steps = 0;
    meter->t = -1;
    meter->step_weight = meter->sum = meter->error_slope = 0;
    meter->digits = (ho_digits){.fewest = NAN, .most = NAN};
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
    meter->error_slope = norm_of(meter, by_state);
    restart(&meter->course);
    meter->terms = 0;
    meter->size = meter->sum = 0;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++)
        meter->by[i].sum = meter->by[i].noise = 0;
    add_terms(meter, 1, false);
}

void ho_meter_adjoint(ho_meter *meter, int64_t t, const ho_vector *state, const ho_vector *a)
{
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

/* ---- the estimate ------------------------------------------------------------------------------------------------ */

static double error_backwards(const ho_meter *meter, const ho_hyper_meter *h, double size)
{
    const double noise = h->initial ? 0 : h->noise;
    return (meter->course.growth * h->sum + noise) / size;
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
    const double cancellation = CANCELLATION * meter->error_slope * h->last / size;
    return growth * cancellation + (h->initial || h->last == 0 ? 1 : h->peak / h->last);
}

static double digits_of(double error)
{
    return isnan(error) ? 0 : fmin(fmax(-log10(error), 0), MOST_DIGITS);
}

void ho_meter_estimate(ho_meter *meter, const double *gradient)
{
    const bool single = meter->layout->ground->problem->precision == HO_F32;
    const double roundoff = 0.5 * (single ? (double)FLT_EPSILON : DBL_EPSILON);
    end_step(meter);
    meter->digits = (ho_digits){.fewest = NAN, .most = NAN, .roundoff = roundoff, .errors = meter->errors};
    for (size_t i = 0; i < meter->hypers->count; i++)
        meter->errors[i] = NAN;
    double growth;
    const size_t segment = growing_segment(meter, &growth);
    const bool back = meter->terms > 0;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++) {
        const ho_hyperparameter *hyper = ho_tuned_hyper(meter->hypers, i);
        const ho_hyper_meter *h = &meter->by[i];
        double square = 0;
        for (int64_t j = 0; j < hyper->count; j++)
            square += gradient[hyper->offset + j] * gradient[hyper->offset + j];
        if (square == 0 || (meter->terms == 0 && meter->steps == 0))
            continue; /* a gradient of 0, and one that came about in another way, say nothing */
        const double size = sqrt(square), error = roundoff * (back ? error_backwards(meter, h, size)
                                                                   : error_forwards(meter, h, growth, size));
        const double digits = digits_of(error);
        meter->errors[meter->hypers->tuned[i].index] = error;
        if (!(digits >= meter->digits.fewest)) {
            meter->digits.fewest = digits;
            meter->digits.hyper = hyper->name;
            meter->digits.growth = back ? meter->course.most : h->courses[segment].most;
        }
        meter->digits.most = fmax(meter->digits.most, digits);
    }
}
