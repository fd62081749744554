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

const check_row proof_checks[] = {
    {"file", ALL_KINDS, NULL, check_file, "one symbol is exported, and nothing of hotool is linked"},
    {"load", ALL_KINDS, NULL, check_load, "the shared object loads, and its descriptor and tables are sound"},
    {"tables", ALL_KINDS, "load", check_tables, "name, version and a line of documentation for everything declared"},
    {"instances", ALL_KINDS, "load", check_instances, "many instances at once, freed in another order"},
    {"options", ALL_KINDS, "instances", check_options,
     "create with each option at its ends and choices; a refusal says why"},
    {"create-memory", ALL_KINDS, "instances", check_setup_memory,
     "create while each allocation of the plugin fails in turn"},
    {"shapes", T, "instances", check_shapes, "traces over a range of ranks and sizes, and binds what it must"},
    {"repeat", T, "shapes", check_repeat, "tracing twice gives the identical graph"},
    {"poison", T, "shapes", check_poison, "a trace ends in an error, whichever of its calls fails"},
    {"trace-memory", T, "shapes", check_trace_memory, "tracing while each allocation of the plugin fails in turn"},
    {"values", T, "shapes", check_values,
     "results and derivatives are finite: zero gradients, t = 1, large t, huge and tiny"},
    {"precision", T, "shapes", check_precision, "f32 and f64 agree"},
    {"examples", M | L, "shapes", check_examples, "each example's result depends on that example alone"},
    {"derivatives", T, "shapes", check_derivatives,
     "J v against differences; <u, J v> = <J'u, v>; one column and many"},
    {"second", T, "shapes", check_second, "second derivatives: symmetric, and against differences"},
    {"projection", C, "instances", check_projection,
     "in the domain and the structure; projecting again changes no bit"},
    {"nearest", C, "projection", check_nearest, "no point of the set is nearer, as a generic solver sees it"},
    {"read", R, "instances", check_read, "reads, and a second time the same"},
    {"read-memory", R, "read", check_read_memory, "reading while each allocation of the plugin fails in turn"},
    {"damage", R, "read", check_damage, "files that are cut short or changed: data, or a refusal that names the file"},
    {"gradient", G, "instances", check_mode_gradient, "the gradient of a small system, against differences"},
    {"online", G, "gradient", check_mode_online, "the same while lambda changes on the way, and after forget"},
    {"failures", G, "gradient", check_mode_failures,
     "calls of hotool's that fail: the status is passed on, all is freed"},
    {"training", T, "shapes", check_training,
     "a short training: differences of its hypergradient, every exact mode agrees"},
    {"training", G, "gradient", check_training,
     "a short training: differences of its hypergradient, every exact mode agrees"},
    {"outer", D, "shapes", check_outer, "as the optimizer of hyperparameters"},
    {NULL, 0, NULL, NULL, NULL},
};
