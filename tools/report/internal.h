/* What a run folder says, and what is drawn of it. */
#ifndef HO_REPORT_INTERNAL_H
#define HO_REPORT_INTERNAL_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"

/* The most rows (and columns) of a matrix that is drawn: beyond, neither graph nor heat map can be read. */
#define HO_REPORT_LARGEST 100
/* Curves of hyperparameters on one page. */
#define HO_REPORT_MOST_CURVES 24

/* A figure over a row's repeats. */
typedef struct ho_statistic {
    bool known;
    double mean, sd;      /* sd NaN: not known */
    const double *values; /* one for each repeat; NaN where not known */
    size_t count;
} ho_statistic;

typedef struct ho_report_hyper {
    const char *name;
    bool array;
    int rank; /* of an array */
    int64_t dims[4];
    ho_statistic value;   /* of a scalar, or an array's sum */
    const double *square; /* the mean over the repeats of a square array that is not too large, else NULL */
} ho_report_hyper;

/* One quantity over outer iterations or candidates, in every repeat. */
typedef struct ho_report_curve {
    const char *name;
    size_t length, repeats;
    double *values; /* length x repeats; NaN: none there */
} ho_report_curve;

/* One quantity over training steps: the points of one repeat after those of another, each repeat's in order. */
typedef struct ho_report_point {
    double step, value;
    size_t repeat;
} ho_report_point;

typedef struct ho_report_course {
    const char *name;
    size_t count, capacity;
    ho_report_point *points;
} ho_report_course;

typedef struct ho_report_course_list {
    size_t count, capacity;
    ho_report_course *items;
} ho_report_course_list;

/* What was seen of a training while it ran: at looks, and at updates of the hyperparameters. */
typedef struct ho_report_watched {
    ho_report_course training_error, validation_error, validation_accuracy; /* at looks */
    ho_report_course best;                                                  /* of each repeat: its best look's error */
    ho_report_course update_error, gradient_norm;                           /* at updates */
    ho_report_course_list hypers, tangents;                                 /* by hyperparameter */
} ho_report_watched;

typedef struct ho_report_examples ho_report_examples; /* report/examples.h */

typedef struct ho_report_row {
    const char *name;              /* of the variant, or of the pipeline where there are none */
    const char *strategy;          /* "hypergradient", "online", "grid", "random", "none" */
    const char *outcome, *message; /* message may be NULL */
    int64_t runs;
    ho_statistic validation_error, validation_accuracy, test_accuracy, gradient_evaluations, seconds;
    ho_statistic best_epoch, cpu_seconds, precision, recall, f1; /* of some kinds of runs */
    ho_report_hyper *hypers;
    size_t hyper_count;
    const char **folders; /* relative to the run folder */
    size_t folder_count;
    ho_report_curve error, stationarity;
    ho_report_curve *curves; /* of the hyperparameters: scalars, and sums of arrays */
    size_t curve_count;
    ho_report_watched watched;
    ho_report_examples *examples; /* weights of training examples; NULL: none */
} ho_report_row;

typedef struct ho_report {
    ho_arena *arena;
    const char *folder;
    json_t *root; /* result.json: what is shown as it stands is read from here */
    const char *title;
    const char *outcome, *message; /* message may be NULL */
    const char **names;            /* of the classes; NULL: not known */
    size_t name_count;
    ho_report_row *rows;
    size_t row_count;
    const char *pipeline;  /* the text of pipeline.yaml */
    const double *planted; /* truth/relations.npy, square; NULL: none */
    int64_t planted_size;
} ho_report;

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Fills a zeroed report; free it in either case. */
ho_status ho_report_read(const char *folder, ho_report *report, ho_error *error);
void ho_report_free(ho_report *report);
/* The curves of a row out of its folders' metrics.jsonl. */
ho_status ho_report_read_metrics(ho_report *report, ho_report_row *row, ho_error *error);
/* A line of metrics.jsonl about a training step, into the row's courses; *last is the step of the line before. */
ho_status ho_report_take_step(ho_report *report, ho_report_row *row, size_t repeat, ho_place place, json_t *record,
                              double *last, ho_error *error);
void ho_report_watched_free(ho_report_watched *watched);
/* A line's member that is a number or null, or not there: NaN. */
ho_status ho_report_real(ho_place place, const json_t *record, const char *key, double *value, ho_error *error);
/* A hyperparameter's value in a line, below `key`: a number or null, or an array's sum. */
ho_status ho_report_hyper_value(ho_place place, const char *key, const char *name, const json_t *json, bool *array,
                                double *value, ho_error *error);
/* The mean over the row's folders of a square hyperparameter, and the planted relations. */
ho_status ho_report_read_square(ho_report *report, const ho_report_row *row, ho_report_hyper *hyper, ho_error *error);
ho_status ho_report_read_planted(ho_report *report, ho_error *error);
/* A JSON text of this file, whose first line is `line`; json_decref the result. NULL: an error with its place. */
json_t *ho_report_json(const char *path, int line, const char *text, size_t size, ho_error *error);

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

