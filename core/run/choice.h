/* A row of the table made of other rows' runs: the choice of a variant by its validation error. */
#ifndef HO_RUN_CHOICE_H
#define HO_RUN_CHOICE_H

#include "run/rows.h"

/* For each repetition the run of least validation error among the choice's members, whose rows are among `rows` (one
 * for each variant, all of as many runs); the first of equals, and the first member where none has a validation error.
 * The figures are those of the chosen run, but for gradient evaluations and seconds: a choice costs what all its
 * members do. The row borrows from `rows`; free with ho_choice_free. */
ho_row ho_choice_row(const ho_choice *choice, const ho_row *rows);
void ho_choice_free(ho_row *row);

#endif
