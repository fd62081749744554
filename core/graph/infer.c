/* Which operands and attributes each op takes, and the shape of its result. */
#include "graph/internal.h"

#include <inttypes.h>

/* Small enough that no product of sizes, strides or bytes overflows. */
#define MOST_ENTRIES (INT64_C(1) << 40)

/* The two shapes that nearly every message names. */
typedef struct texts {
    char a[HO_SHAPE_TEXT], b[HO_SHAPE_TEXT];
} texts;

static bool refuse(char why[HO_WHY], const char *format, ...) HO_PRINTF(2, 3);
static bool refuse(char why[HO_WHY], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, HO_WHY, format, args);
    va_end(args);
    return false;
}

static bool legal_shape(const ho_shape *shape, char why[HO_WHY])
{
    texts t;
    if (shape->rank < 0 || shape->rank > HO_RANK_MAX)
        return refuse(why, "rank %" PRId32 " is out of range (0 to %d)", shape->rank, HO_RANK_MAX);
    int64_t count = 1;
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 1)
            return refuse(why, "%s: every size must be at least 1", ho_shape_print(shape, t.a));
        if (shape->dims[i] > MOST_ENTRIES / count)
            return refuse(why, "%s has more than 2^40 entries", ho_shape_print(shape, t.a));
        count *= shape->dims[i];
    }
    return true;
}

static bool legal_axis(const ho_shape *shape, int64_t axis, char why[HO_WHY])
{
    texts t;
    if (axis >= 1 && axis <= shape->rank)
        return true;
    return refuse(why, "%s has no axis %" PRId64 " (counted from the end, from 1)", ho_shape_print(shape, t.a), axis);
}

/* What a rule works with: the draft, the shapes of its first three operands, and the shape of the result, which starts
 * as the draft's. A rule returns whether the draft is valid; if not, `why` says what is wrong. */
typedef struct inference {
    const ho_graph *graph;
    const ho_draft *draft;
    const ho_shape *in[3];
    ho_shape out;
    char *why;
} inference;

static bool infer_elementwise(inference *n)
{
    texts t;
    const ho_shape *first = NULL;
    for (uint32_t i = 0; i < n->draft->arity && i < 3; i++) {
        if (n->in[i]->rank == 0)
            continue;
        if (first && !ho_shape_equal(first, n->in[i]))
            return refuse(n->why, "%s and %s: the shapes differ", ho_shape_print(first, t.a),
                          ho_shape_print(n->in[i], t.b));
        first = n->in[i];
    }
    n->out = first ? *first : ho_scalar_shape();
    return true;
}

static bool infer_iota(inference *n)
{
    texts t;
    return n->out.rank == 1 || refuse(n->why, "%s is not a vector", ho_shape_print(&n->out, t.a));
}

static bool infer_reduction(inference *n)
{
    texts t;
    const ho_shape *a = n->in[0];
    int64_t axis = n->draft->axis, extent = n->draft->extent;
    if (!legal_axis(a, axis, n->why))
        return false;
    if (extent < 1 || extent > axis)
        return refuse(n->why, "%s has no %" PRId64 " axes from axis %" PRId64 " on (counted from the end)",
                      ho_shape_print(a, t.a), extent, axis);
    n->out = ho_scalar_shape();
    int64_t first = a->rank - axis;
    for (int64_t i = 0; i < a->rank; i++)
        if (i < first || i >= first + extent)
            n->out.dims[n->out.rank++] = a->dims[i];
    return true;
}

static bool infer_reshape(inference *n)
{
    texts t;
    if (!legal_shape(&n->out, n->why))
        return false;
    int64_t from = ho_shape_count(n->in[0]), to = ho_shape_count(&n->out);
    return from == to || refuse(n->why, "%s to %s: %" PRId64 " and %" PRId64 " entries", ho_shape_print(n->in[0], t.a),
                                ho_shape_print(&n->out, t.b), from, to);
}

