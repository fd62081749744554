/*
 * The SDK's headers of ABI 1.0 in one file, without their comments: what a plugin built then saw. It never changes, so
 * that the plugins beside it stay as old as they are, whatever the SDK becomes.
 */

#ifndef HOTOOL_ABI_H
#define HOTOOL_ABI_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define HO_ABI_MAJOR          1u
#define HO_ABI_MINOR          0u
#define HO_PLUGIN_SYMBOL      hotool_plugin_v1
#define HO_PLUGIN_SYMBOL_NAME "hotool_plugin_v1"
#if defined(_WIN32)
#define HO_EXPORT __declspec(dllexport)
#else
#define HO_EXPORT __attribute__((visibility("default")))
#endif
#if defined(__GNUC__)
#define HO_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define HO_PRINTF(text, first)
#endif
#define HO_HERE __FILE__, (int32_t)__LINE__
typedef int32_t ho_status;
#define HO_OK          0
#define HO_FAILED      1
#define HO_INVALID     2
#define HO_DIVERGED    3
#define HO_INTERRUPTED 4
#define HO_DYNAMICS    1u
#define HO_MODEL       2u
#define HO_LOSS        3u
#define HO_PENALTY     4u
#define HO_MODE        5u
#define HO_DATA        6u
#define HO_CONSTRAINT  7u
#define HO_MAX_RANK    4
typedef struct ho_table {
    const void *rows;
    uint32_t count;
    uint32_t row_size;
} ho_table;
#define HO_TABLE(array)                                                                       \
    {                                                                                         \
        (array), (uint32_t)(sizeof(array) / sizeof((array)[0])), (uint32_t)sizeof((array)[0]) \
    }
#define HO_REAL    1u
#define HO_INTEGER 2u
#define HO_BOOLEAN 3u
#define HO_STRING  4u
#define HO_PATH    5u
#define HO_CHOICE  6u
#define HO_REALS   7u
#define HO_STRINGS 8u
typedef struct ho_option {
    const char *name;
    uint32_t type;
    uint32_t required;
    const char *initial;
    const char *doc;
    double least, most;
    const char *choices;
} ho_option;
#define HO_ANY           0u
#define HO_NONNEGATIVE   1u
#define HO_UNIT          2u
#define HO_DECAY         3u
#define HO_POSITIVE      4u
#define HO_SYMMETRIC     1u
#define HO_ZERO_DIAGONAL 2u
typedef struct ho_hyper {
    const char *name;
    double initial;
    uint32_t domain;
    const char *doc;
    const char *shape;
    uint32_t structure;
} ho_hyper;
typedef struct ho_slot {
    const char *name;
    const char *doc;
    const char *initial;
} ho_slot;
typedef struct ho_setup ho_setup;
typedef struct ho_setup_api {
    uint32_t struct_size;
    double (*option_real)(ho_setup *u, const char *name);
    int64_t (*option_integer)(ho_setup *u, const char *name);
    int32_t (*option_boolean)(ho_setup *u, const char *name);
    const char *(*option_string)(ho_setup *u, const char *name);
    int64_t (*option_count)(ho_setup *u, const char *name);
    double (*option_real_at)(ho_setup *u, const char *name, int64_t i);
    const char *(*option_string_at)(ho_setup *u, const char *name, int64_t i);
    void *(*alloc)(ho_setup *u, uint64_t bytes);
    ho_status (*fail)(ho_setup *u, const char *file, int32_t line, const char *option, const char *format, ...)
        HO_PRINTF(5, 6);
} ho_setup_api;
struct ho_setup {
    const ho_setup_api *api;
};
#define ho_option_real(u, name)         ((u)->api->option_real((u), (name)))
#define ho_option_integer(u, name)      ((u)->api->option_integer((u), (name)))
#define ho_option_boolean(u, name)      ((u)->api->option_boolean((u), (name)))
#define ho_option_string(u, name)       ((u)->api->option_string((u), (name)))
#define ho_option_count(u, name)        ((u)->api->option_count((u), (name)))
#define ho_option_real_at(u, name, i)   ((u)->api->option_real_at((u), (name), (i)))
#define ho_option_string_at(u, name, i) ((u)->api->option_string_at((u), (name), (i)))
#define ho_setup_alloc(u, bytes)        ((u)->api->alloc((u), (bytes)))
#define ho_setup_fail(u, option, ...)   ((u)->api->fail((u), HO_HERE, (option), __VA_ARGS__))
typedef struct ho_plugin {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t kind;
    const char *name;
    const char *version;
    const char *doc;
    const char *details;
    ho_table options;
    ho_table hypers;
    const void *calls;
    ho_status (*create)(ho_setup *u, void **self);
    void (*destroy)(void *self);
} ho_plugin;
extern HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL;
#define HO_PLUGIN_HEAD(kind_) \
    .struct_size = (uint32_t)sizeof(ho_plugin), .abi_major = HO_ABI_MAJOR, .abi_minor = HO_ABI_MINOR, .kind = (kind_)
