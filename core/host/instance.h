/* One use of a plugin in a pipeline: its options checked and set, its `self` made. */
#ifndef HO_HOST_INSTANCE_H
#define HO_HOST_INSTANCE_H

#include "base/tree.h"
#include "host/loaded.h"

typedef struct ho_instance {
    const ho_loaded *loaded; /* with hyperparameters and calls of its own, where the plugin describes its instances */
    const char *name; /* as the pipeline calls it ("mtl"; default: the plugin's name); prefix of its hyperparameters */
    ho_place place;   /* of its mention */
    void *self;
    struct ho_option_value *values; /* options, by the plugin's table */
    ho_arena *arena;                /* holds values and what ho_setup_alloc gave */
} ho_instance;

/* Makes an instance. `settings` is the map the options are read from (may be NULL). Keys that are neither options nor
 * in `reserved` (NULL-terminated; the caller's own keys) nor hyperparameters of the plugin are errors with the nearest
 * name. Paths are relative to the folder of the file the option was written in. */
ho_instance *ho_instance_new(const ho_loaded *loaded, const char *name, const ho_tree *settings,
                             const char *const *reserved, ho_place place, ho_error *error);
void ho_instance_free(ho_instance *instance); /* NULL is fine */

/* The scalar of the settings whose text `text` is, or the end of whose text, as it was handed to the plugin. NULL: it
 * is another's. Lives as long as the instance. */
const ho_tree *ho_instance_written(const ho_instance *instance, const char *text);

/* A numeric option's value, for the scope of formulas; false: no such option, or not numeric or not given. */
bool ho_instance_number(const ho_instance *instance, const char *option, double *value);
/* The path that the plugin's option of that number was given; NULL: none, or it is no HO_PATH option. */
const char *ho_instance_path(const ho_instance *instance, uint32_t option);
/* Whether every HO_PATH option of these settings names a file or folder that can be read; the first that is missing
 * goes to *missing (malloced, may be NULL). For choosing among data sources; checks option names and types as
 * ho_instance_new does. */
ho_status ho_settings_paths_exist(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved,
                                  bool *exist, char **missing, ho_error *error);

/* The constraint calls with the host's bookkeeping. */
ho_status ho_constraint_fits(const ho_instance *constraint, const ho_constrained *h,
                             ho_error *error); /* at its place */
ho_status ho_constraint_project(const ho_instance *constraint, const ho_constrained *h, double *values,
                                ho_error *error);

#endif
