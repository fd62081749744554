/* The function table that a traced callback is handed. Each call checks what the plugin passed, names its place as the
 * source of what it makes, and leaves shapes and ops to the graph's builders, which pass poison on. */
#include "host/tracing.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "host/signals.h"

/* A handle is the trace's serial number and the value's number in it, so that one kept from another trace is noticed
 * (serials return after 4095 traces: this finds mistakes, and is not a lock). */
#define INDEX_BITS  20u
#define MOST_VALUES ((1u << INDEX_BITS) - 1u)
#define SERIALS     4095u
#define MOST_PARTS  65536

typedef struct tracing {
    ho_trace head;     /* first: the plugin's pointer is the host's */
    const char *title; /* of the plugin */
    const ho_instance *instance;
    const char *callback;
    const ho_trace_env *env;
    ho_graph *graph;
    uint32_t serial;
    ho_node *values; /* by index - 1 */
    size_t count, capacity;
} tracing;

/* The trace of this thread. It stays when its callback has returned, so that a plugin which has kept the pointer, or
 * handed it to a thread of its own, is found out: nothing that such a call would do could be undone. */
static _Thread_local tracing current; /* env NULL: the callback has returned */

_Noreturn static void misplaced(const tracing *t, const char *what)
{
    ho_last_words("hotool: ");
    ho_last_words(t->title ? t->title : "a plugin");
    ho_last_words(what);
    ho_last_words(t->callback ? t->callback : "callback");
    ho_last_words("\n");
    _exit(1);
}

static tracing *trace_of(ho_trace *x)
{
    tracing *t = (tracing *)(void *)x;
    if (t != &current)
        misplaced(t, " calls hotool's trace from another thread than that of its ");
    if (!t->env)
        misplaced(t, " calls hotool's trace after the end of its ");
    return t;
}

#define fail(t, ...) ho_graph_fail((t)->graph, __VA_ARGS__)

static bool failed(const tracing *t)
{
    return ho_graph_error(t->graph)->status != HO_OK;
}

/* The start of every call. */
static tracing *enter(ho_trace *x, const char *file, int32_t line)
{
    tracing *t = trace_of(x);
    if (!failed(t))
        ho_graph_source_enter(t->graph, t->instance->loaded->plugin.name, file, line > 0 ? line : 0);
    if (t->env->watch && ++t->env->watch->calls == t->env->watch->fail_at)
        fail(t, "call %" PRIu32 " of the trace was made to fail", t->env->watch->fail_at);
    return t;
}

/* The end of every call that makes a value: its handle. Once an error is recorded every value is poison. */
static ho_value handle(tracing *t, ho_node node)
{
    if (node != HO_POISON && t->count >= MOST_VALUES)
        fail(t, "more than %u values in one trace: does it loop without end?", MOST_VALUES);
    if (node == HO_POISON || failed(t))
        return (ho_value){0};
    ho_grow((void **)&t->values, &t->capacity, t->count, sizeof *t->values);
    t->values[t->count++] = node;
    return (ho_value){t->serial << INDEX_BITS | (uint32_t)t->count};
}

/* ---- what plugins pass ------------------------------------------------------------------------------------------- */

static ho_node node_of(tracing *t, const char *call, ho_value value)
{
    if (value.id == 0)
        return fail(t, "%s: was given a value that was never set (handle 0)", call);
    uint32_t index = value.id & MOST_VALUES;
    if (value.id >> INDEX_BITS != t->serial || index == 0 || index > t->count)
        return fail(
            t, "%s: was given handle %" PRIu32 ", which is not a value of this trace; values end with their callback",
            call, value.id);
    return t->values[index - 1];
}

/* From the plugin's axes to the graph's; 0 after an error. */
static int64_t axis_of(tracing *t, const char *call, ho_node a, int32_t axis)
{
    int64_t from_end = 0;
    return a != HO_POISON && ho_axis_from_end(t->graph, call, a, axis, &from_end) ? from_end : 0;
}

static ho_shape shape_of(const tracing *t, ho_node a)
{
    return a == HO_POISON ? ho_scalar_shape() : ho_graph_at(t->graph, a)->shape;
}

static bool name_ok(tracing *t, const char *call, const char *name)
{
    if (!name)
        fail(t, "%s: the name is NULL", call);
    else if (!ho_is_name(name))
        fail(t, "%s: \"%.*s\" is not a valid name (a letter or '_', then letters, digits, '_'; at most %d)", call,
             HO_NAME_MAX, name, HO_NAME_MAX);
    return ho_is_name(name);
}

