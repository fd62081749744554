/* The table of keys. */
#include "pipeline/keys.h"

#include <math.h>

#include "pipeline/internal.h"

/* ---- where keys stand -------------------------------------------------------------------------------------------- */

const ho_key_section ho_key_sections[HO_SECTIONS] = {
    [HO_PIPELINE] =
        {"the pipeline", "", NULL,
         "The file is a map of these keys. ${NAME} in a value is replaced by the environment variable NAME, "
         "${NAME:-default} has a default, $$ is a single $. Anchors and aliases (&a, *a) work as in any "
         "YAML. Paths are relative to the file's folder.",
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
    [HO_SOURCE] =
        {"data", "data", "the options of the reader (hotool plugins NAME)",
         "One reader gives all examples, which are split here; or it makes the parts itself and takes no "
         "split. `data` may be a list of such maps: the first one whose files exist is used. A reader that makes its "
         "data stands in for missing files only with `allow_generated: true`.",
         "data:\n"
         "  plugin: npy\n"
         "  inputs: x.npy\n"
         "  labels: y.npy\n"
         "  split: {train: 500, validation: 500, test: rest}\n"
         "  standardize: true"},
    [HO_PARTS] = {"data", "data", NULL, "Without `plugin`, each part comes from a reader of its own.",
                  "data:\n"
                  "  train: {plugin: npy, inputs: train_x.npy, labels: train_y.npy}\n"
                  "  validation: {plugin: npy, inputs: valid_x.npy, labels: valid_y.npy}"},
    [HO_READER] = {"reader", "data/test, data/train, data/validation",
                   "the options of the reader (hotool plugins NAME)", "The reader of one part.",
                   "test: {plugin: npy, inputs: test_x.npy, labels: test_y.npy}"},
    [HO_SPLIT] = {"split", "data/split", NULL,
                  "Examples are drawn at random, by the seed, and belong to one part each. One part may be the rest; a "
                  "fraction below "
                  "1 is a share of all examples.",
                  "split: {train: 50, validation: 50, test: rest, stratified: true}"},
    [HO_NOISE] = {"noise", "data/noise", NULL,
                  "Replaces some labels of the training part by other classes, drawn evenly. What was replaced is kept "
                  "in the run folder's truth/ and used for scoring only.",
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
                       "that says besides "
                       "over which trainings its mean is taken.",
                       "validation: {loss: cross_entropy}\n"
                       "validation: {folds: 5}\n"
                       "validation: {loss: cross_entropy, folds: 5}"},
    [HO_TUNED] =
        {"a hyperparameter", "hyperparameters/NAME", NULL,
         "NAME is PART.HYPERPARAMETER: the name of a term, of the model or of the dynamics, and what its "
         "plugin calls it. Each term also has NAME.weight, and NAME.weights with `weights: per_example`. A bare "
         "value is its `init`; {} takes the one in the part's own settings, else the default. What belongs to the "
         "validation error cannot be tuned.",
         "hyperparameters:\n"
         "  mtl.A: {init: 0.0, constraint: {plugin: nonnegative_sum, at_most: 1.0}}\n"
         "  dynamics.learning_rate: 0.05"},
    [HO_RANGE] =
        {"range", "hyperparameters/NAME/range", NULL,
         "Where a search takes its candidates from: between two ends, or among values. A grid gives all entries "
         "of an array the same value, random search each its own.",
         "range: {from: 1.0e-3, to: 10, scale: log, points: 25}\n"
         "range: {values: [0, 0.1, 1]}"},
    [HO_PROJECTION] = {"constraint", "hyperparameters/NAME/constraint",
                       "the options of the constraint (hotool plugins NAME)",
                       "The set that the hyperparameter is projected onto after each step. The bare name of a plugin "
                       "stands for {plugin: NAME}.",
                       "constraint: {plugin: box, lower: 0, upper: 0.9}"},
    [HO_HYPERGRADIENT] = {"hypergradient", "hypergradient", "the options of the mode (hotool plugins NAME)",
                          "How hypergradients are computed. The bare name of a mode stands for {mode: NAME}. The mode "
                          "`auto`, the default, is the installed exact mode that takes the least time within `memory`, "
                          "by the operations that it counts; the run says which. `hotool plan` compares them.",
                          "hypergradient: {mode: reverse}\n"
                          "hypergradient: {mode: auto, memory: 2GiB}"},
    [HO_OUTER] =
        {"outer", "outer", "the options and hyperparameters of the outer optimizer (hotool plugins NAME)",
         "How better hyperparameters are found: by hypergradient steps after whole trainings or during one, or "
         "by a search without gradients. Without `outer`, the initial ones are used.",
         "outer: {iterations: 60}\n"
         "outer: {plugin: adam, learning_rate: 5.0e-3, iterations: 60}\n"
         "outer: {plugin: adam, learning_rate: 1.0e-3, schedule: online, every: 20}\n"
         "outer: {strategy: random, candidates: 50}"},
    [HO_STOP] = {"stop", "stop", NULL,
                 "Monitored training: validation is evaluated as training goes on, the weights of the best evaluation "
                 "are kept, and the first limit that is reached ends the training.",
                 "stop: {on: validation_accuracy, every: 100, patience: 10, epochs: 60}"},
    [HO_FINAL] = {"final", "final", NULL, "The training that gives the final weights.",
                  "final: {train_on: training+validation}"},
    [HO_CHECKPOINT] = {"checkpoint", "checkpoint", NULL,
                       "A run that was interrupted, killed or that crashed is resumed from its last checkpoint by "
                       "`hotool pipeline --resume RUN`. Writing them takes at most a fiftieth of the time.",
                       "checkpoint: {seconds: 600}"},
    [HO_VARIANT] = {"variants", "variants/NAME", "every key of the pipeline but variants, repeat and choose",
                    "Each variant is laid over the file: maps merge, other values replace, null deletes. Terms of the "
                    "objective are addressed by their name, data sources by their label. `--variant NAME` runs one. "
                    "What --set says of a value is not changed by a variant; --set variants/NAME/... changes one.",
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
     .doc = "what the run is called, in the name of its folder and in its report; default: the file's name"},
    {HO_IN(HO_PIPELINE), "seed", INTEGER(0), AT(ho_pipeline, problem.seed), .initial = "1",
     .doc = "decides initial weights, batches, the split, noise and random search; repetitions count it up"},
    {HO_IN(HO_PIPELINE), "precision", ONE_OF("f32", "f64"), AT(ho_pipeline, problem.precision), .initial = "f32",
     .doc = "of training and hypergradients; hyperparameters themselves are always f64"},
    {HO_IN(HO_PIPELINE), "data", OTHER("map, or list of maps"), .required = true,
     .doc = "training, validation and test examples: see `data`"},
    {HO_IN(HO_PIPELINE), "allow_generated", .type = HO_KEY_BOOLEAN, AT(ho_pipeline, allow_generated),
     .initial = "false",
     .doc = "generated data may stand in for earlier sources of `data` whose files are missing; as --allow-generated"},
    {HO_IN(HO_PIPELINE), "model", OTHER("name of a model, or map"), .required = true, .doc = "what is trained"},
    {HO_IN(HO_PIPELINE), "objective", OTHER("term, or list of terms"), .required = true,
     .doc = "what training minimises, the sum of its terms, of which at least one is a loss: see `loss` and `penalty`"},
    {HO_IN(HO_PIPELINE), "dynamics", OTHER("name of a dynamics, or map"), .required = true,
     .doc = "the optimizer of the training"},
    {HO_IN(HO_PIPELINE), "steps", INTEGER(1), WORDS("unbounded"), AT(ho_pipeline, problem.steps), .required = true,
     .doc = "steps of the training; unbounded: until `stop` ends it"},
    {HO_IN(HO_PIPELINE), "batch", INTEGER(1), WORDS("full"), AT(ho_pipeline, problem.batch), .initial = "full",
     .doc = "training examples in a step"},
    {HO_IN(HO_PIPELINE), "start", OTHER("map from weights to .npy files"),
     .doc = "initial weights instead of the model's own, as start: {W: w.npy}"},
    {HO_IN(HO_PIPELINE), "hyperparameters", OTHER("map from hyperparameters to their settings"),
     .doc = "those to tune: see `hyperparameters/NAME`"},
    {HO_IN(HO_PIPELINE), "hypergradient", OTHER("name of a mode, or map"),
     .doc = "how hypergradients are computed; default: auto"},
    {HO_IN(HO_PIPELINE), "validation", OTHER("term, list of terms, or map"),
     .doc = "the validation error, which the hyperparameters minimise: see `validation`; default: the mean of the "
            "objective's losses"},
    {HO_IN(HO_PIPELINE), "outer", OTHER("map"), .doc = "how the hyperparameters are tuned: see `outer`"},
    {HO_IN(HO_PIPELINE), "stop", OTHER("map"), .doc = "monitored training and its end: see `stop`"},
    {HO_IN(HO_PIPELINE), "final", OTHER("map"), .doc = "the training that counts: see `final`"},
    {HO_IN(HO_PIPELINE), "checkpoint", OTHER("map"), .doc = "how often a run is saved: see `checkpoint`"},
    {HO_IN(HO_PIPELINE), "repeat", INTEGER(1), .most = HO_MOST_REPETITIONS, .initial = "1", .whole_file = true,
     .doc = "runs of each variant, with the seeds seed, seed + 1, ..."},
    {HO_IN(HO_PIPELINE), "variants", OTHER("map from names to changes"), .whole_file = true,
     .doc = "runs that end in one table: see `variants/NAME`"},
    {HO_IN(HO_PIPELINE), "choose", OTHER("map from names to lists of variants"), .whole_file = true,
     .doc = "further rows of the table: of some variants, the one of least validation error, for each repetition"},
    {HO_IN(HO_VARIANT), "on_request", .type = HO_KEY_BOOLEAN, .initial = "false",
     .doc = "run only where --variant asks for it"},

    /* ---- plugins, wherever they are named */
    {NAMED, "plugin", OTHER("name of a plugin"), .required = true, .doc = "`hotool plugins` lists those installed"},
    {HO_IN(HO_OUTER), "plugin", OTHER("name of a dynamics"),
     .doc = "the outer optimizer; without one, descent chooses its own steps, and accepts only those that lower the "
            "validation error"},
    {HO_IN(HO_HYPERGRADIENT), "mode", OTHER("name of a mode, or auto"), .required = true,
     .doc = "`hotool plugins` lists those installed"},
    {HO_IN(HO_LOSS_TERM), "loss", OTHER("name of a loss"), .required = true,
     .doc = "`hotool plugins` lists those installed"},
    {HO_IN(HO_PENALTY_TERM), "penalty", OTHER("name of a penalty"), .required = true,
     .doc = "`hotool plugins` lists those installed"},
    {NAMED | HO_IN(HO_OUTER) | HO_IN(HO_HYPERGRADIENT) | ANY_TERM, "path", OTHER("path of a .so file"),
     .doc = "the plugin's file, instead of searching for its name"},

    /* ---- data */
    {ANY_SOURCE, "label", .type = HO_KEY_TEXT, AT(ho_data_source, label),
     .doc = "what the run calls this source; variants address it by that name"},
    {HO_IN(HO_SOURCE), "split", OTHER("map"),
     .doc = "how the examples are divided; required unless the reader does it"},
    {HO_IN(HO_PARTS), "train", OTHER("reader"), .required = true, .doc = "the training part"},
    {HO_IN(HO_PARTS), "validation", OTHER("reader"), .required = true, .doc = "the validation part"},
    {ANY_SOURCE, "test", OTHER("reader"), .doc = "the test part"},
    {ANY_SOURCE, "standardize", .type = HO_KEY_BOOLEAN, AT(ho_data_source, standardize), .initial = "false",
     .doc = "subtract each feature's mean over the training part, divide by its deviation there"},
    {ANY_SOURCE, "noise", OTHER("map"), .doc = "label noise: see `data/noise`"},
    {HO_IN(HO_SPLIT), "train", COUNT_OR_SHARE, AT(ho_split, counts[0]), .required = true,
     .doc = "training examples; a fraction is a share of all, rounded down"},
    {HO_IN(HO_SPLIT), "validation", COUNT_OR_SHARE, AT(ho_split, counts[1]), .required = true,
     .doc = "validation examples"},
    {HO_IN(HO_SPLIT), "test", COUNT_OR_SHARE, AT(ho_split, counts[2]), .initial = "0", .doc = "test examples"},
    {HO_IN(HO_SPLIT), "stratified", .type = HO_KEY_BOOLEAN, AT(ho_split, stratified), .initial = "true",
     .doc = "keep the classes' shares in every part; without labels it must not be asked for"},
    {HO_IN(HO_SPLIT), "seed", INTEGER(0), AT(ho_split, seed), .doc = "default: the pipeline's"},
    {HO_IN(HO_NOISE), "labels", .type = HO_KEY_REAL, AT(ho_noise, share), .least = 0, .most = 1, .most_open = true,
     .required = true, .doc = "the share of the training labels to replace"},
    {HO_IN(HO_NOISE), "use", ONE_OF("all", "clean"), AT(ho_noise, clean), .initial = "all",
     .doc = "clean: train only on examples that kept their labels"},
    {HO_IN(HO_NOISE), "seed", INTEGER(0), AT(ho_noise, seed), .doc = "default: the pipeline's"},

    /* ---- model, dynamics, terms */
    {HO_IN(HO_PART), "name", OTHER("name"), .doc = "prefix of its hyperparameters; default: model or dynamics"},
    {ANY_TERM, "name", OTHER("name"), .doc = "prefix of its hyperparameters; default: the plugin's name"},
    {HO_IN(HO_LOSS_TERM), "reduce", ONE_OF("sum", "mean"), AT(ho_term, mean), .initial = "mean",
     .doc = "over the examples of the batch"},
    {HO_IN(HO_LOSS_TERM), "target", .type = HO_KEY_TEXT, AT(ho_term, target),
     .doc = "which of the data's targets; required where they have several"},
    {HO_IN(HO_PENALTY_TERM), "on", OTHER("pattern, or list of patterns"),
     .doc = "names of the weights it covers, with * and ?; default: every weight of rank 2 and more, not the biases"},
    {ANY_TERM, "weight", OTHER("number"), .initial = "1", .doc = "factor of the term; a hyperparameter, NAME.weight"},
    {HO_IN(HO_LOSS_TERM), "weights", OTHER("per_example, or list of numbers, or .npy file"),
     .doc = "in the objective: a factor for each training example; a hyperparameter, NAME.weights"},

    {HO_IN(HO_VALIDATION), "terms", OTHER("list of terms"),
     .doc = "where there are several, beside what their mean is taken over; default: the objective's losses"},
    {HO_IN(HO_VALIDATION), "folds", INTEGER(2), .most = HO_MOST_FOLDS, AT(ho_pipeline, folds),
     .doc = "cross-validation: training and validation examples are dealt anew into so many folds, stratified as the "
            "split; the validation error is the mean over as many trainings, each on all folds but the one that "
            "validates it; the final training is on training+validation; default: none"},

    /* ---- hyperparameters */
    {HO_IN(HO_TUNED), "init", OTHER("number, nested list, or .npy file"),
     .doc = "initial value; a number stands for every entry; where the part's own settings give one too, it must be "
            "the same"},
    {HO_IN(HO_TUNED), "constraint", OTHER("name of a constraint, or map"),
     .doc = "projection after each step; default: onto the domain that the plugin declares"},
    {HO_IN(HO_TUNED), "scale", ONE_OF("auto", "linear", "log", "logit"), AT(ho_hyper_setting, scale), .initial = "auto",
     .doc =
         "in which it is moved, searched and plotted. auto goes by the domain that the plugin declares: log for "
         "rates, penalties and weights, logit for momenta and decays, linear for all else, for arrays, and where the "
         "initial value is 0. An outer optimizer that is named takes its rate in natural units unless a scale is "
         "given; hypergradients are written in natural units always"},
    {HO_IN(HO_TUNED), "shape", .type = HO_KEY_TEXT, AT(ho_hyper_setting, shape),
     .doc = "which of the shapes that the plugin offers, such as columns; default: the first. Before it, steps: a "
            "schedule, whose entry t-1 counts at step t; and tensors: an entry for each weight tensor, in the model's "
            "order"},
    {HO_IN(HO_TUNED), "outer", OTHER("map"),
     .doc = "hyperparameters of the outer optimizer for this one alone, as outer: {learning_rate: 0.5}"},
    {HO_IN(HO_TUNED), "range", OTHER("map"), .doc = "for searches: see `range`"},
    {HO_IN(HO_RANGE), "from", .type = HO_KEY_REAL, .least = -INFINITY, AT(ho_range, from),
     .doc = "lower end; above 0 with scale: log or logit"},
    {HO_IN(HO_RANGE), "to", .type = HO_KEY_REAL, .least = -INFINITY, AT(ho_range, to),
     .doc = "upper end; below 1 with scale: logit"},
    {HO_IN(HO_RANGE), "scale", ONE_OF("auto", "linear", "log", "logit"), AT(ho_range, scale), .initial = "auto",
     .doc =
         "how values are spaced or drawn; auto: on the hyperparameter's own scale, linear where an end is beyond it"},
    {HO_IN(HO_RANGE), "points", INTEGER(2), .most = HO_MOST_CANDIDATES, AT(ho_range, points),
     .doc = "of a grid; required there"},
    {HO_IN(HO_RANGE), "values", OTHER("list of numbers"), .doc = "instead of from, to, scale and points"},

    /* ---- outer */
    {HO_IN(HO_OUTER), "strategy", ONE_OF("hypergradient", "grid", "random"), AT(ho_pipeline, strategy),
     .initial = "hypergradient", .doc = "searches need a `range` for each hyperparameter"},
    {HO_IN(HO_OUTER), "iterations", INTEGER(1), AT(ho_pipeline, outer_iterations),
     .doc = "hypergradient steps, at most; with strategy: random, as many candidates as cost as much"},
    {HO_IN(HO_OUTER), "tolerance", .type = HO_KEY_REAL, .least = 0, AT(ho_pipeline, tolerance), .initial = "1.0e-3",
     .doc = "without a `plugin`: end where ||u - P(u - dE/du)||, of the hyperparameters u on their scales and the "
            "projection P onto the constraints, is at most so many times the validation error E"},
    {HO_IN(HO_OUTER), "schedule", ONE_OF("batch", "online"), AT(ho_pipeline, online), .initial = "batch",
     .doc = "step after each whole training, or during one training"},
    {HO_IN(HO_OUTER), "every", INTEGER(1), AT(ho_pipeline, update_every), .with = HO_WITH_ONLINE,
     .doc = "training steps from update to update; required there"},
    {HO_IN(HO_OUTER), "validation_batch", INTEGER(1), AT(ho_pipeline, problem.validation_batch), .with = HO_WITH_ONLINE,
     .doc = "validation examples for each update; default: all"},
    {HO_IN(HO_OUTER), "warm_restart", .type = HO_KEY_BOOLEAN, AT(ho_pipeline, warm_restart), .initial = "false",
     .with = HO_WITH_ONLINE, .doc = "each update forgets how the weights came about"},
    {HO_IN(HO_OUTER), "warm_start", ONE_OF("none", "weights"), AT(ho_pipeline, warm_start), .initial = "none",
     .with = HO_WITH_BATCH,
     .doc = "weights: each training starts from those that the last one ended with, and with fresh slots; the "
            "hypergradient takes that start for a constant, and the result is the best training's weights"},
    {HO_IN(HO_OUTER), "candidates", INTEGER(1), .most = HO_MOST_CANDIDATES, AT(ho_pipeline, candidates),
     .with = HO_WITH_SEARCH, .doc = "of a random search; a grid has as many as its points make"},
    {HO_IN(HO_OUTER), "cpu_seconds", .type = HO_KEY_REAL, .least_open = true, AT(ho_pipeline, cpu_seconds),
     .with = HO_WITH_RANDOM, .doc = "processor time after which the search ends"},
    {HO_IN(HO_OUTER), "as_long_as", .type = HO_KEY_TEXT, AT(ho_pipeline, as_long_as), .with = HO_WITH_RANDOM,
     .doc = "the search ends after as much processor time as this variant took"},

    /* ---- stop, final */
    {HO_IN(HO_STOP), "on", ONE_OF("validation_error", "validation_accuracy"), AT(ho_pipeline, stop.by_accuracy),
     .initial = "validation_error", .doc = "what makes an evaluation the best one"},
    {HO_IN(HO_STOP), "every", INTEGER(1), AT(ho_pipeline, stop.every),
     .doc = "steps from evaluation to evaluation; default: an epoch, at least 10 steps"},
    {HO_IN(HO_STOP), "patience", INTEGER(1), AT(ho_pipeline, stop.patience),
     .doc = "end after so many evaluations in a row that are not better than the best; default: no limit"},
    {HO_IN(HO_STOP), "epochs", .type = HO_KEY_REAL, .least_open = true, AT(ho_pipeline, stop.epochs),
     .doc = "end after so many; default: no limit"},
    {HO_IN(HO_STOP), "seconds", .type = HO_KEY_REAL, .least_open = true, AT(ho_pipeline, stop.seconds),
     .doc = "end after so many; default: no limit"},
    {HO_IN(HO_FINAL), "train_on", ONE_OF("training", "training+validation", "validation"), AT(ho_pipeline, final_on),
     .initial = "training", .doc = "the parts that the final training uses"},
    {HO_IN(HO_CHECKPOINT), "seconds", .type = HO_KEY_REAL, AT(ho_pipeline, checkpoint_seconds), .initial = "10",
     .doc = "the least from one to the next; 0: whenever there is something new"},
};
const size_t ho_key_count = sizeof ho_keys / sizeof *ho_keys;
