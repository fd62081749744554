/* The table of keys. */
#include "pipeline/keys.h"

#include <math.h>

#include "pipeline/internal.h"

/* ---- where keys stand -------------------------------------------------------------------------------------------- */

const ho_key_section ho_key_sections[HO_SECTIONS] = {
    [HO_PIPELINE] = {"the pipeline", "", NULL,
                     "The file is a map with these keys. In values, ${NAME} is replaced by the environment variable "
                     "NAME, ${NAME:-default} also gives a default, and $$ is a literal $. YAML anchors and aliases "
                     "(&a, *a) work. Paths are relative to the file's folder.",
                     "name: tiny\n"
                     "seed: 1\n"
                     "data: {plugin: generated}\n"
                     "model: softmax\n"
                     "objective:\n"
                     "  - {loss: cross_entropy}\n"
                     "  - {penalty: l2, name: ridge}\n"
                     "dynamics: {plugin: momentum, learning_rate: 0.1}\n"
                     "steps: 200\n"
                     "hyperparameters:\n"
                     "  ridge.rho: {init: 0.01, constraint: nonnegative}\n"
                     "hypergradient: {mode: reverse}\n"
                     "outer: {plugin: adam, learning_rate: 0.01, iterations: 50}"},
    [HO_SOURCE] = {"data", "data", "the options of the reader (hotool plugins NAME)",
                   "One reader provides all examples, which `split` divides into parts; some readers provide the parts "
                   "themselves, without `split`. `data` may be a list of such maps: the first one whose files exist is "
                   "used. A reader that generates its data replaces missing files only with `allow_generated: true`.",
                   "data:\n"
                   "  plugin: npy\n"
                   "  inputs: x.npy\n"
                   "  labels: y.npy\n"
                   "  split: {train: 500, validation: 500, test: rest}\n"
                   "  standardize: true"},
    [HO_PARTS] = {"data", "data", NULL, "Without `plugin`, each part has its own reader.",
                  "data:\n"
                  "  train: {plugin: npy, inputs: train_x.npy, labels: train_y.npy}\n"
                  "  validation: {plugin: npy, inputs: valid_x.npy, labels: valid_y.npy}"},
    [HO_READER] = {"reader", "data/test, data/train, data/validation",
                   "the options of the reader (hotool plugins NAME)", "The reader of one part.",
                   "test: {plugin: npy, inputs: test_x.npy, labels: test_y.npy}"},
    [HO_SPLIT] =
        {"split", "data/split", NULL,
         "Each example is assigned to at most one part, at random, depending on the seed. One part may be "
         "`rest`; a fraction below 1 is a share of all examples. Of a stream, without end, validation and test "
         "take the first examples, in this order, and training the rest.",
         "split: {train: 50, validation: 50, test: rest, stratified: true}"},
    [HO_NOISE] = {"noise", "data/noise", NULL,
                  "Replaces some labels of the training part with other classes, chosen uniformly at random. The "
                  "original labels are kept in the run folder's truth/ and used for scoring only.",
                  "noise: {labels: 0.5}"},
    [HO_PART] = {"plugin", "model, dynamics", "the options and hyperparameters of the plugin (hotool plugins NAME)",
                 "The bare name of a plugin stands for {plugin: NAME}.",
                 "model: {plugin: softmax}\n"
                 "dynamics: {plugin: adam, learning_rate: 1.0e-3}"},
    [HO_LOSS_TERM] = {"loss", "objective/NAME, validation/NAME",
                      "the options and hyperparameters of the loss (hotool plugins NAME)",
                      "A term of the objective or of the validation error: weight * loss.",
                      "objective:\n"
                      "  - {loss: cross_entropy, target: states, reduce: sum}"},
    [HO_PENALTY_TERM] = {"penalty", "objective/NAME, validation/NAME",
                         "the options and hyperparameters of the penalty (hotool plugins NAME)",
                         "A term of the objective: weight * penalty of the weights.",
                         "objective:\n"
                         "  - {penalty: l2, name: ridge, on: [W*]}"},
    [HO_VALIDATION] = {"validation", "validation", "the keys of a single term: see `loss` and `penalty`",
                       "The validation error, which the hyperparameters minimise: a term, a list of terms, or a map "
                       "that also sets the folds or seeds to average over, or both.",
                       "validation: {loss: cross_entropy}\n"
                       "validation: {folds: 5}\n"
                       "validation: {folds: 5, seeds: 3}\n"
                       "validation: {loss: cross_entropy, folds: 5}"},
    [HO_TUNED] = {"a hyperparameter", "hyperparameters/NAME", NULL,
                  "NAME is PART.HYPERPARAMETER: the name of a term, `model` or `dynamics`, followed by the plugin's "
                  "name for the hyperparameter. Each term also has NAME.weight and, with `weights: per_example`, "
                  "NAME.weights. A bare value stands for `init`; {} uses the value in the part's own settings or else "
                  "the default. Hyperparameters of the validation error cannot be tuned.",
                  "hyperparameters:\n"
                  "  mtl.A: {init: 0.0, constraint: {plugin: nonnegative_sum, at_most: 1.0}}\n"
                  "  dynamics.learning_rate: 0.05"},
    [HO_RANGE] = {"range", "hyperparameters/NAME/range", NULL,
                  "The candidates of a search: an interval or a list of values. For an array, grid search gives all "
                  "entries the same value, random search draws each separately.",
                  "range: {from: 1.0e-3, to: 10, scale: log, points: 25}\n"
                  "range: {values: [0, 0.1, 1]}"},
    [HO_PROJECTION] = {"constraint", "hyperparameters/NAME/constraint",
                       "the options of the constraint (hotool plugins NAME)",
                       "The set onto which the hyperparameter is projected after each outer step. The bare name of a "
                       "plugin stands for {plugin: NAME}.",
                       "constraint: {plugin: box, lower: 0, upper: 0.9}"},
    [HO_HYPERGRADIENT] = {"hypergradient", "hypergradient", "the options of the mode (hotool plugins NAME)",
                          "How hypergradients are computed. The bare name of a mode stands for {mode: NAME}. The "
                          "default, `auto`, chooses the exact mode that needs the least time, by counting operations, "
                          "and fits into `memory`; the run reports its choice. `hotool plan` compares the modes.",
                          "hypergradient: {mode: reverse}\n"
                          "hypergradient: {mode: auto, memory: 2GiB}"},
    [HO_OUTER] = {"outer", "outer", "the options and hyperparameters of the outer optimizer (hotool plugins NAME)",
                  "How the hyperparameters are tuned: by hypergradient steps, after whole trainings or during one, or "
                  "by a search without gradients. Without `outer`, the initial values are used.",
                  "outer: {iterations: 60}\n"
                  "outer: {plugin: adam, learning_rate: 5.0e-3, iterations: 60}\n"
                  "outer: {plugin: adam, learning_rate: 1.0e-3, schedule: online, every: 20}\n"
                  "outer: {strategy: random, candidates: 50}"},
    [HO_STOP] = {"stop", "stop", NULL,
                 "Early stopping: the model is evaluated on the validation part during training, the weights of the "
                 "best evaluation are kept, and training ends at the first limit reached.",
                 "stop: {on: validation_accuracy, every: 100, patience: 10, epochs: 60}"},
    [HO_FINAL] = {"final", "final", NULL, "The training that produces the final weights.",
                  "final: {train_on: training+validation}"},
    [HO_CHECKPOINT] =
        {"checkpoint", "checkpoint", NULL,
         "`hotool pipeline --resume RUN` continues a run that was interrupted, was killed or crashed, "
         "from its last checkpoint. Writing checkpoints takes at most 2 % of the time, unless `steps` asks "
         "for more. There are checkpoints between steps, and between the steps back of modes that "
         "propagate an adjoint, so a run loses only what it did since the last one. In addition, reverse "
         "mode repeats the steps of the current training (its trajectory is only in memory), and implicit "
         "mode starts its solver again.",
         "checkpoint: {seconds: 600}\n"
         "checkpoint: {steps: 10000}"},
    [HO_VARIANT] =
        {"variants", "variants/NAME", "every key of the pipeline but variants, repeat and choose",
         "Each variant modifies the file: maps are merged, other values are replaced, null deletes. Terms of the "
         "objective are addressed by name, data sources by label. `--variant NAME` runs only that variant. A value "
         "given with --set overrides the variants; --set variants/NAME/... changes a variant.",
         "variants:\n"
         "  ridge: {}\n"
         "  plain: {hyperparameters: null, outer: null, objective: {ridge: null}}"},
};

