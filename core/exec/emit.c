/* From items with levels to steps, and the lifetimes of the buffers that they touch. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "exec/plan.h"

typedef struct emitter {
    ho_lowered *low;
    ho_plan *plan;
    ho_buffer *buffers;
    size_t buffer_capacity, step_capacity, slot_capacity;
    int32_t step; /* number of the step being written */
} emitter;

static size_t item_bytes(const emitter *e)
{
    return e->plan->precision == HO_F32 ? sizeof(float) : sizeof(double);
}

/* Entries of a block. */
static int64_t block_of(const emitter *e)
{
    return HO_BLOCK_BYTES / (int64_t)item_bytes(e);
}

static int32_t new_buffer(emitter *e, uint64_t bytes)
{
    ho_grow((void **)&e->buffers, &e->buffer_capacity, e->plan->buffer_count, sizeof *e->buffers);
    e->buffers[e->plan->buffer_count] =
        (ho_buffer){.bytes = bytes, .first = INT32_MAX, .last = -1, .input = -1, .output = -1, .constant = -1};
    return (int32_t)e->plan->buffer_count++;
}

static void touch(emitter *e, int32_t buffer)
{
    ho_buffer *b = &e->buffers[buffer];
    b->first = b->first < e->step ? b->first : e->step;
    b->last = b->last > e->step ? b->last : e->step;
}

/* The output that an item is, or is a part of; NULL: of none. */
static const ho_item *output_of(const emitter *e, const ho_item *item)
{
    while (item->parent >= 0)
        item = &e->low->items[item->parent];
    return item->output >= 0 ? item : NULL;
}

/* Gives an item its memory: within that of its arrangement, or a buffer of its own. */
static void allocate(emitter *e, ho_item *item)
{
    if (item->buffer >= 0)
        return;
    if (item->parent >= 0) {
        ho_item *parent = &e->low->items[item->parent];
        allocate(e, parent);
        item->buffer = parent->buffer;
        item->offset = parent->offset + item->place;
        return;
    }
    item->buffer = new_buffer(e, (uint64_t)item->count * item_bytes(e));
    ho_buffer *buffer = &e->buffers[item->buffer];
    buffer->output = item->output;
    if (item->kind == HO_ITEM_INPUT)
        buffer->input = item->input;
    else if (item->kind == HO_ITEM_IOTA)
        buffer->constant = (int32_t)(item - e->low->items);
}

static ho_operand storage(emitter *e, int32_t index, int64_t offset)
{
    ho_item *item = &e->low->items[index];
    allocate(e, item);
    touch(e, item->buffer);
    return (ho_operand){HO_IN_BUFFER, item->buffer, item->offset + offset};
}

static int32_t slot_of(emitter *e, ho_item *item)
{
    if (item->slot < 0) {
        ho_grow((void **)&e->plan->slots, &e->slot_capacity, e->plan->slot_count, sizeof *e->plan->slots);
        item->slot = (int32_t)e->plan->slot_count;
        e->plan->slots[e->plan->slot_count++] = item->value;
    }
    return item->slot;
}

static ho_step *new_step(emitter *e, ho_step_kind kind, int32_t level)
{
    ho_grow((void **)&e->plan->steps, &e->step_capacity, e->plan->step_count, sizeof *e->plan->steps);
    ho_step *step = &e->plan->steps[e->plan->step_count];
    *step = (ho_step){.kind = kind, .level = level};
    e->step = (int32_t)e->plan->step_count++;
    return step;
}

/* ---- kernels --------------------------------------------------------------------------------------------------- */

/* An item to be written, and how many of its operands have been dealt with. */
typedef struct visit {
    int32_t item;
    uint32_t operands;
} visit;

/* A view, and the temporary that it was loaded into. */
typedef struct loaded {
    const ho_view *view;
    int32_t temp;
} loaded;

/* A kernel being written. Every result gets a new temporary; these are shared afterwards. */
typedef struct writer {
    emitter *e;
    ho_kernel *kernel;
    int32_t level;
    bool streams; /* outputs bypass the caches */
    size_t instruction_capacity, strided_capacity, reduce_capacity;
    int32_t temps;
    loaded *loads; /* so far */
    size_t load_count, load_capacity;
    visit *visits;
    size_t visit_count, visit_capacity;
} writer;

static ho_instruction *new_instruction(writer *w, ho_instruction_kind kind, ho_operand dst)
{
    ho_kernel *k = w->kernel;
    ho_grow((void **)&k->instructions, &w->instruction_capacity, k->length, sizeof *k->instructions);
    ho_instruction *instruction = &k->instructions[k->length++];
    *instruction = (ho_instruction){.kind = kind, .dst = dst, .extra = -1};
    return instruction;
}

