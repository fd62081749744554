/*
 * A constraint: arrays whose norm is at most `radius`, such as a vector of weights with a bounded sum of squares.
 *
 *     {x : |x| <= radius}, within the hyperparameter's domain and structure
 *
 * What this file shows: the projection onto an intersection. Onto the ball alone it is x radius/|x|, and onto a box it
 * cuts each entry off; one after the other gives some point of both, but not the nearest. The nearest point of both is
 *
 *     clip(c x), with the largest c in [0, 1] for which its norm is at most the radius
 *
 * (set the derivative of |y - x|^2/2 + theta |y|^2/2 to 0 over the box: y = clip(x / (1 + theta)); c is 1/(1 + theta)).
 * Its norm grows with c, so c is found by bisection: by geometric means, since it may be tiny.
 *
 * The rules that `hotool check` holds a constraint to: no other point of the set is nearer; a point of the set keeps
 * its bits; entries of any size will do. `fits` refuses an empty set in a sentence.
 */
#include <hotool/plugin.h>
#include <hotool/structure.h>

#include <math.h>
#include <stdio.h>

typedef struct ball {
    double radius;
} ball;

static const ho_option options[] = {
    {.name = "radius", .type = HO_REAL, .initial = "1", .doc = "the largest norm", .least = 0.0, .most = 1e300},
};

static ho_status create(ho_setup *u, void **self)
{
    ball *set = (ball *)ho_setup_alloc(u, sizeof(ball));
    if (!set)
        return HO_FAILED;
    set->radius = ho_option_real(u, "radius");
    *self = set;
    return HO_OK;
}

/* The entry of the domain that is nearest to c x. */
static double clipped(const ho_constrained *h, double c, double x)
{
    return fmin(fmax(c * x, h->lower), h->upper);
}

/* The norm of clip(c x) over the free entries. hypot does not overflow on the way. */
static double norm_at(const ho_constrained *h, double c, const double *x)
{
    double norm = 0.0;
    for (int64_t i = 0; i < h->count; i++)
        if (ho_entry_free(h, i))
            norm = hypot(norm, clipped(h, c, x[i]));
    return norm;
}

/* The entries of least size that the domain has must lie in the ball. */
static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    const ball *set = (const ball *)self;
    const double least = clipped(h, 0.0, 0.0), norm = fabs(least) * sqrt((double)ho_free_entries(h));
    if (norm <= set->radius)
        return HO_OK;
    snprintf(reason, reason_size, "entries of %s have a size of at least %g, so that its norm is at least %g", h->name,
             fabs(least), norm);
    return HO_INVALID;
}

/* The largest c for which the norm is at most the radius, or as good as that: the lower end of a bracket whose middle
 * is no number between its ends. */
static double largest_factor(const ho_constrained *h, double radius, const double *x)
{
    double low = 0.0, high = 1.0;
    for (;;) {
        const double middle = low > 0.0 ? sqrt(low) * sqrt(high) : 0x1p-32 * high;
        if (middle <= low || middle >= high)
            return low;
        if (norm_at(h, middle, x) <= radius)
            low = middle;
        else
            high = middle;
    }
}

static ho_status project(void *self, const ho_constrained *h, double *values)
{
    const ball *set = (const ball *)self;
    ho_project_structure(h, values);
    if (norm_at(h, 1.0, values) <= set->radius) {
        ho_project_box(h, -HUGE_VAL, HUGE_VAL, values);
        return HO_OK;
    }
    const double c = largest_factor(h, set->radius, values);
    for (int64_t i = 0; i < h->count; i++)
        if (ho_entry_free(h, i))
            values[i] = clipped(h, c, values[i]);
    return HO_OK;
}

static const ho_constraint_calls calls = {
    .struct_size = sizeof(ho_constraint_calls),
    .fits = fits,
    .project = project,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT), .name = "ball",  .version = "1.0", .doc = "the norm of the array is bounded",
    .options = HO_TABLE(options),  .calls = &calls, .create = create,
};