static bool infer_expand(inference *n)
{
    texts t;
    const ho_shape *a = n->in[0];
    bool fits = a->rank == n->out.rank;
    for (int32_t i = 0; fits && i < a->rank; i++)
        fits = a->dims[i] == 1 || a->dims[i] == n->out.dims[i];
    return fits || refuse(n->why, "%s to %s: only axes of size 1 can be repeated", ho_shape_print(a, t.a),
                          ho_shape_print(&n->out, t.b));
}

static bool infer_transpose(inference *n)
{
    texts t;
    if (n->in[0]->rank < 2)
        return refuse(n->why, "%s has fewer than two axes", ho_shape_print(n->in[0], t.a));
    n->out = *n->in[0];
    n->out.dims[n->out.rank - 1] = n->in[0]->dims[n->out.rank - 2];
    n->out.dims[n->out.rank - 2] = n->in[0]->dims[n->out.rank - 1];
    return true;
}

static bool infer_slice(inference *n)
{
    texts t;
    const ho_draft *draft = n->draft;
    if (!legal_axis(n->in[0], draft->axis, n->why))
        return false;
    ho_shape_print(n->in[0], t.a);
    int64_t size = ho_axis_size(n->in[0], draft->axis);
    if (draft->size < 1)
        return refuse(n->why, "%s: a length of %" PRId64 "; it must be at least 1", t.a, draft->size);
    if (draft->extent < 0 || draft->extent > size || draft->size > size - draft->extent)
        return refuse(n->why, "%s: %" PRId64 " entries from %" PRId64 " on do not fit in an axis of %" PRId64, t.a,
                      draft->size, draft->extent, size);
    n->out = *n->in[0];
    n->out.dims[n->out.rank - draft->axis] = draft->size;
    return true;
}

static bool infer_pad(inference *n)
{
    texts t;
    const ho_draft *draft = n->draft;
    if (!legal_axis(n->in[0], draft->axis, n->why))
        return false;
    if (draft->extent < 0 || draft->size < 0 || draft->extent > MOST_ENTRIES || draft->size > MOST_ENTRIES)
        return refuse(n->why, "%s: %" PRId64 " zeros before and %" PRId64 " after: out of range",
                      ho_shape_print(n->in[0], t.a), draft->extent, draft->size);
    n->out = *n->in[0];
    n->out.dims[n->out.rank - draft->axis] += draft->extent + draft->size;
    return true;
}

static bool infer_concat(inference *n)
{
    texts t;
    const ho_draft *draft = n->draft;
    if (!draft->arity)
        return refuse(n->why, "no parts");
    ho_shape *out = &n->out;
    *out = *n->in[0];
    if (!legal_axis(out, draft->axis, n->why))
        return false;
    int64_t at = out->rank - draft->axis;
    for (uint32_t i = 1; i < draft->arity; i++) {
        const ho_shape *part = &ho_graph_at(n->graph, draft->in[i])->shape;
        bool fits = part->rank == out->rank;
        for (int32_t d = 0; fits && d < out->rank; d++)
            fits = d == at || part->dims[d] == out->dims[d];
        if (!fits)
            return refuse(
                n->why, "part 0 is %s, part %" PRIu32 " is %s: they may differ only in axis %" PRId64 " (from the end)",
                ho_shape_print(n->in[0], t.b), i, ho_shape_print(part, t.a), draft->axis);
        if (part->dims[at] > MOST_ENTRIES - out->dims[at])
            return refuse(n->why, "together the parts have more than 2^40 entries");
        out->dims[at] += part->dims[at];
    }
    return true;
}

