/* Weights of single training examples: what a run folder tells of them, and what is drawn of it. */
#ifndef HO_REPORT_EXAMPLES_H
#define HO_REPORT_EXAMPLES_H

#include <stdint.h>

#include "report/internal.h"

/* The most examples of a contact sheet. */
#define HO_REPORT_LOWEST 100

/* A training example: a row of examples/weights.csv or examples/lowest.csv. */
typedef struct ho_report_example {
    int64_t index, label;
    int64_t truth; /* its label before noise; -1: not known */
    int corrupted; /* whether the label was replaced: 0 or 1; -1: not known */
    double weight;
} ho_report_example;

/* Small pictures of the same size, 8 bits a channel, rows of pixels, 1 or 3 channels side by side. */
typedef struct ho_report_images {
    int count, height, width, channels;
    uint8_t *pixels; /* NULL: there are no pictures */
} ho_report_images;

struct ho_report_examples {
    ho_report_example *all; /* of every repeat, one after the other */
    size_t count, capacity;
    bool truth;                /* known of all of them whether their label was replaced */
    ho_report_example *lowest; /* of the first repeat that has them; NULL: none */
    size_t lowest_count;
    size_t lowest_repeat;    /* from 0 */
    ho_report_images images; /* of the lowest */
};

/* Sets row->examples where one of the row's folders tells of weights. */
ho_status ho_report_read_examples(const ho_report *report, ho_report_row *row, ho_error *error);
void ho_report_examples_free(ho_report_examples *examples); /* NULL is fine */
/* Pictures out of a .npy file of so many: (n,H,W), (n,C,H,W) or (n,H,W,C) with C 1 or 3. What is (n,d) has none. */
ho_status ho_report_read_images(const char *path, size_t count, ho_report_images *images, ho_error *error);

/* Histogram of the weights, by whether the label was replaced where that is known. */
ho_status ho_report_histogram(const ho_report_examples *examples, char **svg, ho_error *error);
/* Picture i as the address of an image in the page ("data:image/png;base64,..."); free(). */
ho_status ho_report_tile(const ho_report_images *images, int i, char **address, ho_error *error);
/* All pictures as one PNG file, framed by whether their label was replaced; free(). */
ho_status ho_report_sheet(const ho_report_examples *examples, uint8_t **png, size_t *size, ho_error *error);
/* By how much a picture is magnified so that it is about `wanted` pixels large: a whole number. */
int ho_report_magnified(const ho_report_images *images, int wanted);

/* The drawings of the report's rows that have weights; files beside the page; the section of the page. */
ho_status ho_report_draw_examples(const ho_report *report, ho_report_pictures *pictures, ho_error *error);
ho_status ho_report_write_examples(const ho_report *report, const ho_report_pictures *pictures, ho_error *error);
void ho_report_put_examples(const ho_report *report, const ho_report_pictures *pictures, int *number, FILE *html);

#endif
