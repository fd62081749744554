/*
 * The reference's hypergradient against differences of E, hyperparameter by hyperparameter, each on the scale on which
 * outer steps are taken: of a log scale, dE/d log x = x dE/dx is compared.
 *
 * Differences carry an estimate of their own error (slope.h). A hypergradient farther from them than that allows is
 * wrong. One that is nearer, while the estimate is worse than the tolerance, could not be judged: the reason is told.
 */
#include <float.h>
#include <math.h>

#include "check/internal.h"

#define DIRECTIONS 2    /* random directions for each hyperparameter of several entries */
#define GOOD       1e-8 /* relative error at which differences stop */
#define SHARE      1e-3 /* of the gradient's norm: slopes smaller than that need not be relatively right */
#define FAIR       1e-7 /* beyond it, other steps are tried too */
#define FAINT      1e-6 /* slopes known to so small a share of E per size of lambda are limited by E's rounding */

/* E along a line through lambda. A value beyond a kink, or one of training that diverges, is of no use. */
typedef struct line {
    check *c;
    const double *direction;
    double scale; /* h is in units of it */
    bool across;  /* kinks do not matter */
    int crossed;
    ho_error *error;
} line;

static ho_status train(check *c, const double *lambda, double *value, uint64_t *branches, ho_error *error)
{
    ho_error own = {0};
    *branches = 0;
    ho_training_branches(c->training, branches);
    ho_status status = ho_train(c->training, c->steps, lambda, NULL, value, &own);
    ho_training_branches(c->training, NULL);
    if (status == HO_DIVERGED) {
        *value = NAN;
        return HO_OK;
    }
    return ho_fail_as(error, &own);
}

static ho_status along(void *self, double h, double *value)
{
    line *l = self;
    check *c = l->c;
    uint64_t branches;
    if (h == 0) {
        *value = c->trained;
        return HO_OK;
    }
    ho_check_move(c, h * l->scale, l->direction, c->moved, true);
    ho_status status = train(c, c->moved, value, &branches, l->error);
    if (status == HO_OK && !isnan(*value) && branches != c->branches && !l->across) {
        l->crossed++;
        *value = NAN;
    }
    return status;
}

/* From one step on; what is found joins `best`, whose units are those of lambda. */
static ho_status attempt(line *l, double first, bool both_sides, double scale, ho_slope *best)
{
    ho_slope found;
    ho_status status = ho_slope_of(along, l, first, both_sides, scale * l->scale, GOOD, &found);
    found.value /= l->scale;
    found.error /= l->scale;
    found.step *= l->scale;
    const bool shorter = isinf(best->error) || found.step < best->step;
    *best = shorter ? ho_slope_join(*best, found) : ho_slope_join(found, *best);
    return status;
}

/* Whether differences agree with `exact`, where slopes of the size of `scale` matter. */
static bool agree(const ho_slope *slope, double exact, double scale)
{
    return fabs(slope->value - exact) <= DIFFERENCE_TOLERANCE * fmax(fabs(exact), scale);
}

/* Steps begin in proportion to the hyperparameter's size, on both sides as far as the domain reaches; where that does
 * not do, on the roomier side; where the hyperparameter is small, with steps of the size of 1; and at last with very
 * short ones. */
static ho_status sweep(line *l, double size, double exact, double scale, ho_slope *best)
{
    const struct {
        double size, first;
    } steps[] = {{size, FIRST_STEP}, {1.0, size < 0.1 ? FIRST_STEP : 0}, {size, CLOSER * FIRST_STEP}};
    *best = (ho_slope){.value = NAN, .error = INFINITY};
    for (int k = 0; k < 3; k++) {
        l->scale = steps[k].size;
        const double ahead = ho_check_room(l->c, l->direction, 1, true) / l->scale;
        const double behind = ho_check_room(l->c, l->direction, -1, true) / l->scale;
        const double longest = fmin(ahead, steps[k].first), both = fmin(longest, behind);
        for (int sides = 2; sides >= 1; sides--) {
            const double first = sides == 2 ? both : longest;
            if (first <= (sides == 2 ? 1e-3 * longest : both))
                continue;
            if (attempt(l, first, sides == 2, scale, best) != HO_OK)
                return l->error->status;
            if ((agree(best, exact, scale) && best->error <= FAIR * fmax(fabs(exact), scale)) ||
                (best->used == 0 && l->crossed > 0)) /* other steps would find nothing else */
                return HO_OK;
        }
    }
    return HO_OK;
}

/* The slope along the line, for comparison with `exact`. Where kinks leave too little, differences across them count if
 * they do not contradict it: a kink may be of no weight, or of derivatives alone (stop_noise). */
static ho_status slope_along(line *l, double size, double exact, double scale, ho_slope *best)
{
    const int before = l->crossed;
    if (sweep(l, size, exact, scale, best) != HO_OK || l->crossed == before || agree(best, exact, scale))
        return l->error->status;
    ho_slope across;
    l->across = true;
    ho_status status = sweep(l, size, exact, scale, &across);
    l->across = false;
    const bool near = fabs(across.value - exact) <= HO_SLOPE_TRUST * across.error && isfinite(across.error);
    if (status == HO_OK && (agree(&across, exact, scale) || (isinf(best->error) && near))) {
        across.used = best->used;
        across.lost = best->lost;
        *best = across;
    }
    return status;
}