static bool infer_matmul(inference *n)
{
    texts t;
    const ho_shape *a = n->in[0], *b = n->in[1];
    ho_shape_print(a, t.a);
    ho_shape_print(b, t.b);
    if (a->rank < 2 || a->rank > 3 || b->rank < 2 || b->rank > 3)
        return refuse(n->why, "%s @ %s: operands must be matrices (or matrices with one more leading axis)", t.a, t.b);
    int64_t inner_a = ho_axis_size(a, 1), inner_b = ho_axis_size(b, 2);
    if (inner_a != inner_b)
        return refuse(n->why, "%s @ %s: the inner sizes %" PRId64 " and %" PRId64 " differ", t.a, t.b, inner_a,
                      inner_b);
    if (a->rank == 3 && b->rank == 3 && a->dims[0] != b->dims[0])
        return refuse(n->why, "%s @ %s: the leading sizes %" PRId64 " and %" PRId64 " differ", t.a, t.b, a->dims[0],
                      b->dims[0]);
    n->out = ho_scalar_shape();
    if (a->rank == 3 || b->rank == 3)
        n->out.dims[n->out.rank++] = a->rank == 3 ? a->dims[0] : b->dims[0];
    n->out.dims[n->out.rank++] = ho_axis_size(a, 2);
    n->out.dims[n->out.rank++] = ho_axis_size(b, 1);
    return true;
}

/* The indexed axis gets `size` entries. */
static bool infer_indexed(inference *n, int64_t size)
{
    texts t;
    const ho_shape *a = n->in[0];
    if (!legal_axis(a, n->draft->axis, n->why))
        return false;
    if (n->in[1]->rank != 1)
        return refuse(n->why, "%s by indices %s: the indices must be a vector", ho_shape_print(a, t.a),
                      ho_shape_print(n->in[1], t.b));
    n->out = *a;
    n->out.dims[a->rank - n->draft->axis] = size;
    return true;
}

static bool infer_scatter(inference *n)
{
    texts t;
    if (!infer_indexed(n, n->draft->size))
        return false;
    int64_t entries = ho_axis_size(n->in[0], n->draft->axis), indices = n->in[1]->dims[0];
    return entries == indices || refuse(n->why, "%s by indices %s: %" PRId64 " entries for %" PRId64 " indices",
                                        ho_shape_print(n->in[0], t.a), ho_shape_print(n->in[1], t.b), entries, indices);
}

static bool infer(inference *n)
{
    switch ((enum ho_op_number)n->draft->op) {
    case HO_OP_LEAF:
    case HO_OP_CONST:
        return true;
    case HO_OP_IOTA:
        return infer_iota(n);
        HO_ELEMENTWISE_OPS(HO_OP_CASE)
        return infer_elementwise(n);
        HO_REDUCTION_OPS(HO_OP_CASE)
        return infer_reduction(n);
    case HO_OP_RESHAPE:
        return infer_reshape(n);
    case HO_OP_EXPAND:
        return infer_expand(n);
    case HO_OP_TRANSPOSE:
        return infer_transpose(n);
    case HO_OP_SLICE:
        return infer_slice(n);
    case HO_OP_PAD:
        return infer_pad(n);
    case HO_OP_CONCAT:
        return infer_concat(n);
    case HO_OP_MATMUL:
        return infer_matmul(n);
    case HO_OP_GATHER:
        return infer_indexed(n, n->in[1]->dims[0]);
    case HO_OP_SCATTER:
        return infer_scatter(n);
    }
    return refuse(n->why, "there is no op %" PRIu32, n->draft->op);
}

bool ho_infer(const ho_graph *graph, ho_draft *draft, char why[HO_WHY])
{
    const ho_shape *none = &ho_graph_at(graph, HO_POISON)->shape;
    inference n = {.graph = graph, .draft = draft, .in = {none, none, none}, .out = draft->shape, .why = why};
    for (uint32_t i = 0; i < draft->arity && i < 3; i++)
        n.in[i] = &ho_graph_at(graph, draft->in[i])->shape;
    if (!infer(&n) || !legal_shape(&n.out, why))
        return false;
    draft->shape = n.out;
    return true;
}
