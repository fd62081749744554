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
    {"file", ALL_KINDS, NULL, ho_prove_file, "exports exactly one symbol, and links against nothing of hotool"},
    {"load", ALL_KINDS, NULL, ho_prove_load, "the shared object loads, and its descriptor and tables are valid"},
    {"tables", ALL_KINDS, "load", ho_prove_tables, "everything declared has a name, and a line of documentation"},
    {"instances", ALL_KINDS, "load", ho_prove_instances, "many instances can exist at once, and be freed in any order"},
    {"options", ALL_KINDS, "instances", ho_prove_options,
     "create accepts each option at its limits and choices, or says why not"},
    {"refusals", ALL_KINDS, "instances", ho_prove_refusals,
     "unknown options, values of the wrong type and values out of range are refused by name"},
    {"create-memory", ALL_KINDS, "instances", ho_prove_setup_memory,
     "create survives the failure of each allocation, its own or by ho_setup_alloc"},
    {"shapes", T, "instances", ho_prove_shapes, "traces at many ranks and sizes, and binds everything it must"},
    {"repeat", T, "shapes", ho_prove_repeat, "tracing twice gives identical graphs"},
    {"poison", T, "shapes", ho_prove_poison, "when a call fails, the trace ends with an error, whichever call it is"},
    {"trace-memory", T, "shapes", ho_prove_trace_memory, "tracing survives the failure of each allocation"},
    {"values", T, "shapes", ho_prove_values,
     "results and derivatives are finite with zero gradients, t = 1, large t, huge and tiny values"},
    {"precision", T, "shapes", ho_prove_precision, "f32 and f64 agree"},
    {"examples", M | L, "shapes", ho_prove_examples, "each example's result depends only on that example"},
    {"derivatives", T, "shapes", ho_prove_derivatives,
     "J v agrees with differences; <u, J v> = <J'u, v>; one column and many"},
    {"second", T, "shapes", ho_prove_second, "second derivatives are symmetric, and agree with differences"},
    {"projection", C, "instances", ho_prove_projection,
     "the result is in the domain and has the structure; projecting it again changes no bit"},
    {"nearest", C, "projection", ho_prove_nearest, "a generic solver finds no nearer point of the set"},
    {"project-memory", C, "projection", ho_prove_project_memory, "projecting survives the failure of each allocation"},
    {"read", R, "instances", ho_prove_read, "reading twice gives the same data"},
    {"read-memory", R, "read", ho_prove_read_memory,
     "reading survives the failure of each allocation and each call to hotool"},
    {"stream", R, "read", ho_prove_stream,
     "of a stream: the same in pieces, in another order, from a later place on, and nothing after its end"},
    {"stream-memory", R, "stream", ho_prove_stream_memory,
     "its next while each allocation of the plugin, and each call of hotool, fails in turn"},
    {"damage", R, "read", ho_prove_damage,
     "truncated and altered files are read, or refused with a message that names the file"},
    {"gradient", G, "instances", ho_prove_mode_gradient, "the gradient of a small system agrees with differences"},
    {"online", G, "gradient", ho_prove_mode_online, "the same when lambda changes during training, and after forget"},
    {"resume", G, "gradient", ho_prove_mode_resume, "a saved and restored run continues with the same bits"},
    {"failures", G, "gradient", ho_prove_mode_failures,
     "when an allocation or a call to hotool fails, the status is passed on and everything is freed"},
    {"training", T, "shapes", ho_prove_training,
     "in a short training, the hypergradients of all exact modes agree with differences"},
    {"training", G, "gradient", ho_prove_training,
     "in a short training, the hypergradients of all exact modes agree with differences"},
    {"outer", D, "shapes", ho_prove_outer, "works as the outer optimizer"},
    {NULL, 0, NULL, NULL, NULL},
};
