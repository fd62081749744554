/* The function table that a traced callback is handed. Each call checks what the plugin passed, names its place as the
 * source of what it makes, and leaves shapes and ops to the graph's builders. */
#include "host/tracing.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/signals.h"

/* A handle is the trace's serial number and the value's number in it, so that one kept from another trace is noticed
 * (serials return after 4095 traces: this finds mistakes, it is no lock). */
#define INDEX_BITS  20u
#define MOST_VALUES ((1u << INDEX_BITS) - 1u)
#define SERIALS     4095u

typedef struct tracing {
    ho_trace head; /* first: the plugin's pointer is the host's */
    const ho_instance *instance;
    const char *callback;
    ho_trace_env *env;
    uint32_t serial;
    ho_node *values; /* by index - 1 */
    size_t count, capacity;
} tracing;

static tracing *trace_of(ho_trace *x)
{
    return (tracing *)(void *)x;
}

/* The start of every call: NULL once an error is recorded, since every value is poison from then on. */
static tracing *enter(ho_trace *x, const char *file, int32_t line)
{
    tracing *t = trace_of(x);
    if (ho_graph_error(t->env->graph)->status != HO_OK)
        return NULL;
    ho_graph_source_enter(t->env->graph, t->instance->loaded->plugin.name, file, line > 0 ? line : 0);
    return t;
}

#define fail(t, ...) ho_graph_fail((t)->env->graph, __VA_ARGS__)

static ho_value handle(tracing *t, ho_node node)
{
    if (node == HO_POISON)
        return (ho_value){0};
    if (t->count >= MOST_VALUES) {
        fail(t, "more than %u values in one trace: does it loop without end?", MOST_VALUES);
        return (ho_value){0};
    }
    ho_grow((void **)&t->values, &t->capacity, t->count, sizeof *t->values);
    t->values[t->count++] = node;
    return (ho_value){t->serial << INDEX_BITS | (uint32_t)t->count};
}

static ho_node node_of(tracing *t, const char *call, ho_value value)
{
    if (value.id == 0)
        return fail(t, "%s: was given a value that was never set (handle 0)", call);
    uint32_t index = value.id & MOST_VALUES;
    if (value.id >> INDEX_BITS != t->serial || index == 0 || index > t->count)
        return fail(t,
                    "%s: was given handle %" PRIu32 ", which is no value of this trace; values end with their callback",
                    call, value.id);
    return t->values[index - 1];
}

static ho_shape shape_of(const tracing *t, ho_node a)
{
    return ho_graph_at(t->env->graph, a)->shape;
}

static bool name_ok(tracing *t, const char *call, const char *name)
{
    if (ho_is_name(name))
        return true;
    if (name)
        fail(t, "%s: \"%.*s\" is no legal name (a letter or '_', then letters, digits, '_'; at most %d)", call,
             HO_NAME_MAX, name, HO_NAME_MAX);
    else
        fail(t, "%s: the name is NULL", call);
    return false;
}

static bool text_ok(tracing *t, const char *call, const char *text)
{
    if (!text)
        fail(t, "%s: the formula is NULL", call);
    return text != NULL;
}

/* A shape from a plugin's rank and sizes; what the sizes are is the builders' to check. */
static bool shape_ok(tracing *t, const char *call, int32_t rank, const int64_t *dims, ho_shape *shape)
{
    if (rank < 0 || rank > HO_MAX_RANK) {
        fail(t, "%s: rank %" PRId32 " is out of range (0 to %d)", call, rank, HO_MAX_RANK);
        return false;
    }
    if (rank > 0 && !dims) {
        fail(t, "%s: the sizes are NULL", call);
        return false;
    }
    *shape = ho_shape_of(rank, dims);
    return true;
}

static ho_node gradient_at(void *context, ho_node point)
{
    tracing *t = context;
    if (t->env->gradient)
        return t->env->gradient(t->env->context, point);
    const char *reason = t->env->gradient_reason;
    return fail(t, "the objective's gradient is not to be had here%s%s", reason ? ": " : "", reason ? reason : "");
}

static ho_node formula_node(tracing *t, const char *text)
{
    return ho_formula(t->env->graph, t->env->scope, gradient_at, t, text);
}

/* ---- names ---- */

static ho_value let(ho_trace *x, const char *file, int32_t line, const char *name, const char *formula)
{
    tracing *t = enter(x, file, line);
    if (!t || !name_ok(t, "let", name) || !text_ok(t, "let", formula))
        return (ho_value){0};
    ho_node node = formula_node(t, formula);
    if (node != HO_POISON)
        ho_scope_bind(t->env->scope, name, node);
    return handle(t, node);
}

