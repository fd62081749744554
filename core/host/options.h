/* Options of a plugin: from a pipeline's settings, or their defaults, to checked values. */
#ifndef HO_HOST_OPTIONS_H
#define HO_HOST_OPTIONS_H

#include "base/tree.h"
#include "host/loaded.h"

struct ho_option_row;

/* An option's value; which members count depends on its type. */
typedef struct ho_option_value {
    bool given;     /* by the settings or by the default */
    ho_place place; /* of the value in the settings; else of the plugin's mention */
    double real;    /* HO_REAL; HO_INTEGER too */
    int64_t integer;
    bool boolean;
    const char *text; /* HO_STRING, HO_CHOICE; HO_PATH as seen from the pipeline's folder */
    size_t count;     /* HO_REALS, HO_STRINGS, HO_LINES, HO_ROWS */
    double *reals;
    const ho_tree **texts; /* HO_STRINGS, HO_LINES; of HO_STRING the one whose text `text` is: scalars */
    struct ho_option_row *rows;
} ho_option_value;

typedef struct ho_option_row {
    const ho_tree *name; /* a scalar */
    ho_option_value *fields;
} ho_option_row;

/* Reads `values[0..option_count)`. See ho_instance_new for keys and paths. Whether files exist is not checked here,
 * nor, where the plugin describes its instances, whether other keys are known. */
ho_status ho_options_read(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved, ho_place place,
                          ho_arena *arena, ho_option_value *values, ho_error *error);

/* Every key must be an option, a hyperparameter or the caller's own. */
ho_status ho_options_check_keys(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved,
                                ho_error *error);

/* The scalar whose text `text` is, or the end of whose text: the bytes themselves, not a copy. NULL: none. */
const ho_tree *ho_options_written(const ho_option *options, uint32_t count, const ho_option_value *values,
                                  const char *text);

/* Checks that an option's default is a legal value of it; NULL is fine. */
ho_status ho_option_check_default(const ho_option *option, const char *path, ho_error *error);

#endif
