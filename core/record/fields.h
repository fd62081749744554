/* The description of a record that its writer and its reader share: an array of fields for each struct. */
#ifndef HO_RECORD_FIELDS_H
#define HO_RECORD_FIELDS_H

#include "record/record.h"

typedef enum ho_field_kind {
    HO_FIELD_TEXT,    /* const char *; null: NULL */
    HO_FIELD_INTEGER, /* int64_t */
    HO_FIELD_REAL,    /* double; null: NaN */
    HO_FIELD_BOOLEAN, /* bool */
    HO_FIELD_OUTCOME, /* ho_error: the name of its status */
    HO_FIELD_MESSAGE, /* ho_error: its text */
    HO_FIELD_SHAPE,   /* ho_extent: a list of sizes */
    HO_FIELD_OBJECT,  /* a struct; `of`: its fields */
    HO_FIELD_FIGURES, /* ho_statistic[HO_FIGURES]: a member for each figure; `of`: fields of a statistic */
    /* A pointer to items of `size` bytes, and their count. */
    HO_FIELD_LIST,  /* `of`: one item, as a field */
    HO_FIELD_REALS, /* the same, on one line */
    HO_FIELD_NAMED, /* an object with a member for each item, a struct that begins with its name; `of`: its fields. The
                       first is its shape; of a scalar the member is the second field alone */
    HO_FIELD_PAIRS, /* ho_pairs: an object with a text for each */
} ho_field_kind;

enum {
    HO_FIELD_REQUIRED = 1, /* read: must be there, and not null */
    HO_FIELD_OMIT = 2,     /* written: left out where unknown. A struct is unknown where its first member, a bool, is
                              false; a text or list where it is NULL */
    HO_FIELD_NULL = 4,     /* written: null where unknown */
    HO_FIELD_ZERO = 8,     /* an integer: null stands for 0 */
    HO_FIELD_COUNT = 16,   /* an integer: from 0; a list: not empty */
    HO_FIELD_INSIDE = 32,  /* a text: a path inside the run folder */
};

typedef struct ho_field {
    const char *key; /* NULL: the end of the array */
    ho_field_kind kind;
    size_t offset;
    unsigned flags;
    unsigned only; /* written in these kinds of record or line; 0: in all */
    const struct ho_field *of;
    size_t size;
} ho_field;

extern const ho_field ho_record_fields[], ho_line_fields[];

#endif
