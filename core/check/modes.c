/* Modes against each other: exact ones must agree, of the others is told how far they are off. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/internal.h"

#define SHAKES         3
#define MODES_TRUST    100.0 /* modes may be apart by so many times what rounding lambda does to one of them */
#define ROUNDING_TRUST 10.0  /* ... and by so many times what their digits say, where that is little */
#define CALM           1e4 /* roundings of E that moving lambda by its last digits may cost where training is stable */
#define TINY           1e-10 /* of E: a gradient of such a size is noise where modes disagree about it */
#define DEGREES        57.29577951308232

/* Of the last hypergradient, relative, as its digits say. */
static double rounding_error(const check *c)
{
    const double digits = ho_training_digits(c->training)->fewest;
    return isnan(digits) ? 0 : pow(10, -digits);
}

ho_status ho_check_reference(check *c, ho_error *error)
{
    c->shaken = false;
    const ho_status status =
        ho_hypergradient(c->training, c->reference, c->steps, c->lambda, &c->value, c->gradient, NULL, error);
    c->rounding = rounding_error(c);
    return status;
}

/* <a, b>; where only a few directions are asked for, of the projections on these. */
static double product(const check *c, const double *a, const double *b)
{
    if (!c->few)
        return ho_check_dot(a, b, c->size);
    double sum = 0;
    for (int k = 0; k < FEW_FORWARD; k++) {
        const double *d = c->few + (size_t)k * (size_t)c->size;
        sum += ho_check_dot(a, d, c->size) * ho_check_dot(b, d, c->size);
    }
    return sum;
}

/* ||a - b|| */
static double distance(check *c, const double *a, const double *b)
{
    for (int64_t i = 0; i < c->size; i++)
        c->moved[i] = a[i] - b[i];
    return sqrt(product(c, c->moved, c->moved));
}

/* A hypergradient, of use along the directions that modes are compared along. */
static ho_status compute(check *c, const ho_instance *mode, const double *lambda, double *value, double *gradient,
                         ho_error *error)
{
    ho_training_restrict_directions(c->training, c->few, FEW_FORWARD);
    ho_status status = ho_hypergradient(c->training, mode, c->steps, lambda, value, gradient, NULL, error);
    ho_training_restrict_directions(c->training, NULL, 0);
    return status;
}

/* Moves lambda by its last digits: how far that moves E and the hypergradient by `mode`, whose one at lambda is given.
 */
static ho_status shake(check *c, const ho_instance *mode, const double *gradient, double *by_value, double *by_gradient,
                       double *by_entries, ho_error *error)
{
    double *lambda = ho_alloc(2 * (size_t)c->size * sizeof *lambda), *other = lambda + c->size, value;
    ho_status status = HO_OK;
    *by_value = *by_gradient = 0;
    for (int k = 1; k <= SHAKES && status == HO_OK; k++) {
        ho_check_direction(c, NULL, c->direction);
        ho_check_move(c, 4 * k * DBL_EPSILON, c->direction, lambda, false);
        ho_error own = {0};
        status = compute(c, mode, lambda, &value, other, &own);
        if (status == HO_DIVERGED) {
            *by_value = *by_gradient = INFINITY; /* too unstable for entries to matter */
            status = HO_OK;
            continue;
        }
        if (status != HO_OK) {
            ho_fail_as(error, &own);
            break;
        }
        for (int64_t i = 0; i < c->size; i++)
            c->moved[i] = lambda[i] - c->lambda[i];
        /* What the slope explains is no rounding, unless the slope is what is wrong. */
        const double moved = value - c->value, rest = moved - ho_check_dot(gradient, c->moved, c->size);
        *by_value = fmax(*by_value, fmin(fabs(moved), fabs(rest)));
        *by_gradient = fmax(*by_gradient, distance(c, other, gradient));
        for (int64_t i = 0; by_entries && i < c->size; i++)
            by_entries[i] = fmax(k > 1 ? by_entries[i] : 0, fabs(other[i] - gradient[i]));
    }
    free(lambda);
    return status;
}

ho_status ho_check_shake(check *c, ho_error *error)
{
    if (c->shaken)
        return HO_OK;
    ho_status status =
        shake(c, c->reference, c->gradient, &c->shaken_value, &c->shaken_gradient, c->shaken_entries, error);
    c->shaken = status == HO_OK;
    return status;
}

bool ho_check_calm(const check *c)
{
    return c->shaken_value <= CALM * DBL_EPSILON * fabs(c->value);
}

static double relative(double a, double b)
{
    double scale = fmax(fabs(a), fabs(b));
    return scale > 0 ? fabs(a - b) / scale : fabs(a - b);
}

