/* What the files of this floor share: steps on the way from a tree of settings to a ho_pipeline. */
#ifndef HO_PIPELINE_INTERNAL_H
#define HO_PIPELINE_INTERNAL_H

#include "pipeline/keys.h"
#include "pipeline/pipeline.h"

/* ---- expand.c --------------------------------------------------------------------------------------------------- */

/* `text` with ${NAME}, ${NAME:-default} and $$ replaced; in the arena. NULL with an error at `place`. */
const char *ho_expand_text(ho_arena *arena, ho_place place, const char *text, ho_error *error);

/* ---- stretches.c ------------------------------------------------------------------------------------------------ */

typedef enum ho_quotes { HO_QUOTES_NONE, HO_QUOTES_SINGLE, HO_QUOTES_DOUBLE, HO_QUOTES_BLOCK } ho_quotes;

/* Finds where the characters of a scalar stand in the `size` bytes of the file from its beginning on. */
void ho_find_stretches(ho_arena *arena, ho_tree *node, const char *file, size_t size, ho_quotes quotes);

/* ---- merge.c ---------------------------------------------------------------------------------------------------- */

/* What an item of a list is called: its name, else the plugin of an objective term or the label of a data source. NULL:
 * it has no name. */
const char *ho_item_name(const ho_tree *item);

/* ---- split.c ---------------------------------------------------------------------------------------------------- */

/* How one set of examples is divided. HO_REST: what the other parts leave. */
#define HO_REST (-1)
typedef struct ho_split {
    int64_t counts[3]; /* training, validation, test */
    double shares[3];  /* of all examples, rounded down to a count; 0: counts says how many */
    bool stratified;   /* keep the classes' shares in every part */
    uint64_t seed;
    ho_place place;
} ho_split;

/* Draws disjoint parts in random order. `labels`: the target whose classes count when stratified (NULL: none). Parts of
 * 0 examples stay empty. */
ho_status ho_split_examples(const ho_examples *all, const ho_target *labels, const ho_split *split,
                            ho_examples parts[3], ho_error *error);

/* Deals examples into folds of sizes that differ by one at most, at random by the seed: fold_of[i] becomes the fold,
 * from 0, of example i. `labels`: the target whose classes are spread evenly, too (NULL: none). */
ho_status ho_deal_folds(const ho_target *labels, int64_t count, int64_t folds, uint64_t seed, int64_t *fold_of,
                        ho_error *error);

/* Subtracts each feature's mean over the first part and divides by its standard deviation there, in every part;
 * features constant over the first part become 0. Refused where the result is not finite. `stream` (NULL: none): the
 * first part is its batch. Then means and deviations are those of the second, and the stream's from now on. */
ho_status ho_standardize(ho_examples *const parts[3], ho_data_stream *stream, ho_error *error);

/* ---- experiment.c ------------------------------------------------------------------------------------------------ */

#define HO_MOST_REPETITIONS 1000

/* The file with the command line's settings laid over it, its `variants`, `choose` and `repeat` checked. Chooses no
 * variants. */
ho_experiment *ho_experiment_open(const ho_pipeline_request *request, ho_error *error);
/* A copy of the experiment's tree with a variant (or NULL) laid over it, without `variants`, `choose` and `repeat`. */
ho_tree *ho_experiment_root(const ho_experiment *experiment, ho_arena *arena, const char *variant, ho_error *error);

/* ---- mention.c -------------------------------------------------------------------------------------------------- */

/* A reading of a pipeline under way. */
typedef struct ho_reading {
    ho_registry *registry;
    ho_data_cache *cache; /* may be NULL */
    ho_pipeline *pipeline;
    ho_arena *arena;
    ho_tree *root;
    ho_hyper_setting *settings; /* those of pipeline->problem, with room for all */
    ho_range *ranges;           /* those of the pipeline, likewise */
    const char *input_files[4]; /* the first file of each reader of the data in use; or NULL */
    ho_error *error;
} ho_reading;

/* A plugin as mentioned: by its bare name, or in a map of settings. */
typedef struct ho_mention {
    const ho_loaded *loaded;
    ho_tree *settings; /* NULL for a bare name */
    ho_place place;    /* of the name */
} ho_mention;

/* Finds the plugin that `node` names: a scalar, or the entry "plugin" of a map ("loss", "penalty" or "mode" for these
 * kinds), whose `path` may give the file. `what` is for messages. Paths among its settings become absolute, so that a
 * copy of the tree elsewhere means the same. */
ho_status ho_mention_read(ho_reading *reading, uint32_t kind, ho_tree *node, const char *what, ho_mention *mention);
/* An instance of it, called `name` (NULL: as the plugin), in whose settings the section's keys may stand too. */
ho_instance *ho_mention_make(ho_reading *reading, const ho_mention *mention, const char *name, ho_section section);
/* The first of *count items: those of a list, which must not be empty, or the node alone. NULL with an error. */
ho_tree *ho_items(ho_tree *node, const char *what, size_t *count, ho_error *error);
/* Makes the text of a scalar an absolute path, seen from the folder of the file it stands in. */
void ho_path_settle(ho_arena *arena, ho_tree *node);
/* Whether it is a scalar that names a .npy file; such a path is made absolute. */
bool ho_is_npy(ho_arena *arena, ho_tree *node);
bool ho_is_word(const ho_tree *node, const char *word); /* NULL is none */

