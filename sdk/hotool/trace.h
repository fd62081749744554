/*
 * Tracing: how dynamics, models, losses and penalties describe what they compute.
 *
 * A traced callback runs once, when a pipeline is set up. It computes no numbers: with the calls below it builds an
 * expression over named values, which hotool differentiates, compiles and runs, in f32 or f64, forward or reverse, any
 * number of times.
 *
 * Values are small handles. Handle 0 is poison: a call that fails (shapes that do not fit, an unknown name) records one
 * message with the plugin, its file and line and the shapes, and returns poison; calls on poison return poison and
 * record nothing. So there is no need to check each call: return ho_ok(x) at the end. The first error is the one
 * reported.
 *
 * Threads: make calls on the thread that called the plugin, and only until the callback returns. Different instances
 * may be traced concurrently. Ownership: handles and names end with the trace. Strings and arrays that are passed in
 * are copied before the call returns. Shapes: rank 0 to HO_MAX_RANK, row-major, sizes at least 1. Elementwise calls
 * broadcast as NumPy does. Axes: 0 is the first, -1 the last. Precision: not visible. Values of rank 0 are computed in
 * f64.
 */
#ifndef HOTOOL_TRACE_H
#define HOTOOL_TRACE_H

#include "hotool/abi.h"
#include "hotool/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ho_trace ho_trace;

typedef struct ho_value {
    uint32_t id; /* 0: poison */
} ho_value;

/* hotool's functions. Use the macros below, which pass the place of the call. */
typedef struct ho_trace_api {
    uint32_t struct_size;
    ho_value (*let)(ho_trace *x, const char *file, int32_t line, const char *name, const char *formula);
    ho_value (*formula)(ho_trace *x, const char *file, int32_t line, const char *text);
    ho_value (*get)(ho_trace *x, const char *file, int32_t line, const char *name);
    ho_status (*set)(ho_trace *x, const char *file, int32_t line, const char *name, ho_value value);
    int32_t (*has)(ho_trace *x, const char *name);
    int64_t (*size)(ho_trace *x, const char *file, int32_t line, const char *symbol);
    int32_t (*shape)(ho_trace *x, ho_value a, int64_t dims[HO_MAX_RANK]);
    ho_value (*constant)(ho_trace *x, const char *file, int32_t line, double number);
    ho_value (*fill)(ho_trace *x, const char *file, int32_t line, int32_t rank, const int64_t *dims, double number);
    ho_value (*iota)(ho_trace *x, const char *file, int32_t line, int64_t n);
    ho_value (*unary)(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a);
    ho_value (*binary)(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a, ho_value b);
    ho_value (*select)(ho_trace *x, const char *file, int32_t line, ho_value c, ho_value a, ho_value b);
    ho_value (*reduce)(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a, int32_t axis,
                       int32_t keep);
    ho_value (*reduce_all)(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a);
    ho_value (*reshape)(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t rank, const int64_t *dims);
    ho_value (*expand)(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t rank, const int64_t *dims);
    ho_value (*transpose)(ho_trace *x, const char *file, int32_t line, ho_value a);
    ho_value (*slice)(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t axis, int64_t start,
                      int64_t length);
    ho_value (*concat)(ho_trace *x, const char *file, int32_t line, const ho_value *parts, int32_t count, int32_t axis);
    ho_value (*matmul)(ho_trace *x, const char *file, int32_t line, ho_value a, ho_value b);
    ho_value (*gather)(ho_trace *x, const char *file, int32_t line, ho_value a, ho_value indices, int32_t axis);
    ho_value (*gradient)(ho_trace *x, const char *file, int32_t line, ho_value point);
    ho_value (*weight)(ho_trace *x, const char *file, int32_t line, const char *name, ho_value initial);
    ho_value (*normal)(ho_trace *x, const char *file, int32_t line, const char *name, int32_t rank,
                       const int64_t *dims);
    ho_status (*fail)(ho_trace *x, const char *file, int32_t line, const char *format, ...) HO_PRINTF(4, 5);
    ho_status (*ok)(ho_trace *x);
} ho_trace_api;

struct ho_trace {
    const ho_trace_api *api;
};

/* Evaluates a formula (sdk/FORMULAS.md) over the names in scope, binds its value to `name`, and returns it. A name can
 * be bound again: later formulas see the new value. */
#define ho_let(x, name, text) ((x)->api->let((x), HO_HERE, (name), (text)))
/* The same without binding a name. */
#define ho_eval(x, text) ((x)->api->formula((x), HO_HERE, (text)))
/* The value of a name in scope. Binds a name. */
#define ho_get(x, name)        ((x)->api->get((x), HO_HERE, (name)))
#define ho_set(x, name, value) ((x)->api->set((x), HO_HERE, (name), (value)))
/* 1 if a name is in scope, else 0. */
#define ho_has(x, name) ((x)->api->has((x), (name)))
/* A size by its symbol: features, outputs, examples, steps; batch, where there are inputs; or the name of a target that
 * some loss uses, for its number of classes or its width. 1 after an error. */
