/*
 * Row blocks. A matrix of examples that is larger than the second-level cache is read twice in a step: for the logits,
 * X W, and for the gradient, X' R. What lies between goes row by row, and so do the products: the first in blocks of
 * its rows, the second in blocks of its sums. All steps from the one to the other then run on a block of rows after
 * another, which is read from memory once. Blocks are such that products split where they do anyway, and kernels do
 * so by themselves: no bit changes.
 */
#include <stdlib.h>
#include <string.h>

#include "exec/plan.h"

/* A matrix of so many bytes does not stay in the second-level cache; a block should take at most half of that. */
#define CACHE ((int64_t)1 << 20)

#define OUTSIDE 0    /* not written by the steps in question */
#define WHOLE   (-1) /* complete only when they are done */

/* What the steps in question write of a buffer: so many elements a row, from an offset on. */
typedef struct written {
    int64_t width, offset;
} written;

typedef struct finder {
    const ho_plan *plan;
    written *buffers;
    int64_t rows, block; /* rows of a block; of all */
} finder;

static void note(finder *f, int32_t buffer, int64_t offset, int64_t width)
{
    written *b = &f->buffers[buffer];
    const bool same = b->width == width && b->offset == offset;
    *b = (written){b->width == OUTSIDE || same ? width : WHOLE, offset};
}

/* Whether `width` elements of each row, `row` apart and from an offset on, are there once the block has been written.
 */
static bool has_rows(const finder *f, int32_t buffer, int64_t offset, int64_t row, int64_t width)
{
    const written *b = &f->buffers[buffer];
    return b->width == OUTSIDE ||
           (b->width > 0 && row == b->width && offset >= b->offset && offset + width <= b->offset + b->width);
}

static bool loads_rows(const finder *f, const ho_strided *s)
{
    int64_t width = 1;
    for (int32_t d = 1; d < s->rank; d++)
        width += (s->dims[d] - 1) * s->strides[d];
    return f->buffers[s->buffer].width == OUTSIDE ||
           (s->rank > 0 && s->dims[0] == f->rows && has_rows(f, s->buffer, s->offset, s->strides[0], width));
}

/* Sums are split where blocks of a kernel begin, or parts of several blocks, whatever rows it runs on. */
static bool reduces_rows(finder *f, const ho_reduce_into *r, int64_t width)
{
    if (r->result.kind != HO_IN_BUFFER)
        return false;
    if (r->inner == 1 && r->outer == f->rows && r->extent == width) {
        note(f, r->result.index, r->result.offset, 1);
        return true;
    }
    note(f, r->result.index, r->result.offset, WHOLE);
    return r->outer == 1 && r->extent == f->rows && r->inner == width && width > 1;
}

static bool kernel_goes_by_rows(finder *f, const ho_kernel *k)
{
    const int64_t width = k->count / f->rows;
    bool goes = k->count % f->rows == 0;
    for (size_t i = 0; i < k->length && goes; i++) {
        const ho_instruction *in = &k->instructions[i];
        for (int j = 0; j < 3; j++)
            goes = goes &&
                   (in->in[j].kind != HO_IN_BUFFER || has_rows(f, in->in[j].index, in->in[j].offset, width, width));
        if (in->kind == HO_DO_LOAD)
            goes = goes && loads_rows(f, &k->strided[in->extra]);
        else if (in->kind == HO_DO_STORE)
            note(f, k->strided[in->extra].buffer, 0, WHOLE);
        else if (in->kind == HO_DO_REDUCE)
            goes = goes && reduces_rows(f, &k->reduces[in->extra], width);
        if (in->dst.kind == HO_IN_BUFFER)
            note(f, in->dst.index, in->dst.offset, width);
    }
    return goes;
}