/* ---- noise.c ---------------------------------------------------------------------------------------------------- */

/* `noise` of the data: the share of the training labels that are replaced. */
typedef struct ho_noise {
    double share;
    uint64_t seed;
    bool clean; /* only the examples that kept their labels are used */
    ho_place place;
} ho_noise;

/* Replaces the labels of share * count examples (rounded; half upwards) by another class each, drawn evenly from the
 * other classes. Which and by what depends on seed, count, and number of classes only. replaced[i]: 1 where so, else 0.
 */
void ho_noise_labels(const ho_noise *noise, ho_target *labels, int64_t count, double *replaced);
/* The same on the training part's `target`, which it has; what was replaced is kept with the pipeline. */
ho_status ho_noise_apply(ho_reading *reading, const ho_noise *noise, const char *target);

/* ---- data.c ------------------------------------------------------------------------------------------------------ */

enum { HO_ALL_PARTS, HO_TRAINING_PART, HO_VALIDATION_PART, HO_TEST_PART, HO_READERS };

/* One way to come by the data: a reader whose examples are split (or that makes the parts itself), perhaps with another
 * for the test part; or a reader for each part. */
typedef struct ho_data_source {
    ho_tree *node;
    const char *label;
    ho_mention readers[HO_READERS]; /* loaded NULL: none */
    bool divided, standardize, noisy;
    ho_split split;
    ho_noise noise;
    char *missing; /* files that are not there, in the arena; NULL: none */
} ho_data_source;

/* Adds a line, in the arena, to what a run says of its data. */
void ho_data_remark(ho_reading *reading, const char *text);

/* ---- streams.c --------------------------------------------------------------------------------------------------- */

/* Whether training examples come as a stream. */
bool ho_source_streams(const ho_data_source *source);
/* What a source says beside a stream; streams where there must be none. */
ho_status ho_check_stream_source(ho_reading *reading, const ho_data_source *source);
/* Opens the stream of that reader: its batch becomes the training part, and where the source is divided, its first
 * examples the validation and the test part. */
ho_status ho_take_stream(ho_reading *reading, const ho_data_source *source, int reader);
/* What a stream cannot go with; once all but the mode is known. */
ho_status ho_check_stream(ho_reading *reading);
/* Whether modes must do without all the steps since the start. */
bool ho_stream_never_ends(const ho_pipeline *pipeline);
/* Whether the mode goes with the pipeline's stream, if it has one, which then keeps the batches that the mode needs. */
ho_status ho_stream_suits(const ho_pipeline *pipeline, ho_error *error);

/* ---- criterion.c ------------------------------------------------------------------------------------------------- */

#define HO_MOST_FOLDS 1000
#define HO_MOST_SEEDS 1000

/* Refuses its keys where they do not belong. */
ho_status ho_check_criterion_place(ho_reading *reading);
/* With `validation: {folds: K}`: divides the training and the validation part anew, into the pipeline's folds.
 * `target`: that of the first loss, by whose classes they are stratified where the split is; NULL: none. */
ho_status ho_describe_folds(ho_reading *reading, const ho_data_source *source, const char *target);
/* What they cannot go with, and the final training that they have; once all else is known. */
ho_status ho_check_criterion(ho_reading *reading);

/* ---- narrow.c --------------------------------------------------------------------------------------------------- */

/* Remarks on what f32 would lose of the parts: of inputs that are not standardised, which is done in f64, and of
 * targets. */
ho_status ho_note_narrowing(ho_reading *reading, const ho_data_source *source);

/* ---- outer.c ----------------------------------------------------------------------------------------------------- */

/* The `range` of the hyperparameter `name`. */
ho_status ho_describe_range(ho_reading *reading, const ho_tree *node, const char *name, ho_range *range);
/* `outer`, once `tuned` hyperparameters and their ranges are known. */
ho_status ho_describe_outer(ho_reading *reading, ho_tree *outer, size_t tuned);
/* `stop`, and whether `steps` goes with it and with `outer`; once all else is known. */
ho_status ho_describe_stop(ho_reading *reading);

/* ---- pipeline.c -------------------------------------------------------------------------------------------------- */

/* The parts that have hyperparameters, as far as they are made: model, dynamics, terms of the objective and of the
 * validation error. *term (which may be NULL): NULL for the first two. */
size_t ho_part_count(const ho_problem *problem);
ho_instance *ho_part_at(const ho_problem *problem, size_t i, const ho_term **term);

/* ---- describe.c, hypers.c, data.c: parts of the tree into pipeline->problem and its kin ---------------------------
 */

ho_status ho_describe_problem(ho_reading *reading); /* model, dynamics, objective, validation, start */
ho_status ho_describe_hypers(ho_reading *reading);  /* hyperparameters, hypergradient, outer */
ho_status ho_describe_data(ho_reading *reading);    /* data; and what of the problem follows from it */

#endif