/* Modes apart: wrong, or no more than rounding explains in both of them? */
static ho_status judge_exact(check *c, const ho_instance *mode, const char *what, const double *other, ho_error *error)
{
    const double off = distance(c, other, c->gradient), size = sqrt(product(c, c->gradient, c->gradient));
    const double figure = size > 0 ? off / size : off;
    ho_verdict verdict = HO_GOOD;
    char why[200] = "";
    if (!(figure <= MODES_TOLERANCE)) {
        double by_value, by_gradient;
        const double rounding = ROUNDING_TRUST * fmax(c->rounding, rounding_error(c));
        if (ho_check_shake(c, error) != HO_OK || shake(c, mode, other, &by_value, &by_gradient, NULL, error) != HO_OK)
            return error->status;
        by_gradient = fmin(by_gradient, c->shaken_gradient);
        const bool shaky = off <= MODES_TRUST * by_gradient, rough = figure <= fmin(rounding, DIFFERENCE_TOLERANCE);
        verdict = !(shaky || rough) ? HO_WRONG : size <= TINY * fabs(c->value) ? HO_NOISE : HO_UNSTABLE;
        if (verdict != HO_WRONG && shaky)
            snprintf(why, sizeof why,
                     "moving lambda by its last digits moves both hypergradients by %.1g of their size",
                     size > 0 ? by_gradient / size : by_gradient);
        else if (verdict != HO_WRONG)
            snprintf(why, sizeof why, "by their digits, rounding moves one of them by %.1g of its size",
                     rounding / ROUNDING_TRUST);
    }
    c->modes_settled = c->modes_settled && (verdict == HO_GOOD || verdict == HO_WRONG);
    ho_check_say(c, verdict, what, figure, MODES_TOLERANCE, why);
    return HO_OK;
}

static void say_approximate(check *c, const char *name, double value, const double *other)
{
    char what[120], why[200];
    const double own = sqrt(product(c, c->gradient, c->gradient)), size = sqrt(product(c, other, other));
    const double off = distance(c, other, c->gradient);
    const double cosine = product(c, other, c->gradient) / (own * size);
    snprintf(what, sizeof what, "mode %s: hypergradient, distance", name);
    if (own > 0 && size > 0)
        snprintf(why, sizeof why, "%.3g degrees from the exact hypergradient, %.4g times as long; E differs by %.2g",
                 DEGREES * acos(fmin(fmax(cosine, -1.0), 1.0)), size / own, relative(value, c->value));
    else
        snprintf(why, sizeof why, "%s is 0: there is no angle; E differs by %.2g",
                 own > 0 ? "it" : "the exact hypergradient", relative(value, c->value));
    ho_check_say(c, HO_OFF, what, own > 0 ? off / own : off, NAN, why);
}

/* What a mode could not compute: of exact ones a failure. */
static void say_diverged(check *c, const char *name, bool approximate, const ho_error *own)
{
    char what[120];
    snprintf(what, sizeof what, "mode %s: hypergradient", name);
    ho_check_say(c, approximate ? HO_OFF : HO_WRONG, what, NAN, approximate ? NAN : MODES_TOLERANCE, own->text);
}

static ho_status compare(check *c, const ho_instance *mode, ho_error *error)
{
    const char *name = mode->loaded->plugin.name;
    const bool approximate = mode->loaded->calls.mode.approximate;
    double value = NAN, *other = ho_alloc((size_t)c->size * sizeof *other);
    char what[120];
    ho_error own = {0};
    ho_status status = compute(c, mode, c->lambda, &value, other, &own);
    if (status == HO_DIVERGED || ((status == HO_FAILED || status == HO_INVALID) && approximate)) {
        say_diverged(c, name, approximate, &own);
        status = HO_OK;
    } else if (status != HO_OK) {
        ho_fail_as(error, &own);
    } else if (approximate) {
        say_approximate(c, name, value, other);
        char *told = ho_training_told(c->training, HO_TELL_NOTE);
        if (told)
            printf("    %s\n", told);
        free(told);
    } else {
        snprintf(what, sizeof what, "mode %s: E", name);
        const double apart = relative(value, c->value);
        ho_check_say(c, apart <= MODES_TOLERANCE ? HO_GOOD : HO_WRONG, what, apart, MODES_TOLERANCE, NULL);
        if (c->few)
            snprintf(what, sizeof what, "mode %s: hypergradient along %d directions", name, FEW_FORWARD);
        else
            snprintf(what, sizeof what, "mode %s: hypergradient", name);
        status = judge_exact(c, mode, what, other, error);
    }
    free(other);
    return status;
}

ho_status ho_check_modes(check *c, ho_registry *registry, ho_error *error)
{
    size_t count;
    const ho_loaded **modes = ho_registry_list(registry, HO_MODE, &count, NULL, NULL);
    ho_status status = HO_OK;
    c->modes_settled = true;
    if (c->pipeline->mode != c->reference)
        status = compare(c, c->pipeline->mode, error);
    for (size_t i = 0; i < count && status == HO_OK; i++) {
        const char *name = modes[i]->plugin.name;
        if (modes[i] == c->reference->loaded || modes[i] == c->pipeline->mode->loaded)
            continue;
        ho_error own = {0};
        ho_instance *mode = ho_instance_new(modes[i], name, NULL, NULL, (ho_place){0}, &own);
        if (mode)
            status = compare(c, mode, error);
        else if (ho_check_first(c))
            printf("  mode %s: skipped, it needs options: %s\n", name, own.text);
        ho_instance_free(mode);
    }
    free(modes);
    return status;
}
