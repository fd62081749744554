/* Nonnegative entries. */
#include <hotool/plugin.h>
#include <hotool/structure.h>

#include <stdio.h>

static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    (void)self;
    if (h->upper >= 0.0 || ho_free_entries(h) == 0)
        return HO_OK;
    snprintf(reason, reason_size, "the domain of %s ends at %g, so none of its values is nonnegative", h->name,
             h->upper);
    return HO_INVALID;
}

static ho_status project(void *self, const ho_constrained *h, double *values)
{
    (void)self;
    ho_project_box(h, 0.0, h->upper, values);
    return HO_OK;
}

static const ho_constraint_calls calls = {
    .struct_size = sizeof(ho_constraint_calls),
    .fits = fits,
    .project = project,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT),
    .name = "nonnegative",
    .version = "1.0.0",
    .doc = "each entry is at least 0",
    .details = "{x : x_i >= 0}, within the hyperparameter's domain and structure\n\n"
               "The projection is entrywise, max(x_i, 0); a symmetric matrix is replaced by (x + x')/2 first.",
    .calls = &calls,
};
