/* The shapes that hyperparameters have: sizes by symbol, and what a plugin sees of the array. */
#ifndef HO_HOST_SHAPES_H
#define HO_HOST_SHAPES_H

#include "host/loaded.h"

/* Reads one shape of a hyperparameter of the plugin, whose options and calls are known, into the arena. Errors continue
 * the sentence `its shape "..."`: an unknown size (with the nearest name), too many of them, steps or tensors in the
 * wrong place. */
ho_status ho_shape_form_read(const ho_loaded *loaded, const char *text, ho_arena *arena, ho_shape_form *form,
                             ho_error *error);

/* The shape that a pipeline asks for: a declared one, "scalar" for the one without sizes, and before it "steps",
 * "tensors" or both where the kind of plugin has them. NULL: there is none such. */
const ho_shape_form *ho_shape_choose(const ho_loaded *loaded, const ho_shape_forms *forms, const char *text,
                                     ho_arena *arena);

/* As a pipeline writes it: "scalar", "columns columns". */
const char *ho_shape_name(const ho_shape_form *form);
/* What can stand before any shape of such a plugin's hyperparameters: "steps, tensors"; NULL: nothing. */
const char *ho_shape_prefixes(uint32_t kind);

#endif