#ifdef __cplusplus
}
#endif
#endif

#ifndef HOTOOL_OPS_H
#define HOTOOL_OPS_H
#define HO_OP_LEAF       1u
#define HO_OP_CONST      2u
#define HO_OP_IOTA       3u
#define HO_OP_NEG        10u
#define HO_OP_ABS        11u
#define HO_OP_SIGN       12u
#define HO_OP_EXP        13u
#define HO_OP_EXPM1      14u
#define HO_OP_LOG        15u
#define HO_OP_LOG1P      16u
#define HO_OP_SQRT       17u
#define HO_OP_RSQRT      18u
#define HO_OP_TANH       19u
#define HO_OP_SIN        20u
#define HO_OP_COS        21u
#define HO_OP_ERF        22u
#define HO_OP_FLOOR      23u
#define HO_OP_STOP       24u
#define HO_OP_ADD        30u
#define HO_OP_SUB        31u
#define HO_OP_MUL        32u
#define HO_OP_DIV        33u
#define HO_OP_POW        34u
#define HO_OP_MAX        35u
#define HO_OP_MIN        36u
#define HO_OP_LESS       37u
#define HO_OP_LESS_EQUAL 38u
#define HO_OP_EQUAL      39u
#define HO_OP_SELECT     40u
#define HO_OP_SUM        50u
#define HO_OP_MAXIMUM    51u
#define HO_OP_RESHAPE    60u
#define HO_OP_EXPAND     61u
#define HO_OP_TRANSPOSE  62u
#define HO_OP_SLICE      63u
#define HO_OP_PAD        64u
#define HO_OP_CONCAT     65u
#define HO_OP_MATMUL     70u
#define HO_OP_GATHER     71u
#define HO_OP_SCATTER    72u
#endif

