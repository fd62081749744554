/* Examples in the run's precision, the leaves that stand for them, and which of them a step sees. */
#ifndef HO_SYSTEM_BATCH_H
#define HO_SYSTEM_BATCH_H

#include "system/ground.h"
#include "system/hypers.h"

/* A target that some loss uses. */
typedef struct ho_used_target {
    const char *name;
    bool labels;
    bool validates; /* some loss of the validation error uses it */
    int64_t width;
    int64_t outputs; /* entries of the model's answer: the classes, or the width */
} ho_used_target;

/* The targets in use. The first is the main one, which the model may answer by "outputs". */
typedef struct ho_targets {
    ho_used_target *used;
    ho_named_size *sizes; /* their outputs by name, ending with NULL */
    size_t count;
    size_t measured; /* the one that accuracy is about: of the validation error's first loss */
} ho_targets;

/* Examples in memory, and their leaves. */
typedef struct ho_part {
    int64_t count;
    const void *inputs;
    const void **targets;  /* NULL where these examples lack one, which no term here uses then */
    int64_t *chosen;       /* of a batch: which examples these are */
    void *rows;            /* the same as numbers, where single examples have weights; else NULL */
    size_t inputs_leaf;    /* (count, features) */
    size_t *target_leaves; /* (count) for labels, else (count, width) */
    size_t rows_leaf;      /* (count) */
} ho_part;

typedef struct ho_feeds {
    ho_ground *ground;
    ho_targets targets;
    ho_part training, validation; /* what a step, and the validation error, see: a batch or all there is */
    int64_t training_loaded, validation_loaded; /* numbers of the batches; 0: none */
} ho_feeds;

/* The sizes that exist for a part of this many examples (0: none), a weight of this shape (penalties; NULL), and the
 * target whose answer is "outputs" (NULL: the main one). */
const ho_named_size *ho_sizes_here(ho_ground *ground, int64_t batch, const ho_shape *weight,
                                   const ho_used_target *target);

/* Finds the targets of the losses among these owners; the last `validation_count` are terms of the validation error. */
ho_status ho_targets_resolve(ho_feeds *data, ho_owner *owners, size_t count, size_t validation_count, ho_error *error);
/* The parts with their leaves. `numbered`: some term has weights for single examples. */
ho_status ho_feeds_make(ho_feeds *data, bool numbered, ho_error *error);

/* Room for `count` examples, with leaves. `all`: these are put there, and shared where they are in the run's precision;
 * NULL: none yet. */
ho_status ho_part_new(ho_feeds *data, const ho_examples *all, int64_t count, const char *what, ho_part *part,
                      ho_error *error);
/* Fills the part with examples from place `first` on, of those that `rows` lists (NULL: of all); past `count` with the
 * last one again. Values that the part shares with them stay. */
void ho_part_fill(const ho_feeds *data, const ho_examples *examples, const int64_t *rows, int64_t first, int64_t count,
                  ho_part *part);

/* Which training example stands at place i of step t's batch. */
int64_t ho_batch_example(uint64_t seed, int64_t examples, int64_t batch, int64_t t, int64_t i);
/* Whether a leaf stands for what a step sees of the examples. */
bool ho_batch_has(const ho_feeds *data, size_t leaf);
/* Loads the examples of step t, which a stream may refuse, and of draw number `draw` of the validation batch. */
ho_status ho_batch_load(ho_feeds *data, int64_t t, ho_error *error);
void ho_validation_load(ho_feeds *data, int64_t draw);

#endif