/* ---- the keys ---------------------------------------------------------------------------------------------------- */

#define AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define OTHER(form_)     .type = HO_KEY_OTHER, .form = (form_)
#define INTEGER(least_)  .type = HO_KEY_INTEGER, .least = (least_)
#define WORDS(...)                 \
    .words = (const char *const[]) \
    {                              \
        __VA_ARGS__, NULL          \
    }
#define COUNT_OR_SHARE INTEGER(0), WORDS("rest"), .special = HO_REST, .fraction = true
#define ONE_OF(...)    .type = HO_KEY_WORD, WORDS(__VA_ARGS__)

#define ANY_SOURCE HO_IN(HO_SOURCE) | HO_IN(HO_PARTS)
#define ANY_TERM   HO_IN(HO_LOSS_TERM) | HO_IN(HO_PENALTY_TERM)
#define NAMED      HO_IN(HO_SOURCE) | HO_IN(HO_READER) | HO_IN(HO_PART) | HO_IN(HO_PROJECTION)

const ho_key ho_keys[] = {
    /* ---- the file */
    {HO_IN(HO_PIPELINE), "name", .type = HO_KEY_NAME, AT(ho_pipeline, name),
     .doc = "name of the run, used for its folder and its report; default: the file's name"},
    {HO_IN(HO_PIPELINE), "seed", INTEGER(0), AT(ho_pipeline, problem.seed), .initial = "1",
     .doc = "determines initial weights, batches, the split, noise and random search; each repetition adds 1"},
    {HO_IN(HO_PIPELINE), "precision", ONE_OF("f32", "f64"), AT(ho_pipeline, problem.precision), .initial = "f32",
     .doc = "precision of training and hypergradients; the hyperparameters themselves are always f64"},
    {HO_IN(HO_PIPELINE), "data", OTHER("map, or list of maps"), .required = true,
     .doc = "training, validation and test examples: see `data`"},
    {HO_IN(HO_PIPELINE), "allow_generated", .type = HO_KEY_BOOLEAN, AT(ho_pipeline, allow_generated),
     .initial = "false",
     .doc = "whether generated data may replace earlier sources in `data` whose files are missing; same as "
            "--allow-generated"},
    {HO_IN(HO_PIPELINE), "model", OTHER("name of a model, or map"), .required = true, .doc = "the model to train"},
    {HO_IN(HO_PIPELINE), "objective", OTHER("term, or list of terms"), .required = true,
     .doc = "what training minimises: the sum of the terms, at least one of which is a loss; see `loss` and `penalty`"},
    {HO_IN(HO_PIPELINE), "dynamics", OTHER("name of a dynamics, or map"), .required = true,
     .doc = "the optimizer of the training"},
    {HO_IN(HO_PIPELINE), "steps", INTEGER(1), WORDS("unbounded"), AT(ho_pipeline, problem.steps), .required = true,
     .doc = "number of training steps; unbounded: until `stop` ends the training or, with training examples that come "
            "as a "
            "stream, until that ends or Ctrl-C"},
    {HO_IN(HO_PIPELINE), "batch", INTEGER(1), WORDS("full"), AT(ho_pipeline, problem.batch), .initial = "full",
     .doc = "number of training examples per step; of a stream, a number must be given"},
    {HO_IN(HO_PIPELINE), "start", OTHER("map from weights to .npy files"),
     .doc = "initial weights to use instead of the model's own, such as start: {W: w.npy}"},
    {HO_IN(HO_PIPELINE), "hyperparameters", OTHER("map from hyperparameters to their settings"),
     .doc = "the hyperparameters to tune: see `hyperparameters/NAME`"},
    {HO_IN(HO_PIPELINE), "hypergradient", OTHER("name of a mode, or map"),
     .doc = "how hypergradients are computed; default: auto"},
    {HO_IN(HO_PIPELINE), "validation", OTHER("term, list of terms, or map"),
     .doc = "the validation error, which the hyperparameters minimise: see `validation`; default: the mean of the "
            "objective's losses"},
    {HO_IN(HO_PIPELINE), "outer", OTHER("map"), .doc = "how the hyperparameters are tuned: see `outer`"},
    {HO_IN(HO_PIPELINE), "stop", OTHER("map"), .doc = "early stopping: see `stop`"},
    {HO_IN(HO_PIPELINE), "final", OTHER("map"), .doc = "the final training: see `final`"},
    {HO_IN(HO_PIPELINE), "checkpoint", OTHER("map"),
     .doc = "how often the state of the run is saved: see `checkpoint`"},
    {HO_IN(HO_PIPELINE), "repeat", INTEGER(1), .most = HO_MOST_REPETITIONS, .initial = "1", .whole_file = true,
     .doc = "number of runs of each variant, with the seeds seed, seed + 1, ..."},
    {HO_IN(HO_PIPELINE), "variants", OTHER("map from names to changes"), .whole_file = true,
     .doc = "several runs that share one table: see `variants/NAME`"},
    {HO_IN(HO_PIPELINE), "choose", OTHER("map from names to lists of variants"), .whole_file = true,
     .doc = "additional rows of the table: in each repetition, the variant in the list that has the lowest validation "
            "error"},
    {HO_IN(HO_VARIANT), "on_request", .type = HO_KEY_BOOLEAN, .initial = "false",
     .doc = "run this variant only if --variant selects it"},

    /* ---- plugins, wherever they are named */
    {NAMED, "plugin", OTHER("name of a plugin"), .required = true, .doc = "`hotool plugins` lists the installed ones"},
    {HO_IN(HO_OUTER), "plugin", OTHER("name of a dynamics"),
     .doc = "the outer optimizer; if omitted, the built-in descent chooses its own step lengths, and accepts only "
            "steps that lower the validation error"},
    {HO_IN(HO_HYPERGRADIENT), "mode", OTHER("name of a mode, or auto"), .required = true,
     .doc = "`hotool plugins` lists the installed ones"},
    {HO_IN(HO_LOSS_TERM), "loss", OTHER("name of a loss"), .required = true,
     .doc = "`hotool plugins` lists the installed ones"},
    {HO_IN(HO_PENALTY_TERM), "penalty", OTHER("name of a penalty"), .required = true,
     .doc = "`hotool plugins` lists the installed ones"},
    {NAMED | HO_IN(HO_OUTER) | HO_IN(HO_HYPERGRADIENT) | ANY_TERM, "path", OTHER("path of a .so file"),
     .doc = "the plugin's file; hotool then does not search for it by name"},

    /* ---- data */
    {ANY_SOURCE, "label", .type = HO_KEY_TEXT, AT(ho_data_source, label),
     .doc = "name of this source in messages, results and variants"},
    {HO_IN(HO_SOURCE), "split", OTHER("map"),
     .doc = "how the examples are divided; required unless the reader divides them itself"},
    {HO_IN(HO_PARTS), "train", OTHER("reader"), .required = true, .doc = "the training part"},
    {HO_IN(HO_PARTS), "validation", OTHER("reader"), .required = true, .doc = "the validation part"},
    {ANY_SOURCE, "test", OTHER("reader"), .doc = "the test part"},
    {ANY_SOURCE, "standardize", .type = HO_KEY_BOOLEAN, AT(ho_data_source, standardize), .initial = "false",
     .doc =
         "subtract each feature's mean and divide by its standard deviation, both taken over the training part; of a "
         "stream, over the validation part"},
    {ANY_SOURCE, "noise", OTHER("map"), .doc = "label noise: see `data/noise`"},
    {HO_IN(HO_SPLIT), "train", COUNT_OR_SHARE, AT(ho_split, counts[0]), .required = true,
     .doc = "number of training examples; a fraction is a share of all examples, rounded down"},
    {HO_IN(HO_SPLIT), "validation", COUNT_OR_SHARE, AT(ho_split, counts[1]), .required = true,
     .doc = "validation examples"},
    {HO_IN(HO_SPLIT), "test", COUNT_OR_SHARE, AT(ho_split, counts[2]), .initial = "0", .doc = "test examples"},
    {HO_IN(HO_SPLIT), "stratified", .type = HO_KEY_BOOLEAN, AT(ho_split, stratified), .initial = "true",
     .doc = "give every part the same class proportions; setting it for data without labels is an error"},
    {HO_IN(HO_SPLIT), "seed", INTEGER(0), AT(ho_split, seed), .doc = "default: the pipeline's"},
    {HO_IN(HO_NOISE), "labels", .type = HO_KEY_REAL, AT(ho_noise, share), .least = 0, .most = 1, .most_open = true,
     .required = true, .doc = "fraction of the training labels to replace"},
    {HO_IN(HO_NOISE), "use", ONE_OF("all", "clean"), AT(ho_noise, clean), .initial = "all",
     .doc = "clean: train only on examples whose labels were not replaced"},
    {HO_IN(HO_NOISE), "seed", INTEGER(0), AT(ho_noise, seed), .doc = "default: the pipeline's"},

    /* ---- model, dynamics, terms */
    {HO_IN(HO_PART), "name", OTHER("name"), .doc = "prefix of its hyperparameters; default: model or dynamics"},
    {ANY_TERM, "name", OTHER("name"), .doc = "prefix of its hyperparameters; default: the plugin's name"},
    {HO_IN(HO_LOSS_TERM), "reduce", ONE_OF("sum", "mean"), AT(ho_term, mean), .initial = "mean",
     .doc = "how the losses of the batch's examples are combined"},
    {HO_IN(HO_LOSS_TERM), "target", .type = HO_KEY_TEXT, AT(ho_term, target),
     .doc = "which target of the data to use; required if there are several"},
    {HO_IN(HO_PENALTY_TERM), "on", OTHER("pattern, or list of patterns"),
     .doc = "names of the weights it applies to; * and ? are wildcards; default: all weights of rank 2 or more, that "
            "is, not the biases"},
    {ANY_TERM, "weight", OTHER("number"), .initial = "1", .doc = "factor of the term; a hyperparameter, NAME.weight"},
    {HO_IN(HO_LOSS_TERM), "weights", OTHER("per_example, or list of numbers, or .npy file"),
     .doc = "only in the objective: a factor for each training example; a hyperparameter, NAME.weights"},

    {HO_IN(HO_VALIDATION), "terms", OTHER("list of terms"),
     .doc = "several terms, in place of a single one; default: the objective's losses"},
    {HO_IN(HO_VALIDATION), "folds", INTEGER(2), .most = HO_MOST_FOLDS, AT(ho_pipeline, folds),
     .doc = "number of folds for cross-validation: the training and validation examples are redistributed over this "
            "many folds, stratified like the split. The validation error is the mean over one training per fold, each "
            "validated on its fold and trained on the others. The final training uses training+validation. Default: no "
            "cross-validation"},
    {HO_IN(HO_VALIDATION), "seeds", INTEGER(1), .most = HO_MOST_SEEDS, AT(ho_pipeline, seeds), .initial = "1",
     .doc = "number of trainings (per fold) to average over. They differ in initial weights and batches: their seeds "
            "are seed, seed + 1000, seed + 2000, ... The final training uses the first"},

    /* ---- hyperparameters */
    {HO_IN(HO_TUNED), "init", OTHER("number, nested list, or .npy file"),
     .doc = "initial value; a number applies to every entry; if the part's own settings also give a value, the two "
            "must be equal"},
    {HO_IN(HO_TUNED), "constraint", OTHER("name of a constraint, or map"),
     .doc = "set to project onto after each outer step; default: the domain that the plugin declares"},
    {HO_IN(HO_TUNED), "scale", ONE_OF("auto", "linear", "log", "logit"), AT(ho_hyper_setting, scale), .initial = "auto",
     .doc = "scale for outer steps, searches and plots. auto depends on the domain that the plugin declares: log for "
            "rates, penalties and weights, logit for momenta and decay rates, and linear for everything else, for "
            "arrays, and if the initial value is 0. With an outer optimizer in `outer/plugin`, steps are in natural "
            "units unless a scale is set. Hypergradients are always written in natural units"},
    {HO_IN(HO_TUNED), "shape", .type = HO_KEY_TEXT, AT(ho_hyper_setting, shape),
     .doc = "one of the shapes that the plugin offers, such as columns; default: the first. It may be preceded by "
            "steps, for a schedule whose entry t-1 applies at step t, and by tensors, for one entry per weight tensor, "
            "in the model's order"},
    {HO_IN(HO_TUNED), "outer", OTHER("map"),
     .doc = "hyperparameters of the outer optimizer for this hyperparameter only, such as outer: {learning_rate: 0.5}"},
    {HO_IN(HO_TUNED), "range", OTHER("map"), .doc = "candidates for searches: see `range`"},
    {HO_IN(HO_RANGE), "from", .type = HO_KEY_REAL, .least = -INFINITY, AT(ho_range, from),
     .doc = "lower end; must be above 0 with scale: log or logit"},
    {HO_IN(HO_RANGE), "to", .type = HO_KEY_REAL, .least = -INFINITY, AT(ho_range, to),
     .doc = "upper end; must be below 1 with scale: logit"},
    {HO_IN(HO_RANGE), "scale", ONE_OF("auto", "linear", "log", "logit"), AT(ho_range, scale), .initial = "auto",
     .doc = "how values are spaced or drawn; auto: the hyperparameter's own scale, or linear if an end lies outside "
            "its range"},
    {HO_IN(HO_RANGE), "points", INTEGER(2), .most = HO_MOST_CANDIDATES, AT(ho_range, points),
     .doc = "number of grid points; required for grid search"},
    {HO_IN(HO_RANGE), "values", OTHER("list of numbers"),
     .doc = "the candidates, instead of from, to, scale and points"},

    /* ---- outer */
    {HO_IN(HO_OUTER), "strategy", ONE_OF("hypergradient", "grid", "random"), AT(ho_pipeline, strategy),
     .initial = "hypergradient", .doc = "grid and random search need a `range` for each hyperparameter"},
    {HO_IN(HO_OUTER), "iterations", INTEGER(1), AT(ho_pipeline, outer_iterations),
     .doc = "maximum number of hypergradient steps; with strategy: random, as many candidates as would cost the same"},
    {HO_IN(HO_OUTER), "tolerance", .type = HO_KEY_REAL, .least = 0, AT(ho_pipeline, tolerance), .initial = "1.0e-3",
     .doc = "without `plugin`: stop when ||u - P(u - dE/du)|| is at most this multiple of the validation error E, "
            "where u are the hyperparameters on their scales and P is the projection onto the constraints"},
    {HO_IN(HO_OUTER), "schedule", ONE_OF("batch", "online"), AT(ho_pipeline, online), .initial = "batch",
     .doc = "batch: one step after each complete training; online: steps during one training"},
    {HO_IN(HO_OUTER), "every", INTEGER(1), AT(ho_pipeline, problem.update_every), .with = HO_WITH_ONLINE,
     .doc = "training steps between updates; required"},
    {HO_IN(HO_OUTER), "validation_batch", INTEGER(1), AT(ho_pipeline, problem.validation_batch), .with = HO_WITH_ONLINE,
     .doc = "number of validation examples per update; default: all"},
    {HO_IN(HO_OUTER), "warm_restart", .type = HO_KEY_BOOLEAN, AT(ho_pipeline, warm_restart), .initial = "false",
     .with = HO_WITH_ONLINE, .doc = "after each update, treat the current weights as constants"},
    {HO_IN(HO_OUTER), "warm_start", ONE_OF("none", "weights"), AT(ho_pipeline, warm_start), .initial = "none",
     .with = HO_WITH_BATCH,
     .doc = "weights: each training starts from the final weights of the previous one, with fresh optimizer slots. The "
            "hypergradient treats this start as a constant, and the result is the weights of the best training"},
    {HO_IN(HO_OUTER), "candidates", INTEGER(1), .most = HO_MOST_CANDIDATES, AT(ho_pipeline, candidates),
     .with = HO_WITH_SEARCH, .doc = "number of candidates of a random search; for a grid, it follows from its points"},
    {HO_IN(HO_OUTER), "cpu_seconds", .type = HO_KEY_REAL, .least_open = true, AT(ho_pipeline, cpu_seconds),
     .with = HO_WITH_RANDOM, .doc = "end the search after this much processor time"},
    {HO_IN(HO_OUTER), "as_long_as", .type = HO_KEY_TEXT, AT(ho_pipeline, as_long_as), .with = HO_WITH_RANDOM,
     .doc = "end the search after as much processor time as this variant took"},

    /* ---- stop, final */
    {HO_IN(HO_STOP), "on", ONE_OF("validation_error", "validation_accuracy"), AT(ho_pipeline, stop.by_accuracy),
     .initial = "validation_error", .doc = "criterion for the best evaluation"},
    {HO_IN(HO_STOP), "every", INTEGER(1), AT(ho_pipeline, stop.every),
     .doc = "steps between evaluations; default: one epoch, but at least 10 steps"},
    {HO_IN(HO_STOP), "patience", INTEGER(1), AT(ho_pipeline, stop.patience),
     .doc = "end after this many consecutive evaluations without improvement; default: no limit"},
    {HO_IN(HO_STOP), "epochs", .type = HO_KEY_REAL, .least_open = true, AT(ho_pipeline, stop.epochs),
     .doc = "end after this many epochs; default: no limit"},
    {HO_IN(HO_STOP), "seconds", .type = HO_KEY_REAL, .least_open = true, AT(ho_pipeline, stop.seconds),
     .doc = "end after this many seconds; default: no limit"},
    {HO_IN(HO_FINAL), "train_on", ONE_OF("training", "training+validation", "validation"), AT(ho_pipeline, final_on),
     .initial = "training", .doc = "the parts to train on"},
    {HO_IN(HO_CHECKPOINT), "seconds", .type = HO_KEY_REAL, AT(ho_pipeline, checkpoint_seconds), .initial = "10",
     .doc = "minimum time between checkpoints; 0: after every change"},
    {HO_IN(HO_CHECKPOINT), "steps", INTEGER(1), AT(ho_pipeline, checkpoint_steps),
     .doc = "also write a checkpoint after this many steps, however little time has passed; steps back of an adjoint "
            "count too; default: only time decides"},
};
const size_t ho_key_count = sizeof ho_keys / sizeof *ho_keys;
