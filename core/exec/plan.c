/* Plans: made and freed. */
#include <stdlib.h>

#include "exec/plan.h"

/* Rank 0 is passed in slots. (Buffers were bound when they were placed.) */
static void bind_slots(const ho_lowered *low, ho_plan *plan)
{
    for (size_t i = 0; i < low->count; i++) {
        const ho_item *item = &low->items[i];
        if (item->kind == HO_ITEM_SCALAR && item->op == HO_OP_LEAF && item->slot >= 0)
            plan->inputs[item->input] = (ho_binding){HO_IN_SLOT, item->slot};
    }
    for (size_t i = 0; i < plan->output_count; i++)
        if (low->outputs[i].kind == HO_IN_SLOT)
            plan->outputs[i] = (ho_binding){HO_IN_SLOT, low->items[low->outputs[i].index].slot};
}

/* In multiply-adds: what two waits of workers for each other take, and what travels between them; what a plan should
 * have beyond that to be shared at all; and what it should have, some 200 microseconds' work, if workers are woken. */
#define WAIT_WORK  1e5
#define LEAST_WORK 3e5
#define LARGE_WORK 1e7

static void choose_threads(ho_plan *plan)
{
    double all = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        const double work = ho_shared_work(&plan->steps[i], (ho_rows){0, 1, 1});
        all += work > 0 ? work - WAIT_WORK : 0;
    }
    plan->small = all < LARGE_WORK;
    plan->threads = all >= LEAST_WORK ? ho_threads() : 1;
}

ho_plan *ho_plan_new(const ho_graph *graph, ho_precision precision, const ho_node *inputs, size_t input_count,
                     const ho_node *outputs, size_t output_count, ho_error *error)
{
    if (error->status != HO_OK)
        return NULL;
    ho_plan *plan = ho_alloc(sizeof *plan);
    plan->precision = precision;
    plan->arithmetic = ho_arithmetic_for(precision);
    plan->profile = ho_profile_new();
    plan->input_count = input_count;
    plan->output_count = output_count;
    plan->inputs = ho_alloc((input_count + 1) * sizeof *plan->inputs);
    plan->outputs = ho_alloc((output_count + 1) * sizeof *plan->outputs);
    ho_lowered low = {.graph = graph,
                      .precision = precision,
                      .error = error,
                      .arena = ho_arena_new(),
                      .input_count = input_count,
                      .output_count = output_count};
    ho_buffer *buffers = NULL;
    ho_status status = ho_lower(&low, inputs, outputs);
    if (status == HO_OK) {
        ho_fuse_levels(&low);
        status = ho_emit(&low, plan, &buffers);
    }
    choose_threads(plan);
    if (status == HO_OK)
        status = ho_lay_out(&low, plan, buffers, error);
    if (status == HO_OK)
        bind_slots(&low, plan);
    free(buffers);
    free(low.items);
    ho_arena_free(low.arena);
    if (status != HO_OK) {
        ho_plan_free(plan);
        return NULL;
    }
    return plan;
}

void ho_plan_free(ho_plan *plan)
{
    if (plan == NULL)
        return;
    ho_profile_close(plan);
    for (size_t i = 0; i < plan->step_count; i++) {
        ho_step *step = &plan->steps[i];
        if (step->kind == HO_STEP_KERNEL) {
            free(step->as.kernel.instructions);
            free(step->as.kernel.strided);
            free(step->as.kernel.reduces);
        }
    }
    free(plan->steps);
    free(plan->inputs);
    free(plan->outputs);
    free(plan->slots);
    free(plan->address);
    ho_large_free(plan->memory);
    free(plan);
}

size_t ho_plan_bytes(const ho_plan *plan)
{
    return (size_t)plan->bytes;
}
