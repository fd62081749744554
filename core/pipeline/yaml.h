/* YAML files into trees of settings. Safe against hostile files: depth, size, aliases and keys are checked. */
#ifndef HO_PIPELINE_YAML_H
#define HO_PIPELINE_YAML_H

#include <stdio.h>

#include "base/tree.h"

/* What messages call the file "-". */
#define HO_STANDARD_INPUT "standard input"

/* Reads one document; "-" is standard input. A UTF-8 byte order mark is passed over. Errors at file:line:column:
 * syntax, several documents, duplicate keys, non-scalar keys, nesting deeper than 64, more than 100,000 nodes after
 * expanding aliases, a file above 4 MiB, tabs, bad UTF-8, UTF-16. `${NAME}` and
 * `${NAME:-default}` in scalars read the environment; a NAME that is not set and has no default is an error. `$$` is
 * `$`. */
ho_tree *ho_yaml_read(ho_arena *arena, const char *path, ho_error *error);
/* The same from text; `name` stands for the file in messages. */
ho_tree *ho_yaml_parse(ho_arena *arena, const char *name, const char *text, size_t size, ho_error *error);
/* Writes a tree as YAML that reads back the same. */
void ho_yaml_write(const ho_tree *tree, FILE *out);

/* The file of places on the command line. */
#define HO_COMMAND_LINE "--set"

/* Lays `over` on top of `base`, in place: maps merge deeply, scalars and lists replace, null deletes. Lists whose items
 * are maps with names (objective terms: `name`, else `loss` or `penalty`; data sources: `label`) are addressed by a map
 * of those names. A scalar or list from the command line is replaced by what comes from there only. Keys stay those of
 * `over`, which must live as long. */
ho_status ho_tree_merge(ho_arena *arena, ho_tree *base, const ho_tree *over, ho_error *error);
/* One `--set`: "hyperparameters/mtl.A/init=0", levels separated by '/', the value being YAML. Keys are made as needed.
 * "PART.HYPERPARAMETER=value" gives a hyperparameter its value wherever the pipeline has one: its `init` where it is
 * tuned, the setting of its part. */
ho_status ho_tree_set(ho_arena *arena, ho_tree *root, const char *assignment, ho_error *error);

#endif
