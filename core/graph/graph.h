/*
 * Expression graphs: immutable nodes, hash-consed, so that equal expressions are one node.
 *
 * Every op addresses axes from the end. A tensor may therefore carry one extra leading axis (a batch of k tangents,
 * diff/) through any op unchanged; ranks go up to HO_MAX_RANK + 1 for that.
 */
#ifndef HO_GRAPH_GRAPH_H
#define HO_GRAPH_GRAPH_H

#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"
#include "hotool/ops.h"

#define HO_RANK_MAX (HO_MAX_RANK + 1)

typedef struct ho_shape {
    int32_t rank;
    int64_t dims[HO_RANK_MAX];
} ho_shape;

/* A node's number. 0 is poison: the result of a failed check, which every builder passes on without another message. */
typedef uint32_t ho_node;
#define HO_POISON 0u

/* What made a node, for messages: a plugin's call or a character of a formula. `line` 0: the host. The graph owns the
 * strings. */
typedef struct ho_source {
    const char *plugin; /* "adam", or "host" */
    const char *file;
    int line;
    int column;          /* in the file, where that holds the formula itself; or in `formula`; 0: none */
    const char *formula; /* of a call in the plugin's source; else NULL */
} ho_source;

typedef struct ho_graph_node {
    uint32_t op;
    uint32_t arity;
    const ho_node *in;
    ho_shape shape;
    double value;     /* CONST */
    int64_t axis;     /* reductions: the first axis, from the end; SLICE, PAD, CONCAT, GATHER, SCATTER: the axis */
    int64_t extent;   /* reductions: how many adjacent axes; SLICE: start; PAD: zeros before; LEAF: serial number */
    const char *name; /* LEAF; else NULL */
    uint32_t source;  /* for ho_graph_source */
} ho_graph_node;

typedef struct ho_graph ho_graph;

/* The first failed check is recorded in `error` (borrowed; it must outlive the graph) with shapes, op and source:
 * `adam.c:21: plugin "adam": matmul: (50, 10) @ (20, 3): the inner sizes 10 and 20 differ`. */
ho_graph *ho_graph_new(ho_error *error);
void ho_graph_free(ho_graph *graph);
ho_error *ho_graph_error(ho_graph *graph);
uint32_t ho_graph_size(const ho_graph *graph); /* nodes are 1..size; operands precede their users */
/* Valid until the next node is made. id is 1..size. */
const ho_graph_node *ho_graph_at(const ho_graph *graph, ho_node id);

/* Nodes made from now on carry this source. Returns the previous one's number for ho_graph_source_set. */
uint32_t ho_graph_source_enter(ho_graph *graph, const char *plugin, const char *file, int line);
void ho_graph_source_set(ho_graph *graph, uint32_t source);
ho_source ho_graph_source(const ho_graph *graph, uint32_t source);
/* "adam.c:21, formula "m/v", column 2", "run.yaml:7:13", or "" for the host; at most HO_SOURCE_TEXT bytes, in and
 * returned as `text`. `whole`: with the folders of the file. */
#define HO_SOURCE_TEXT 1024
char *ho_source_print(ho_source source, bool whole, char text[HO_SOURCE_TEXT]);
/* Prefixes the error's message with a source: `adam.c:21: plugin "adam": formula "m/v": column 2: ...`. */
void ho_graph_blame(const ho_graph *graph, uint32_t source, ho_error *error);
/* Records an error at the current source and returns HO_POISON. */
ho_node ho_graph_fail(ho_graph *graph, const char *format, ...) HO_PRINTF(2, 3);

/* Converts an axis as plugins count (0 the first, -1 the last) to the graph's (1 the last). Without such an axis:
 * false, and an error that starts with `what`. */
bool ho_axis_from_end(ho_graph *graph, const char *what, ho_node a, int64_t axis, int64_t *from_end);

/* Shapes. */
ho_shape ho_scalar_shape(void);
ho_shape ho_shape_of(int32_t rank, const int64_t *dims);
bool ho_shape_equal(const ho_shape *a, const ho_shape *b);
int64_t ho_shape_count(const ho_shape *shape);
/* The size of an axis counted from the end. */
int64_t ho_axis_size(const ho_shape *shape, int64_t axis);
/* `shape` with size 1 in `extent` axes from `axis` on (as in ho_node_reduce): what was reduced, ready to be repeated.
 */
ho_shape ho_kept_shape(ho_shape shape, int64_t axis, int64_t extent);
/* A tensor as seen around such axes: entry (o, e, i) is at (o * extent + e) * inner + i. */
typedef struct ho_around {
    int64_t outer, extent, inner;
} ho_around;
ho_around ho_shape_around(const ho_shape *shape, int64_t axis, int64_t extent);
/* "(50, 10)", "()" for rank 0; written into and returned as `text`. */
#define HO_SHAPE_TEXT 128
char *ho_shape_print(const ho_shape *shape, char text[HO_SHAPE_TEXT]);

/* Builders check, fold constants, simplify (x+0, x*1, x*0, --x, x^2, select on a constant, reshape of reshape,
 * transpose of transpose, slice of concat or pad, adjacent pads added into a concat, ...), and return an existing node
 * if there is one. Simplification never changes the bits of a value that stays finite, except x*0 = 0. */
