/* Options of a plugin: from a pipeline's settings, or their defaults, to checked values. */
#ifndef HO_HOST_OPTIONS_H
#define HO_HOST_OPTIONS_H

#include "base/tree.h"
#include "host/loaded.h"

/* An option's value; which members count depends on its type. */
typedef struct ho_option_value {
    bool given;     /* by the settings or by the default */
    ho_place place; /* of the value in the settings; else of the plugin's mention */
    double real;    /* HO_REAL; HO_INTEGER too */
    int64_t integer;
    bool boolean;
    const char *text; /* HO_STRING, HO_CHOICE; HO_PATH as seen from the pipeline's folder */
    size_t count;     /* HO_REALS, HO_STRINGS */
    double *reals;
    const char **texts;
} ho_option_value;

/* Reads `values[0..option_count)`. See ho_instance_new for keys and paths. Whether files exist is not checked here. */
ho_status ho_options_read(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved, ho_place place,
                          ho_arena *arena, ho_option_value *values, ho_error *error);

/* Checks that an option's default is a legal value of it; NULL is fine. */
ho_status ho_option_check_default(const ho_option *option, const char *path, ho_error *error);

#endif
