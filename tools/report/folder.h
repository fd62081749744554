/* A run folder as a report needs it: the record, and what the rows' folders hold. */
#ifndef HO_REPORT_FOLDER_H
#define HO_REPORT_FOLDER_H

#include "record/record.h"
#include "report/examples.h"
#include "report/series.h"

/* A row of the results. */
typedef struct ho_report_row {
    const char *name;        /* of the variant, or of the pipeline if there are none */
    const ho_row *record;    /* its figures */
    ho_series_list series;   /* none of a choice among variants: it repeats theirs */
    const double **matrices; /* for each hyperparameter the mean over the repeats of a square array that is not too
                                large, or NULL */
    ho_examples *examples;   /* weights of training examples, or NULL */
} ho_report_row;

typedef struct ho_report_run {
    ho_arena *arena;
    const char *folder;
    ho_record record;
    ho_report_row *rows;
    size_t row_count;
    const char *pipeline;  /* the text of pipeline.yaml */
    const double *planted; /* truth/relations.npy, square; NULL: none */
    int64_t planted_size;
} ho_report_run;

/* Fills a zeroed run; free it in either case. */
ho_status ho_report_run_read(const char *folder, ho_report_run *run, ho_error *error);
void ho_report_run_free(ho_report_run *run);
/* Names for the rows of a matrix of this size: those of the classes, or numbers. They live in the run's arena. */
const char *const *ho_report_names(const ho_report_run *run, int64_t size);

#endif