ho_node ho_node_leaf(ho_graph *graph, const char *name, ho_shape shape); /* every call makes a new leaf */
ho_node ho_node_const(ho_graph *graph, double value);                    /* rank 0 */
ho_node ho_node_fill(ho_graph *graph, ho_shape shape, double value);     /* CONST of any shape */
ho_node ho_node_iota(ho_graph *graph, int64_t n);
ho_node ho_node_unary(ho_graph *graph, uint32_t op, ho_node a);
ho_node ho_node_binary(ho_graph *graph, uint32_t op, ho_node a, ho_node b);
ho_node ho_node_select(ho_graph *graph, ho_node c, ho_node a, ho_node b);
ho_node ho_node_reduce(ho_graph *graph, uint32_t op, ho_node a, int64_t axis, int64_t extent); /* op: a reduction */
ho_node ho_node_sum_all(ho_graph *graph, ho_node a);                                           /* to rank 0 */
/* The result of a reduction of `shape`, repeated along the reduced axes. Rank 0 is left: it goes with any shape. */
ho_node ho_node_unreduce(ho_graph *graph, ho_node a, ho_shape shape, int64_t axis, int64_t extent);
ho_node ho_node_reshape(ho_graph *graph, ho_node a, ho_shape shape);
ho_node ho_node_expand(ho_graph *graph, ho_node a, ho_shape shape); /* rank as a's; from rank 0 to any shape too */
ho_node ho_node_transpose(ho_graph *graph, ho_node a);
ho_node ho_node_slice(ho_graph *graph, ho_node a, int64_t axis, int64_t start, int64_t length);
ho_node ho_node_pad(ho_graph *graph, ho_node a, int64_t axis, int64_t before, int64_t after);
ho_node ho_node_concat(ho_graph *graph, const ho_node *parts, uint32_t count, int64_t axis);
ho_node ho_node_matmul(ho_graph *graph, ho_node a, ho_node b);
ho_node ho_node_gather(ho_graph *graph, ho_node a, ho_node indices, int64_t axis);
ho_node ho_node_scatter(ho_graph *graph, ho_node a, ho_node indices, int64_t axis, int64_t size);
/* The op of a node, with its attributes, applied to other operands; for rewriting passes. */
ho_node ho_node_rebuild(ho_graph *graph, ho_node like, const ho_node *in);

/* An elementwise op with NumPy's broadcasting (axes aligned at the end, size 1 repeats); errors name the shapes.
 * Operands of rank 0 are left as they are. */
ho_node ho_node_broadcast(ho_graph *graph, uint32_t op, uint32_t arity, const ho_node *operands);
ho_node ho_node_binary_broadcast(ho_graph *graph, uint32_t op, ho_node a, ho_node b);
ho_node ho_node_select_broadcast(ho_graph *graph, ho_node c, ho_node a, ho_node b);

/* Whether a node is the same known number in every entry. */
bool ho_is_constant(const ho_graph *graph, ho_node a, double *value);
bool ho_is_value(const ho_graph *graph, ho_node a, double value); /* 0 is -0 too */

/* The table of ops (hotool/ops.h) as data. */
typedef enum ho_op_class { HO_CLASS_NONE, HO_CLASS_ELEMENTWISE, HO_CLASS_REDUCTION, HO_CLASS_OTHER } ho_op_class;

typedef struct ho_op_row {
    const char *name;
    ho_op_class class;
    uint32_t arity; /* CONCAT: 0, any */
    const char *sign, *kink, *derivative;
} ho_op_row;

const ho_op_row *ho_op(uint32_t op); /* of an unknown op: a row named "unknown" of HO_CLASS_NONE */
uint32_t ho_op_next(uint32_t op); /* the next op by number, or 0: for (op = ho_op_next(0); op; op = ho_op_next(op)) */
/* For switches over (enum ho_op_number)op without a default: the compiler then names any op that is missing. */
#define HO_OP_CASE(NAME, ...) case HO_OP_##NAME:
const char *ho_op_name(uint32_t op);
bool ho_op_is_elementwise(uint32_t op);

/* One entry of an elementwise op in f64: the reference for every implementation. */
double ho_op_scalar(uint32_t op, double a, double b, double c);

/* Nodes that `outputs` need, in increasing (hence topological) order; free(). */
ho_node *ho_graph_order(const ho_graph *graph, const ho_node *outputs, size_t count, size_t *length);
/* The same where the values of `inputs` are given: without what only they need. */
ho_node *ho_graph_order_from(const ho_graph *graph, const ho_node *inputs, size_t input_count, const ho_node *outputs,
                             size_t count, size_t *length);

/* What `outputs` cost from `inputs`, counted from their nodes: operations in matrix products (a multiplication and an
 * addition are two), and entries that other ops compute or read. Rearrangements that are strides count nothing. */
typedef struct ho_graph_cost {
    double product_flops, entries;
} ho_graph_cost;
ho_graph_cost ho_graph_count(const ho_graph *graph, const ho_node *inputs, size_t input_count, const ho_node *outputs,
                             size_t count);

/* Checks every invariant of the nodes that `outputs` need: order, arity, ranges, and shapes, which are inferred again.
 */
ho_status ho_graph_verify(const ho_graph *graph, const ho_node *outputs, size_t count, ho_error *error);

/* One node per line, `%12 = matmul(%3, %11) (50, 10)    # softmax.c:31`, then the outputs by their names (NULL:
 * numbers); and Graphviz. An output that is 0 is a symbolic zero. */
void ho_graph_dump(const ho_graph *graph, const ho_node *outputs, const char *const *names, size_t count, FILE *out);
void ho_graph_dot(const ho_graph *graph, const ho_node *outputs, const char *const *names, size_t count, FILE *out);

#endif