#ifndef HOTOOL_TRACE_H
#define HOTOOL_TRACE_H
#ifdef __cplusplus
extern "C" {
#endif
typedef struct ho_trace ho_trace;
typedef struct ho_value {
    uint32_t id;
} ho_value;
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
#define ho_let(x, name, text)                  ((x)->api->let((x), HO_HERE, (name), (text)))
#define ho_eval(x, text)                       ((x)->api->formula((x), HO_HERE, (text)))
#define ho_get(x, name)                        ((x)->api->get((x), HO_HERE, (name)))
#define ho_set(x, name, value)                 ((x)->api->set((x), HO_HERE, (name), (value)))
#define ho_has(x, name)                        ((x)->api->has((x), (name)))
#define ho_size(x, symbol)                     ((x)->api->size((x), HO_HERE, (symbol)))
#define ho_shape_get(x, a, dims)               ((x)->api->shape((x), (a), (dims)))
#define ho_constant(x, number)                 ((x)->api->constant((x), HO_HERE, (number)))
#define ho_fill_with(x, rank, dims, number)    ((x)->api->fill((x), HO_HERE, (rank), (dims), (number)))
#define ho_range(x, n)                         ((x)->api->iota((x), HO_HERE, (n)))
#define ho_unary_op(x, op, a)                  ((x)->api->unary((x), HO_HERE, (op), (a)))
#define ho_binary_op(x, op, a, b)              ((x)->api->binary((x), HO_HERE, (op), (a), (b)))
#define ho_neg(x, a)                           ho_unary_op(x, HO_OP_NEG, a)
#define ho_abs(x, a)                           ho_unary_op(x, HO_OP_ABS, a)
#define ho_sign(x, a)                          ho_unary_op(x, HO_OP_SIGN, a)
#define ho_exp(x, a)                           ho_unary_op(x, HO_OP_EXP, a)
#define ho_expm1(x, a)                         ho_unary_op(x, HO_OP_EXPM1, a)
#define ho_log(x, a)                           ho_unary_op(x, HO_OP_LOG, a)
#define ho_log1p(x, a)                         ho_unary_op(x, HO_OP_LOG1P, a)
#define ho_sqrt(x, a)                          ho_unary_op(x, HO_OP_SQRT, a)
#define ho_rsqrt(x, a)                         ho_unary_op(x, HO_OP_RSQRT, a)
#define ho_tanh(x, a)                          ho_unary_op(x, HO_OP_TANH, a)
#define ho_sin(x, a)                           ho_unary_op(x, HO_OP_SIN, a)
#define ho_cos(x, a)                           ho_unary_op(x, HO_OP_COS, a)
#define ho_erf(x, a)                           ho_unary_op(x, HO_OP_ERF, a)
#define ho_floor(x, a)                         ho_unary_op(x, HO_OP_FLOOR, a)
#define ho_stop(x, a)                          ho_unary_op(x, HO_OP_STOP, a)
#define ho_add(x, a, b)                        ho_binary_op(x, HO_OP_ADD, a, b)
#define ho_sub(x, a, b)                        ho_binary_op(x, HO_OP_SUB, a, b)
#define ho_mul(x, a, b)                        ho_binary_op(x, HO_OP_MUL, a, b)
#define ho_div(x, a, b)                        ho_binary_op(x, HO_OP_DIV, a, b)
#define ho_pow(x, a, b)                        ho_binary_op(x, HO_OP_POW, a, b)
#define ho_max(x, a, b)                        ho_binary_op(x, HO_OP_MAX, a, b)
#define ho_min(x, a, b)                        ho_binary_op(x, HO_OP_MIN, a, b)
#define ho_less(x, a, b)                       ho_binary_op(x, HO_OP_LESS, a, b)
#define ho_less_equal(x, a, b)                 ho_binary_op(x, HO_OP_LESS_EQUAL, a, b)
#define ho_equal(x, a, b)                      ho_binary_op(x, HO_OP_EQUAL, a, b)
#define ho_where(x, c, a, b)                   ((x)->api->select((x), HO_HERE, (c), (a), (b)))
#define ho_sum(x, a, axis, keep)               ((x)->api->reduce((x), HO_HERE, HO_OP_SUM, (a), (axis), (keep)))
#define ho_maximum(x, a, axis, keep)           ((x)->api->reduce((x), HO_HERE, HO_OP_MAXIMUM, (a), (axis), (keep)))
#define ho_sum_over_all(x, a)                  ((x)->api->reduce_all((x), HO_HERE, HO_OP_SUM, (a)))
#define ho_maximum_over_all(x, a)              ((x)->api->reduce_all((x), HO_HERE, HO_OP_MAXIMUM, (a)))
#define ho_reshape_to(x, a, rank, dims)        ((x)->api->reshape((x), HO_HERE, (a), (rank), (dims)))
#define ho_expand_to(x, a, rank, dims)         ((x)->api->expand((x), HO_HERE, (a), (rank), (dims)))
#define ho_transposed(x, a)                    ((x)->api->transpose((x), HO_HERE, (a)))
#define ho_slice_of(x, a, axis, start, length) ((x)->api->slice((x), HO_HERE, (a), (axis), (start), (length)))
#define ho_concat_of(x, parts, count, axis)    ((x)->api->concat((x), HO_HERE, (parts), (count), (axis)))
#define ho_matrix_product(x, a, b)             ((x)->api->matmul((x), HO_HERE, (a), (b)))
#define ho_gather_of(x, a, indices, axis)      ((x)->api->gather((x), HO_HERE, (a), (indices), (axis)))
#define ho_gradient_at_point(x, point)         ((x)->api->gradient((x), HO_HERE, (point)))
#define ho_weight(x, name, initial)            ((x)->api->weight((x), HO_HERE, (name), (initial)))
#define ho_normal(x, name, rank, dims)         ((x)->api->normal((x), HO_HERE, (name), (rank), (dims)))
#define ho_trace_fail(x, ...)                  ((x)->api->fail((x), HO_HERE, __VA_ARGS__))
#define ho_ok(x)                               ((x)->api->ok((x)))
#define HO_WHOLE                               0u
#define HO_PER_TENSOR                          1u
typedef struct ho_dynamics_calls {
    uint32_t struct_size;
    uint32_t granularity;
    ho_table slots;
    ho_status (*step)(void *self, ho_trace *x);
} ho_dynamics_calls;
typedef struct ho_model_calls {
    uint32_t struct_size;
    uint32_t reserved;
    ho_status (*weights)(void *self, ho_trace *x);
    ho_status (*forward)(void *self, ho_trace *x);
} ho_model_calls;
#define HO_TARGET_ANY    0u
#define HO_TARGET_LABELS 1u
#define HO_TARGET_REALS  2u
typedef struct ho_loss_calls {
    uint32_t struct_size;
    uint32_t targets;
    ho_status (*per_example)(void *self, ho_trace *x);
} ho_loss_calls;
typedef struct ho_penalty_calls {
    uint32_t struct_size;
    uint32_t reserved;
    ho_status (*value)(void *self, ho_trace *x);
} ho_penalty_calls;
#ifdef __cplusplus
}
#endif
#endif