static int32_t new_strided(writer *w, ho_operand at, const ho_shape *shape, const int64_t *strides)
{
    ho_kernel *k = w->kernel;
    ho_grow((void **)&k->strided, &w->strided_capacity, k->strided_count, sizeof *k->strided);
    ho_strided *s = &k->strided[k->strided_count];
    *s = (ho_strided){.buffer = at.index, .offset = at.offset};
    for (int32_t d = 0; d < shape->rank; d++) {
        if (shape->dims[d] == 1)
            continue;
        if (s->rank > 0 && s->strides[s->rank - 1] == strides[d] * shape->dims[d]) {
            s->dims[s->rank - 1] *= shape->dims[d];
            s->strides[s->rank - 1] = strides[d];
        } else {
            s->dims[s->rank] = shape->dims[d];
            s->strides[s->rank++] = strides[d];
        }
    }
    if (s->rank == 0) {
        s->dims[s->rank] = 1;
        s->strides[s->rank++] = 1;
    }
    return (int32_t)k->strided_count++;
}

static ho_operand new_temp(writer *w)
{
    return (ho_operand){HO_IN_TEMP, w->temps++, 0};
}

static bool same_view(const ho_view *a, const ho_view *b)
{
    return a->item == b->item && a->offset == b->offset && ho_shape_equal(&a->shape, &b->shape) &&
           memcmp(a->strides, b->strides, (size_t)a->shape.rank * sizeof *a->strides) == 0;
}

/* Loads a view that is not contiguous, or a scalar for which an instruction needs a vector, into a temporary or, if
 * given, `into`. */
static ho_operand load(writer *w, const ho_view *view, const ho_operand *into)
{
    for (size_t i = 0; i < w->load_count && into == NULL; i++)
        if (same_view(w->loads[i].view, view))
            return (ho_operand){HO_IN_TEMP, w->loads[i].temp, 0};
    ho_item *item = &w->e->low->items[view->item];
    ho_operand dst = into ? *into : new_temp(w);
    if (item->shape.rank == 0) {
        ho_operand slot = {HO_IN_SLOT, slot_of(w->e, item), 0};
        new_instruction(w, HO_DO_COPY, dst)->in[0] = slot;
    } else {
        ho_operand at = storage(w->e, view->item, view->offset);
        int32_t strided = new_strided(w, at, &view->shape, view->strides);
        new_instruction(w, HO_DO_LOAD, dst)->extra = strided;
    }
    if (into == NULL) {
        ho_grow((void **)&w->loads, &w->load_capacity, w->load_count, sizeof *w->loads);
        w->loads[w->load_count++] = (loaded){view, dst.index};
    }
    return dst;
}

static bool in_kernel(const writer *w, const ho_item *user, const ho_view *in)
{
    return ho_fuses(w->e->low, user, in) && w->e->low->items[in->item].level == w->level;
}

/* An item that this kernel has written. */
static ho_operand result_of(writer *w, int32_t index)
{
    ho_item *item = &w->e->low->items[index];
    if (item->temp >= 0)
        return (ho_operand){HO_IN_TEMP, item->temp, 0};
    return storage(w->e, index, 0);
}

static ho_operand operand(writer *w, const ho_item *user, const ho_view *in, bool vector)
{
    ho_item *item = &w->e->low->items[in->item];
    if (in_kernel(w, user, in))
        return result_of(w, in->item);
    if (item->shape.rank == 0 && !vector)
        return (ho_operand){HO_IN_SLOT, slot_of(w->e, item), 0};
    if (item->shape.rank > 0 && ho_view_is_dense(in))
        return storage(w->e, in->item, in->offset);
    return load(w, in, NULL);
}

static bool is_slot(const writer *w, const ho_view *in)
{
    return w->e->low->items[in->item].shape.rank == 0;
}

static void write_reduce(writer *w, int32_t index)
{
    ho_item *item = &w->e->low->items[index];
    ho_operand in = operand(w, item, &item->in[0], true);
    ho_kernel *k = w->kernel;
    ho_grow((void **)&k->reduces, &w->reduce_capacity, k->reduce_count, sizeof *k->reduces);
    ho_reduce_into *r = &k->reduces[k->reduce_count];
    *r = (ho_reduce_into){
        .op = item->op, .outer = item->around.outer, .extent = item->around.extent, .inner = item->around.inner};
    r->result = item->shape.rank == 0 ? (ho_operand){HO_IN_SLOT, slot_of(w->e, item), 0} : storage(w->e, index, 0);
    /* What lines leave in each part is little beside the part. */
    for (r->part = block_of(w->e); r->inner > 1 && r->part < 8 * r->inner; r->part *= 2)
        ;
    k->grain = k->grain > r->part ? k->grain : r->part;
    const int64_t parts = (k->count + r->part - 1) / r->part;
    r->partial = new_buffer(w->e, (uint64_t)(2 * parts * r->inner) * sizeof(double));
    touch(w->e, r->partial);
    ho_instruction *instruction = new_instruction(w, HO_DO_REDUCE, (ho_operand){HO_IN_NONE, -1, 0});
    instruction->in[0] = in;
    instruction->extra = (int32_t)k->reduce_count++;
}

