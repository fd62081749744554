/*
 * The hotool plugin ABI: what every plugin exports, and the types and constants that all kinds share.
 *
 * A plugin is one shared object that exports one data symbol, `hotool_plugin_v0`, of type ho_plugin. It links against
 * nothing of hotool: everything it calls is in function tables that hotool passes to it. hotool can therefore refuse a
 * plugin without running any of its code. A shared object with several plugins exports a bundle of their descriptors.
 * Features beyond the ABI are requested by name, in either direction: see extensions.h.
 *
 * The ABI is not frozen yet. Until it is frozen as 1.0, hotool loads only plugins built for exactly its own version
 * (HO_ABI_MAJOR.HO_ABI_MINOR): rebuild yours when that changes. The rules that will keep plugins working from then on
 * are followed already:
 *   - a struct that crosses the boundary starts with `struct_size`, grows only at its end, and is read only that far;
 *   - ho_table carries the size of its rows;
 *   - integers have fixed widths; structs hold no enums and no bit-fields;
 *   - op numbers and their meaning do not change: a new meaning is a new op.
 *
 * Threads: hotool calls a plugin from one thread at a time for each instance (`self`) and each mode run, but calls for
 * different instances may run concurrently, also within one plugin: several runs train at once. (`read` of data readers
 * is the exception: one at a time in the process.) So keep state in `self` or the mode's run, not in static variables;
 * and leave process-wide settings alone (locale, signal handlers, the number of OpenBLAS threads, ...). A plugin may
 * start threads of its own, but calls into hotool belong on the thread that called the plugin, and threads must be
 * joined before the callback returns.
 */
#ifndef HOTOOL_ABI_H
#define HOTOOL_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HO_ABI_MAJOR 0u
#define HO_ABI_MINOR 1u

/* The name of the exported symbol carries the major version: a hotool of another major does not find it. */
#define HO_PLUGIN_SYMBOL      hotool_plugin_v0
#define HO_PLUGIN_SYMBOL_NAME "hotool_plugin_v0"

#if defined(_WIN32)
#define HO_VISIBLE __declspec(dllexport)
#else
#define HO_VISIBLE __attribute__((visibility("default")))
#endif

/* What a plugin's definition begins with. In C++ a constant would be the file's own without extern. */
#ifdef __cplusplus
#define HO_EXPORT extern "C" HO_VISIBLE
#else
#define HO_EXPORT HO_VISIBLE
#endif

#if defined(__GNUC__)
#define HO_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define HO_PRINTF(text, first)
#endif

/* The place in a plugin's source that makes a call. The macros of this SDK pass it; error messages print it. */
#define HO_HERE __FILE__, (int32_t)__LINE__

/* The result of a call. A call into hotool that returns anything but HO_OK has already recorded a message: return its
 * status. A plugin that fails without a message gets a generic one. */
typedef int32_t ho_status;
#define HO_OK          0
#define HO_FAILED      1 /* the run failed (exit status 1) */
#define HO_INVALID     2 /* the command line, the pipeline, the data or the plugin is wrong (exit status 2) */
#define HO_DIVERGED    3 /* NaN or Inf appeared; hotool names the step, the node and the plugin */
#define HO_INTERRUPTED 4 /* the user asked to stop; what has been written so far is complete */

/* ho_plugin.kind */
#define HO_DYNAMICS   1u
#define HO_MODEL      2u
#define HO_LOSS       3u
#define HO_PENALTY    4u
#define HO_MODE       5u
#define HO_DATA       6u
#define HO_CONSTRAINT 7u

#define HO_BUNDLE 8u /* no plugin, but several of them in one shared object: ho_bundle_calls */

/* The largest rank of a tensor in a trace and of an array in a data set. */
#define HO_MAX_RANK 4

/* An array of rows whose type may grow in later versions. HO_TABLE(array) makes one from a static array. */
typedef struct ho_table {
    const void *rows;
    uint32_t count;
    uint32_t row_size;
} ho_table;

