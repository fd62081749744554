/* From graph nodes to items and views. Rearrangements become strides if possible, otherwise copies. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "exec/plan.h"

static bool is_scalar(const ho_item *item)
{
    return item->shape.rank == 0;
}

bool ho_view_is_dense(const ho_view *view)
{
    int64_t stride = 1;
    for (int32_t d = view->shape.rank - 1; d >= 0; d--) {
        if (view->shape.dims[d] == 1)
            continue;
        if (view->strides[d] != stride)
            return false;
        stride *= view->shape.dims[d];
    }
    return true;
}

bool ho_view_is_whole(const ho_view *view, const ho_item *item)
{
    return !is_scalar(item) && view->offset == 0 && ho_shape_count(&view->shape) == item->count &&
           ho_view_is_dense(view);
}

/* ---- items ----------------------------------------------------------------------------------------------------- */

static ho_item *add_item(ho_lowered *low, ho_item_kind kind, uint32_t op, ho_shape shape)
{
    ho_grow((void **)&low->items, &low->capacity, low->count, sizeof *low->items);
    ho_item *item = &low->items[low->count++];
    *item = (ho_item){.kind = kind, .op = op, .shape = shape, .count = ho_shape_count(&shape), .source = low->source};
    item->input = item->output = item->parent = item->slot = item->buffer = item->temp = -1;
    return item;
}

static void set_operands(ho_lowered *low, ho_item *item, uint32_t arity)
{
    item->arity = arity;
    item->in = ho_arena_alloc(low->arena, (arity ? arity : 1) * sizeof *item->in);
}

/* All of an item, as a view. */
static ho_view whole_view(const ho_lowered *low, const ho_item *item)
{
    ho_view view = {.item = (int32_t)(item - low->items), .shape = item->shape};
    int64_t stride = 1;
    for (int32_t d = item->shape.rank - 1; d >= 0; d--) {
        view.strides[d] = stride;
        stride *= item->shape.dims[d];
    }
    return view;
}

static ho_item *add_copy(ho_lowered *low, ho_view from)
{
    ho_item *item = add_item(low, HO_ITEM_ELEMENT, HO_OP_STOP, from.shape);
    set_operands(low, item, 1);
    item->in[0] = from;
    return item;
}

/* ---- views ----------------------------------------------------------------------------------------------------- */

/* `view` in another shape of as many entries; false if no strides can express it. Runs of old axes are matched from the
 * front with runs of new axes of the same length; the old axes of a run must be dense among themselves. */
static bool reshape_view(const ho_view *view, const ho_shape *shape, ho_view *out)
{
    int64_t dims[HO_RANK_MAX], strides[HO_RANK_MAX];
    int32_t rank = 0;
    for (int32_t d = 0; d < view->shape.rank; d++) {
        if (view->shape.dims[d] != 1) {
            dims[rank] = view->shape.dims[d];
            strides[rank++] = view->strides[d];
        }
    }
    *out = (ho_view){.item = view->item, .offset = view->offset, .shape = *shape};
    int32_t old = 0, new = 0;
    while (old < rank && new < shape->rank) {
        int32_t old_end = old + 1, new_end = new + 1;
        int64_t old_run = dims[old], new_run = shape->dims[new];
        while (old_run != new_run) {
            if (old_run < new_run) {
                if (old_end == rank)
                    return false;
                old_run *= dims[old_end++];
            } else {
                if (new_end == shape->rank)
                    return false;
                new_run *= shape->dims[new_end++];
            }
        }
        for (int32_t d = old; d + 1 < old_end; d++)
            if (strides[d] != dims[d + 1] * strides[d + 1])
                return false;
        int64_t stride = strides[old_end - 1];
        for (int32_t d = new_end - 1; d >= new; d--) {
            out->strides[d] = stride;
            stride *= shape->dims[d];
        }
        old = old_end;
        new = new_end;
    }
    return true;
}

/* A dense copy of the node. It is remembered, so that users share it. */
static ho_view stored_copy(ho_lowered *low, ho_node id)
{
    if (low->copies[id] < 0) {
        const ho_item *copy = add_copy(low, low->views[id]); /* may move the items */
        low->copies[id] = (int32_t)(copy - low->items);
    }
    return whole_view(low, &low->items[low->copies[id]]);
}