/* What the differences of one hyperparameter come to, over its directions. */
typedef struct comparison {
    double off, size, error; /* norms: of exact minus numeric, of exact, of numeric's estimated error */
    double step;             /* the shortest that a value rests on */
    int tried, crossed;
} comparison;

/* Of a hyperparameter's entries, which are derivatives by lambda, on its scale. */
static double norm_of(const check *c, const ho_hyperparameter *h, const double *derivatives)
{
    double sum = 0;
    for (int64_t j = h->offset; j < h->offset + h->count; j++)
        if (ho_scale_has(h->step_scale, c->lambda[j]))
            sum = hypot(sum, derivatives[j] * ho_scale_slope(h->step_scale, c->lambda[j]));
    return sum;
}

/* In which steps are measured: on a scale of its own, every hyperparameter is of the size of 1. */
static double size_of(const check *c, const ho_hyperparameter *h)
{
    return h->step_scale == HO_SCALE_LINEAR ? ho_check_size(c, h) : 1.0;
}

static ho_status differ(check *c, const ho_hyperparameter *h, double own_norm, comparison *found, ho_error *error)
{
    line l = {.c = c, .direction = c->direction, .error = error};
    *found = (comparison){.step = INFINITY};
    for (int k = 0; k < (h->count == 1 ? 1 : DIRECTIONS); k++) {
        ho_slope slope;
        ho_check_direction(c, h, c->direction);
        const double exact = ho_check_slope(c, h, c->direction);
        if (slope_along(&l, size_of(c, h), exact, SHARE * own_norm, &slope) != HO_OK)
            return error->status;
        const double off = isnan(slope.value) ? INFINITY : fabs(slope.value - exact);
        found->off = hypot(found->off, off);
        found->size = hypot(found->size, exact);
        found->error = hypot(found->error, slope.error);
        found->step = fmin(found->step, slope.step);
        found->tried += slope.used + slope.lost;
    }
    found->crossed = l.crossed;
    return HO_OK;
}

static void explain(const check *c, const comparison *f, ho_verdict verdict, char *why, size_t room)
{
    const double rounding = c->shaken_value / fabs(c->trained);
    *why = '\0';
    if (verdict == HO_UNSTABLE && isinf(f->error))
        snprintf(why, room, "differences with several step sizes disagree; rounding changes E by %.1g of its size",
                 rounding);
    else if (verdict == HO_UNSTABLE)
        snprintf(why, room,
                 "differences determine the slope to within %.1g of its size; rounding changes E by %.1g of its size",
                 f->error / f->size, rounding);
    else if (verdict == HO_KINKED)
        snprintf(why, room, "steps short enough to avoid every kink are too short for differences");
    else if (verdict == HO_NOISE)
        snprintf(why, room, "its size, %.2g, agrees with differences as far as the rounding of E allows: +- %.1g",
                 f->size, f->error);
    else if (verdict == HO_WRONG)
        snprintf(why, room, "differences are sure of their slope within %.1g of it", f->error / f->size);
}

/* Of one hyperparameter. What moving lambda by its last digits does to E is asked only where it matters. */
static ho_status judge(check *c, const ho_hyperparameter *h, ho_error *error)
{
    comparison f;
    const double own_norm = norm_of(c, h, c->gradient);
    if (differ(c, h, own_norm, &f, error) != HO_OK)
        return error->status;
    /* Directions may be nearly orthogonal to the gradient; a small share of its norm keeps the quotient meaningful. */
    const double scale = fmax(f.size, SHARE * own_norm), figure = scale > 0 ? f.off / scale : f.off;
    ho_verdict verdict = HO_GOOD;
    if (!(figure <= DIFFERENCE_TOLERANCE)) {
        if (ho_check_shake(c, error) != HO_OK)
            return error->status;
        f.error = hypot(hypot(f.error, c->shaken_value / f.step), norm_of(c, h, c->shaken_entries));
        const bool calm = ho_check_calm(c); /* else differences can confirm, but not refute */
        if (calm && f.off > HO_SLOPE_TRUST * f.error)
            verdict = HO_WRONG;
        else if (calm && f.error * size_of(c, h) <= FAINT * fabs(c->trained))
            verdict = HO_NOISE;
        else
            verdict = f.crossed > 0 ? HO_KINKED : HO_UNSTABLE;
    }
    char what[160], units[24] = "", kinks[64] = "", why[240];
    explain(c, &f, verdict, why, sizeof why);
    c->settled[h - c->hypers] = verdict == HO_GOOD || verdict == HO_WRONG;
    if (c->last && (verdict == HO_UNSTABLE || verdict == HO_KINKED))
        verdict = HO_WRONG; /* nothing vouches for it */
    if (f.crossed)
        snprintf(kinks, sizeof kinks, " (%d of %d cross a kink)", f.crossed, f.tried);
    if (h->step_scale != HO_SCALE_LINEAR)
        snprintf(units, sizeof units, " by its %s", ho_scale_names[h->step_scale]);
    snprintf(what, sizeof what, "central differences: %s%s%s", h->name, units, kinks);
    ho_check_say(c, verdict, what, figure, DIFFERENCE_TOLERANCE, why);
    return HO_OK;
}

ho_status ho_check_differences(check *c, ho_error *error)
{
    ho_status status = train(c, c->lambda, &c->trained, &c->branches, error);
    for (size_t i = 0; i < c->hyper_count && status == HO_OK; i++)
        if (c->hypers[i].tuned && !c->settled[i])
            status = judge(c, &c->hypers[i], error);
    return status;
}
