/* A loaded plugin as the rest of the host sees it: its tables copied and checked. */
#ifndef HO_HOST_LOADED_H
#define HO_HOST_LOADED_H

#include "base/error.h"
#include "base/memory.h"
#include "hotool/plugin.h"

/* One of the shapes that a hyperparameter can have: sizes by symbol. */
typedef struct ho_shape_form {
    const char *text; /* as declared, without axes of size 1 and spare blanks: "columns columns"; "" for a scalar */
    int32_t rank;
    const char *sizes[HO_MAX_RANK];
    bool by_step;   /* the first size is `steps`: a plugin sees the entry of the step */
    bool by_tensor; /* the next, or the first, is `tensors`: a plugin sees the entry of the tensor */
    int32_t seen_rank;
    int32_t seen[HO_MAX_RANK]; /* what a plugin sees: which of the sizes each axis has; -1: size 1 */
} ho_shape_form;

typedef struct ho_shape_forms {
    const ho_shape_form *forms; /* at least one; the first is the default */
    size_t count;
} ho_shape_forms;

/* Rows are the host's own, so that a plugin of an older minor reads as one of this minor: members that its author did
 * not know are zero. Strings stay the plugin's. */
typedef struct ho_loaded {
    const char *path;      /* of the shared object, as it was asked for */
    const char *real_path; /* absolute; NULL where it was not loaded from a file */
    const char *sha256;    /* of the file when it was loaded, in hexadecimal; NULL likewise */
    const char *title;     /* `plugin "adam" (PATH)`, in the host's own memory */
    ho_plugin plugin;
    const ho_option *options;
    uint32_t option_count;
    const ho_hyper *hypers;
    const ho_shape_forms *shapes; /* of each hyperparameter */
    uint32_t hyper_count;
    const ho_slot *slots; /* dynamics */
    uint32_t slot_count;
    union {
        ho_dynamics_calls dynamics;
        ho_model_calls model;
        ho_loss_calls loss;
        ho_penalty_calls penalty;
        ho_mode_calls mode;
        ho_data_calls data;
        ho_constraint_calls constraint;
    } calls;                /* by plugin.kind */
    struct ho_loaded *next; /* of the same shared object; NULL: none more */
} ho_loaded;

/* The plugin among these of one shared object that has this name and kind (0: any); NULL: none. */
const ho_loaded *ho_loaded_find(const ho_loaded *first, uint32_t kind, const char *name);
/* "dynamics a, dynamics b and loss a": what a shared object holds; free(). */
char *ho_loaded_list(const ho_loaded *first);

/* What the plugin answers to the name of an extension; NULL: nothing, or a table of fewer bytes than `least`, its
 * struct_size included. */
const void *ho_loaded_extension(const ho_loaded *loaded, const char *name, uint32_t least);

/* The number of an option; the table's count where there is none of that name (NULL: none). */
uint32_t ho_option_index(const ho_loaded *loaded, const char *name);
bool ho_has_option(const ho_loaded *loaded, const char *name);
bool ho_has_hyper(const ho_loaded *loaded, const char *name);

/* "dynamics", "model", ...; "dynamics", "models", ... (the folder). */
const char *ho_kind_name(uint32_t kind);
const char *ho_kind_folder(uint32_t kind);

/* The interval of a domain (HO_UNIT: 0 and 1); false: no such domain. */
bool ho_domain_bounds(uint32_t domain, double *lower, double *upper);
/* "[0, inf)", into a caller's buffer. */
char *ho_domain_print(double lower, double upper, char text[80]);

#endif
