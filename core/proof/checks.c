/* The table of checks. */
#include "proof/internal.h"

#define D (1u << HO_DYNAMICS)
#define M (1u << HO_MODEL)
#define L (1u << HO_LOSS)
#define P (1u << HO_PENALTY)
#define T TRACED_KINDS
#define C (1u << HO_CONSTRAINT)
#define R (1u << HO_DATA)
#define G (1u << HO_MODE)

const check_row ho_proof_checks[] = {
    {"file", ALL_KINDS, NULL, ho_prove_file, "one symbol is exported, and nothing of hotool is linked"},
    {"load", ALL_KINDS, NULL, ho_prove_load, "the shared object loads, and its descriptor and tables are sound"},
    {"tables", ALL_KINDS, "load", ho_prove_tables, "name, version and a line of documentation for everything declared"},
    {"instances", ALL_KINDS, "load", ho_prove_instances, "many instances at once, freed in another order"},
    {"options", ALL_KINDS, "instances", ho_prove_options,
     "create with each option at its ends and choices; a refusal says why"},
    {"refusals", ALL_KINDS, "instances", ho_prove_refusals,
     "an unknown option, values of the wrong kind and out of range are refused by name"},
    {"create-memory", ALL_KINDS, "instances", ho_prove_setup_memory,
     "create while each allocation of the plugin, and each of ho_setup_alloc, fails in turn"},
    {"shapes", T, "instances", ho_prove_shapes, "traces over a range of ranks and sizes, and binds what it must"},
    {"repeat", T, "shapes", ho_prove_repeat, "tracing twice gives the identical graph"},
    {"poison", T, "shapes", ho_prove_poison, "a trace ends in an error, whichever of its calls fails"},
    {"trace-memory", T, "shapes", ho_prove_trace_memory, "tracing while each allocation of the plugin fails in turn"},
    {"values", T, "shapes", ho_prove_values,
     "results and derivatives are finite: zero gradients, t = 1, large t, huge and tiny"},
    {"precision", T, "shapes", ho_prove_precision, "f32 and f64 agree"},
    {"examples", M | L, "shapes", ho_prove_examples, "each example's result depends on that example alone"},
    {"derivatives", T, "shapes", ho_prove_derivatives,
     "J v against differences; <u, J v> = <J'u, v>; one column and many"},
    {"second", T, "shapes", ho_prove_second, "second derivatives: symmetric, and against differences"},
    {"projection", C, "instances", ho_prove_projection,
     "in the domain and the structure; projecting again changes no bit"},
    {"nearest", C, "projection", ho_prove_nearest, "no point of the set is nearer, as a generic solver sees it"},
    {"project-memory", C, "projection", ho_prove_project_memory,
     "projecting while each allocation of the plugin fails in turn"},
    {"read", R, "instances", ho_prove_read, "reads, and a second time the same"},
    {"read-memory", R, "read", ho_prove_read_memory,
     "reading while each allocation of the plugin, and each call of hotool, fails in turn"},
    {"damage", R, "read", ho_prove_damage,
     "files that are cut short or changed: data, or a refusal that names the file"},
    {"gradient", G, "instances", ho_prove_mode_gradient, "the gradient of a small system, against differences"},
    {"online", G, "gradient", ho_prove_mode_online, "the same while lambda changes on the way, and after forget"},
    {"resume", G, "gradient", ho_prove_mode_resume, "a run that is saved and restored goes on to the same bits"},
    {"failures", G, "gradient", ho_prove_mode_failures,
     "calls of hotool's, and allocations of its own, that fail: the status is passed on, all is freed"},
    {"training", T, "shapes", ho_prove_training,
     "a short training: differences of its hypergradient, every exact mode agrees"},
    {"training", G, "gradient", ho_prove_training,
     "a short training: differences of its hypergradient, every exact mode agrees"},
    {"outer", D, "shapes", ho_prove_outer, "as the optimizer of hyperparameters"},
    {NULL, 0, NULL, NULL, NULL},
};