static ho_view dense_view(ho_lowered *low, ho_node id)
{
    const ho_view *view = &low->views[id];
    return !is_scalar(&low->items[view->item]) && ho_view_is_dense(view) ? *view : stored_copy(low, id);
}

bool ho_lies_by_rows(const ho_view *view)
{
    int32_t rank = view->shape.rank;
    int64_t rows = view->shape.dims[rank - 2], columns = view->shape.dims[rank - 1];
    return (view->strides[rank - 1] == 1 || columns == 1) && (rows == 1 || view->strides[rank - 2] >= columns);
}

/* Whether a BLAS can read the last two axes: one has stride 1, and the stride of the other is at least a line. */
static bool is_matrix(const ho_view *view)
{
    int32_t rank = view->shape.rank;
    int64_t rows = view->shape.dims[rank - 2], columns = view->shape.dims[rank - 1];
    bool by_columns = (view->strides[rank - 2] == 1 || rows == 1) && (columns == 1 || view->strides[rank - 1] >= rows);
    return by_columns || ho_lies_by_rows(view);
}

bool ho_batch_is_rows(const ho_view *a, const ho_view *b)
{
    if (a->shape.rank != 3 || a->shape.dims[0] == 1 || (b->shape.rank == 3 && b->strides[0] != 0))
        return false;
    int64_t rows = a->shape.dims[1], row = rows == 1 ? a->shape.dims[2] : a->strides[1];
    return ho_lies_by_rows(a) && a->strides[0] == rows * row;
}

static ho_view matrix_view(ho_lowered *low, ho_node id)
{
    const ho_view *view = &low->views[id];
    return !is_scalar(&low->items[view->item]) && is_matrix(view) ? *view : stored_copy(low, id);
}

static ho_view lower_reshape(ho_lowered *low, const ho_graph_node *node)
{
    ho_node a = node->in[0];
    const ho_shape *shape = &node->shape;
    const ho_view *from = &low->views[a];
    if (shape->rank == 0 && !is_scalar(&low->items[from->item])) {
        ho_view in = *from; /* add_item may move the items, but not the views */
        ho_item *item = add_item(low, HO_ITEM_SCALAR, HO_OP_RESHAPE, *shape);
        set_operands(low, item, 1);
        item->in[0] = in;
        return whole_view(low, item);
    }
    ho_view view;
    if (is_scalar(&low->items[from->item]))
        return (ho_view){.item = from->item, .shape = *shape};
    if (reshape_view(from, shape, &view))
        return view;
    ho_view copy = stored_copy(low, a);
    reshape_view(&copy, shape, &view);
    return view;
}

static ho_view lower_expand(const ho_lowered *low, const ho_graph_node *node)
{
    const ho_shape *shape = &node->shape;
    ho_view view = low->views[node->in[0]];
    for (int32_t d = 0; d < shape->rank; d++)
        if (view.shape.rank == 0 || view.shape.dims[d] != shape->dims[d])
            view.strides[d] = 0;
    view.shape = *shape;
    return view;
}

static ho_view lower_transpose(const ho_lowered *low, const ho_graph_node *node)
{
    ho_view view = low->views[node->in[0]];
    int32_t rank = node->shape.rank;
    int64_t last = view.strides[rank - 1];
    view.strides[rank - 1] = view.strides[rank - 2];
    view.strides[rank - 2] = last;
    view.shape = node->shape;
    return view;
}

static ho_view lower_slice(const ho_lowered *low, const ho_graph_node *node)
{
    ho_view view = low->views[node->in[0]];
    view.offset += node->extent * view.strides[node->shape.rank - node->axis];
    view.shape = node->shape;
    return view;
}

/* ---- ops ------------------------------------------------------------------------------------------------------- */

/* Only axes along which an operand varies keep their size: along the others the result is constant. */
static ho_shape varying_shape(const ho_lowered *low, const ho_view *in, uint32_t arity, ho_shape shape)
{
    for (int32_t d = 0; d < shape.rank; d++) {
        bool varies = false, tensor = false;
        for (uint32_t i = 0; i < arity; i++) {
            varies = varies || (in[i].shape.rank > 0 && in[i].strides[d] != 0);
            tensor = tensor || !is_scalar(&low->items[in[i].item]);
        }
        shape.dims[d] = varies || !tensor ? shape.dims[d] : 1;
    }
    return shape;
}