#define ho_size(x, symbol) ((x)->api->size((x), HO_HERE, (symbol)))
/* Returns the rank of a value (0 for poison) and stores its sizes in dims. */
#define ho_shape_get(x, a, dims) ((x)->api->shape((x), (a), (dims)))

/* A scalar; a tensor of one number; the vector 0, 1, ..., n-1. */
#define ho_constant(x, number)         ((x)->api->constant((x), HO_HERE, (number)))
#define ho_fill(x, rank, dims, number) ((x)->api->fill((x), HO_HERE, (rank), (dims), (number)))
#define ho_range(x, n)                 ((x)->api->iota((x), HO_HERE, (n)))

/* Elementwise ops, by number (ops.h) or by name. ho_where: a where c is not 0, b elsewhere. */
#define ho_unary_op(x, op, a)     ((x)->api->unary((x), HO_HERE, (op), (a)))
#define ho_binary_op(x, op, a, b) ((x)->api->binary((x), HO_HERE, (op), (a), (b)))
#define ho_neg(x, a)              ho_unary_op(x, HO_OP_NEG, a)
#define ho_abs(x, a)              ho_unary_op(x, HO_OP_ABS, a)
#define ho_sign(x, a)             ho_unary_op(x, HO_OP_SIGN, a)
#define ho_exp(x, a)              ho_unary_op(x, HO_OP_EXP, a)
#define ho_expm1(x, a)            ho_unary_op(x, HO_OP_EXPM1, a)
#define ho_log(x, a)              ho_unary_op(x, HO_OP_LOG, a)
#define ho_log1p(x, a)            ho_unary_op(x, HO_OP_LOG1P, a)
#define ho_sqrt(x, a)             ho_unary_op(x, HO_OP_SQRT, a)
#define ho_rsqrt(x, a)            ho_unary_op(x, HO_OP_RSQRT, a)
#define ho_tanh(x, a)             ho_unary_op(x, HO_OP_TANH, a)
#define ho_sin(x, a)              ho_unary_op(x, HO_OP_SIN, a)
#define ho_cos(x, a)              ho_unary_op(x, HO_OP_COS, a)
#define ho_erf(x, a)              ho_unary_op(x, HO_OP_ERF, a)
#define ho_floor(x, a)            ho_unary_op(x, HO_OP_FLOOR, a)
#define ho_stop(x, a)             ho_unary_op(x, HO_OP_STOP, a)
#define ho_add(x, a, b)           ho_binary_op(x, HO_OP_ADD, a, b)
#define ho_sub(x, a, b)           ho_binary_op(x, HO_OP_SUB, a, b)
#define ho_mul(x, a, b)           ho_binary_op(x, HO_OP_MUL, a, b)
#define ho_div(x, a, b)           ho_binary_op(x, HO_OP_DIV, a, b)
#define ho_pow(x, a, b)           ho_binary_op(x, HO_OP_POW, a, b)
#define ho_max(x, a, b)           ho_binary_op(x, HO_OP_MAX, a, b)
#define ho_min(x, a, b)           ho_binary_op(x, HO_OP_MIN, a, b)
#define ho_less(x, a, b)          ho_binary_op(x, HO_OP_LESS, a, b)
#define ho_less_equal(x, a, b)    ho_binary_op(x, HO_OP_LESS_EQUAL, a, b)
#define ho_equal(x, a, b)         ho_binary_op(x, HO_OP_EQUAL, a, b)
#define ho_where(x, c, a, b)      ((x)->api->select((x), HO_HERE, (c), (a), (b)))

/* Reductions over one axis (keep = 1 leaves it with size 1), or over all axes, to rank 0. */
#define ho_sum(x, a, axis, keep)     ((x)->api->reduce((x), HO_HERE, HO_OP_SUM, (a), (axis), (keep)))
#define ho_maximum(x, a, axis, keep) ((x)->api->reduce((x), HO_HERE, HO_OP_MAXIMUM, (a), (axis), (keep)))
#define ho_sum_all(x, a)             ((x)->api->reduce_all((x), HO_HERE, HO_OP_SUM, (a)))
#define ho_maximum_all(x, a)         ((x)->api->reduce_all((x), HO_HERE, HO_OP_MAXIMUM, (a)))

