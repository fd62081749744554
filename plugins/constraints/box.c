/* Entries between two bounds. */
#include <hotool/plugin.h>
#include <hotool/structure.h>

#include <stdio.h>

typedef struct box {
    double lower, upper;
} box;

static const ho_option options[] = {
    {.name = "lower", .type = HO_REAL, .initial = "-1e308", .doc = "smallest value of each entry (default: no bound)"},
    {.name = "upper", .type = HO_REAL, .initial = "1e308", .doc = "largest value of each entry (default: no bound)"},
};

static ho_status create(ho_setup *u, void **self)
{
    box *b = ho_setup_alloc(u, sizeof(box));
    if (!b)
        return HO_FAILED;
    b->lower = ho_option_real(u, "lower");
    b->upper = ho_option_real(u, "upper");
    if (b->lower > b->upper)
        return ho_setup_fail(u, "lower", "%g is greater than upper (%g), so the box is empty", b->lower, b->upper);
    *self = b;
    return HO_OK;
}

static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    const box *b = self;
    if ((b->lower <= h->upper && b->upper >= h->lower) || ho_free_entries(h) == 0)
        return HO_OK;
    snprintf(reason, reason_size, "the box [%g, %g] does not meet the domain of %s, [%g, %g]", b->lower, b->upper,
             h->name, h->lower, h->upper);
    return HO_INVALID;
}

static ho_status project(void *self, const ho_constrained *h, double *values)
{
    const box *b = self;
    ho_project_box(h, b->lower, b->upper, values);
    return HO_OK;
}

static const ho_constraint_calls calls = {
    .struct_size = sizeof(ho_constraint_calls),
    .fits = fits,
    .project = project,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT),
    .name = "box",
    .version = "1.0.0",
    .doc = "each entry lies between lower and upper",
    .details = "{x : lower <= x_i <= upper}, within the hyperparameter's domain and structure\n\n"
               "The projection is entrywise; a symmetric matrix is replaced by (x + x')/2 first. A diagonal that is 0 "
               "by structure stays 0 whatever the bounds. Either bound may be omitted.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