#ifndef HOTOOL_DATA_H
#define HOTOOL_DATA_H
#ifdef __cplusplus
extern "C" {
#endif
typedef struct ho_data ho_data;
#define HO_ARRAY_F32   1u
#define HO_ARRAY_F64   2u
#define HO_ARRAY_U8    3u
#define HO_ARRAY_I64   4u
#define HO_ROLE_INPUTS 1u
#define HO_ROLE_LABELS 2u
#define HO_ROLE_REALS  3u
typedef struct ho_array {
    uint32_t struct_size;
    uint32_t role;
    uint32_t type;
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    int64_t classes;
    const char *name;
    const char *source;
    const void *values;
} ho_array;
typedef struct ho_data_api {
    uint32_t struct_size;
    ho_status (*file)(ho_data *d, const char *path, uint64_t most, const uint8_t **bytes, uint64_t *size);
    ho_status (*npy)(ho_data *d, const char *path, ho_array *array);
    void *(*alloc)(ho_data *d, uint64_t count, uint64_t size);
    ho_status (*emit)(ho_data *d, uint32_t part, const ho_array *array);
    ho_status (*truth)(ho_data *d, const char *name, int32_t rank, const int64_t *dims, const double *values);
    ho_status (*class_name)(ho_data *d, int64_t label, const char *name);
    ho_status (*fail)(ho_data *d, const char *path, int64_t byte, const char *format, ...) HO_PRINTF(4, 5);
    double (*uniform)(ho_data *d, uint64_t seed, uint64_t stream, uint64_t i);
    double (*normal)(ho_data *d, uint64_t seed, uint64_t stream, uint64_t i);
} ho_data_api;
struct ho_data {
    const ho_data_api *api;
};
#define ho_data_file(d, path, most, bytes, size)   ((d)->api->file((d), (path), (most), (bytes), (size)))
#define ho_data_npy(d, path, array)                ((d)->api->npy((d), (path), (array)))
#define ho_data_alloc(d, count, size)              ((d)->api->alloc((d), (count), (size)))
#define ho_data_emit(d, part, array)               ((d)->api->emit((d), (part), (array)))
#define ho_data_truth(d, name, rank, dims, values) ((d)->api->truth((d), (name), (rank), (dims), (values)))
#define ho_data_class_name(d, label, name)         ((d)->api->class_name((d), (label), (name)))
#define ho_data_fail(d, path, byte, ...)           ((d)->api->fail((d), (path), (byte), __VA_ARGS__))
#define ho_data_uniform(d, seed, stream, i)        ((d)->api->uniform((d), (seed), (stream), (i)))
#define ho_data_normal(d, seed, stream, i)         ((d)->api->normal((d), (seed), (stream), (i)))
typedef struct ho_data_calls {
    uint32_t struct_size;
    uint32_t emits_parts;
    ho_status (*read)(void *self, ho_data *d);
} ho_data_calls;
#ifdef __cplusplus
}
#endif
#endif