/* A shape from a plugin's rank and sizes; what the sizes are is for the builders to check. */
static bool shape_ok(tracing *t, const char *call, int32_t rank, const int64_t *dims, ho_shape *shape)
{
    const bool ranked = rank >= 0 && rank <= HO_MAX_RANK, ok = ranked && (rank == 0 || dims);
    *shape = ok ? ho_shape_of(rank, dims) : ho_scalar_shape();
    if (!ranked)
        fail(t, "%s: rank %" PRId32 " is out of range (0 to %d)", call, rank, HO_MAX_RANK);
    else if (!ok)
        fail(t, "%s: the sizes are NULL", call);
    return ok;
}

/* Whether a node may be made of it: none is after an error, for a plugin may go on for long without looking. */
static bool number_ok(tracing *t, const char *call, double number)
{
    if (isnan(number))
        fail(t, "%s: the number is NaN", call);
    return !failed(t);
}

static bool reduction_ok(tracing *t, uint32_t op)
{
    bool ok = ho_op(op)->class == HO_CLASS_REDUCTION;
    if (!ok)
        fail(t, "op %" PRIu32 " is not a reduction", op);
    return ok;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static ho_node gradient_at(void *context, ho_node point)
{
    tracing *t = context;
    if (t->env->gradient)
        return t->env->gradient(t->env->context, point);
    const char *reason = t->env->gradient_reason;
    return fail(t, "the objective's gradient is not available here%s%s", reason ? ": " : "", reason ? reason : "");
}

static ho_node parse(tracing *t, const char *call, const char *text)
{
    const ho_formula_text formula = {.text = text, .written = ho_instance_written(t->instance, text)};
    return text ? ho_formula(t->graph, t->env->scope, gradient_at, t, formula)
                : fail(t, "%s: the formula is NULL", call);
}

static void bind(tracing *t, const char *name, ho_node node)
{
    if (node != HO_POISON)
        ho_scope_bind(t->env->scope, name, node);
}

static ho_value let(ho_trace *x, const char *file, int32_t line, const char *name, const char *text)
{
    tracing *t = enter(x, file, line);
    ho_node node = name_ok(t, "let", name) && !failed(t) ? parse(t, "let", text) : HO_POISON;
    bind(t, name, node);
    return handle(t, node);
}

static ho_value formula(ho_trace *x, const char *file, int32_t line, const char *text)
{
    tracing *t = enter(x, file, line);
    return handle(t, failed(t) ? HO_POISON : parse(t, "eval", text));
}

static ho_value get(ho_trace *x, const char *file, int32_t line, const char *name)
{
    tracing *t = enter(x, file, line);
    char suggestion[HO_SUGGESTION];
    ho_node node = HO_POISON;
    if (name_ok(t, "get", name) && !ho_scope_find(t->env->scope, name, &node))
        fail(t, "get: unknown name \"%s\"%s", name, ho_suggest(ho_scope_nearest(t->env->scope, name), suggestion));
    return handle(t, node);
}

static ho_status ok(ho_trace *x)
{
    return ho_graph_error(trace_of(x)->graph)->status;
}

static ho_status set(ho_trace *x, const char *file, int32_t line, const char *name, ho_value value)
{
    tracing *t = enter(x, file, line);
    if (name_ok(t, "set", name))
        bind(t, name, node_of(t, "set", value));
    return ok(x);
}

static int32_t has(ho_trace *x, const char *name)
{
    ho_node node;
    return name && ho_scope_find(trace_of(x)->env->scope, name, &node);
}

static void unknown_size(tracing *t, const char *symbol)
{
    const ho_named_size *const lists[] = {t->env->targets, t->env->sizes};
    const char **names = NULL;
    size_t count = 0, capacity = 0, targets = 0;
    for (size_t i = 0; i < 2; i++) {
        for (const ho_named_size *size = lists[i]; size && size->symbol; size++) {
            ho_grow((void **)&names, &capacity, count, sizeof *names);
            names[count++] = size->symbol;
        }
        targets = i == 0 ? count : targets;
    }
    char suggestion[HO_SUGGESTION];
    char *list = ho_join(names, targets);
    ho_suggest(ho_nearest(symbol, names, count), suggestion);
    if (targets)
        fail(t, "unknown size \"%s\": no loss has a target of this name%s (targets of losses: %s)", symbol, suggestion,
             list);
    else
        fail(t, "unknown size \"%s\"%s", symbol, suggestion);
    free(list);
    free(names);
}

static int64_t size(ho_trace *x, const char *file, int32_t line, const char *symbol)
{
    tracing *t = enter(x, file, line);
    if (failed(t) || !name_ok(t, "size", symbol))
        return 1;
    int64_t found = ho_size_find(t->env->sizes, symbol);
    if (!found)
        found = ho_size_find(t->env->targets, symbol);
    if (!found)
        unknown_size(t, symbol);
    return found ? found : 1;
}

static int32_t shape(ho_trace *x, ho_value a, int64_t dims[HO_MAX_RANK])
{
    tracing *t = trace_of(x);
    if (a.id == 0 || failed(t))
        return 0;
    ho_shape found = shape_of(t, node_of(t, "shape", a));
    for (int32_t i = 0; dims && i < found.rank; i++)
        dims[i] = found.dims[i];
    return found.rank;
}

/* ---- making values ----------------------------------------------------------------------------------------------- */

static ho_value constant(ho_trace *x, const char *file, int32_t line, double number)
{
    tracing *t = enter(x, file, line);
    return handle(t, number_ok(t, "constant", number) ? ho_node_const(t->graph, number) : HO_POISON);
}

static ho_value fill(ho_trace *x, const char *file, int32_t line, int32_t rank, const int64_t *dims, double number)
{
    tracing *t = enter(x, file, line);
    ho_shape due;
    bool fits = shape_ok(t, "fill", rank, dims, &due) && number_ok(t, "fill", number);
    return handle(t, fits ? ho_node_fill(t->graph, due, number) : HO_POISON);
}

static ho_value range(ho_trace *x, const char *file, int32_t line, int64_t n)
{
    tracing *t = enter(x, file, line);
    return handle(t, failed(t) ? HO_POISON : ho_node_iota(t->graph, n));
}

/* An elementwise op; the builders refuse an op that has another number of operands. */
static ho_value elementwise(tracing *t, uint32_t op, const char *call, const ho_value *operands, size_t count)
{
    ho_node in[3] = {HO_POISON};
    for (size_t i = 0; i < count; i++)
        in[i] = node_of(t, call, operands[i]);
    return handle(t, count == 1   ? ho_node_unary(t->graph, op, in[0])
                     : count == 2 ? ho_node_binary_broadcast(t->graph, op, in[0], in[1])
                                  : ho_node_select_broadcast(t->graph, in[0], in[1], in[2]));
}

static ho_value unary(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a)
{
    return elementwise(enter(x, file, line), op, ho_op_name(op), (ho_value[]){a}, 1);
}

static ho_value binary(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a, ho_value b)
{
    return elementwise(enter(x, file, line), op, ho_op_name(op), (ho_value[]){a, b}, 2);
}

static ho_value choose(ho_trace *x, const char *file, int32_t line, ho_value c, ho_value a, ho_value b)
{
    return elementwise(enter(x, file, line), HO_OP_SELECT, "where", (ho_value[]){c, a, b}, 3);
}

static ho_value reduce(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a, int32_t axis, int32_t keep)
{
    tracing *t = enter(x, file, line);
    if (!reduction_ok(t, op))
        return (ho_value){0};
    ho_node node = node_of(t, ho_op_name(op), a);
    int64_t from_end = axis_of(t, ho_op_name(op), node, axis);
    ho_shape kept = ho_kept_shape(shape_of(t, node), from_end, 1);
    node = ho_node_reduce(t->graph, op, node, from_end, 1);
    return handle(t, keep ? ho_node_reshape(t->graph, node, kept) : node);
}

static ho_value reduce_all(ho_trace *x, const char *file, int32_t line, uint32_t op, ho_value a)
{
    tracing *t = enter(x, file, line);
    if (!reduction_ok(t, op))
        return (ho_value){0};
    ho_node node = node_of(t, ho_op_name(op), a);
    int32_t rank = shape_of(t, node).rank;
    return handle(t, rank > 0 ? ho_node_reduce(t->graph, op, node, rank, rank) : node);
}

static ho_value reshape(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t rank, const int64_t *dims)
{
    tracing *t = enter(x, file, line);
    ho_shape due;
    bool fits = shape_ok(t, "reshape", rank, dims, &due);
    return handle(t, fits ? ho_node_reshape(t->graph, node_of(t, "reshape", a), due) : HO_POISON);
}

static ho_value expand(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t rank, const int64_t *dims)
{
    tracing *t = enter(x, file, line);
    ho_shape due;
    if (!shape_ok(t, "expand", rank, dims, &due))
        return (ho_value){0};
    ho_node node = node_of(t, "expand", a);
    /* Missing axes in front, as NumPy's broadcast_to adds them. */
    ho_shape own = shape_of(t, node), aligned = due;
    for (int32_t i = 0; i < due.rank; i++) {
        int32_t from = i - (due.rank - own.rank);
        aligned.dims[i] = from >= 0 ? own.dims[from] : 1;
    }
    if (own.rank > 0 && own.rank < due.rank)
        node = ho_node_reshape(t->graph, node, aligned);
    return handle(t, ho_node_expand(t->graph, node, due));
}

static ho_value transpose(ho_trace *x, const char *file, int32_t line, ho_value a)
{
    tracing *t = enter(x, file, line);
    return handle(t, ho_node_transpose(t->graph, node_of(t, "transpose", a)));
}

static ho_value slice(ho_trace *x, const char *file, int32_t line, ho_value a, int32_t axis, int64_t start,
                      int64_t length)
{
    tracing *t = enter(x, file, line);
    ho_node node = node_of(t, "slice", a);
    return handle(t, ho_node_slice(t->graph, node, axis_of(t, "slice", node, axis), start, length));
}

static ho_value concat(ho_trace *x, const char *file, int32_t line, const ho_value *parts, int32_t count, int32_t axis)
{
    tracing *t = enter(x, file, line);
    if (!parts || count < 1 || count > MOST_PARTS) {
        fail(t, "concat: %s, %" PRId32 " of them (1 to %d)", parts ? "parts" : "the parts are NULL", count, MOST_PARTS);
        return (ho_value){0};
    }
    ho_node *nodes = ho_alloc((size_t)count * sizeof *nodes);
    for (int32_t i = 0; i < count; i++)
        nodes[i] = node_of(t, "concat", parts[i]);
    ho_node result = ho_node_concat(t->graph, nodes, (uint32_t)count, axis_of(t, "concat", nodes[0], axis));
    free(nodes);
    return handle(t, result);
}

static ho_value matmul(ho_trace *x, const char *file, int32_t line, ho_value a, ho_value b)
{
    tracing *t = enter(x, file, line);
    ho_node first = node_of(t, "matmul", a), second = node_of(t, "matmul", b);
    return handle(t, ho_node_matmul(t->graph, first, second));
}

static ho_value gather(ho_trace *x, const char *file, int32_t line, ho_value a, ho_value indices, int32_t axis)
{
    tracing *t = enter(x, file, line);
    ho_node first = node_of(t, "gather", a), second = node_of(t, "gather", indices);
    return handle(t, ho_node_gather(t->graph, first, second, axis_of(t, "gather", first, axis)));
}

/* ---- what only some callbacks may use ---------------------------------------------------------------------------- */

static ho_value gradient(ho_trace *x, const char *file, int32_t line, ho_value point)
{
    tracing *t = enter(x, file, line);
    ho_node node = node_of(t, "gradient", point);
    return handle(t, node ? gradient_at(t, node) : HO_POISON);
}

static ho_value weight(ho_trace *x, const char *file, int32_t line, const char *name, ho_value initial)
{
    tracing *t = enter(x, file, line);
    ho_node node = HO_POISON;
    if (name_ok(t, "weight", name) && !t->env->weight)
        fail(t, "weight: \"%s\" in %s: weights are declared in a model's \"weights\"", name, t->callback);
    else if (!failed(t) && (node = node_of(t, "weight", initial)))
        node = t->env->weight(t->env->context, name, node);
    bind(t, name, node);
    return handle(t, node);
}

static ho_value normal(ho_trace *x, const char *file, int32_t line, const char *name, int32_t rank, const int64_t *dims)
{
    tracing *t = enter(x, file, line);
    ho_shape due;
    if (!name_ok(t, "normal", name) || !shape_ok(t, "normal", rank, dims, &due))
        return (ho_value){0};
    ho_node node = HO_POISON;
    if (!t->env->normal)
        fail(t, "normal: \"%s\" in %s: random numbers are drawn in a model's \"weights\"", name, t->callback);
    else if (!failed(t))
        node = t->env->normal(t->env->context, name, due);
    return handle(t, node);
}

static ho_status trace_fail(ho_trace *x, const char *file, int32_t line, const char *format, ...)
{
    tracing *t = enter(x, file, line);
    char text[1024] = "refuses this pipeline";
    if (t->env->watch && !failed(t))
        t->env->watch->refused = true;
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

/* ---- the host's side --------------------------------------------------------------------------------------------- */

int64_t ho_size_find(const ho_named_size *sizes, const char *symbol)
{
    while (sizes && sizes->symbol && strcmp(sizes->symbol, symbol) != 0)
        sizes++;
    return sizes && sizes->symbol ? sizes->size : 0;
}

void ho_bind_options(ho_scope *scope, ho_graph *graph, const ho_instance *instance)
{
    for (uint32_t i = 0; i < instance->loaded->option_count; i++) {
        double number;
        if (ho_instance_number(instance, instance->loaded->options[i].name, &number))
            ho_scope_bind(scope, instance->loaded->options[i].name, ho_node_const(graph, number));
    }
}

ho_status ho_trace_call(const ho_instance *instance, const char *callback_name,
                        ho_status (*callback)(void *self, ho_trace *x), const ho_trace_env *env)
{
    static atomic_uint traces;
    const ho_error *error = ho_graph_error(env->graph);
    if (error->status != HO_OK)
        return error->status;
    const char *plugin = instance->loaded->plugin.name;
    uint32_t before = ho_graph_source_enter(env->graph, plugin, NULL, 0);
    ho_bind_options(env->scope, env->graph, instance);
    for (const ho_named_size *size = env->sizes; size && size->symbol; size++) {
        ho_node bound; /* in a loss, `outputs` is the model's answer */
        if (size->size && !ho_scope_find(env->scope, size->symbol, &bound))
            ho_scope_bind(env->scope, size->symbol, ho_node_const(env->graph, (double)size->size));
    }
    current = (tracing){
        .head = {&trace_api},
        .title = instance->loaded->title,
        .instance = instance,
        .callback = callback_name,
        .env = env,
        .graph = env->graph,
        .serial = atomic_fetch_add(&traces, 1) % SERIALS + 1,
    };
    ho_calling(instance->loaded, callback_name);
    ho_status status = callback(instance->self, &current.head);
    ho_calling(NULL, NULL);
    if (status != HO_OK && error->status == HO_OK) {
        ho_graph_source_enter(env->graph, plugin, NULL, 0);
        fail(&current, "%s returned %" PRId32 " without saying why", callback_name, status);
    }
    ho_graph_source_set(env->graph, before);
    free(current.values);
    current.values = NULL;
    current.env = NULL;
    return error->status;
}

/* Whether a name still means the size that ho_trace_call bound it to. */
static bool is_size(const ho_trace_env *env, const char *name, ho_node node)
{
    const int64_t size = ho_size_find(env->sizes, name);
    double number;
    return size && ho_is_constant(env->graph, node, &number) && number == (double)size &&
           ho_graph_at(env->graph, node)->shape.rank == 0;
}

ho_node ho_trace_result(const ho_instance *instance, const char *callback_name, const ho_trace_env *env,
                        const char *name, const ho_shape *shape_due)
{
    if (ho_graph_error(env->graph)->status != HO_OK)
        return HO_POISON;
    uint32_t before = ho_graph_source_enter(env->graph, instance->loaded->plugin.name, NULL, 0);
    char due[HO_SHAPE_TEXT], bound[HO_SHAPE_TEXT];
    ho_node node = HO_POISON;
    if (!ho_scope_find(env->scope, name, &node) || (is_size(env, name, node) && shape_due && shape_due->rank > 0)) {
        node = ho_graph_fail(env->graph, "%s must bind \"%s\"%s%s, and does not", callback_name, name,
                             shape_due ? " of shape " : "", shape_due ? ho_shape_print(shape_due, due) : "");
    } else {
        ho_shape found = ho_graph_at(env->graph, node)->shape;
        const ho_source source = ho_graph_source(env->graph, ho_graph_at(env->graph, node)->source);
        if (strcmp(source.plugin, instance->loaded->plugin.name) == 0)
            ho_graph_source_set(env->graph, ho_graph_at(env->graph, node)->source);
        if (shape_due && !ho_shape_equal(&found, shape_due))
            node = ho_graph_fail(env->graph, "%s must bind \"%s\" of shape %s, and binds one of shape %s",
                                 callback_name, name, ho_shape_print(shape_due, due), ho_shape_print(&found, bound));
    }
    ho_graph_source_set(env->graph, before);
    return node;
}
