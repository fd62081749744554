/* A tree of settings with the place of each: what YAML becomes, and what plugins' options are read from. */
#ifndef HO_BASE_TREE_H
#define HO_BASE_TREE_H

#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

typedef enum ho_tree_kind { HO_TREE_NULL, HO_TREE_SCALAR, HO_TREE_LIST, HO_TREE_MAP } ho_tree_kind;

/* Characters of a scalar that follow each other in the file too: from byte `offset` of its text to where the next
 * stretch begins. Blanks belong to what stands before them. */
typedef struct ho_stretch {
    uint32_t offset;
    int line, column;
} ho_stretch;

/* A node. Owned by the arena it was made in. Children of a map carry their key. */
typedef struct ho_tree {
    ho_tree_kind kind;
    bool quoted;         /* a scalar written in quotes: always text */
    const char *text;    /* HO_TREE_SCALAR: as written, after ${...} */
    const char *written; /* before ${...} was replaced; NULL: there was none */
    const char *key;     /* in a map: the key; else NULL */
    ho_place place;      /* of the value */
    ho_place key_place;  /* of the key */
    struct ho_tree *parent;
    struct ho_tree *origin;              /* what it is a copy of, or NULL; must live as long */
    struct ho_tree *first, *last, *next; /* children in the order written */
    size_t count;                        /* children */
    const ho_stretch *stretches;         /* of a scalar; NULL: one line without quotes, or not known (see exact) */
    size_t stretch_count;
    bool exact; /* a scalar whose characters are found in the file, so that ho_tree_character is */
} ho_tree;

ho_tree *ho_tree_new(ho_arena *arena, ho_tree_kind kind, ho_place place);
void ho_tree_append(ho_tree *parent, ho_tree *child);
/* Appends to a map; the key is borrowed. */
void ho_tree_put(ho_tree *map, const char *key, ho_place key_place, ho_tree *child);
/* Appends a scalar to a map; its text is copied, the key borrowed. `place`: of both. */
void ho_tree_put_text(ho_arena *arena, ho_tree *map, const char *key, ho_place place, const char *text);
/* A deep copy without key and parent, whose nodes remember their origin. */
ho_tree *ho_tree_copy(ho_arena *arena, const ho_tree *node);
/* Whether two nodes hold the same values, as written; NULL equals NULL only. */
bool ho_tree_same(const ho_tree *a, const ho_tree *b);
/* The child of a map; NULL where there is none (or `map` is NULL or no map). */
ho_tree *ho_tree_get(const ho_tree *map, const char *key);
/* Takes a child out of a list or a map; NULL is fine. */
void ho_tree_drop(ho_tree *parent, ho_tree *child);
/* Takes out the child with that key, if any. */
void ho_tree_remove(ho_tree *map, const char *key);

/* The place of the byte at `offset` of a scalar's text, or of its end; the scalar's own where more is not known. */
ho_place ho_tree_character(const ho_tree *node, size_t offset);
/* A scalar of its own with a part of another's text; its characters have the places that they have there. */
ho_tree *ho_tree_part(ho_arena *arena, const ho_tree *node, size_t offset, size_t length);

/* Readers. Each fails with HO_INVALID at the node's place, saying what it expected and what it got:
 * `configs/x.yaml:7:9: steps: "many" is not an integer`. `what` names the setting in messages. */
ho_status ho_tree_real(const ho_tree *node, const char *what, double *value, ho_error *error); /* finite only */
ho_status ho_tree_integer(const ho_tree *node, const char *what, int64_t *value, ho_error *error);
/* An amount of memory in bytes, as ho_parse_bytes reads it. */
ho_status ho_tree_bytes(const ho_tree *node, const char *what, int64_t *value, ho_error *error);
ho_status ho_tree_boolean(const ho_tree *node, const char *what, bool *value, ho_error *error); /* true/false only */
ho_status ho_tree_string(const ho_tree *node, const char *what, const char **value, ho_error *error);
ho_status ho_tree_expect(const ho_tree *node, ho_tree_kind kind, const char *what, ho_error *error);
/* "a number", "a list", ...: what a node is, for messages. */
const char *ho_tree_kind_name(ho_tree_kind kind);

/* Fails for the first child of `map` whose key is none of `known` (NULL-terminated), at the key's place, with the
 * nearest known name: `x.yaml:3:1: unknown key "stepz" in the pipeline; did you mean "steps"?` */
ho_status ho_tree_only(const ho_tree *map, const char *where, const char *const *known, ho_error *error);

#endif