static void write_element(writer *w, int32_t index)
{
    ho_item *item = &w->e->low->items[index];
    bool in_rows = item->stored && item->parent >= 0 && item->row < item->count;
    bool direct = item->stored && !in_rows;
    ho_operand in[3] = {{HO_IN_NONE, -1, 0}, {HO_IN_NONE, -1, 0}, {HO_IN_NONE, -1, 0}};
    bool copies = item->op == HO_OP_STOP && !in_kernel(w, item, &item->in[0]) && !is_slot(w, &item->in[0]) &&
                  !ho_view_is_dense(&item->in[0]);
    if (!copies) {
        /* Loops need a vector first. With two operands either will do, so only (scalar, scalar) must be filled. */
        bool fill = item->op != HO_OP_STOP && !(item->arity == 2 && !is_slot(w, &item->in[1]));
        for (uint32_t i = 0; i < item->arity; i++)
            in[i] = operand(w, item, &item->in[i], i == 0 && fill);
    }
    bool streamed = direct && w->streams && output_of(w->e, item);
    ho_operand place = direct ? storage(w->e, index, 0) : new_temp(w), dst = streamed ? new_temp(w) : place;
    item->temp = dst.kind == HO_IN_TEMP ? dst.index : -1;
    if (copies) {
        load(w, &item->in[0], &dst);
    } else {
        static const ho_instruction_kind by_arity[] = {HO_DO_NOTHING, HO_DO_UNARY, HO_DO_BINARY, HO_DO_TERNARY};
        ho_instruction *instruction =
            new_instruction(w, item->op == HO_OP_STOP ? HO_DO_COPY : by_arity[item->arity], dst);
        instruction->op = item->op;
        memcpy(instruction->in, in, sizeof in);
    }
    if (streamed)
        new_instruction(w, HO_DO_STREAM, place)->in[0] = dst;
    if (in_rows) {
        ho_operand at = storage(w->e, index, 0);
        ho_shape shape = ho_shape_of(2, (int64_t[]){item->count / item->row, item->row});
        int32_t strided = new_strided(w, at, &shape, (int64_t[]){item->row_step, 1});
        ho_instruction *store = new_instruction(w, HO_DO_STORE, (ho_operand){HO_IN_NONE, -1, 0});
        store->in[0] = dst;
        store->extra = strided;
    }
}

static void visit_item(writer *w, int32_t index)
{
    if (!w->e->low->items[index].written) {
        w->e->low->items[index].written = true;
        ho_grow((void **)&w->visits, &w->visit_capacity, w->visit_count, sizeof *w->visits);
        w->visits[w->visit_count++] = (visit){index, 0};
    }
}

/* Operands first, just before they are needed, so that temporaries are short-lived. No recursion: chains can be long.
 */
static void write_item(writer *w, int32_t index)
{
    visit_item(w, index);
    while (w->visit_count > 0) {
        visit *v = &w->visits[w->visit_count - 1];
        const ho_item *item = &w->e->low->items[v->item];
        if (v->operands < item->arity) {
            const ho_view *in = &item->in[v->operands++];
            if (in_kernel(w, item, in))
                visit_item(w, in->item);
        } else {
            w->visit_count--;
            (item->kind == HO_ITEM_REDUCE ? write_reduce : write_element)(w, v->item);
        }
    }
}

/* A kernel of outputs, or parts of outputs, of at least so many bytes writes them past the caches: only another run
 * reads them, and they would displace what this one still needs. */
#define STREAM_LEAST ((int64_t)4 << 20)

static bool should_stream(const emitter *e, const int32_t *members, size_t count)
{
    int64_t entries = 0;
    for (size_t i = 0; i < count; i++) {
        const ho_item *item = &e->low->items[members[i]], *output = output_of(e, item);
        entries += item->kind == HO_ITEM_ELEMENT && output ? output->count : 0;
    }
    return entries * (int64_t)item_bytes(e) >= STREAM_LEAST;
}

