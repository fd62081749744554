/*
 * Running graphs. A plan is made once (liveness, fusion, buffers) and run many times; a run allocates nothing.
 * The reference evaluator is the plain definition against which plans are tested.
 */
#ifndef HO_EXEC_EXEC_H
#define HO_EXEC_EXEC_H

#include "graph/graph.h"

typedef enum ho_precision { HO_F32, HO_F64 } ho_precision;

typedef struct ho_plan ho_plan;

/* Compiles the computation of `outputs` from `inputs`. These are leaves, all that the outputs need, or any other nodes,
 * whose values are then given instead of computed. Where they are what another plan computed, so are the outputs, to
 * the last bit, unless entries of such a node repeat along some axis (products read repeated entries by stride 0). The
 * graph is not needed afterwards. Fails if a leaf is missing, memory is short, or the plan would be wrong: an index in
 * f32 beyond 2^24, or a product too large for the BLAS. HOTOOL_KERNELS=base or avx2 in the environment, meant for
 * tests, makes plans run as on a processor without AVX2 or without AVX-512. Kinds of processors may differ in bits,
 * within rounding. */
ho_plan *ho_plan_new(const ho_graph *graph, ho_precision precision, const ho_node *inputs, size_t input_count,
                     const ho_node *outputs, size_t output_count, ho_error *error);
void ho_plan_free(ho_plan *plan);

/* inputs[i], outputs[i]: one double for tensors of rank 0; for others a dense array of float or double in C order, with
 * any alignment (64 bytes is best). An output must not overlap an input or another output. An input that the outputs do
 * not need may be NULL; every output is written. One plan must not run in two threads at once. The same inputs give the
 * same bits, whatever other outputs a plan has. */
void ho_plan_run(ho_plan *plan, const void *const *inputs, void *const *outputs);

/* What its rows are called in a profile (exec/profile.h): "step, VJP". */
void ho_plan_profile_as(ho_plan *plan, const char *name);

/* The scratch memory that it holds, in bytes. */
size_t ho_plan_bytes(const ho_plan *plan);

/* Threads of plans that are made and run from now on (1 or more): they share the larger products and elementwise steps.
 * The bits do not depend on their number. */
void ho_exec_threads(int threads);
/* Processor time of the process in seconds, of all its threads, and of other processes as counted below. */
double ho_exec_cpu_seconds(void);
/* Counts what other processes have done for this one. */
void ho_exec_cpu_add(double seconds);

/* The reference: each node by its definition, in f64; with HO_F32, every tensor of rank > 0 is rounded to float after
 * each node. All values are doubles here. first_bad, if not NULL, receives the first node (in order) with a NaN or Inf
 * whose operands are all finite, or 0. */
ho_status ho_reference_run(const ho_graph *graph, ho_precision precision, const ho_node *inputs,
                           const double *const *values, size_t input_count, const ho_node *outputs,
                           double *const *results, size_t output_count, ho_node *first_bad, ho_error *error);

#endif
