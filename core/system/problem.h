/* A training problem as a pipeline describes it: what training.h turns into s_t = Phi_t(s_{t-1}, lambda). */
#ifndef HO_SYSTEM_PROBLEM_H
#define HO_SYSTEM_PROBLEM_H

#include "base/tree.h"
#include "exec/exec.h"
#include "host/dataset.h"
#include "host/instance.h"
#include "host/stream.h"
#include "system/scale.h"

/* One term of the training objective or of the validation error: weight * reduce(loss) or weight * penalty. */
typedef struct ho_term {
    ho_instance *plugin; /* a loss or a penalty; plugin->name prefixes its hyperparameters ("mtl.A", "mtl.weight") */
    bool mean;           /* losses: mean over the batch, else sum */
    const char *target;  /* losses: the target's name; NULL: the only one */
    ho_place target_place;
    bool per_example; /* losses of the objective: one weight for each training example, the hyperparameter NAME.weights
                         of shape (weighted examples): the loss of an example is multiplied by it before `mean` or sum
                         reduces over the batch (a mean divides by the number of examples, not by their weights) */
    ho_place weights_place;
    const char *const *on; /* penalties: patterns of weight names; on_count 0: every weight of rank 2 and more */
    size_t on_count;
    ho_place on_place;
} ho_term;

/* What the pipeline says of one hyperparameter. Those it does not mention keep their declared defaults, fixed. */
typedef struct ho_hyper_setting {
    const char *name; /* "mtl.A", "dynamics.learning_rate", "model.init_scale", "mtl.weight" */
    ho_place place;
    bool tuned;
    const ho_tree
        *value; /* initial or fixed value: a number for every entry (0 where the structure forbids one), nested
                   lists of the hyperparameter's shape, or the path of a .npy file; NULL: the declared default */
    const ho_tree *beside; /* the value that the plugin's own settings give as well, which must be the same; or NULL */
    const char *shape;     /* which declared shape alternative; NULL: the first */
    ho_place shape_place;
    ho_scale scale; /* HO_SCALE_AUTO: not said */
    ho_place scale_place;
    ho_instance *constraint; /* NULL: projection onto domain and structure alone */
    const ho_tree *outer;    /* NULL, or a map of the outer dynamics' hyperparameters for this one only */
} ho_hyper_setting;

/* Initial weights from a file instead of the model's own. */
typedef struct ho_start {
    const char *weight;
    const char *path;
    ho_place place;
} ho_start;

typedef struct ho_problem {
    uint64_t seed;
    ho_precision precision;
    const ho_examples *training, *validation;
    ho_data_stream *stream;   /* NULL, or where training examples come from; `training` is then its batch, of `batch`
                            examples: those of the step that was taken last */
    int64_t classes_or_width; /* outputs of the model: the classes, or the width of the target, of the main target */
    int64_t weighted;         /* per-example weights are those of the first so many training examples, the others count
                                 with weight 1; 0: of all */
    int64_t batch;            /* 0: full batch */
    int64_t steps;            /* T; 0: no end */
    int64_t update_every;     /* steps from one hypergradient to the next; 0: there is one, after the last step */
    int64_t validation_batch; /* examples that the validation error is taken over, drawn anew when the run says so
                                 (ho_training_draw_validation); 0: all of the validation part */
    ho_instance *model;       /* name "model" unless the pipeline gives another */
    ho_instance *dynamics;    /* name "dynamics" unless the pipeline gives another */
    const ho_term *objective;
    size_t objective_count;
    const ho_term *validation_terms;
    size_t validation_count;
    bool natural_steps; /* outer steps are taken on a linear scale unless another is said */
    const ho_hyper_setting *settings;
    size_t setting_count;
    const ho_start *starts;
    size_t start_count;
} ho_problem;

/* The objective's first term with example weights; NULL: none has. */
const ho_term *ho_weighted_term(const ho_problem *problem);

/* Steps in an epoch, one pass over the shuffled examples: as many whole batches as there are. The examples left over
 * sit this epoch out. 1 with a full batch (0). */
int64_t ho_epoch_steps(int64_t examples, int64_t batch);

#endif