static void emit_kernel(emitter *e, const int32_t *members, size_t count, int64_t elements, int32_t level)
{
    size_t at = e->plan->step_count;
    new_step(e, HO_STEP_KERNEL, level);
    ho_kernel kernel = {.count = elements, .grain = block_of(e)};
    writer w = {.e = e, .kernel = &kernel, .level = level, .streams = should_stream(e, members, count)};
    for (size_t i = 0; i < count; i++) {
        const ho_item *item = &e->low->items[members[i]];
        if (item->kind == HO_ITEM_REDUCE || item->stored)
            write_item(&w, members[i]);
    }
    ho_pair_up(&kernel, w.temps);
    ho_share_temps(&kernel, w.temps);
    free(w.loads);
    free(w.visits);
    e->plan->steps[at].as.kernel = kernel;
    ho_profile_note(e->plan, e->low, members, count);
}

/* ---- other steps ----------------------------------------------------------------------------------------------- */

static void emit_scalar(emitter *e, ho_item *item)
{
    if (item->op == HO_OP_CONST || item->op == HO_OP_LEAF) {
        slot_of(e, item);
        return;
    }
    new_step(e, HO_STEP_SCALAR, item->level);
    ho_scalar_step scalar = {.op = item->op, .dst = slot_of(e, item), .in = {-1, -1, -1}};
    if (item->op == HO_OP_RESHAPE)
        scalar.from = storage(e, item->in[0].item, item->in[0].offset);
    else
        for (uint32_t i = 0; i < item->arity; i++)
            scalar.in[i] = slot_of(e, &e->low->items[item->in[i].item]);
    e->plan->steps[e->step].as.scalar = scalar;
}

static ho_matrix matrix_of(emitter *e, const ho_view *view)
{
    ho_operand at = storage(e, view->item, view->offset);
    int32_t rank = view->shape.rank;
    int64_t rows = view->shape.dims[rank - 2], columns = view->shape.dims[rank - 1];
    ho_matrix m = {.buffer = at.index, .offset = at.offset};
    m.row = view->strides[rank - 2];
    m.column = view->strides[rank - 1];
    m.step = rank == 3 && view->shape.dims[0] > 1 ? view->strides[0] : 0;
    if (ho_lies_by_rows(view)) {
        m.column = 1;
        m.row = rows == 1 ? columns : m.row;
    } else {
        m.row = 1;
        m.column = columns == 1 ? rows : m.column;
    }
    return m;
}

/* Where a product goes: dense, or into rows of an arrangement, each of which is a row of a matrix or a whole matrix. */
static ho_matrix result_matrix(emitter *e, int32_t index, int64_t m, int64_t n)
{
    const ho_item *item = &e->low->items[index];
    ho_operand at = storage(e, index, 0);
    ho_matrix c = {.buffer = at.index, .offset = at.offset, .row = n, .column = 1, .step = m * n};
    if (item->parent >= 0 && item->row < item->count) {
        c.row = item->row == n ? item->row_step : n;
        c.step = item->row == n ? m * item->row_step : item->row_step;
    }
    return c;
}

/* in[first] @ in[first + 1], added to what is there unless it is the item's first product. */
static void emit_product(emitter *e, int32_t index, uint32_t first)
{
    const ho_item *item = &e->low->items[index];
    new_step(e, HO_STEP_PRODUCT, item->level);
    int32_t rank = item->shape.rank;
    ho_product p = {.batch = rank == 3 ? item->shape.dims[0] : 1,
                    .m = item->shape.dims[rank - 2],
                    .n = item->shape.dims[rank - 1],
                    .add = first > 0,
                    .pack = -1};
    p.k = item->in[first].shape.dims[item->in[first].shape.rank - 1];
    p.a = matrix_of(e, &item->in[first]);
    p.b = matrix_of(e, &item->in[first + 1]);
    p.c = result_matrix(e, index, p.m, p.n);
    if (ho_batch_is_rows(&item->in[first], &item->in[first + 1])) {
        p.m *= p.batch;
        p.batch = 1;
    }
    const int64_t pack = e->plan->arithmetic->pack_size(&p);
    if (pack >= 0) {
        p.pack = new_buffer(e, (uint64_t)(pack > 0 ? pack : 1) * item_bytes(e));
        touch(e, p.pack);
    } else if (!ho_blas_counts(&p) && e->low->error->status == HO_OK) {
        ho_fail(e->low->error, HO_INVALID,
                "plan: a product of (%" PRId64 ", %" PRId64 ") @ (%" PRId64 ", %" PRId64
                ") is too large for the BLAS, whose sizes and strides end at 2^31 - 1",
                p.m, p.k, p.k, p.n);
        ho_graph_blame(e->low->graph, item->source, e->low->error);
    }
    e->plan->steps[e->step].as.product = p;
    ho_profile_note(e->plan, e->low, &index, 1);
}