#define HO_TABLE(array)                                                                       \
    {                                                                                         \
        (array), (uint32_t)(sizeof(array) / sizeof((array)[0])), (uint32_t)sizeof((array)[0]) \
    }

/* ho_option.type: what a pipeline may write for the option, and how the plugin reads it. */
#define HO_REAL    1u /* a finite number               ho_option_real */
#define HO_INTEGER 2u /* an integer                    ho_option_integer */
#define HO_BOOLEAN 3u /* true or false                 ho_option_boolean */
#define HO_STRING  4u /* any text                      ho_option_string */
#define HO_PATH    5u /* a file or folder that exists  ho_option_string; relative to the pipeline's folder */
#define HO_CHOICE  6u /* one of `choices`              ho_option_string */
#define HO_REALS   7u /* one number or a list of them  ho_option_count, ho_option_real_at */
#define HO_STRINGS 8u /* one text or a list of them    ho_option_count, ho_option_string_at */
#define HO_BYTES   9u /* an amount of memory: a number of bytes, or with a unit as 64MiB or 1.5GB  ho_option_integer */
#define HO_LINES                                                                                           \
    10u /* texts: the lines of one text, or of a list of texts; without those that are blank or begin with \
           '#', and without blanks around them   ho_option_count, ho_option_string_at */
#define HO_ROWS                                                                                         \
    11u /* rows with names, each with options of its own, `fields`: a map from names to maps of fields, \
           where a single value is that of the first field; or a list of names                          \
                                         ho_option_count, ho_option_row, ho_option_row_name */

/* One option: a setting that is not differentiated. Options of type HO_REAL and HO_INTEGER are also constants that the
 * plugin's formulas can use by name. */
typedef struct ho_option {
    const char *name;
    uint32_t type;
    uint32_t required;   /* 1: there is no default, and leaving the option out is an error */
    const char *initial; /* the default, as a pipeline would write it; NULL if required, or if there is none */
    const char *doc;     /* one line */
    double least, most;  /* inclusive range of numbers (HO_BYTES: of bytes); both 0: no limits */
    const char *choices; /* HO_CHOICE: words separated by '|' */
    ho_table fields;     /* HO_ROWS: rows: ho_option, of any type but HO_ROWS */
} ho_option;

/* ho_hyper.domain: the values a hyperparameter may take. Tuned ones are kept inside by projection. */
#define HO_ANY         0u /* every finite number */
#define HO_NONNEGATIVE 1u /* [0, inf) */
#define HO_UNIT        2u /* [0, 1] */
#define HO_DECAY       3u /* [0, 1 - 1e-6]: stops short of 1, where a bias correction would be 0/0 */
#define HO_POSITIVE    4u /* [1e-12, inf) */

/* ho_hyper.structure, bits: the linear subspace to which a K x K hyperparameter belongs. */
#define HO_SYMMETRIC     1u
#define HO_ZERO_DIAGONAL 2u

/*
 * One hyperparameter: an array with respect to which the validation error can be differentiated.
 *
 * `shape` names its sizes, as in "columns columns"; NULL or "" is a scalar. Alternatives after '|' can be chosen in a
 * pipeline with `shape:`, as in "|columns" (one number, or one for each column); the first is the default. Sizes:
 *
 *     features, outputs, examples   those of the data
 *     rows, columns                 those of w; in penalties and in dynamics that are HO_PER_TENSOR. w of any rank
 *                                   counts as a matrix whose columns are its last axis
 *     weights                       the length of w, in dynamics that are HO_WHOLE
 *     the name of an option         its value, where it is HO_INTEGER
 *     1                             an axis of size 1 that the plugin sees and pipelines do not, for broadcasting:
 *                                   "rows 1" is a number for each row
 *
 * A shape, also one that a pipeline chooses, may begin with
 *
 *     steps      in dynamics, losses and penalties: a schedule. The plugin sees, at step t, its entry t - 1, without
 *                this axis (for the initial values of slots, entry 0)
 *     tensors    in dynamics and penalties: an entry for each weight tensor. The plugin sees the entry of the tensor
 *                that it is traced for, without this axis. A dynamics that is HO_WHOLE sees a vector like w, in which
 *                each weight has its tensor's entry
 *
 * So these two need not be declared: formulas that broadcast go with them.
 */