static bool product_goes_by_rows(finder *f, const ho_product *p)
{
    const int64_t unit = p->pack >= 0 && p->batch == 1 ? f->plan->arithmetic->product_unit(p) : 0;
    if (unit == 1) {
        note(f, p->c.buffer, p->c.offset, p->c.row == p->n ? p->n : WHOLE);
        return p->m == f->rows && f->buffers[p->b.buffer].width == OUTSIDE &&
               has_rows(f, p->a.buffer, p->a.offset, p->a.row, p->k);
    }
    while (unit > 0 && f->block % unit)
        f->block *= 2;
    note(f, p->c.buffer, p->c.offset, WHOLE);
    return unit > 0 && p->k == f->rows && has_rows(f, p->a.buffer, p->a.offset, p->a.column, p->m) &&
           p->b.column == 1 && has_rows(f, p->b.buffer, p->b.offset, p->b.row, p->n);
}

static bool goes_by_rows(finder *f, const ho_step *step)
{
    switch (step->kind) {
    case HO_STEP_SCALAR: /* the same for every block, since no number is summed from rows */
        return step->as.scalar.op != HO_OP_RESHAPE || f->buffers[step->as.scalar.from.index].width == OUTSIDE;
    case HO_STEP_KERNEL:
        return kernel_goes_by_rows(f, &step->as.kernel);
    case HO_STEP_PRODUCT:
        return product_goes_by_rows(f, &step->as.product);
    case HO_STEP_INDEX:
    case HO_STEP_ZEROS:
        return false;
    }
    return false;
}

/* Whether both read the same rows of the same matrix, the second one down its columns. */
static bool reads_again(const ho_step *step, const ho_product *first)
{
    const ho_product *p = &step->as.product;
    return step->kind == HO_STEP_PRODUCT && p->a.buffer == first->a.buffer && p->a.offset == first->a.offset &&
           p->a.row == 1 && p->a.column == first->a.row && p->k == first->m;
}

/* How many steps from this one on should run by rows; 0: none. */
static size_t steps_together(finder *f, size_t start)
{
    const ho_step *steps = f->plan->steps;
    const ho_product *first = &steps[start].as.product;
    const int64_t row = first->a.row * (int64_t)(f->plan->precision == HO_F32 ? sizeof(float) : sizeof(double));
    if (steps[start].kind != HO_STEP_PRODUCT || first->a.column != 1 || first->m * row <= CACHE)
        return 0;
    memset(f->buffers, 0, f->plan->buffer_count * sizeof *f->buffers);
    f->rows = first->m;
    f->block = 1;
    size_t count = 0;
    for (size_t i = start; i < f->plan->step_count && goes_by_rows(f, &steps[i]); i++)
        if (reads_again(&steps[i], first))
            count = i + 1 - start;
    while (2 * f->block * row <= CACHE / 2)
        f->block *= 2;
    return f->block * row <= CACHE && f->block < f->rows ? count : 0;
}

/* What a step of these writes is there for the next block too: nothing else has its place from the first of them on. */
static void keep_alive(const ho_plan *plan, ho_buffer *buffers, int32_t first, int32_t last)
{
    for (size_t i = 0; i < plan->buffer_count; i++)
        if (buffers[i].first > first && buffers[i].first <= last)
            buffers[i].first = first;
}

/* Whether each row of the result needs the same rows only: sums over rows need all. */
static bool is_by_rows(const ho_plan *plan, const ho_step *step)
{
    if (step->kind == HO_STEP_PRODUCT)
        return plan->arithmetic->product_unit(&step->as.product) == 1;
    bool by_rows = step->kind == HO_STEP_KERNEL;
    for (size_t i = 0; by_rows && i < step->as.kernel.reduce_count; i++)
        by_rows = step->as.kernel.reduces[i].inner == 1;
    return by_rows;
}

void ho_find_row_blocks(ho_plan *plan, ho_buffer *buffers)
{
    finder f = {.plan = plan, .buffers = ho_alloc((plan->buffer_count + 1) * sizeof *f.buffers)};
    for (size_t i = 0, count; i < plan->step_count; i += count ? count : 1) {
        count = steps_together(&f, i);
        if (count == 0)
            continue;
        plan->steps[i].together = (int32_t)count;
        plan->steps[i].rows = f.rows;
        plan->steps[i].block = f.block;
        for (size_t j = i; j < i + count; j++)
            plan->steps[j].by_rows = is_by_rows(plan, &plan->steps[j]);
        keep_alive(plan, buffers, (int32_t)i, (int32_t)(i + count - 1));
    }
    free(f.buffers);
}
