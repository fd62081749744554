/* What the checks of a plugin share. */
#ifndef HO_PROOF_INTERNAL_H
#define HO_PROOF_INTERNAL_H

#include "base/tree.h"
#include "host/instance.h"
#include "proof/proof.h"

/* What a check comes to. In memory that the child shares with its parent. */
typedef struct outcome {
    bool done; /* else it crashed, ended the program or took too long */
    bool skipped;
    ho_status status;
    char text[2048]; /* what was looked at; why it was skipped, or failed */
    uint32_t kind;   /* of the plugin, once it is loaded */
    char title[256]; /* "dynamics adam 1.0.0" */
    bool unknown;    /* the file holds no plugin of the name that was asked for */
    bool more;       /* another plugin of the file is to be checked after this one */
} outcome;

typedef struct proof {
    const ho_proof_request *request;
    ho_registry *registry;
    ho_arena *arena;
    size_t number; /* which of the file's plugins it is about, of those that were asked for */
    const ho_loaded *loaded;
    bool bundled;        /* the file holds others beside it */
    ho_tree *settings;   /* of instances: what was given, and what is required and can be made up */
    const char *made_up; /* a required option whose value has been made up; NULL: none */
    const char *lacks;   /* a required option that cannot be made up, or the one before if it is refused; NULL: none */
    outcome *outcome;
    uint64_t draws; /* random numbers drawn so far */
} proof;

/* A check: HO_OK, or an error that says what is wrong. */
typedef ho_status (*check_call)(proof *p, ho_error *error);
typedef struct check_row {
    const char *name;
    uint32_t kinds;    /* bits, 1 << kind */
    const char *after; /* the check without which it would only say the same again; or NULL */
    check_call run;
    const char *about;
} check_row;

#define MOST_CHECKS 32

#define TRACED_KINDS (1u << HO_DYNAMICS | 1u << HO_MODEL | 1u << HO_LOSS | 1u << HO_PENALTY)
#define ALL_KINDS    (TRACED_KINDS | 1u << HO_MODE | 1u << HO_DATA | 1u << HO_CONSTRAINT)

/* In the order in which they are run; the last has no name. */
extern const check_row ho_proof_checks[];

/* ---- proof.c ----------------------------------------------------------------------------------------------------- */

/* Loads the plugin, of which nothing is known but the file, and reads its settings. */
ho_status ho_proof_prepare(proof *p, ho_error *error);
/* Where a plugin describes its instances, it has the hyperparameters and slots that the settings give it: those of the
 * instance that comes back, which the proof is about from then on. NULL: it does not, or an error. */
ho_instance *ho_proof_described(proof *p, ho_error *error);
/* What an ok check has looked at: "12 shapes". */
void ho_proof_note(proof *p, const char *format, ...) HO_PRINTF(2, 3);
/* Says why there is nothing to check, and returns HO_OK. */
ho_status ho_proof_skip(proof *p, const char *format, ...) HO_PRINTF(2, 3);
/* Reports what is wrong with the plugin, and returns HO_FAILED. */
ho_status ho_proof_fail(ho_error *error, const char *format, ...) HO_PRINTF(2, 3);
/* Numbers of the proof's seed: uniform in [0, 1); standard normal. */
double ho_proof_uniform(proof *p);
double ho_proof_normal(proof *p);

/* ---- instances.c ------------------------------------------------------------------------------------------------- */

/* Reads what was given, and makes up what is required. */
ho_status ho_proof_settings(proof *p, ho_error *error);
/* Sets an option in a map of settings. */
void ho_proof_put(ho_arena *arena, ho_tree *map, const char *key, const char *text);
/* An instance of the plugin with the proof's settings; NULL with an error. */
ho_instance *ho_proof_instance(proof *p, const char *name, ho_error *error);
/* A value for entries of a hyperparameter: the one given; else its default, where that is no end of its domain. */
double ho_proof_hyper_value(const proof *p, const ho_loaded *loaded, uint32_t hyper);

/* Memory that ends at a page that cannot be touched, so that a write past its end is a crash. Where it starts is
 * aligned to 8 bytes. */
void *ho_proof_guarded_new(size_t bytes, bool read_only, const void *contents);
void ho_proof_guarded_free(void *memory, size_t bytes);

/* ---- faults.c ---------------------------------------------------------------------------------------------------- */

/* Makes failures, one in each attempt: of the plugin's own allocations, then of its calls into hotool that ho_fault
 * counts. An attempt says whether it came out as if nothing had failed, which is a mistake: `what` did then return
 * HO_OK. */
ho_status ho_proof_each_failure(proof *p, const char *what, bool (*attempt)(proof *p, ho_error *own), ho_error *error);

/* ---- standins.c -------------------------------------------------------------------------------------------------- */

/* A plugin of the host's own that stands beside the one that is checked: of each traced kind there is one. NULL with an
 * error. */
const ho_loaded *ho_proof_standin(proof *p, uint32_t kind, ho_error *error);

/* ---- training.c -------------------------------------------------------------------------------------------------- */

/* Whether the plugin, a traced one, can be trained with this value of its hyperparameter (where it has none so: with
 * ordinary values); else with an error. */
bool ho_proof_trains_with(proof *p, const char *hyper, double value, ho_error *error);

/* ---- checks ------------------------------------------------------------------------------------------------------ */

ho_status ho_prove_file(proof *p, ho_error *error);
ho_status ho_prove_load(proof *p, ho_error *error);
ho_status ho_prove_tables(proof *p, ho_error *error);
ho_status ho_prove_options(proof *p, ho_error *error);
ho_status ho_prove_refusals(proof *p, ho_error *error);
ho_status ho_prove_instances(proof *p, ho_error *error);
ho_status ho_prove_setup_memory(proof *p, ho_error *error);

ho_status ho_prove_shapes(proof *p, ho_error *error);
ho_status ho_prove_repeat(proof *p, ho_error *error);
ho_status ho_prove_poison(proof *p, ho_error *error);
ho_status ho_prove_trace_memory(proof *p, ho_error *error);
ho_status ho_prove_values(proof *p, ho_error *error);
ho_status ho_prove_precision(proof *p, ho_error *error);
ho_status ho_prove_examples(proof *p, ho_error *error);
ho_status ho_prove_derivatives(proof *p, ho_error *error);
ho_status ho_prove_second(proof *p, ho_error *error);
ho_status ho_prove_training(proof *p, ho_error *error);
ho_status ho_prove_outer(proof *p, ho_error *error);

ho_status ho_prove_projection(proof *p, ho_error *error);
ho_status ho_prove_nearest(proof *p, ho_error *error);
ho_status ho_prove_project_memory(proof *p, ho_error *error);

ho_status ho_prove_read(proof *p, ho_error *error);
ho_status ho_prove_read_memory(proof *p, ho_error *error);
ho_status ho_prove_stream(proof *p, ho_error *error);
ho_status ho_prove_stream_memory(proof *p, ho_error *error);
ho_status ho_prove_damage(proof *p, ho_error *error);

ho_status ho_prove_mode_gradient(proof *p, ho_error *error);
ho_status ho_prove_mode_online(proof *p, ho_error *error);
ho_status ho_prove_mode_resume(proof *p, ho_error *error);
ho_status ho_prove_mode_failures(proof *p, ho_error *error);

#endif