typedef struct ho_hyper {
    const char *name;
    double initial; /* default of every entry (entries that the structure fixes at 0 stay 0) */
    uint32_t domain;
    const char *doc; /* one line */
    const char *shape;
    uint32_t structure;
} ho_hyper;

/* One slot of an optimizer's state, of the shape of `w`. */
typedef struct ho_slot {
    const char *name;
    const char *doc;
    const char *initial; /* NULL: zero. Otherwise a formula over w (the initial weights), hyperparameters and options */
} ho_slot;

/* ---- creating an instance --------------------------------------------------------------------------------------- */

typedef struct ho_setup ho_setup;
typedef struct ho_plugin ho_plugin;

/* The argument of `create`. Thread: the one that called `create`, and only until it returns. Strings and memory stay
 * valid as long as the instance. Asking for an option that the plugin does not declare, with the wrong type, or past
 * the end of a list is an error that refuses the instance, whatever `create` returns; the answer is then 0, "" or NULL.
 * A number that is not given and has no default is 0. */
typedef struct ho_setup_api {
    uint32_t struct_size;
    double (*option_real)(ho_setup *u, const char *name);
    int64_t (*option_integer)(ho_setup *u, const char *name);
    int32_t (*option_boolean)(ho_setup *u, const char *name);
    const char *(*option_string)(ho_setup *u, const char *name); /* NULL: not given, and no default */
    int64_t (*option_count)(ho_setup *u, const char *name);
    double (*option_real_at)(ho_setup *u, const char *name, int64_t i);
    const char *(*option_string_at)(ho_setup *u, const char *name, int64_t i);
    void *(*alloc)(ho_setup *u, uint64_t bytes); /* zeroed; freed by hotool after destroy; at most 256 MiB. NULL:
                                                    too much, already reported; return HO_FAILED */
    ho_status (*fail)(ho_setup *u, const char *file, int32_t line, const char *option, const char *format, ...)
        HO_PRINTF(5, 6); /* refuses the instance with a message that names the place of `option` (NULL: of the
                            plugin) in the pipeline; returns HO_INVALID */
    /* The same for a character in the pipeline: `at` points into a string that one of these calls returned, not into
     * a copy of it. */
    ho_status (*fail_at)(ho_setup *u, const char *file, int32_t line, const char *at, const char *format, ...)
        HO_PRINTF(5, 6);
    /* Row i of an option of type HO_ROWS: its fields are the options of the ho_setup that comes back. NULL: there is no
     * such row; reported. And its name. */
    ho_setup *(*row)(ho_setup *u, const char *name, int64_t i);
    const char *(*row_name)(ho_setup *u, const char *name, int64_t i);
    /* Of a plugin that `describes` its instances: gives this one hyperparameters and calls (slots, granularity,
     * targets) of its own. Of `plugin` only these are read; tables and strings must live as long as the instance.
     * Names, domains and shapes are checked as those of the exported symbol are; mistakes are reported at their place
     * in the pipeline if the name is a string that these calls returned. */
    ho_status (*describe)(ho_setup *u, const ho_plugin *plugin);
    /* This process is one of several that do the same together. One of them leads; the others write no files and print
     * nothing but failures of their own. All runs stay in the process. Said once, it holds to the end. */
    void (*join)(ho_setup *u, int32_t leads);
    /* What hotool can do beyond this ABI, by name (extensions.h); NULL: this hotool does not know the name. The table
     * stays valid as long as the process. */
    const void *(*extension)(ho_setup *u, const char *name);
} ho_setup_api;

struct ho_setup {
    const ho_setup_api *api;
};

