/* Which operands and attributes an op takes, and the shape that comes out. */
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

static bool infer_elementwise(const ho_shape *const *in, uint32_t arity, ho_shape *out, char why[HO_WHY])
{
    texts t;
    const ho_shape *first = NULL;
    for (uint32_t i = 0; i < arity && i < 3; i++) {
        if (in[i]->rank == 0)
            continue;
        if (first && !ho_shape_equal(first, in[i]))
            return refuse(why, "%s and %s: the shapes differ", ho_shape_print(first, t.a), ho_shape_print(in[i], t.b));
        first = in[i];
    }
    *out = first ? *first : ho_scalar_shape();
    return true;
}

static bool infer_reduce(const ho_draft *draft, const ho_shape *a, ho_shape *out, char why[HO_WHY])
{
    texts t;
    if (!legal_axis(a, draft->axis, why))
        return false;
    if (draft->extent < 1 || draft->extent > draft->axis)
        return refuse(why, "%s: %" PRId64 " axes from axis %" PRId64 " (counted from the end) are not there",
                      ho_shape_print(a, t.a), draft->extent, draft->axis);
    *out = ho_scalar_shape();
    int64_t first = a->rank - draft->axis;
    for (int64_t i = 0; i < a->rank; i++)
        if (i < first || i >= first + draft->extent)
            out->dims[out->rank++] = a->dims[i];
    return true;
}

static bool infer_expand(const ho_shape *a, const ho_shape *wanted, char why[HO_WHY])
{
    texts t;
    bool fits = a->rank == wanted->rank;
    for (int32_t i = 0; fits && i < a->rank; i++)
        fits = a->dims[i] == 1 || a->dims[i] == wanted->dims[i];
    if (!fits)
        return refuse(why, "%s to %s: only axes of size 1 can be repeated", ho_shape_print(a, t.a),
                      ho_shape_print(wanted, t.b));
    return true;
}

static bool infer_slice(const ho_draft *draft, const ho_shape *a, ho_shape *out, char why[HO_WHY])
{
    texts t;
    if (!legal_axis(a, draft->axis, why))
        return false;
    int64_t size = ho_axis_size(a, draft->axis);
    if (draft->size < 1)
        return refuse(why, "%s: a length of %" PRId64 "; it must be at least 1", ho_shape_print(a, t.a), draft->size);
    if (draft->extent < 0 || draft->extent > size || draft->size > size - draft->extent)
        return refuse(why, "%s: %" PRId64 " entries from %" PRId64 " on do not lie within an axis of %" PRId64,
                      ho_shape_print(a, t.a), draft->size, draft->extent, size);
    *out = *a;
    out->dims[a->rank - draft->axis] = draft->size;
    return true;
}

static bool infer_pad(const ho_draft *draft, const ho_shape *a, ho_shape *out, char why[HO_WHY])
{
    texts t;
    if (!legal_axis(a, draft->axis, why))
        return false;
    if (draft->extent < 0 || draft->size < 0 || draft->extent > MOST_ENTRIES || draft->size > MOST_ENTRIES)
        return refuse(why, "%s: %" PRId64 " zeros before and %" PRId64 " after: out of range", ho_shape_print(a, t.a),
                      draft->extent, draft->size);
    *out = *a;
    out->dims[a->rank - draft->axis] += draft->extent + draft->size;
    return true;
}

static bool infer_concat(const ho_graph *graph, const ho_draft *draft, ho_shape *out, char why[HO_WHY])
{
    texts t;
    if (!draft->arity)
        return refuse(why, "no parts");
    *out = ho_graph_at(graph, draft->in[0])->shape;
    if (!legal_axis(out, draft->axis, why))
        return false;
    int64_t at = out->rank - draft->axis;
    for (uint32_t i = 1; i < draft->arity; i++) {
        const ho_shape *part = &ho_graph_at(graph, draft->in[i])->shape;
        bool fits = part->rank == out->rank;
        for (int32_t d = 0; fits && d < out->rank; d++)
            fits = d == at || part->dims[d] == out->dims[d];
        if (!fits)
            return refuse(why, "part %" PRIu32 " is %s, part 0 %s: they differ beside axis %" PRId64 " (from the end)",
                          i, ho_shape_print(part, t.a), ho_shape_print(&ho_graph_at(graph, draft->in[0])->shape, t.b),
                          draft->axis);
        if (part->dims[at] > MOST_ENTRIES - out->dims[at])
            return refuse(why, "the parts have more than 2^40 entries together");
        out->dims[at] += part->dims[at];
    }
    return true;
}

