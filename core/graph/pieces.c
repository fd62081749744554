/*
 * Tensors made of pieces along one axis: SLICE, PAD and CONCAT of each other.
 *
 * Weights live in one flat vector and are sliced out of it; the transpose of that is a sum of padded pieces. To add
 * pieces that do not overlap is to lay them side by side, so such a sum collapses to one CONCAT, whatever its order.
 */
#include "graph/internal.h"

#include <math.h>
#include <stdlib.h>

static bool is_zero(const ho_graph *graph, ho_node a)
{
    double value;
    return ho_is_constant(graph, a, &value) && value == 0 && !signbit(value);
}

static ho_shape resized(ho_shape shape, int64_t axis, int64_t size)
{
    shape.dims[shape.rank - axis] = size;
    return shape;
}

static int64_t size_of(const ho_graph *graph, ho_node a, int64_t axis)
{
    return ho_axis_size(&ho_graph_at(graph, a)->shape, axis);
}

/* A slice of a concat: of one part, or of whole parts. */
static ho_node slice_concat(ho_graph *graph, const ho_draft *draft, const ho_draft *concat)
{
    int64_t start = 0, wanted = draft->extent;
    for (uint32_t i = 0; i < concat->arity; i++) {
        int64_t size = size_of(graph, concat->in[i], draft->axis);
        if (wanted >= start && wanted + draft->size <= start + size)
            return ho_node_slice(graph, concat->in[i], draft->axis, wanted - start, draft->size);
        if (wanted == start) {
            int64_t end = start;
            for (uint32_t j = i; j < concat->arity && end < wanted + draft->size; j++) {
                end += size_of(graph, concat->in[j], draft->axis);
                if (end == wanted + draft->size)
                    return ho_node_concat(graph, concat->in + i, j - i + 1, draft->axis);
            }
            return HO_POISON;
        }
        start += size;
    }
    return HO_POISON;
}

/* A slice of a padded tensor: zeros, or a part of the tensor between zeros. */
static ho_node slice_pad(ho_graph *graph, const ho_draft *draft, const ho_draft *pad)
{
    int64_t inner = size_of(graph, pad->in[0], draft->axis);
    int64_t from = draft->extent - pad->extent, to = from + draft->size;
    int64_t first = from > 0 ? from : 0, last = to < inner ? to : inner;
    if (first >= last)
        return ho_node_fill(graph, draft->shape, 0);
    ho_node part = ho_node_slice(graph, pad->in[0], draft->axis, first, last - first);
    return ho_node_pad(graph, part, draft->axis, first - from, to - last);
}

ho_node ho_simplify_slice(ho_graph *graph, const ho_draft *draft)
{
    ho_draft a = ho_draft_of(graph, draft->in[0]);
    if (ho_shape_equal(&a.shape, &draft->shape))
        return draft->in[0];
    if (a.axis != draft->axis)
        return HO_POISON;
    switch (a.op) {
    case HO_OP_SLICE:
        return ho_node_slice(graph, a.in[0], a.axis, a.extent + draft->extent, draft->size);
    case HO_OP_PAD:
        return slice_pad(graph, draft, &a);
    case HO_OP_CONCAT:
        return slice_concat(graph, draft, &a);
    default:
        return HO_POISON;
    }
}

ho_node ho_simplify_pad(ho_graph *graph, const ho_draft *draft)
{
    ho_draft a = ho_draft_of(graph, draft->in[0]);
    if (ho_shape_equal(&a.shape, &draft->shape))
        return draft->in[0];
    if (is_zero(graph, draft->in[0]))
        return ho_node_fill(graph, draft->shape, 0);
    if (a.op == HO_OP_PAD && a.axis == draft->axis)
        return ho_node_pad(graph, a.in[0], a.axis, a.extent + draft->extent, a.size + draft->size);
    return HO_POISON;
}

/* One node for two neighbours that are equal constants or adjacent slices of one tensor. */
static ho_node join(ho_graph *graph, ho_node left, ho_node right, int64_t axis)
{
    ho_draft a = ho_draft_of(graph, left), b = ho_draft_of(graph, right);
    if (a.op != b.op)
        return HO_POISON;
    if (a.op == HO_OP_CONST && a.value == b.value && signbit(a.value) == signbit(b.value))
        return ho_node_fill(graph, resized(a.shape, axis, ho_axis_size(&a.shape, axis) + ho_axis_size(&b.shape, axis)),
                            a.value);
    if (a.op == HO_OP_SLICE && a.axis == axis && b.axis == axis && a.in[0] == b.in[0] && a.extent + a.size == b.extent)
        return ho_node_slice(graph, a.in[0], axis, a.extent, a.size + b.size);
    return HO_POISON;
}

/* Appends a part, joined with the previous one if possible. */
static void append(ho_graph *graph, ho_node **parts, size_t *capacity, uint32_t *count, ho_node part, int64_t axis)
{
    ho_node joined = *count ? join(graph, (*parts)[*count - 1], part, axis) : HO_POISON;
    if (joined) {
        (*parts)[*count - 1] = joined;
        return;
    }
    ho_grow((void **)parts, capacity, *count, sizeof **parts);
    (*parts)[(*count)++] = part;
}