static void emit_indexing(emitter *e, int32_t index)
{
    const ho_item *item = &e->low->items[index];
    new_step(e, HO_STEP_INDEX, item->level);
    ho_indexing indexing = {.scatter = item->op == HO_OP_SCATTER,
                            .outer = item->around.outer,
                            .size = item->around.extent,
                            .indices = item->in[1].shape.dims[0],
                            .inner = item->around.inner};
    indexing.in = storage(e, item->in[0].item, item->in[0].offset);
    indexing.index = storage(e, item->in[1].item, item->in[1].offset);
    indexing.out = storage(e, index, 0);
    e->plan->steps[e->step].as.indexing = indexing;
    ho_profile_note(e->plan, e->low, &index, 1);
}

static void emit_zeros(emitter *e, int32_t index)
{
    const ho_item *item = &e->low->items[index];
    if (item->before == 0 && item->after == 0)
        return;
    new_step(e, HO_STEP_ZEROS, item->level);
    ho_zeros zeros = {.outer = item->around.outer,
                      .before = item->before,
                      .middle = item->around.extent - item->before - item->after,
                      .after = item->after,
                      .inner = item->around.inner};
    zeros.out = storage(e, index, 0);
    e->plan->steps[e->step].as.zeros = zeros;
    ho_profile_note(e->plan, e->low, &index, 1);
}

/* ---- levels ---------------------------------------------------------------------------------------------------- */

static int64_t length_of(const ho_item *item)
{
    return item->kind == HO_ITEM_REDUCE ? item->around.outer * item->around.extent * item->around.inner : item->count;
}

static bool in_some_kernel(const ho_item *item)
{
    return item->kind == HO_ITEM_ELEMENT || item->kind == HO_ITEM_REDUCE;
}

static void emit_level(emitter *e, const int32_t *members, size_t count, int32_t *group)
{
    ho_item *items = e->low->items;
    int32_t level = items[members[0]].level;
    for (size_t i = 0; i < count; i++)
        if (items[members[i]].kind == HO_ITEM_SCALAR)
            emit_scalar(e, &items[members[i]]);
    for (size_t i = 0; i < count; i++) {
        switch (items[members[i]].kind) {
        case HO_ITEM_ARRANGE:
            emit_zeros(e, members[i]);
            break;
        case HO_ITEM_PRODUCT:
            for (uint32_t first = 0; first < items[members[i]].arity; first += 2)
                emit_product(e, members[i], first);
            break;
        case HO_ITEM_INDEX:
            emit_indexing(e, members[i]);
            break;
        case HO_ITEM_ELEMENT:
        case HO_ITEM_REDUCE: {
            if (items[members[i]].grouped)
                break;
            size_t size = 0;
            int64_t length = length_of(&items[members[i]]);
            for (size_t j = i; j < count; j++) {
                ho_item *item = &items[members[j]];
                if (in_some_kernel(item) && !item->grouped && length_of(item) == length) {
                    item->grouped = true;
                    group[size++] = members[j];
                }
            }
            emit_kernel(e, group, size, length, level);
            break;
        }
        default:
            break;
        }
    }
}

ho_status ho_emit(ho_lowered *low, ho_plan *plan, ho_buffer **buffers)
{
    emitter e = {.low = low, .plan = plan};
    int32_t levels = 0;
    for (size_t i = 0; i < low->count; i++)
        levels = levels > low->items[i].level + 1 ? levels : low->items[i].level + 1;
    /* A counting sort by level, which keeps operands before users within a level. */
    size_t *start = ho_arena_alloc(low->arena, ((size_t)levels + 2) * sizeof *start);
    int32_t *sorted = ho_arena_alloc(low->arena, (low->count + 1) * sizeof *sorted);
    int32_t *group = ho_arena_alloc(low->arena, (low->count + 1) * sizeof *group);
    for (size_t i = 0; i < low->count; i++)
        start[low->items[i].level + 2]++;
    for (int32_t l = 2; l <= levels + 1; l++)
        start[l] += start[l - 1];
    for (size_t i = 0; i < low->count; i++)
        sorted[start[low->items[i].level + 1]++] = (int32_t)i;
    for (int32_t l = 0; l < levels; l++)
        if (start[l + 1] > start[l])
            emit_level(&e, sorted + start[l], start[l + 1] - start[l], group);
    ho_find_row_blocks(plan, e.buffers);
    *buffers = e.buffers;
    return low->error->status;
}
