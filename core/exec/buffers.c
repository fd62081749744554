/* Addresses: buffers that are not alive together share memory. The largest first, each into the smallest gap that fits.
 */
#include <stdlib.h>

#include "exec/plan.h"

#define ALIGNMENT 64u

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool is_callers(const ho_buffer *buffer)
{
    return buffer->input >= 0 || buffer->output >= 0;
}

static int larger_first(const void *a, const void *b)
{
    const ho_buffer *x = *(const ho_buffer *const *)a, *y = *(const ho_buffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y;
}

static bool alive_together(const ho_buffer *a, const ho_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Places `buffer` among `count` others, sorted by address; returns its index among them. */
static size_t best_gap(ho_buffer *buffer, ho_buffer *const *placed, size_t count)
{
    uint64_t end = 0, best = UINT64_MAX, size = aligned(buffer->bytes);
    buffer->at = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (!alive_together(buffer, placed[i]))
            continue;
        if (placed[i]->at >= end + size && placed[i]->at - end < best) {
            best = placed[i]->at - end;
            buffer->at = end;
        }
        uint64_t after = placed[i]->at + aligned(placed[i]->bytes);
        end = after > end ? after : end;
    }
    if (buffer->at == UINT64_MAX)
        buffer->at = end;
    size_t index = count;
    while (index > 0 && placed[index - 1]->at > buffer->at)
        index--;
    return index;
}

static uint64_t place_all(ho_lowered *low, ho_buffer *buffers, size_t count)
{
    ho_buffer **waiting = ho_arena_alloc(low->arena, (count + 1) * sizeof(ho_buffer *));
    ho_buffer **placed = ho_arena_alloc(low->arena, (count + 1) * sizeof(ho_buffer *));
    size_t waiting_count = 0;
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_callers(&buffers[i]) && buffers[i].constant < 0)
            waiting[waiting_count++] = &buffers[i];
    qsort(waiting, waiting_count, sizeof(ho_buffer *), larger_first);
    for (size_t i = 0; i < waiting_count; i++) {
        size_t index = best_gap(waiting[i], placed, i);
        for (size_t j = i; j > index; j--)
            placed[j] = placed[j - 1];
        placed[index] = waiting[i];
        uint64_t after = waiting[i]->at + aligned(waiting[i]->bytes);
        end = end > after ? end : after;
    }
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].constant >= 0) {
            buffers[i].at = end;
            end += aligned(buffers[i].bytes);
        }
    }
    return end;
}

static void count_up(void *to, int64_t n, ho_precision precision)
{
    for (int64_t i = 0; i < n; i++)
        if (precision == HO_F32)
            ((float *)to)[i] = (float)i;
        else
            ((double *)to)[i] = (double)i;
}

/* Of a worker: the temporaries of a kernel, with their addresses, or a product's scratch. */
static uint64_t temps_of(const ho_plan *plan, const ho_step *step)
{
    if (step->kind == HO_STEP_KERNEL)
        return (uint64_t)step->as.kernel.temps * (HO_TEMP_BYTES + sizeof(void *));
    if (step->kind == HO_STEP_PRODUCT && step->as.product.pack >= 0)
        return (uint64_t)plan->arithmetic->scratch_size(&step->as.product) *
               (plan->precision == HO_F32 ? sizeof(float) : sizeof(double));
    return 0;
}

ho_status ho_lay_out(ho_lowered *low, ho_plan *plan, ho_buffer *buffers, ho_error *error)
{
    const uint64_t size = place_all(low, buffers, plan->buffer_count);
    for (size_t i = 0; i < plan->step_count; i++) {
        const uint64_t temps = aligned(temps_of(plan, &plan->steps[i]));
        plan->temps_bytes = temps > plan->temps_bytes ? temps : plan->temps_bytes;
    }
    plan->bytes = size + (uint64_t)plan->threads * plan->temps_bytes;
    plan->memory = ho_large_alloc(plan->bytes + ALIGNMENT, 1, "the plan's buffers", error);
    plan->address = ho_alloc((plan->buffer_count + 1) * sizeof *plan->address);
    if (plan->memory == NULL)
        return error->status;
    plan->temps = (char *)plan->memory + size;
    for (size_t i = 0; i < plan->buffer_count; i++) {
        const ho_buffer *buffer = &buffers[i];
        if (buffer->input >= 0)
            plan->inputs[buffer->input] = (ho_binding){HO_IN_BUFFER, (int32_t)i};
        else if (buffer->output >= 0)
            plan->outputs[buffer->output] = (ho_binding){HO_IN_BUFFER, (int32_t)i};
        else
            plan->address[i] = (char *)plan->memory + buffer->at;
        if (buffer->constant >= 0)
            count_up(plan->address[i], low->items[buffer->constant].count, plan->precision);
    }
    return HO_OK;
}