ho_node ho_passed_on(const ho_graph *graph, const ho_graph_node *node)
{
    if (node->op == HO_OP_STOP)
        return node->in[0];
    if (node->op != HO_OP_SELECT)
        return HO_POISON;
    const ho_graph_node *stopped = ho_graph_at(graph, node->in[1]);
    bool same = stopped->op == HO_OP_STOP && stopped->in[0] == node->in[2];
    return same && ho_shape_equal(&stopped->shape, &node->shape) ? node->in[2] : HO_POISON;
}

/* An elementwise op on these operands. */
static ho_view element_of(ho_lowered *low, uint32_t op, const ho_view *in, uint32_t arity, ho_shape shape)
{
    ho_item_kind kind = shape.rank == 0 ? HO_ITEM_SCALAR : HO_ITEM_ELEMENT;
    ho_item *item = add_item(low, kind, op, varying_shape(low, in, arity, shape));
    set_operands(low, item, arity);
    for (uint32_t i = 0; i < arity; i++) {
        item->in[i] = in[i];
        if (item->in[i].shape.rank > 0)
            item->in[i].shape = item->shape;
    }
    ho_view view = whole_view(low, item);
    for (int32_t d = 0; d < shape.rank; d++)
        view.strides[d] = item->shape.dims[d] == shape.dims[d] ? view.strides[d] : 0;
    view.shape = shape;
    return view;
}

static ho_view lower_elementwise(ho_lowered *low, const ho_graph_node *node)
{
    ho_node same = ho_passed_on(low->graph, node);
    ho_view in[3];
    for (uint32_t i = 0; i < node->arity && !same; i++)
        in[i] = low->views[node->in[i]];
    return same ? low->views[same] : element_of(low, node->op, in, node->arity, node->shape);
}

static ho_view lower_reduce(ho_lowered *low, const ho_graph_node *node)
{
    ho_item *item = add_item(low, HO_ITEM_REDUCE, node->op, node->shape);
    set_operands(low, item, 1);
    item->in[0] = low->views[node->in[0]];
    item->around = ho_shape_around(&item->in[0].shape, node->axis, node->extent);
    return whole_view(low, item);
}

/* One product, or the sum of two. */
static ho_view lower_products(ho_lowered *low, const ho_node *factors, uint32_t count, ho_shape shape)
{
    ho_view views[4];
    for (uint32_t i = 0; i < count; i++)
        views[i] = matrix_view(low, factors[i]);
    ho_item *item = add_item(low, HO_ITEM_PRODUCT, HO_OP_MATMUL, shape);
    set_operands(low, item, count);
    memcpy(item->in, views, count * sizeof *views);
    return whole_view(low, item);
}

/* Whether a node is a product that this plan computes. */
static bool is_product(const ho_lowered *low, ho_node id)
{
    return ho_graph_at(low->graph, id)->op == HO_OP_MATMUL && low->input_of[id] < 0;
}

bool ho_sums_products(const ho_lowered *low, const ho_graph_node *node)
{
    return node->op == HO_OP_ADD && node->shape.rank >= 2 && node->shape.dims[node->shape.rank - 1] > HO_NARROW &&
           is_product(low, node->in[0]) && is_product(low, node->in[1]);
}

static ho_view lower_sum_of_products(ho_lowered *low, const ho_graph_node *node)
{
    const ho_node *a = ho_graph_at(low->graph, node->in[0])->in, *b = ho_graph_at(low->graph, node->in[1])->in;
    return lower_products(low, (const ho_node[]){a[0], a[1], b[0], b[1]}, 4, node->shape);
}

/* f32 holds integers exactly up to 2^24: larger indices would select wrong entries. */
static void check_counts(ho_lowered *low, const ho_graph_node *node, int64_t entries)
{
    const int64_t most = (INT64_C(1) << 24) + 1;
    if (low->precision == HO_F64 || entries <= most || low->error->status != HO_OK)
        return;
    ho_fail(low->error, HO_INVALID,
            "%s: f32 cannot count the %" PRId64 " entries of this axis: it holds integers exactly only up to 2^24; use "
            "precision: f64",
            ho_op_name(node->op), entries);
    ho_graph_blame(low->graph, node->source, low->error);
}