/* Rearrangements. ho_expand: NumPy's broadcast_to. ho_transpose: exchanges the last two axes. */
#define ho_reshape(x, a, rank, dims)        ((x)->api->reshape((x), HO_HERE, (a), (rank), (dims)))
#define ho_expand(x, a, rank, dims)         ((x)->api->expand((x), HO_HERE, (a), (rank), (dims)))
#define ho_transpose(x, a)                  ((x)->api->transpose((x), HO_HERE, (a)))
#define ho_slice(x, a, axis, start, length) ((x)->api->slice((x), HO_HERE, (a), (axis), (start), (length)))
#define ho_concat(x, parts, count, axis)    ((x)->api->concat((x), HO_HERE, (parts), (count), (axis)))

/* The product of two matrices; one of them, or both, may have a leading axis, over which the product is mapped. The
 * entries of one axis at a vector of indices: integers in range. (In f32 the axis may have at most 2^24 + 1 entries.)
 */
#define ho_matmul(x, a, b)             ((x)->api->matmul((x), HO_HERE, (a), (b)))
#define ho_gather(x, a, indices, axis) ((x)->api->gather((x), HO_HERE, (a), (indices), (axis)))

/* In the step of a dynamics: the gradient of the training objective at `point`, which has the shape of w. */
#define ho_gradient_at(x, point) ((x)->api->gradient((x), HO_HERE, (point)))

/* In a model's `weights`: declares a weight tensor with its initial value, and binds its name. */
#define ho_weight(x, name, initial) ((x)->api->weight((x), HO_HERE, (name), (initial)))
/* In a model's `weights`: standard normal numbers, determined by the seed of the pipeline and the name. */
#define ho_normal(x, name, rank, dims) ((x)->api->normal((x), HO_HERE, (name), (rank), (dims)))

/* Refuses the pipeline with your own message; returns HO_INVALID. */
#define ho_trace_fail(x, ...) ((x)->api->fail((x), HO_HERE, __VA_ARGS__))
/* HO_OK, or the status of the first error: what a callback returns. */
#define ho_ok(x) ((x)->api->ok((x)))

/* ---- what each traced kind provides ------------------------------------------------------------------------------
 * Always in scope: the plugin's hyperparameters, its numeric options, and the sizes. Every callback returns ho_ok(x) or
 * what ho_trace_fail returned. */

/* ho_dynamics_calls.granularity */
#define HO_WHOLE      0u /* w, g and the slots are flat vectors over all weights */
#define HO_PER_TENSOR 1u /* traced once per weight tensor, with its shape */

typedef struct ho_dynamics_calls {
    uint32_t struct_size;
    uint32_t granularity;
    ho_table slots; /* rows: ho_slot */
    /* One step. In scope: w; g, the gradient of the objective at w; the slots; t, the number of this step, from 1.
     * Bind: w and every slot, with unchanged shapes. grad(p) and ho_gradient_at: only if HO_WHOLE. A step that is
     * divided by a root of gradients, as Adam's is, needs stop_noise (sdk/FORMULAS.md). */
    ho_status (*step)(void *self, ho_trace *x);
} ho_dynamics_calls;

typedef struct ho_model_calls {
    uint32_t struct_size;
    uint32_t reserved;
    /* Declare each weight with ho_weight. Sizes: features; outputs, the classes or the width of the main target. */
    ho_status (*weights)(void *self, ho_trace *x);
    /* In scope: the weights, and inputs (batch, features). Bind: outputs (batch, outputs), the prediction of the main
     * target, which is that of the objective's first loss. A model with several heads binds the prediction of each
     * target to the target's name, with shape (batch, ho_size(x, NAME)); for the main target, either name will do. */
    ho_status (*forward)(void *self, ho_trace *x);
} ho_model_calls;

/* ho_loss_calls.targets: the targets that a loss accepts. */
#define HO_TARGET_ANY    0u
#define HO_TARGET_LABELS 1u
#define HO_TARGET_REALS  2u

typedef struct ho_loss_calls {
    uint32_t struct_size;
    uint32_t targets;
    /* One number per example. In scope: outputs (batch, outputs), the model's prediction of this loss's target; targets
     * (batch, outputs; one-hot for labels); for labels also labels (batch), the class numbers. Bind: loss (batch). */
    ho_status (*per_example)(void *self, ho_trace *x);
} ho_loss_calls;

typedef struct ho_penalty_calls {
    uint32_t struct_size;
    uint32_t reserved;
    /* Traced for each weight tensor that the pipeline selects; the values are added. In scope: w, the tensor. Sizes:
     * also rows and columns, of w. Bind: penalty (rank 0). */
    ho_status (*value)(void *self, ho_trace *x);
} ho_penalty_calls;

#ifdef __cplusplus
}
#endif

#endif
