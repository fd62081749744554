/*
 * A constraint: entries of at most a given size. Change the set and the projection onto it.
 *
 * In a pipeline:  hyperparameters: {l2.rho: {constraint: {plugin: my_plugin, size: 0.5}}}
 */
#include <hotool/plugin.h>
#include <hotool/structure.h>

#include <stdio.h>

typedef struct instance {
    double size;
} instance;

static const ho_option options[] = {
    {.name = "size",
     .type = HO_REAL,
     .initial = "1",
     .doc = "the largest absolute value of an entry",
     .least = 0.0,
     .most = 1e300},
};

static ho_status create(ho_setup *u, void **self)
{
    instance *set = (instance *)ho_setup_alloc(u, sizeof(instance));
    if (!set)
        return HO_FAILED;
    set->size = ho_option_real(u, "size");
    *self = set;
    return HO_OK;
}

/* Whether there is a point in the set, the hyperparameter's domain and its structure, all at once. */
static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    const instance *set = (const instance *)self;
    if ((-set->size <= h->upper && set->size >= h->lower) || ho_free_entries(h) == 0)
        return HO_OK;
    snprintf(reason, reason_size, "no entry of %s, in [%g, %g], has a size of at most %g", h->name, h->lower, h->upper,
             set->size);
    return HO_INVALID;
}

/* The nearest point of that intersection. ho_project_box sees to domain and structure. */
static ho_status project(void *self, const ho_constrained *h, double *values)
{
    const instance *set = (const instance *)self;
    ho_project_box(h, -set->size, set->size, values);
    return HO_OK;
}

static const ho_constraint_calls calls = {
    .struct_size = sizeof(ho_constraint_calls),
    .reserved = 0,
    .fits = fits,
    .project = project,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT),
    .name = "my_plugin",
    .version = "0.1",
    .doc = "no entry is larger than size, in absolute value",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