static ho_value formula(ho_trace *x, const char *file, int32_t line, const char *text)
{
    tracing *t = enter(x, file, line);
    if (!t || !text_ok(t, "eval", text))
        return (ho_value){0};
    return handle(t, formula_node(t, text));
}

static ho_value get(ho_trace *x, const char *file, int32_t line, const char *name)
{
    tracing *t = enter(x, file, line);
    if (!t || !name_ok(t, "get", name))
        return (ho_value){0};
    ho_node node;
    if (ho_scope_find(t->env->scope, name, &node))
        return handle(t, node);
    char suggestion[HO_SUGGESTION];
    return handle(
        t, fail(t, "get: unknown name \"%s\"%s", name, ho_suggest(ho_scope_nearest(t->env->scope, name), suggestion)));
}

static ho_status ok(ho_trace *x)
{
    return ho_graph_error(trace_of(x)->env->graph)->status;
}

static ho_status set(ho_trace *x, const char *file, int32_t line, const char *name, ho_value value)
{
    tracing *t = enter(x, file, line);
    if (t && name_ok(t, "set", name)) {
        ho_node node = node_of(t, "set", value);
        if (node != HO_POISON)
            ho_scope_bind(t->env->scope, name, node);
    }
    return ok(x);
}

static int32_t has(ho_trace *x, const char *name)
{
    ho_node node;
    return name && ho_scope_find(trace_of(x)->env->scope, name, &node);
}

static void unknown_size(tracing *t, const char *symbol)
{
    static const char *const none[] = {NULL};
    const char *const *sizes = t->env->known_sizes ? t->env->known_sizes : none;
    const char *const *targets = t->env->target_sizes ? t->env->target_sizes : none;
    size_t count = 0, of_sizes = 0;
    while (sizes[of_sizes])
        of_sizes++;
    while (targets[count])
        count++;
    const char **names = ho_alloc((of_sizes + count + 1) * sizeof *names);
    memcpy(names, targets, count * sizeof *names);
    memcpy(names + count, sizes, of_sizes * sizeof *names);
    char *list = ho_join(names, count);
    char suggestion[HO_SUGGESTION];
    ho_suggest(ho_nearest(symbol, names, of_sizes + count), suggestion);
    if (count)
        fail(t, "unknown size \"%s\": no loss has a target called so%s (targets of losses: %s)", symbol, suggestion,
             list);
    else
        fail(t, "unknown size \"%s\"%s", symbol, suggestion);
    free(list);
    free(names);
}

static int64_t size(ho_trace *x, const char *file, int32_t line, const char *symbol)
{
    tracing *t = enter(x, file, line);
    if (!t || !name_ok(t, "size", symbol))
        return 1;
    int64_t value;
    if (t->env->size && t->env->size(t->env->context, symbol, &value))
        return value;
    unknown_size(t, symbol);
    return 1;
}

static int32_t shape(ho_trace *x, ho_value a, int64_t dims[HO_MAX_RANK])
{
    tracing *t = trace_of(x);
    if (a.id == 0 || ok(x) != HO_OK)
        return 0;
    ho_node node = node_of(t, "shape", a);
    if (node == HO_POISON)
        return 0;
    ho_shape found = shape_of(t, node);
    for (int32_t i = 0; dims && i < found.rank; i++)
        dims[i] = found.dims[i];
    return found.rank;
}

/* ---- making values ---- */

static ho_value constant(ho_trace *x, const char *file, int32_t line, double number)
{
    tracing *t = enter(x, file, line);
    if (!t)
        return (ho_value){0};
    return handle(t, isnan(number) ? fail(t, "constant: the number is NaN") : ho_node_const(t->env->graph, number));
}

static ho_value fill(ho_trace *x, const char *file, int32_t line, int32_t rank, const int64_t *dims, double number)
{
    tracing *t = enter(x, file, line);
    ho_shape wanted;
    if (!t || !shape_ok(t, "fill", rank, dims, &wanted))
        return (ho_value){0};
    return handle(t, isnan(number) ? fail(t, "fill: the number is NaN") : ho_node_fill(t->env->graph, wanted, number));
}

static ho_value range(ho_trace *x, const char *file, int32_t line, int64_t n)
{
    tracing *t = enter(x, file, line);
    return t ? handle(t, ho_node_iota(t->env->graph, n)) : (ho_value){0};
}