#define ho_option_real(u, name)         ((u)->api->option_real((u), (name)))
#define ho_option_integer(u, name)      ((u)->api->option_integer((u), (name)))
#define ho_option_boolean(u, name)      ((u)->api->option_boolean((u), (name)))
#define ho_option_string(u, name)       ((u)->api->option_string((u), (name)))
#define ho_option_count(u, name)        ((u)->api->option_count((u), (name)))
#define ho_option_real_at(u, name, i)   ((u)->api->option_real_at((u), (name), (i)))
#define ho_option_string_at(u, name, i) ((u)->api->option_string_at((u), (name), (i)))
#define ho_setup_alloc(u, bytes)        ((u)->api->alloc((u), (bytes)))
#define ho_setup_join(u, leads)         ((u)->api->join((u), (leads)))
#define ho_extension(u, name)           ((u)->api->extension((u), (name)))
#define ho_setup_fail(u, option, ...)   ((u)->api->fail((u), HO_HERE, (option), __VA_ARGS__))
#define ho_setup_fail_at(u, at, ...)    ((u)->api->fail_at((u), HO_HERE, (at), __VA_ARGS__))
#define ho_option_row(u, name, i)       ((u)->api->row((u), (name), (i)))
#define ho_option_row_name(u, name, i)  ((u)->api->row_name((u), (name), (i)))
#define ho_setup_describe(u, plugin)    ((u)->api->describe((u), (plugin)))

/* ---- the exported symbol --------------------------------------------------------------------------------------- */

struct ho_plugin {
    uint32_t struct_size; /* sizeof(ho_plugin) when the plugin was compiled */
    uint32_t abi_major;   /* HO_ABI_MAJOR */
    uint32_t abi_minor;   /* HO_ABI_MINOR */
    uint32_t kind;
    const char *name;    /* as pipelines write it: [a-z][a-z0-9_]* */
    const char *version; /* the plugin's own */
    const char *doc;     /* one line, for `hotool plugins` */
    const char *details; /* NULL, or paragraphs that `hotool plugins NAME` prints: formula, reference, advice */
    ho_table options;    /* rows: ho_option. No two options, hyperparameters or slots share a name */
    ho_table hypers;     /* rows: ho_hyper; for dynamics, models, losses and penalties */
    const void *calls;   /* the table of the kind: ho_dynamics_calls, ho_model_calls, ... */
    /* Creates the `self` of the other calls; called once for each use in a pipeline. NULL: self is NULL.
     * Returns HO_OK, what ho_setup_fail returned, or HO_FAILED. If it fails it must free what it allocated: destroy is
     * not called then. */
    ho_status (*create)(ho_setup *u, void **self);
    /* Frees what create allocated other than by ho_setup_alloc. NULL: nothing to free. Not called if self is NULL. */
    void (*destroy)(void *self);
    uint32_t describes; /* 1: create calls ho_setup_describe, so that pipelines decide what hyperparameters there are */
    uint32_t reserved;
    /* What the plugin can do beyond this ABI, by name (extensions.h). NULL, for an unknown name too: nothing. Called at
     * any time, on any thread, without an instance; the table stays valid as long as the process. */
    const void *(*extension)(const char *name);
};

/* The calls of a HO_BUNDLE: its plugins, each with a descriptor as if it were alone, which is not exported. The bundle
 * has a name, version and doc, and no options, hyperparameters, create and destroy of its own. No two of its plugins
 * share kind and name; none is a bundle. */
typedef struct ho_bundle_calls {
    uint32_t struct_size;
    uint32_t reserved;
    ho_table plugins; /* rows: const ho_plugin * */
} ho_bundle_calls;

/* The definition that each plugin provides; declared here so that it has C linkage in C++ too. */
extern HO_VISIBLE const ho_plugin HO_PLUGIN_SYMBOL;

/* Fills the first four members:  HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_LOSS), .name = ...};
 */
#define HO_PLUGIN_HEAD(kind_) \
    .struct_size = (uint32_t)sizeof(ho_plugin), .abi_major = HO_ABI_MAJOR, .abi_minor = HO_ABI_MINOR, .kind = (kind_)

#ifdef __cplusplus
}
#endif

#endif