/* Nested concats become one, neighbours are joined, and zeros at the ends become a PAD. */
ho_node ho_simplify_concat(ho_graph *graph, const ho_draft *draft)
{
    ho_node *parts = NULL, found = HO_POISON;
    size_t capacity = 0;
    uint32_t count = 0;
    int64_t axis = draft->axis;
    bool changed = false;
    for (uint32_t i = 0; i < draft->arity; i++) {
        ho_draft part = ho_draft_of(graph, draft->in[i]);
        if (part.op != HO_OP_CONCAT || part.axis != axis) {
            append(graph, &parts, &capacity, &count, draft->in[i], axis);
            continue;
        }
        changed = true;
        for (uint32_t j = 0; j < part.arity; j++)
            append(graph, &parts, &capacity, &count, part.in[j], axis);
    }
    if (count == 1) {
        found = parts[0];
    } else if (count > 1) {
        uint32_t first = is_zero(graph, parts[0]) ? 1 : 0;
        uint32_t last = is_zero(graph, parts[count - 1]) ? count - 1 : count;
        if (changed || count < draft->arity || last - first < count) {
            found = ho_node_concat(graph, parts + first, last - first, axis);
            found = ho_node_pad(graph, found, axis, first ? size_of(graph, parts[0], axis) : 0,
                                last < count ? size_of(graph, parts[count - 1], axis) : 0);
        }
    }
    free(parts);
    return found;
}

/* ---- sums of pieces -------------------------------------------------------------------------------------------- */

/* A tensor that is zero except for these pieces. */
typedef struct pieces {
    int64_t axis;
    uint32_t count;
    ho_node one; /* if count is 1; otherwise they are in `many` */
    const ho_node *many;
    int64_t start; /* of the first; the others follow without gaps */
} pieces;

static bool pieces_of(const ho_graph *graph, ho_node a, pieces *found)
{
    ho_draft node = ho_draft_of(graph, a);
    int64_t axis = node.axis, start = 0;
    if (node.op == HO_OP_PAD) {
        start = node.extent;
        a = node.in[0];
        node = ho_draft_of(graph, a);
    } else if (node.op != HO_OP_CONCAT) {
        return false;
    }
    bool many = node.op == HO_OP_CONCAT && node.axis == axis;
    *found =
        (pieces){.axis = axis, .count = many ? node.arity : 1, .one = a, .many = many ? node.in : NULL, .start = start};
    return true;
}

/* A position in a list of pieces; zeros are skipped. */
typedef struct cursor {
    const pieces *of;
    uint32_t i;
    ho_node node; /* HO_POISON: at the end */
    int64_t start, end;
} cursor;

static void settle(const ho_graph *graph, cursor *c)
{
    for (; c->i < c->of->count; c->i++) {
        c->node = c->of->many ? c->of->many[c->i] : c->of->one;
        c->end = c->start + size_of(graph, c->node, c->of->axis);
        if (!is_zero(graph, c->node))
            return;
        c->start = c->end;
    }
    c->node = HO_POISON;
}

static void step(const ho_graph *graph, cursor *c)
{
    c->start = c->end;
    c->i++;
    settle(graph, c);
}

/* The sum of two tensors whose pieces do not overlap; HO_POISON if they do. `add`: pieces that coincide are added. */
static ho_node lay_together(ho_graph *graph, ho_node a, ho_node b, bool add)
{
    pieces left, right;
    if (!pieces_of(graph, a, &left) || !pieces_of(graph, b, &right) || left.axis != right.axis)
        return HO_POISON;
    ho_shape shape = ho_graph_at(graph, a)->shape;
    int64_t axis = left.axis, size = ho_axis_size(&shape, axis), end = 0;
    cursor l = {.of = &left, .start = left.start}, r = {.of = &right, .start = right.start};
    settle(graph, &l);
    settle(graph, &r);
    ho_node *parts = NULL, found = HO_POISON;
    size_t capacity = 0;
    uint32_t count = 0;
    while (l.node || r.node) {
        bool both = add && l.node && r.node && l.start == r.start && l.end == r.end;
        cursor *next = !r.node || (l.node && l.start <= r.start) ? &l : &r;
        if (next->start < end)
            goto done;
        if (next->start > end)
            append(graph, &parts, &capacity, &count, ho_node_fill(graph, resized(shape, axis, next->start - end), 0),
                   axis);
        append(graph, &parts, &capacity, &count, both ? ho_node_binary(graph, HO_OP_ADD, l.node, r.node) : next->node,
               axis);
        end = next->end;
        step(graph, next);
        if (both)
            step(graph, &r);
    }
    if (end < size)
        append(graph, &parts, &capacity, &count, ho_node_fill(graph, resized(shape, axis, size - end), 0), axis);
    found = ho_node_concat(graph, parts, count, axis);
done:
    free(parts);
    return found;
}

/* Where at most one addend of an entry is not zero, the order of addition does not affect its bits: (x + a) + b is
 * x + (a + b) if a and b do not overlap. */
static ho_node regroup(ho_graph *graph, ho_node sum, ho_node b)
{
    ho_draft inner = ho_draft_of(graph, sum);
    for (int i = 0; inner.op == HO_OP_ADD && i < 2; i++) {
        ho_node together = lay_together(graph, inner.in[i], b, false);
        if (together)
            return ho_node_binary(graph, HO_OP_ADD, inner.in[1 - i], together);
    }
    return HO_POISON;
}

ho_node ho_simplify_sum_of_pieces(ho_graph *graph, ho_node a, ho_node b)
{
    ho_node found = lay_together(graph, a, b, true);
    if (!found)
        found = regroup(graph, a, b);
    return found ? found : regroup(graph, b, a);
}