static ho_value unary(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a)
{
    tracing *t = enter(x, file, line);
    if (!t)
        return (ho_value){0};
    if (!ho_op_is_elementwise(op) || ho_op(op)->arity != 1)
        return handle(t, fail(t, "op %" PRIu32 " is not an elementwise op of one operand", op));
    ho_node node = node_of(t, ho_op_name(op), a);
    return handle(t, node ? ho_node_unary(t->env->graph, op, node) : HO_POISON);
}

static ho_value binary(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a, ho_value b)
{
    tracing *t = enter(x, file, line);
    if (!t)
        return (ho_value){0};
    if (!ho_op_is_elementwise(op) || ho_op(op)->arity != 2)
        return handle(t, fail(t, "op %" PRIu32 " is not an elementwise op of two operands", op));
    ho_node first = node_of(t, ho_op_name(op), a);
    ho_node second = first ? node_of(t, ho_op_name(op), b) : HO_POISON;
    return handle(t, second ? ho_node_binary_broadcast(t->env->graph, op, first, second) : HO_POISON);
}

static ho_value choose(ho_trace *x, const char *file, int32_t line, ho_value c, ho_value a, ho_value b)
{
    tracing *t = enter(x, file, line);
    if (!t)
        return (ho_value){0};
    ho_node condition = node_of(t, "where", c);
    ho_node first = condition ? node_of(t, "where", a) : HO_POISON;
    ho_node second = first ? node_of(t, "where", b) : HO_POISON;
    return handle(t, second ? ho_node_select_broadcast(t->env->graph, condition, first, second) : HO_POISON);
}

/* Whether `op` is a reduction; says so where it is not. */
static bool reduction_ok(tracing *t, uint32_t op)
{
    if (ho_op(op)->class == HO_CLASS_REDUCTION)
        return true;
    fail(t, "op %" PRIu32 " is not a reduction", op);
    return false;
}

static ho_value reduce(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a, int32_t axis, int32_t keep)
{
    tracing *t = enter(x, file, line);
    if (!t || !reduction_ok(t, op))
        return (ho_value){0};
    ho_node node = node_of(t, ho_op_name(op), a);
    int64_t from_end;
    if (!node || !ho_axis_from_end(t->env->graph, ho_op_name(op), node, axis, &from_end))
        return (ho_value){0};
    ho_shape kept = ho_kept_shape(shape_of(t, node), from_end, 1);
    node = ho_node_reduce(t->env->graph, op, node, from_end, 1);
    return handle(t, node && keep ? ho_node_reshape(t->env->graph, node, kept) : node);
}

static ho_value reduce_all(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a)
{
    tracing *t = enter(x, file, line);
    if (!t || !reduction_ok(t, op))
        return (ho_value){0};
    ho_node node = node_of(t, ho_op_name(op), a);
    int32_t rank = node ? shape_of(t, node).rank : 0;
    return handle(t, rank > 0 ? ho_node_reduce(t->env->graph, op, node, rank, rank) : node);
}

static ho_value reshape(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t rank, const int64_t *dims)
{
    tracing *t = enter(x, file, line);
    ho_shape wanted;
    if (!t || !shape_ok(t, "reshape", rank, dims, &wanted))
        return (ho_value){0};
    ho_node node = node_of(t, "reshape", a);
    return handle(t, node ? ho_node_reshape(t->env->graph, node, wanted) : HO_POISON);
}

static ho_value expand(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t rank, const int64_t *dims)
{
    tracing *t = enter(x, file, line);
    ho_shape wanted;
    if (!t || !shape_ok(t, "expand", rank, dims, &wanted))
        return (ho_value){0};
    ho_node node = node_of(t, "expand", a);
    if (node) {
        /* Missing axes in front, as NumPy's broadcast_to adds them. */
        ho_shape own = shape_of(t, node), aligned = wanted;
        for (int32_t i = 0; i < wanted.rank; i++) {
            int32_t from = i - (wanted.rank - own.rank);
            aligned.dims[i] = from >= 0 ? own.dims[from] : 1;
        }
        if (own.rank > 0 && own.rank < wanted.rank)
            node = ho_node_reshape(t->env->graph, node, aligned);
        node = ho_node_expand(t->env->graph, node, wanted);
    }
    return handle(t, node);
}

static ho_value transpose(ho_trace *x, const char *file, int32_t line, ho_value a)
{
    tracing *t = enter(x, file, line);
    ho_node node = t ? node_of(t, "transpose", a) : HO_POISON;
    return node ? handle(t, ho_node_transpose(t->env->graph, node)) : (ho_value){0};
}

