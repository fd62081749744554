#include "system/digits.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define LOOKED_AT    64 /* steps, if there are so many */
#define MOST_DIGITS  16.0
#define CANCELLATION (1.0 / 3.0)

void ho_meter_open(ho_meter *meter, const ho_layout *layout, const ho_hypers *hypers)
{
    ho_arena *arena = layout->ground->arena;
    *meter = (ho_meter){.layout = layout, .hypers = hypers};
    meter->by = ho_arena_alloc(arena, (hypers->tuned_count + 1) * sizeof *meter->by);
    meter->squares = ho_arena_alloc(arena, layout->weight_count * sizeof *meter->squares);
    meter->errors = ho_arena_alloc(arena, (hypers->count + 1) * sizeof *meter->errors);
    for (size_t i = 0; i < hypers->tuned_count; i++)
        meter->by[i].squares = ho_arena_alloc(arena, layout->weight_count * sizeof *meter->squares);
    ho_meter_start(meter);
}

static void restart(ho_course *course)
{
    *course = (ho_course){.growth = 1};
}

void ho_meter_start(ho_meter *meter)
{
    for (size_t i = 0; i < meter->hypers->tuned_count; i++) {
        double *squares = meter->by[i].squares;
        memset(squares, 0, meter->layout->weight_count * sizeof *squares);
        meter->by[i] = (ho_hyper_meter){.squares = squares};
        restart(&meter->by[i].course);
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
    return stride <= 1 ? 1.0 : k % stride == 0 ? (double)stride : 0.0;
}

static double sum(const double *values, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

/* The next size, as squares by weight tensor. Sizes of 0 say nothing. */
static double follow(ho_course *course, const ho_layout *layout, const double *squares, double weight, int64_t t)
{
    const double square = sum(squares, layout->weight_count), size = sqrt(square);
    if (!(square > 0)) {
        if (isnan(square))
            course->growth = INFINITY;
        return 0;
    }
    course->inverse += weight / square;
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
    return size;
}

/* ---- backwards --------------------------------------------------------------------------------------------------- */

static void add_terms(ho_meter *meter, double weight, bool initial)
{
    for (size_t i = 0; i < meter->hypers->tuned_count; i++) {
        ho_hyper_meter *h = &meter->by[i];
        const double size = ho_hypers_cotangent_norm(meter->hypers, i);
        h->sum += weight * size;
        if (meter->size > 0 && !isnan(size))
            h->most = fmax(h->most, size / meter->size);
        h->initial |= initial && size > 0;
    }
}

void ho_meter_error(ho_meter *meter, const ho_vector *by_state)
{
    memset(meter->squares, 0, meter->layout->weight_count * sizeof *meter->squares);
    ho_vector_squares(by_state, 0, meter->squares);
    meter->error_slope = sqrt(sum(meter->squares, meter->layout->weight_count));
    restart(&meter->course);
    meter->terms = 0;
    meter->size = meter->sum = 0;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++)
        meter->by[i].sum = meter->by[i].most = 0;
    add_terms(meter, 1, false);
}

void ho_meter_adjoint(ho_meter *meter, int64_t t, const ho_vector *a)
{
    const double weight = t == 0 ? 1 : weight_of(meter, meter->terms);
    meter->terms++;
    if (weight == 0)
        return;
    memset(meter->squares, 0, meter->layout->weight_count * sizeof *meter->squares);
    ho_vector_squares(a, 0, meter->squares);
    meter->size = follow(&meter->course, meter->layout, meter->squares, weight, t);
    meter->sum += weight * meter->size * meter->size;
    add_terms(meter, weight, t == 0);
}

/* ---- forwards ---------------------------------------------------------------------------------------------------- */

/* The step under way is over. */
static void end_step(ho_meter *meter)
{
    for (size_t i = 0; i < meter->hypers->tuned_count && meter->step_weight > 0; i++) {
        ho_hyper_meter *h = &meter->by[i];
        h->last = follow(&h->course, meter->layout, h->squares, meter->step_weight, meter->t);
        h->peak = fmax(h->peak, h->last);
        h->initial |= meter->t == 0 && h->last > 0;
        memset(h->squares, 0, meter->layout->weight_count * sizeof *h->squares);
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

void ho_meter_tangents(ho_meter *meter, int64_t t, const ho_vector *z, const double *d)
{
    if (meter->hypers->tuned_count == 0)
        return;
    if (t != meter->t) {
        end_step(meter);
        meter->t = t;
        meter->step_weight = weight_of(meter, meter->steps++);
    }
    for (int64_t j = 0; j < z->columns && meter->step_weight > 0; j++)
        ho_vector_squares(z, j, meter->by[moved_by(meter->hypers, d + j * meter->hypers->size)].squares);
}

/* ---- the estimate ------------------------------------------------------------------------------------------------ */

static double error_backwards(const ho_meter *meter, const ho_hyper_meter *h, double size)
{
    const double noise = h->initial ? 0 : h->most * sqrt(meter->sum);
    return (meter->course.growth * h->sum + noise) / size;
}

/* Of the tangents; *course: whose growth it is, of those that the initial state does not give. */
static double growth_forwards(const ho_meter *meter)
{
    double least = INFINITY;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++)
        if (meter->by[i].peak > 0)
            least = fmin(least, meter->by[i].course.growth);
    return least;
}

static double error_forwards(const ho_meter *meter, const ho_hyper_meter *h, double size)
{
    const double cancellation = CANCELLATION * meter->error_slope * h->last / size;
    return growth_forwards(meter) * cancellation + (h->initial || h->last == 0 ? 1 : h->peak / h->last);
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
    meter->digits = (ho_digits){.fewest = NAN, .most = NAN, .errors = meter->errors};
    for (size_t i = 0; i < meter->hypers->count; i++)
        meter->errors[i] = NAN;
    for (size_t i = 0; i < meter->hypers->tuned_count; i++) {
        const ho_hyperparameter *hyper = ho_tuned_hyper(meter->hypers, i);
        const ho_hyper_meter *h = &meter->by[i];
        double square = 0;
        for (int64_t j = 0; j < hyper->count; j++)
            square += gradient[hyper->offset + j] * gradient[hyper->offset + j];
        if (square == 0 || (meter->terms == 0 && meter->steps == 0))
            continue; /* a gradient of 0, and one that came about in another way, say nothing */
        const bool back = meter->terms > 0;
        double error =
            roundoff * (back ? error_backwards(meter, h, sqrt(square)) : error_forwards(meter, h, sqrt(square)));
        const double digits = digits_of(error);
        meter->errors[meter->hypers->tuned[i].index] = error;
        if (!(digits >= meter->digits.fewest)) {
            meter->digits.fewest = digits;
            meter->digits.hyper = hyper->name;
            meter->digits.growth = back ? meter->course.most : h->course.most;
        }
        meter->digits.most = fmax(meter->digits.most, digits);
    }
}