#ifndef HOTOOL_CONSTRAINT_H
#define HOTOOL_CONSTRAINT_H
#ifdef __cplusplus
extern "C" {
#endif
typedef struct ho_constrained {
    uint32_t struct_size;
    uint32_t structure;
    int32_t rank;
    int32_t reserved;
    int64_t dims[HO_MAX_RANK];
    int64_t count;
    double lower, upper;
    const char *name;
} ho_constrained;
typedef struct ho_constraint_calls {
    uint32_t struct_size;
    uint32_t reserved;
    ho_status (*fits)(void *self, const ho_constrained *h, char *reason, uint64_t reason_size);
    ho_status (*project)(void *self, const ho_constrained *h, double *values);
} ho_constraint_calls;
#ifdef __cplusplus
}
#endif
#endif

#ifndef HOTOOL_MODE_H
#define HOTOOL_MODE_H
#ifdef __cplusplus
extern "C" {
#endif
typedef struct ho_system ho_system;
typedef struct ho_vector ho_vector;
typedef struct ho_system_api {
    uint32_t struct_size;
    uint32_t reserved;
    int64_t (*lambda_size)(ho_system *s);
    int64_t (*directions)(ho_system *s);
    void (*direction)(ho_system *s, int64_t i, double *lambda);
    ho_vector *(*vector_new)(ho_system *s, int64_t columns);
    void (*vector_free)(ho_system *s, ho_vector *v);
    int64_t (*vector_bytes)(ho_system *s, const ho_vector *v);
    void (*copy)(ho_system *s, const ho_vector *from, ho_vector *to);
    void (*axpby)(ho_system *s, double a, const ho_vector *x, double b, ho_vector *y);
    void (*dot)(ho_system *s, const ho_vector *a, const ho_vector *b, double *result);
    ho_status (*initial)(ho_system *s, const double *lambda, ho_vector *state);
    ho_status (*initial_jvp)(ho_system *s, const double *lambda, int64_t columns, const double *d, ho_vector *out);
    ho_status (*initial_vjp)(ho_system *s, const double *lambda, const ho_vector *a, double *gradient);
    ho_status (*step)(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next);
    ho_status (*jvp)(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                     int64_t columns, const ho_vector *z, const double *d, ho_vector *out);
    ho_status (*vjp)(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, const ho_vector *a,
                     ho_vector *out, double *gradient);
    ho_status (*error)(ho_system *s, const double *lambda, const ho_vector *state, double *value);
    ho_status (*error_gradient)(ho_system *s, const double *lambda, const ho_vector *state, double *value,
                                ho_vector *by_state, double *gradient);
    void *(*alloc)(ho_system *s, uint64_t bytes);
    void (*free_memory)(ho_system *s, void *memory);
    ho_status (*fail)(ho_system *s, const char *file, int32_t line, const char *format, ...) HO_PRINTF(4, 5);
    ho_status (*poll)(ho_system *s);
} ho_system_api;
struct ho_system {
    const ho_system_api *api;
};
typedef struct ho_mode_calls {
    uint32_t struct_size;
    uint32_t reserved;
    ho_status (*start)(void *self, ho_system *s, const double *lambda, void **run);
    ho_status (*advance)(void *run, int64_t t0, int64_t t1, const double *lambda);
    ho_status (*hypergradient)(void *run, const double *lambda, double *value, double *gradient);
    const ho_vector *(*state)(void *run);
    ho_status (*forget)(void *run);
    int64_t (*bytes)(void *run);
    void (*end)(void *run);
} ho_mode_calls;
#ifdef __cplusplus
}
#endif
#endif