static ho_value slice(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t axis, int64_t start,
                      int64_t length)
{
    tracing *t = enter(x, file, line);
    ho_node node = t ? node_of(t, "slice", a) : HO_POISON;
    int64_t from_end;
    if (!node || !ho_axis_from_end(t->env->graph, "slice", node, axis, &from_end))
        return (ho_value){0};
    return handle(t, ho_node_slice(t->env->graph, node, from_end, start, length));
}

#define MOST_PARTS 65536

static ho_value concat(ho_trace *x, const char *file, int32_t line, const ho_value *parts, int32_t count, int32_t axis)
{
    tracing *t = enter(x, file, line);
    if (!t)
        return (ho_value){0};
    if (!parts || count < 1 || count > MOST_PARTS)
        return handle(t, fail(t, "concat: %s, %" PRId32 " of them (1 to %d)", parts ? "parts" : "the parts are NULL",
                              count, MOST_PARTS));
    ho_node *nodes = ho_alloc((size_t)count * sizeof *nodes);
    ho_node result = node_of(t, "concat", parts[0]);
    int64_t from_end;
    bool fits = result && ho_axis_from_end(t->env->graph, "concat", result, axis, &from_end);
    for (int32_t i = 0; i < count && fits; i++)
        fits = (nodes[i] = node_of(t, "concat", parts[i])) != HO_POISON;
    result = fits ? ho_node_concat(t->env->graph, nodes, (uint32_t)count, from_end) : HO_POISON;
    free(nodes);
    return handle(t, result);
}

static ho_value matmul(ho_trace *x, const char *file, int32_t line, ho_value a, ho_value b)
{
    tracing *t = enter(x, file, line);
    ho_node first = t ? node_of(t, "matmul", a) : HO_POISON;
    ho_node second = first ? node_of(t, "matmul", b) : HO_POISON;
    return second ? handle(t, ho_node_matmul(t->env->graph, first, second)) : (ho_value){0};
}

static ho_value gather(ho_trace *x, const char *file, int32_t line, ho_value a, ho_value indices, int32_t axis)
{
    tracing *t = enter(x, file, line);
    ho_node first = t ? node_of(t, "gather", a) : HO_POISON;
    ho_node second = first ? node_of(t, "gather", indices) : HO_POISON;
    int64_t from_end;
    if (!second || !ho_axis_from_end(t->env->graph, "gather", first, axis, &from_end))
        return (ho_value){0};
    return handle(t, ho_node_gather(t->env->graph, first, second, from_end));
}

/* ---- what only some callbacks may use ---- */

static ho_value gradient(ho_trace *x, const char *file, int32_t line, ho_value point)
{
    tracing *t = enter(x, file, line);
    ho_node node = t ? node_of(t, "gradient", point) : HO_POISON;
    return node ? handle(t, gradient_at(t, node)) : (ho_value){0};
}

static ho_value weight(ho_trace *x, const char *file, int32_t line, const char *name, ho_value initial)
{
    tracing *t = enter(x, file, line);
    if (!t || !name_ok(t, "weight", name))
        return (ho_value){0};
    if (!t->env->weight)
        return handle(
            t, fail(t, "weight: \"%s\" in %s: weights are declared in a model's \"weights\"", name, t->callback));
    ho_node node = node_of(t, "weight", initial);
    if (node)
        node = t->env->weight(t->env->context, name, node);
    if (node)
        ho_scope_bind(t->env->scope, name, node);
    return handle(t, node);
}

static ho_value normal(ho_trace *x, const char *file, int32_t line, const char *name, int32_t rank, const int64_t *dims)
{
    tracing *t = enter(x, file, line);
    ho_shape wanted;
    if (!t || !name_ok(t, "normal", name) || !shape_ok(t, "normal", rank, dims, &wanted))
        return (ho_value){0};
    if (!t->env->normal)
        return handle(
            t, fail(t, "normal: \"%s\" in %s: random numbers are drawn in a model's \"weights\"", name, t->callback));
    return handle(t, t->env->normal(t->env->context, name, wanted));
}

static ho_status trace_fail(ho_trace *x, const char *file, int32_t line, const char *format, ...)
{
    tracing *t = enter(x, file, line);
    if (!t)
        return ok(x);
    char text[1024] = "refuses this pipeline";
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
    }
    fail(t, "%s", text);
    return ok(x);
}