static ho_view lower_iota(ho_lowered *low, const ho_graph_node *node)
{
    check_counts(low, node, node->shape.dims[0]);
    return whole_view(low, add_item(low, HO_ITEM_IOTA, node->op, node->shape));
}

static ho_view lower_indexing(ho_lowered *low, const ho_graph_node *node)
{
    ho_view a = dense_view(low, node->in[0]), indices = dense_view(low, node->in[1]);
    ho_item *item = add_item(low, HO_ITEM_INDEX, node->op, node->shape);
    set_operands(low, item, 2);
    item->in[0] = a;
    item->in[1] = indices;
    item->around = ho_shape_around(node->op == HO_OP_GATHER ? &a.shape : &item->shape, node->axis, 1);
    check_counts(low, node, item->around.extent);
    return whole_view(low, item);
}

/* Whether this use of node `id` is the only one of an elementwise item or product. Only then may its rows lie apart:
 * others need it dense. */
static bool is_sole_use(const ho_lowered *low, ho_node id)
{
    const ho_graph_node *node = ho_graph_at(low->graph, id);
    ho_node same = ho_passed_on(low->graph, node);
    while (low->uses[id] == 1 && (node->op == HO_OP_RESHAPE || same)) {
        id = same ? same : node->in[0];
        node = ho_graph_at(low->graph, id);
        same = ho_passed_on(low->graph, node);
    }
    return low->uses[id] == 1 && (ho_op_is_elementwise(node->op) || node->op == HO_OP_MATMUL);
}

/* Whether an item can be computed in rows of `row` entries that lie apart. A product can if these are rows of its
 * matrices, or whole matrices that are not computed as one product. (Splitting that would change bits.) */
static bool goes_in_rows(const ho_item *item, int64_t row)
{
    if (item->kind != HO_ITEM_PRODUCT)
        return item->kind == HO_ITEM_ELEMENT;
    int64_t n = item->shape.dims[item->shape.rank - 1], m = item->shape.dims[item->shape.rank - 2];
    bool alone = true;
    for (uint32_t first = 0; first < item->arity; first += 2)
        alone = alone && !ho_batch_is_rows(&item->in[first], &item->in[first + 1]);
    return row == n || (row == m * n && alone);
}

/* Puts a value into an arrangement, `place` elements from its start, in rows of `row` elements that are `row_step`
 * apart: the item computes its value there, or a copy does. `node`: whose value it is, where rows lie apart. */
static int32_t attach(ho_lowered *low, const ho_view *view, ho_node node, int64_t place, int64_t row, int64_t row_step)
{
    ho_item *item = &low->items[view->item];
    bool computed = item->kind >= HO_ITEM_ELEMENT && ho_view_is_whole(view, item);
    bool free_to_move = computed && item->output < 0 && item->parent < 0;
    if (row < ho_shape_count(&view->shape))
        free_to_move = free_to_move && goes_in_rows(item, row) && is_sole_use(low, node);
    if (!free_to_move)
        item = add_copy(low, *view);
    item->parent = (int32_t)low->count;
    item->place = place;
    item->row = row;
    item->row_step = row_step;
    return (int32_t)(item - low->items);
}

/* These values one after another along an axis, `nodes` their nodes. */
static ho_view arrange(ho_lowered *low, const ho_graph_node *node, const ho_node *nodes, const ho_view *values,
                       uint32_t count)
{
    int32_t axis = node->shape.rank - (int32_t)node->axis;
    int64_t before = node->op == HO_OP_PAD ? node->extent : 0, at = before;
    const ho_around around = ho_shape_around(&node->shape, node->axis, 1);
    ho_view *parts = ho_arena_alloc(low->arena, count * sizeof *parts);
    for (uint32_t k = 0; k < count; k++) {
        int64_t size = values[k].shape.dims[axis], inner = around.inner;
        parts[k].item = attach(low, &values[k], nodes[k], at * inner, size * inner, around.extent * inner);
        at += size;
    }
    ho_item *item = add_item(low, HO_ITEM_ARRANGE, node->op, node->shape);
    item->in = parts;
    item->arity = count;
    item->around = around;
    item->before = before;
    item->after = around.extent - at;
    for (uint32_t k = 0; k < count; k++) {
        ho_item *part = &low->items[parts[k].item];
        part->parent = (int32_t)(item - low->items);
        parts[k] = whole_view(low, part);
    }
    return whole_view(low, item);
}

