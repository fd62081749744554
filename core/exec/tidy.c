/* Passes over the instructions of a kernel. */
#include <stdlib.h>

#include "exec/plan.h"

/* Whether an instruction can be the first of a pair. The second can also be a division. */
static bool is_arithmetic(const ho_instruction *i)
{
    return i->kind == HO_DO_BINARY && (i->op == HO_OP_ADD || i->op == HO_OP_SUB || i->op == HO_OP_MUL);
}

static bool is_second(const ho_instruction *i)
{
    return is_arithmetic(i) || (i->kind == HO_DO_BINARY && i->op == HO_OP_DIV);
}

void ho_pair_up(ho_kernel *k, int32_t temps)
{
    size_t *made_by = ho_alloc(((size_t)temps + 1) * sizeof *made_by),
           *readers = ho_alloc(((size_t)temps + 1) * sizeof *readers);
    for (size_t i = 0; i < k->length; i++) {
        const ho_instruction *instruction = &k->instructions[i];
        if (instruction->dst.kind == HO_IN_TEMP)
            made_by[instruction->dst.index] = i;
        for (int j = 0; j < 3; j++)
            if (instruction->in[j].kind == HO_IN_TEMP)
                readers[instruction->in[j].index]++;
    }
    size_t length = 0;
    for (size_t i = 0; i < k->length; i++) {
        ho_instruction *second = &k->instructions[i];
        for (int j = 0; j < 2 && is_second(second); j++) {
            if (second->in[j].kind != HO_IN_TEMP || readers[second->in[j].index] != 1)
                continue;
            ho_instruction *first = &k->instructions[made_by[second->in[j].index]];
            if (is_arithmetic(first)) {
                bool commutes = second->op == HO_OP_ADD || second->op == HO_OP_MUL;
                *second = (ho_instruction){.kind = HO_DO_PAIR,
                                           .op = first->op,
                                           .second = second->op,
                                           .swapped = j == 1 && !commutes,
                                           .dst = second->dst,
                                           .in = {first->in[0], first->in[1], second->in[1 - j]},
                                           .extra = -1};
                first->kind = HO_DO_NOTHING;
            }
        }
    }
    for (size_t i = 0; i < k->length; i++)
        if (k->instructions[i].kind != HO_DO_NOTHING)
            k->instructions[length++] = k->instructions[i];
    k->length = length;
    free(made_by);
    free(readers);
}

void ho_share_temps(ho_kernel *k, int32_t temps)
{
    size_t n = (size_t)temps;
    size_t *last = ho_alloc((n + 1) * sizeof *last);
    int32_t *real = ho_alloc((n + 1) * sizeof *real), *unused = ho_alloc((n + 1) * sizeof *unused);
    size_t unused_count = 0;
    for (size_t i = 0; i < k->length; i++) {
        ho_instruction *instruction = &k->instructions[i];
        if (instruction->dst.kind == HO_IN_TEMP)
            last[instruction->dst.index] = i;
        for (int j = 0; j < 3; j++)
            if (instruction->in[j].kind == HO_IN_TEMP)
                last[instruction->in[j].index] = i;
    }
    for (size_t i = 0; i < k->length; i++) {
        ho_instruction *instruction = &k->instructions[i];
        for (int j = 0; j < 3; j++) {
            ho_operand *in = &instruction->in[j];
            if (in->kind != HO_IN_TEMP)
                continue;
            size_t virtual = (size_t)in->index;
            in->index = real[virtual];
            if (last[virtual] == i) {
                last[virtual] = SIZE_MAX; /* freed once, even if read twice here */
                unused[unused_count++] = in->index;
            }
        }
        if (instruction->dst.kind == HO_IN_TEMP) {
            size_t virtual = (size_t)instruction->dst.index;
            real[virtual] = unused_count > 0 ? unused[--unused_count] : k->temps++;
            instruction->dst.index = real[virtual];
            if (last[virtual] == i)
                unused[unused_count++] = real[virtual]; /* nothing reads it */
        }
    }
    free(last);
    free(real);
    free(unused);
}