/* Runs a program without a shell, `input` as its standard input, and keeps what it writes (free()). A program that is
 * not there is told with its Debian package. */
ho_status ho_report_draw(char *const *arguments, const char *package, const char *input, char **output,
                         ho_error *error);
/* The name of class k, or its number where the classes have no names for a size like this; lives in the arena. */
const char *ho_report_class(const ho_report *report, int64_t size, int64_t k);
/* The colour of a row ("#rrggbb"). */
const char *ho_report_colour(size_t row);

/* A square matrix as an undirected graph in DOT: its strongest edges, at most `most`; free(). */
char *ho_relations_dot(const ho_report *report, const double *matrix, int64_t size, size_t most);
/* How well the entries of `matrix` tell the pairs related in `planted` from the others; NaN: not defined. */
double ho_relations_auc(const double *matrix, const double *planted, int64_t size);
size_t ho_relations_most(int64_t size);
ho_status ho_relations_svg(const char *dot, char **svg, ho_error *error);

/* Curves: one line for each row that has the quantity `curve` gives (NULL: none). *svg stays NULL where no row has. */
typedef const ho_report_curve *ho_report_choice(const ho_report_row *row, const char *name);
ho_status ho_report_plot(const ho_report *report, ho_report_choice *choice, const char *name, bool logarithmic,
                         const char *axis, char **svg, ho_error *error);

/* Courses over training steps, likewise. NULL for a choice: there are none of this sort. */
typedef const ho_report_course *ho_report_course_choice(const ho_report_row *row, const char *name);
typedef struct ho_report_course_plot {
    ho_report_course_choice *solid, *dashed, *marks;
    const char *name;
    bool percent, logarithmic;
    bool by_range; /* logarithmic where the values span more than three powers of ten */
} ho_report_course_plot;
ho_status ho_report_plot_courses(const ho_report *report, const ho_report_course_plot *plot, char **svg,
                                 ho_error *error);

/* The test accuracy of every repeat, by row; likewise. */
ho_status ho_report_spread(const ho_report *report, char **svg, ho_error *error);
ho_status ho_report_heat(const ho_report *report, const double *matrix, int64_t size, char **svg, ho_error *error);

/* ---- the page ---------------------------------------------------------------------------------------------------- */

/* A picture of the page. */
typedef struct ho_report_figure {
    const char *caption, *note; /* note may be NULL */
    char *svg;
} ho_report_figure;

/* What was learned about relations, drawn. */
typedef struct ho_report_relation {
    const ho_report_row *row;
    const ho_report_hyper *hyper;
    char *dot, *graph, *heat;
    const char *file; /* "relations" or "relations-VARIANT" */
    double auc;       /* NaN: nothing planted */
} ho_report_relation;

/* The weights of a row's training examples, drawn. */
typedef struct ho_report_weights {
    const ho_report_row *row;
    char *histogram;
    char **tiles;   /* of the lowest weights' examples, as addresses of images; NULL: there are no pictures */
    uint8_t *sheet; /* a PNG file of the same, or NULL */
    size_t sheet_size;
    const char *file; /* "contact_sheet.png" or "contact_sheet-VARIANT.png" */
} ho_report_weights;
void ho_report_weights_free(ho_report_weights *weights);

typedef struct ho_report_pictures {
    ho_report_figure *figures;
    size_t figure_count, figure_capacity;
    size_t curves_left_out; /* hyperparameters beyond what a page shows */
    size_t relations_left_out;
    ho_report_relation *relations;
    size_t relation_count, relation_capacity;
    char *planted, *planted_heat; /* the planted relations, or NULL */
    ho_report_weights *weights;
    size_t weights_count, weights_capacity, weights_left_out;
    bool beside; /* the page will lie in the run folder */
} ho_report_pictures;

/* Keeps a drawn figure; nothing where svg is NULL. */
void ho_report_add_figure(ho_report_pictures *pictures, const char *caption, const char *note, char *svg);
/* The figures of trainings that were watched while they ran. */
ho_status ho_report_draw_watched(const ho_report *report, ho_report_pictures *pictures, ho_error *error);

void ho_report_page(const ho_report *report, const ho_report_pictures *pictures, FILE *html);
/* Writes a drawn SVG with its caption (note may be NULL); *number counts the page's pictures. */
void ho_report_put_figure(const char *caption, const char *note, const char *svg, int *number, FILE *html);
/* "FIRST-SECONDENDING" as the name of a file: anything but letters, digits, '.', '_' and '-' becomes '_'. */
const char *ho_report_file_name(const ho_report *report, const char *first, const char *second, const char *ending);
/* A text under construction, whole once closed; free() it. Never NULL. */
FILE *ho_report_text(char **text, size_t *size);
/* Text with &, <, >, " and ' escaped. */
void ho_report_escape(const char *text, FILE *html);
/* The results as a table. */
void ho_report_table(const ho_report *report, FILE *html);

extern const char ho_report_style[];

#endif