static const ho_trace_api trace_api = {
    .struct_size = sizeof(ho_trace_api),
    .let = let,
    .formula = formula,
    .get = get,
    .set = set,
    .has = has,
    .size = size,
    .shape = shape,
    .constant = constant,
    .fill = fill,
    .iota = range,
    .unary = unary,
    .binary = binary,
    .select = choose,
    .reduce = reduce,
    .reduce_all = reduce_all,
    .reshape = reshape,
    .expand = expand,
    .transpose = transpose,
    .slice = slice,
    .concat = concat,
    .matmul = matmul,
    .gather = gather,
    .gradient = gradient,
    .weight = weight,
    .normal = normal,
    .fail = trace_fail,
    .ok = ok,
};

/* ---- the host's side ---- */

/* Numeric options and sizes become constants. A size never hides what the caller bound: in a loss, `outputs` is the
 * model's answer. */
static void bind_numbers(const ho_instance *instance, ho_trace_env *env)
{
    for (uint32_t i = 0; i < instance->loaded->option_count; i++) {
        double number;
        if (ho_instance_number(instance, instance->loaded->options[i].name, &number))
            ho_scope_bind(env->scope, instance->loaded->options[i].name, ho_node_const(env->graph, number));
    }
    for (const char *const *symbol = env->known_sizes; symbol && *symbol; symbol++) {
        ho_node bound;
        int64_t value;
        if (!ho_scope_find(env->scope, *symbol, &bound) && env->size && env->size(env->context, *symbol, &value))
            ho_scope_bind(env->scope, *symbol, ho_node_const(env->graph, (double)value));
    }
}

ho_status ho_trace_call(const ho_instance *instance, const char *callback_name,
                        ho_status (*callback)(void *self, ho_trace *x), ho_trace_env *env)
{
    static atomic_uint traces;
    ho_error *error = ho_graph_error(env->graph);
    if (error->status != HO_OK)
        return error->status;
    const char *plugin = instance->loaded->plugin.name;
    uint32_t before = ho_graph_source_enter(env->graph, plugin, NULL, 0);
    bind_numbers(instance, env);
    tracing t = {
        .head = {&trace_api},
        .instance = instance,
        .callback = callback_name,
        .env = env,
        .serial = atomic_fetch_add(&traces, 1) % SERIALS + 1,
    };
    ho_calling(instance->loaded, callback_name);
    ho_status status = callback(instance->self, &t.head);
    ho_calling(NULL, NULL);
    if (status != HO_OK && error->status == HO_OK) {
        ho_graph_source_enter(env->graph, plugin, NULL, 0);
        fail(&t, "%s returned %" PRId32 " without saying why", callback_name, status);
    }
    ho_graph_source_set(env->graph, before);
    free(t.values);
    return error->status;
}

/* Whether a name still means the size that bind_numbers gave it. */
static bool is_size(const ho_trace_env *env, const char *name, ho_node node)
{
    int64_t size_value;
    double number;
    return env->size && env->size(env->context, name, &size_value) && ho_is_constant(env->graph, node, &number) &&
           number == (double)size_value && ho_graph_at(env->graph, node)->shape.rank == 0;
}

ho_node ho_trace_result(const ho_instance *instance, const char *callback_name, ho_trace_env *env, const char *name,
                        const ho_shape *shape_due)
{
    if (ho_graph_error(env->graph)->status != HO_OK)
        return HO_POISON;
    uint32_t before = ho_graph_source_enter(env->graph, instance->loaded->plugin.name, NULL, 0);
    char due[HO_SHAPE_TEXT], bound[HO_SHAPE_TEXT];
    ho_node node = HO_POISON;
    if (!ho_scope_find(env->scope, name, &node) || (is_size(env, name, node) && shape_due && shape_due->rank > 0)) {
        node = ho_graph_fail(env->graph, "%s must bind \"%s\"%s%s, and does not", callback_name, name,
                             shape_due ? " of shape " : "", shape_due ? ho_shape_print(shape_due, due) : "");
    } else if (node == HO_POISON) {
        ho_graph_fail(env->graph, "%s leaves \"%s\" without a value", callback_name, name);
    } else {
        ho_shape found = ho_graph_at(env->graph, node)->shape;
        if (shape_due && !ho_shape_equal(&found, shape_due))
            node = ho_graph_fail(env->graph, "%s must bind \"%s\" of shape %s, and binds one of shape %s",
                                 callback_name, name, ho_shape_print(shape_due, due), ho_shape_print(&found, bound));
    }
    ho_graph_source_set(env->graph, before);
    return node;
}
