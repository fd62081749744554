/* The keys of a pipeline file: one table that the parser, its suggestions and `hotool help pipeline` read. A new key is
 * a row of the table and, for a typed one, the member that its value goes to. */
#ifndef HO_PIPELINE_KEYS_H
#define HO_PIPELINE_KEYS_H

#include "base/tree.h"

/* A kind of map in a pipeline, with keys of its own. */
typedef enum ho_section {
    HO_PIPELINE,
    HO_SOURCE, /* data from one reader */
    HO_PARTS,  /* data from a reader for each part */
    HO_READER, /* of one part */
    HO_SPLIT,
    HO_NOISE,
    HO_PART, /* model, dynamics */
    HO_LOSS_TERM,
    HO_PENALTY_TERM,
    HO_VALIDATION,
    HO_TUNED, /* a hyperparameter */
    HO_RANGE,
    HO_PROJECTION, /* a constraint */
    HO_HYPERGRADIENT,
    HO_OUTER,
    HO_STOP,
    HO_FINAL,
    HO_CHECKPOINT,
    HO_VARIANT,
    HO_SECTIONS
} ho_section;

typedef struct ho_key_section {
    const char *name;  /* "stop": what messages and the help call it */
    const char *path;  /* where it stands, as in --set: "hyperparameters/NAME/range"; several with ", " between */
    const char *takes; /* what else it takes, such as the options of its plugin: not checked here; NULL: nothing */
    const char *doc;
    const char *example; /* YAML */
} ho_key_section;
extern const ho_key_section ho_key_sections[HO_SECTIONS];

typedef enum ho_key_type {
    HO_KEY_OTHER,   /* read by code of its own; `form` says what it is */
    HO_KEY_INTEGER, /* int64_t or uint64_t */
    HO_KEY_REAL,    /* double, finite */
    HO_KEY_BOOLEAN, /* bool */
    HO_KEY_TEXT,    /* const char * */
    HO_KEY_NAME,    /* const char *: fit for a folder's name */
    HO_KEY_WORD,    /* bool or int: which of `words` */
} ho_key_type;

/* What a key of `outer` goes with; 0: anything. */
typedef enum ho_key_with { HO_WITH_ANY, HO_WITH_BATCH, HO_WITH_ONLINE, HO_WITH_SEARCH, HO_WITH_RANDOM } ho_key_with;

typedef struct ho_key {
    unsigned in; /* sections: HO_IN(section) | ... */
    const char *name;
    ho_key_type type;
    const char *form;    /* HO_KEY_OTHER: "map", "name of a loss", ... */
    size_t offset, size; /* the member that takes the value, see ho_keys_read; size 0: it is read alone */
    double least, most;  /* of numbers, inclusive unless ..._open; most 0: no limit */
    bool least_open, most_open;
    const char *const *words; /* ending with NULL; of an integer: the one that stands for `special` */
    int64_t special;
    bool fraction;       /* of an integer: a share is meant by one below 1, read by code of its own */
    const char *initial; /* the default, as it would be written; NULL: none, or as `doc` says */
    bool required;
    ho_key_with with;
    bool whole_file; /* of the whole file: not to be changed by a variant */
    const char *doc;
} ho_key;

#define HO_IN(section) (1u << (section))
extern const ho_key ho_keys[];
extern const size_t ho_key_count;

/* The names of a section's keys, ending with NULL. */
const char *const *ho_key_names(ho_section section);
/* "integer >= 1 or full", "one of sum, mean"; free with free(). */
char *ho_key_type_text(const ho_key *key);
/* "schedule: online"; NULL for HO_WITH_ANY. */
const char *ho_key_with_text(const ho_key *key);

/* Reads the typed keys of a map (NULL: an empty one) into the members of `values`, a ho_pipeline for HO_PIPELINE,
 * HO_VALIDATION, HO_OUTER, HO_STOP, HO_FINAL and HO_CHECKPOINT, else the struct that the table names for the section.
 * Keys that are absent get their default; where they have none, the member stays as it is. Refused, at their place:
 * what is no map, unknown keys (unless the section takes others too), values of another type or out of range, missing
 * keys that are required. */
ho_status ho_keys_read(ho_section section, const ho_tree *map, void *values, ho_error *error);
/* Reads one typed key of a map, or its default, into a variable of its type. */
ho_status ho_key_read(ho_section section, const char *name, const ho_tree *map, void *value, ho_error *error);
#define HO_FILE_NAME_RULE "expected letters, digits, '_', '-' and '.', at most 64 of them, not beginning with a '.'"
/* Whether a text can be part of a folder's name: at most HO_NAME_MAX letters, digits, '_', '-' and '.', not beginning
 * with a '.'. */
bool ho_is_file_name(const char *text);

#endif
