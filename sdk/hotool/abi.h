/*
 * hotool plugin ABI: what every plugin exports, and the words shared by all kinds.
 *
 * A plugin is one shared object that exports one data symbol, `hotool_plugin_v1`, of type ho_plugin. It links
 * nothing of the host: whatever it calls, it calls through the function tables it is handed. Refusing a plugin
 * therefore runs none of its code.
 *
 * Rules that keep old plugins working (tests/abi holds us to them):
 *   - a struct that crosses starts with `struct_size`, grows only at its end, and is read only that far;
 *   - rows of a table carry their size in ho_table;
 *   - fixed-width integers, no enums, no bit-fields;
 *   - op numbers and what they mean never change; a new meaning is a new op.
 */
#ifndef HOTOOL_ABI_H
#define HOTOOL_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HO_ABI_MAJOR 1u
#define HO_ABI_MINOR 1u

/* The exported symbol's name carries the major: a host of another major does not find it. */
#define HO_PLUGIN_SYMBOL      hotool_plugin_v1
#define HO_PLUGIN_SYMBOL_NAME "hotool_plugin_v1"

#if defined(_WIN32)
#define HO_EXPORT __declspec(dllexport)
#else
#define HO_EXPORT __attribute__((visibility("default")))
#endif

#if defined(__GNUC__)
#define HO_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define HO_PRINTF(text, first)
#endif

/* Where a plugin's source calls the host; passed by the macros of this SDK, printed in errors. */
#define HO_HERE __FILE__, (int32_t)__LINE__

/* What a call came to. Everything but HO_OK, when it comes from a call of the host, has left a message with it: pass it
 * on. The host puts its own words where a plugin returns another status than HO_OK without a message. */
typedef int32_t ho_status;
#define HO_OK          0
#define HO_FAILED      1 /* the run failed (exit status 1) */
#define HO_INVALID     2 /* the command line, the pipeline, the data or the plugin is wrong (exit status 2) */
#define HO_DIVERGED    3 /* NaN or Inf where a number was due; the host names step, node and plugin */
#define HO_INTERRUPTED 4 /* the user asked to stop; what is done so far is whole */

/* ho_plugin.kind */
#define HO_DYNAMICS   1u
#define HO_MODEL      2u
#define HO_LOSS       3u
#define HO_PENALTY    4u
#define HO_MODE       5u
#define HO_DATA       6u
#define HO_CONSTRAINT 7u

/* The largest rank of a tensor in a trace and of an array in a data set. */
#define HO_MAX_RANK 4

/* An array of rows whose size may grow in later minors. HO_TABLE(array) fills one from a static array. */
typedef struct ho_table {
    const void *rows;
    uint32_t count;
    uint32_t row_size;
} ho_table;

#define HO_TABLE(array)                                                                       \
    {                                                                                         \
        (array), (uint32_t)(sizeof(array) / sizeof((array)[0])), (uint32_t)sizeof((array)[0]) \
    }

/* ho_option.type: what the host accepts for an option in a pipeline, and how a plugin reads it. */
#define HO_REAL    1u /* a finite number               ho_option_real */
#define HO_INTEGER 2u /* a whole number                ho_option_integer */
#define HO_BOOLEAN 3u /* true or false                 ho_option_boolean */
#define HO_STRING  4u /* any text                      ho_option_string */
#define HO_PATH    5u /* a file or folder that exists  ho_option_string; relative to the pipeline's folder */
#define HO_CHOICE  6u /* one of `choices`              ho_option_string */
#define HO_REALS   7u /* a list of numbers, or one     ho_option_count, ho_option_real_at */
#define HO_STRINGS 8u /* a list of texts, or one       ho_option_count, ho_option_string_at */

/* One option: a setting that is not differentiated. Options of type HO_REAL and HO_INTEGER are also constants in the
 * scope of the plugin's formulas. */
typedef struct ho_option {
    const char *name;
    uint32_t type;
    uint32_t required;   /* 1: no default; leaving it out is an error */
    const char *initial; /* the default as a pipeline would write it; NULL where required or "not given" is fine */
    const char *doc;     /* one line */
    double least, most;  /* inclusive range of numbers; both 0: any */
    const char *choices; /* HO_CHOICE: words separated by '|' */
} ho_option;

/* ho_hyper.domain: the values a hyperparameter may take; the host keeps tuned ones inside by projection. */
#define HO_ANY         0u /* every finite number */
#define HO_NONNEGATIVE 1u /* [0, inf) */
#define HO_UNIT        2u /* [0, 1] */
#define HO_DECAY       3u /* [0, 1 - 1e-6]: stops short of 1, where a bias correction would be 0/0 */
#define HO_POSITIVE    4u /* [1e-12, inf) */