static bool infer_matmul(const ho_shape *a, const ho_shape *b, ho_shape *out, char why[HO_WHY])
{
    texts t;
    ho_shape_print(a, t.a);
    ho_shape_print(b, t.b);
    if (a->rank < 2 || a->rank > 3 || b->rank < 2 || b->rank > 3)
        return refuse(why, "%s @ %s: operands must be matrices (or matrices with one leading axis more)", t.a, t.b);
    int64_t inner_a = ho_axis_size(a, 1), inner_b = ho_axis_size(b, 2);
    if (inner_a != inner_b)
        return refuse(why, "%s @ %s: the inner sizes %" PRId64 " and %" PRId64 " differ", t.a, t.b, inner_a, inner_b);
    if (a->rank == 3 && b->rank == 3 && a->dims[0] != b->dims[0])
        return refuse(why, "%s @ %s: the leading sizes %" PRId64 " and %" PRId64 " differ", t.a, t.b, a->dims[0],
                      b->dims[0]);
    *out = ho_scalar_shape();
    if (a->rank == 3 || b->rank == 3)
        out->dims[out->rank++] = a->rank == 3 ? a->dims[0] : b->dims[0];
    out->dims[out->rank++] = ho_axis_size(a, 2);
    out->dims[out->rank++] = ho_axis_size(b, 1);
    return true;
}

static bool infer_indexed(const ho_draft *draft, const ho_shape *a, const ho_shape *indices, ho_shape *out,
                          char why[HO_WHY])
{
    texts t;
    if (!legal_axis(a, draft->axis, why))
        return false;
    ho_shape_print(a, t.a);
    ho_shape_print(indices, t.b);
    if (indices->rank != 1)
        return refuse(why, "%s by indices %s: the indices must be a vector", t.a, t.b);
    *out = *a;
    int64_t *size = &out->dims[a->rank - draft->axis];
    if (draft->op == HO_OP_SCATTER && *size != indices->dims[0])
        return refuse(why, "%s by indices %s: %" PRId64 " entries for %" PRId64 " indices", t.a, t.b, *size,
                      indices->dims[0]);
    *size = draft->op == HO_OP_GATHER ? indices->dims[0] : draft->size;
    return true;
}

bool ho_infer(const ho_graph *graph, ho_draft *draft, char why[HO_WHY])
{
    texts t;
    const ho_shape *none = &ho_graph_at(graph, HO_POISON)->shape, *in[3] = {none, none, none};
    for (uint32_t i = 0; i < draft->arity && i < 3; i++)
        in[i] = &ho_graph_at(graph, draft->in[i])->shape;
    ho_shape out = draft->shape;
    bool fits = true;
    if (ho_op_is_elementwise(draft->op)) {
        fits = infer_elementwise(in, draft->arity, &out, why);
    } else {
        switch (draft->op) {
        case HO_OP_LEAF:
        case HO_OP_CONST:
            break;
        case HO_OP_IOTA:
            if (out.rank != 1)
                return refuse(why, "%s is no vector", ho_shape_print(&out, t.a));
            break;
        case HO_OP_SUM:
        case HO_OP_MAXIMUM:
            fits = infer_reduce(draft, in[0], &out, why);
            break;
        case HO_OP_RESHAPE:
            if (!legal_shape(&out, why))
                return false;
            if (ho_shape_count(in[0]) != ho_shape_count(&out))
                return refuse(why, "%s to %s: %" PRId64 " and %" PRId64 " entries", ho_shape_print(in[0], t.a),
                              ho_shape_print(&out, t.b), ho_shape_count(in[0]), ho_shape_count(&out));
            break;
        case HO_OP_EXPAND:
            fits = infer_expand(in[0], &out, why);
            break;
        case HO_OP_TRANSPOSE:
            if (in[0]->rank < 2)
                return refuse(why, "%s has fewer than two axes", ho_shape_print(in[0], t.a));
            out = *in[0];
            out.dims[out.rank - 1] = in[0]->dims[out.rank - 2];
            out.dims[out.rank - 2] = in[0]->dims[out.rank - 1];
            break;
        case HO_OP_SLICE:
            fits = infer_slice(draft, in[0], &out, why);
            break;
        case HO_OP_PAD:
            fits = infer_pad(draft, in[0], &out, why);
            break;
        case HO_OP_CONCAT:
            fits = infer_concat(graph, draft, &out, why);
            break;
        case HO_OP_MATMUL:
            fits = infer_matmul(in[0], in[1], &out, why);
            break;
        case HO_OP_GATHER:
        case HO_OP_SCATTER:
            fits = infer_indexed(draft, in[0], in[1], &out, why);
            break;
        default:
            return refuse(why, "there is no op %" PRIu32, draft->op);
        }
    }
    if (!fits || !legal_shape(&out, why))
        return false;
    draft->shape = out;
    return true;
}
