/* The weights of training examples in a run folder: examples/weights.csv, examples/lowest.csv, and what truth/ says. */
#ifndef HO_REPORT_EXAMPLES_H
#define HO_REPORT_EXAMPLES_H

#include "record/record.h"
#include "report/images.h"

/* The most examples of a contact sheet. */
#define HO_EXAMPLES_LOWEST 100

/* A training example: a row of examples/weights.csv or examples/lowest.csv. */
typedef struct ho_example {
    int64_t index, label;
    int64_t truth; /* its label before noise; -1: unknown */
    int corrupted; /* whether noise replaced the label: 0 or 1; -1: unknown */
    double weight;
} ho_example;

typedef struct ho_examples {
    ho_example *all; /* of every repeat in turn */
    size_t count, capacity;
    bool truth;         /* it is known of all whether their label was replaced */
    ho_example *lowest; /* of the first repeat that has them; NULL: none */
    size_t lowest_count;
    size_t lowest_repeat; /* from 0 */
    size_t tied;          /* how many examples of that repeat have the least weight */
    ho_images images;     /* of the lowest */
} ho_examples;

/* Reads the weights in the repeats' folders. *examples stays NULL if there are none. */
ho_status ho_examples_read(const char *folder, const ho_texts *folders, ho_examples **examples, ho_error *error);
void ho_examples_free(ho_examples *examples); /* NULL is fine */

#endif