static ho_view lower_arrange(ho_lowered *low, const ho_graph_node *node)
{
    ho_view *values = ho_arena_alloc(low->arena, node->arity * sizeof *values);
    for (uint32_t k = 0; k < node->arity; k++)
        values[k] = low->views[node->in[k]];
    return arrange(low, node, node->in, values, node->arity);
}

/* ---- in parts -------------------------------------------------------------------------------------------------- */

/* An operand's part number k, which begins at this entry. */
static ho_view part_of(const ho_lowered *low, ho_node id, ho_node cut, uint32_t k, int64_t start)
{
    if (low->cuts[id] == cut)
        return low->parts[id][k];
    ho_view view = low->views[id];
    if (view.shape.rank > 0) {
        view.offset += start * view.strides[0];
        view.shape.dims[0] = ho_graph_at(low->graph, ho_graph_at(low->graph, cut)->in[k])->shape.dims[0];
    }
    return view;
}

/* A concat, or what is made of it part by part. The parts are put together only where they are needed so. */
static ho_view lower_in_parts(ho_lowered *low, ho_node id)
{
    const ho_graph_node *node = ho_graph_at(low->graph, id), *cut = ho_graph_at(low->graph, low->cuts[id]);
    const bool concat = node->op == HO_OP_CONCAT;
    const ho_node same = concat ? HO_POISON : ho_passed_on(low->graph, node);
    ho_view *parts = low->parts[id] = ho_arena_alloc(low->arena, cut->arity * sizeof *parts), in[3];
    ho_graph_node whole = *cut;
    int64_t start = 0;
    for (uint32_t k = 0; k < cut->arity; k++) {
        ho_shape shape = node->shape;
        shape.dims[0] = ho_graph_at(low->graph, cut->in[k])->shape.dims[0];
        for (uint32_t i = 0; i < node->arity && !concat && !same; i++)
            in[i] = part_of(low, node->in[i], low->cuts[id], k, start);
        parts[k] = concat ? low->views[node->in[k]]
                   : same ? part_of(low, same, low->cuts[id], k, start)
                          : element_of(low, node->op, in, node->arity, shape);
        start += shape.dims[0];
    }
    whole.shape = node->shape;
    if (!low->joined[id])
        return low->views[HO_POISON]; /* which nothing reads */
    return same ? low->views[same] : arrange(low, &whole, concat ? node->in : cut->in, parts, cut->arity);
}

static ho_view lower_number(ho_lowered *low, const ho_graph_node *node)
{
    ho_item *item = add_item(low, HO_ITEM_SCALAR, HO_OP_CONST, ho_scalar_shape());
    item->value = node->value;
    ho_view view = whole_view(low, item);
    view.shape = node->shape;
    return view;
}

static ho_view lower_input(ho_lowered *low, ho_node id)
{
    const ho_graph_node *node = ho_graph_at(low->graph, id);
    ho_item_kind kind = node->shape.rank == 0 ? HO_ITEM_SCALAR : HO_ITEM_INPUT;
    ho_item *item = add_item(low, kind, HO_OP_LEAF, node->shape);
    item->input = low->input_of[id];
    if (item->input < 0)
        ho_fail(low->error, HO_FAILED, "plan: the outputs need the leaf \"%s\", which is not among the inputs",
                node->name);
    return whole_view(low, item);
}

static ho_view lower_node(ho_lowered *low, ho_node id)
{
    const ho_graph_node *node = ho_graph_at(low->graph, id);
    if (low->input_of[id] >= 0)
        return lower_input(low, id);
    if (low->cuts[id])
        return lower_in_parts(low, id);
    if (ho_sums_products(low, node))
        return lower_sum_of_products(low, node);
    switch ((enum ho_op_number)node->op) {
    case HO_OP_LEAF:
        return lower_input(low, id);
    case HO_OP_CONST:
        return lower_number(low, node);
    case HO_OP_IOTA:
        return lower_iota(low, node);
        HO_ELEMENTWISE_OPS(HO_OP_CASE)
        return lower_elementwise(low, node);
        HO_REDUCTION_OPS(HO_OP_CASE)
        return lower_reduce(low, node);
    case HO_OP_RESHAPE:
        return lower_reshape(low, node);
    case HO_OP_EXPAND:
        return lower_expand(low, node);
    case HO_OP_TRANSPOSE:
        return lower_transpose(low, node);
    case HO_OP_SLICE:
        return lower_slice(low, node);
    case HO_OP_PAD:
    case HO_OP_CONCAT:
        return lower_arrange(low, node);
    case HO_OP_MATMUL:
        return lower_products(low, node->in, 2, node->shape);
    case HO_OP_GATHER:
    case HO_OP_SCATTER:
        return lower_indexing(low, node);
    }
    ho_fail(low->error, HO_FAILED, "plan: there is no op %" PRIu32, node->op);
    return low->views[HO_POISON];
}

