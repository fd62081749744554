/* Commands on run folders: what is there, what differs between runs. They look at records only. */
#ifndef HO_RUNS_RUNS_H
#define HO_RUNS_RUNS_H

#include "record/record.h"

/* `hotool runs`: the runs below a folder, a line for each row of their tables; `sort`: the name of a column, or NULL.
 * `json`: gets them as a list instead, or NULL. What cannot be read is told on stderr and passed over. */
ho_status ho_runs_list(const char *folder, const char *sort, ho_json *json, ho_error *error);
extern const char *const ho_runs_columns[]; /* by which they can be sorted, ending with NULL */

/* `hotool compare`: settings and results of the rows of several runs side by side; `html`: a page to write, or NULL. */
ho_status ho_runs_compare(const char *const *folders, size_t count, const char *html, ho_json *json, ho_error *error);

/* `hotool export`: the numbers of metrics.jsonl of every run in a folder, as DIR/NAME.csv, or as an event file in
 * DIR/NAME for TensorBoard; one of the two is NULL. Prints the files. */
ho_status ho_runs_export(const char *folder, const char *csv, const char *tensorboard, ho_error *error);

#endif