/* ho_hyper.structure, bits: the linear subspace that a K x K hyperparameter lives in. */
#define HO_SYMMETRIC     1u
#define HO_ZERO_DIAGONAL 2u

/* One hyperparameter: an array the validation error can be differentiated by. */
typedef struct ho_hyper {
    const char *name;
    double initial; /* default of every entry (entries that the structure forbids are 0) */
    uint32_t domain;
    const char *doc;   /* one line */
    const char *shape; /* NULL or "": a scalar. Else sizes by symbol, as "columns columns"; alternatives that a
                          pipeline may choose by `shape:` follow after '|', as "|columns" (scalar or per column).
                          Symbols: features, outputs, examples, steps; for penalties also rows, columns. */
    uint32_t structure;
} ho_hyper;

/* One slot of an optimizer's state, of the shape of `w`. */
typedef struct ho_slot {
    const char *name;
    const char *doc;
    const char *initial; /* NULL: zero. Else a formula over w (the initial weights), hyperparameters and options */
} ho_slot;

/* ---- what a plugin is handed when an instance of it is made ---------------------------------------------------- */

typedef struct ho_setup ho_setup;

/* Thread: the one that called `create`, and only until it returns. Strings and memory stay valid as long as the
 * instance. Asking for an option that the plugin's table does not declare, or by another type, or for an entry beyond
 * a list's end, is an error that refuses the instance whatever `create` returns; the answer is then 0, "" or NULL.
 * A number that was not given and has no default is 0. */
typedef struct ho_setup_api {
    uint32_t struct_size;
    double (*option_real)(ho_setup *u, const char *name);
    int64_t (*option_integer)(ho_setup *u, const char *name);
    int32_t (*option_boolean)(ho_setup *u, const char *name);
    const char *(*option_string)(ho_setup *u, const char *name); /* NULL: not given and no default */
    int64_t (*option_count)(ho_setup *u, const char *name);
    double (*option_real_at)(ho_setup *u, const char *name, int64_t i);
    const char *(*option_string_at)(ho_setup *u, const char *name, int64_t i);
    void *(*alloc)(ho_setup *u, uint64_t bytes); /* zeroed; freed by the host after destroy; at most 256 MiB; NULL:
                                                    too much, already reported: return HO_FAILED */
    ho_status (*fail)(ho_setup *u, const char *file, int32_t line, const char *option, const char *format, ...)
        HO_PRINTF(5, 6); /* refuses the instance, at the place of `option` (or of the plugin, if NULL) in the
                            pipeline; returns HO_INVALID */
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
#define ho_setup_fail(u, option, ...)   ((u)->api->fail((u), HO_HERE, (option), __VA_ARGS__))

/* ---- the exported symbol --------------------------------------------------------------------------------------- */

typedef struct ho_plugin {
    uint32_t struct_size; /* sizeof(ho_plugin), as the author compiled it */
    uint32_t abi_major;   /* HO_ABI_MAJOR */
    uint32_t abi_minor;   /* HO_ABI_MINOR; a host refuses a newer minor than its own */
    uint32_t kind;
    const char *name;    /* what a pipeline writes: [a-z][a-z0-9_]* */
    const char *version; /* the plugin's own */
    const char *doc;     /* one line, for `hotool plugins` */
    const char *details; /* NULL, or the paragraphs that `hotool plugins NAME` prints: formula, source, advice */
    ho_table options;    /* rows: ho_option. Names of options, hypers and slots differ from each other */
    ho_table hypers;     /* rows: ho_hyper; for dynamics, models, losses and penalties */
    const void *calls;   /* the kind's table: ho_dynamics_calls, ho_model_calls, ... */
    /* Makes what the other calls get as `self`. NULL: self is NULL. Called once per use in a pipeline. HO_OK, or what
     * ho_setup_fail returned, or HO_FAILED; where it fails it has freed what it took, and destroy is not called. */
    ho_status (*create)(ho_setup *u, void **self);
    /* Frees what create took beyond ho_setup_alloc. NULL: nothing. Not called where create left self NULL. */
    void (*destroy)(void *self);
} ho_plugin;

/* The definition that each plugin gives; declared here so that it has C linkage in C++ too. */
extern HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL;

/* Fills the first four members:  HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_LOSS), .name = ...};
 */
#define HO_PLUGIN_HEAD(kind_) \
    .struct_size = (uint32_t)sizeof(ho_plugin), .abi_major = HO_ABI_MAJOR, .abi_minor = HO_ABI_MINOR, .kind = (kind_)

#ifdef __cplusplus
}
#endif

#endif
