/* The description of a record that its writer and its reader share. */
#ifndef HO_RUN_RECORD_FIELDS_H
#define HO_RUN_RECORD_FIELDS_H

#include "run/record.h"

typedef enum ho_field_kind {
    HO_FIELD_TEXT,    /* const char *; null: NULL */
    HO_FIELD_INTEGER, /* int64_t */
    HO_FIELD_REAL,    /* double; null: NaN */
    HO_FIELD_BOOLEAN, /* bool */
    HO_FIELD_OUTCOME, /* ho_error: the name of its status */
    HO_FIELD_MESSAGE, /* ho_error: its text */
    HO_FIELD_SHAPE,   /* ho_extent: a list of sizes */
    HO_FIELD_OBJECT,  /* a struct, described by `of` */
    HO_FIELD_FIGURES, /* ho_statistic[HO_FIGURES]: a member for each figure */
    /* Lists: a pointer to the items, and their count. */
    HO_FIELD_TEXTS,
    HO_FIELD_REALS,
    HO_FIELD_OBJECTS, /* structs, described by `of` */
    HO_FIELD_NAMED,   /* an object with a member for each struct, whose first member is its name. Described by `of`: the
                         first field is its shape; of a scalar the member is the second field alone */
} ho_field_kind;

enum {
    HO_FIELD_REQUIRED = 1, /* read: must be there, and not null */
    HO_FIELD_OMIT = 2,     /* written: left out where unknown. A struct is unknown where its first member, a bool, is
                              false */
    HO_FIELD_NULL = 4,     /* written: null where a list is NULL */
    HO_FIELD_ZERO = 8,     /* an integer: null stands for 0 */
    HO_FIELD_COUNT = 16,   /* an integer: from 0 */
    HO_FIELD_INSIDE = 32,  /* texts: paths that stay inside the run folder */
    HO_FIELD_SOME = 64,    /* a list: not empty */
};

typedef struct ho_fields {
    const struct ho_field *fields; /* ends with a key that is NULL */
    size_t size;                   /* of the struct */
} ho_fields;

typedef struct ho_field {
    const char *key;
    ho_field_kind kind;
    size_t offset;
    unsigned flags;
    unsigned only;       /* written in these kinds of record or line; 0: in all */
    const ho_fields *of; /* of HO_FIELD_OBJECT, _OBJECTS, _NAMED */
} ho_field;

extern const ho_fields ho_record_fields, ho_line_fields, ho_statistic_fields;

#endif