/* Outputs are computed in the caller's memory. A second output of one item, and an output that is an input, is a copy.
 */
static void bind_output(ho_lowered *low, size_t i, ho_node id)
{
    const ho_view *view = &low->views[id];
    ho_item *item = &low->items[view->item];
    if (view->shape.rank == 0) {
        low->outputs[i] = (ho_binding){HO_IN_SLOT, view->item};
        return;
    }
    if (item->output != (int32_t)i) {
        item = add_copy(low, *view);
        item->output = (int32_t)i;
    }
    low->outputs[i] = (ho_binding){HO_IN_BUFFER, (int32_t)(item - low->items)};
}

static int32_t *all_unknown(const ho_lowered *low, size_t count)
{
    int32_t *numbers = ho_arena_alloc(low->arena, count * sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = -1;
    return numbers;
}

/* By nodes that are used themselves. */
static void count_uses(const ho_lowered *low, const ho_node *order, size_t length)
{
    for (size_t n = length; n-- > 0;) {
        const ho_graph_node *node = ho_graph_at(low->graph, order[n]);
        ho_node same = ho_passed_on(low->graph, node);
        bool sum = ho_sums_products(low, node);
        if (!low->uses[order[n]] || low->input_of[order[n]] >= 0)
            continue;
        if (same)
            low->uses[same]++;
        for (uint32_t i = 0; i < node->arity && !same; i++) {
            low->uses[node->in[i]]++;
            low->summed[node->in[i]] += sum;
        }
    }
}

ho_status ho_lower(ho_lowered *low, const ho_node *inputs, const ho_node *outputs)
{
    for (size_t i = 0; i < low->output_count; i++)
        if (outputs[i] == HO_POISON)
            return ho_fail(low->error, HO_FAILED, "plan: output %zu is poison", i);
    size_t ids = (size_t)ho_graph_size(low->graph) + 1, length = 0;
    low->views = ho_arena_alloc(low->arena, ids * sizeof *low->views);
    low->uses = ho_arena_alloc(low->arena, ids * sizeof *low->uses);
    low->summed = ho_arena_alloc(low->arena, ids * sizeof *low->summed);
    low->outputs = ho_arena_alloc(low->arena, (low->output_count + 1) * sizeof *low->outputs);
    low->copies = all_unknown(low, ids);
    low->input_of = all_unknown(low, ids);
    int32_t *output_of = all_unknown(low, ids);
    for (size_t i = 0; i < low->input_count; i++)
        low->input_of[inputs[i]] = (int32_t)i;
    for (size_t i = low->output_count; i-- > 0;) {
        output_of[outputs[i]] = (int32_t)i;
        low->uses[outputs[i]]++;
    }
    ho_node *order = ho_graph_order_from(low->graph, inputs, low->input_count, outputs, low->output_count, &length);
    count_uses(low, order, length);
    ho_find_parts(low, order, length, outputs);
    for (size_t n = 0; n < length && low->error->status == HO_OK; n++) {
        ho_node id = order[n];
        low->source = ho_graph_at(low->graph, id)->source;
        if (low->summed[id] == low->uses[id])
            continue;
        low->views[id] = lower_node(low, id);
        const ho_view *view = &low->views[id];
        ho_item *item = &low->items[view->item];
        if (output_of[id] >= 0 && item->kind >= HO_ITEM_ELEMENT && ho_view_is_whole(view, item) && item->output < 0 &&
            item->parent < 0)
            item->output = output_of[id];
    }
    free(order);
    for (size_t i = 0; i < low->output_count && low->error->status == HO_OK; i++)
        bind_output(low, i, outputs[i]);
    return low->error->status;
}
