/* Plans in readable form: kernels, products, buffers. */
#include "plan_dump.h"

#include <inttypes.h>

#include "exec/plan.h"

static void print_operand(FILE *out, const ho_operand *operand)
{
    switch (operand->kind) {
    case HO_IN_NONE:
        break;
    case HO_IN_TEMP:
        fprintf(out, " t%" PRId32, operand->index);
        break;
    case HO_IN_SLOT:
        fprintf(out, " s%" PRId32, operand->index);
        break;
    case HO_IN_BUFFER:
        fprintf(out, " b%" PRId32, operand->index);
        if (operand->offset > 0)
            fprintf(out, "+%" PRId64, operand->offset);
        break;
    }
}

static void print_strided(FILE *out, const ho_strided *strided)
{
    fprintf(out, " b%" PRId32 "+%" PRId64, strided->buffer, strided->offset);
    for (int32_t d = 0; d < strided->rank; d++)
        fprintf(out, "%s%" PRId64 ":%" PRId64, d ? ", " : " [", strided->dims[d], strided->strides[d]);
    fputs("]", out);
}

static void print_kernel(FILE *out, const ho_kernel *kernel)
{
    static const char *const names[] = {[HO_DO_LOAD] = "load", [HO_DO_STORE] = "store",   [HO_DO_STREAM] = "stream",
                                        [HO_DO_COPY] = "copy", [HO_DO_REDUCE] = "reduce", [HO_DO_NOTHING] = NULL};
    fprintf(out, "kernel over %" PRId64 ", %" PRId32 " temporaries\n", kernel->count, kernel->temps);
    for (size_t i = 0; i < kernel->length; i++) {
        const ho_instruction *instruction = &kernel->instructions[i];
        fprintf(out, "        %-8s", names[instruction->kind] ? names[instruction->kind] : ho_op_name(instruction->op));
        print_operand(out, &instruction->dst);
        fputs(instruction->dst.kind == HO_IN_NONE ? "" : " <-", out);
        for (int j = 0; j < 3; j++)
            print_operand(out, &instruction->in[j]);
        if (instruction->kind == HO_DO_PAIR) {
            fprintf(out, "  then %s%s", ho_op_name(instruction->second), instruction->swapped ? ", swapped" : "");
        } else if (instruction->kind == HO_DO_REDUCE) {
            const ho_reduce_into *r = &kernel->reduces[instruction->extra];
            fprintf(out, " (%" PRId64 ", %" PRId64 ", %" PRId64 ") by %s ->", r->outer, r->extent, r->inner,
                    ho_op_name(r->op));
            print_operand(out, &r->result);
        } else if (instruction->extra >= 0) {
            print_strided(out, &kernel->strided[instruction->extra]);
        }
        fputs("\n", out);
    }
}

static void print_matrix(FILE *out, const ho_matrix *m)
{
    fprintf(out, " b%" PRId32 "+%" PRId64 "[%" PRId64 ":%" PRId64 ":%" PRId64 "]", m->buffer, m->offset, m->step,
            m->row, m->column);
}

static void print_step(FILE *out, const ho_step *step)
{
    fprintf(out, "%4" PRId32 ":  ", step->level);
    switch (step->kind) {
    case HO_STEP_SCALAR:
        fprintf(out, "scalar  %-8s s%" PRId32 " <-",
                step->as.scalar.op == HO_OP_RESHAPE ? "read" : ho_op_name(step->as.scalar.op), step->as.scalar.dst);
        print_operand(out, &step->as.scalar.from);
        for (int j = 0; j < 3; j++)
            if (step->as.scalar.in[j] >= 0)
                fprintf(out, " s%" PRId32, step->as.scalar.in[j]);
        fputs("\n", out);
        break;
    case HO_STEP_KERNEL:
        print_kernel(out, &step->as.kernel);
        break;
    case HO_STEP_PRODUCT: {
        const ho_product *p = &step->as.product;
        fprintf(out, "product %" PRId64 " x (%" PRId64 ", %" PRId64 ") @ (%" PRId64 ", %" PRId64 ")%s", p->batch, p->m,
                p->k, p->k, p->n, p->pack < 0 ? " blas" : "");
        print_matrix(out, &p->c);
        fputs(p->add ? " +=" : " <-", out);
        print_matrix(out, &p->a);
        print_matrix(out, &p->b);
        fputs("\n", out);
        break;
    }
    case HO_STEP_INDEX:
        fprintf(out, "%s  ", step->as.indexing.scatter ? "scatter" : "gather ");
        print_operand(out, &step->as.indexing.out);
        fputs(" <-", out);
        print_operand(out, &step->as.indexing.in);
        print_operand(out, &step->as.indexing.index);
        fputs("\n", out);
        break;
    case HO_STEP_ZEROS:
        fputs("zeros  ", out);
        print_operand(out, &step->as.zeros.out);
        fprintf(out, " %" PRId64 " x (%" PRId64 ", %" PRId64 ", %" PRId64 ") x %" PRId64 "\n", step->as.zeros.outer,
                step->as.zeros.before, step->as.zeros.middle, step->as.zeros.after, step->as.zeros.inner);
        break;
    }
}

static void print_binding(FILE *out, const char *what, size_t i, const ho_binding *binding)
{
    if (binding->kind != HO_IN_NONE)
        fprintf(out, "  %s %zu: %c%" PRId32 "\n", what, i, binding->kind == HO_IN_SLOT ? 's' : 'b', binding->index);
}

void ho_plan_dump(const ho_plan *plan, FILE *out)
{
    fprintf(out, "plan: %s, %zu steps, %zu buffers, %" PRIu64 " bytes\n", plan->arithmetic->name, plan->step_count,
            plan->buffer_count, plan->bytes);
    for (size_t i = 0; i < plan->input_count; i++)
        print_binding(out, "input", i, &plan->inputs[i]);
    for (size_t i = 0; i < plan->output_count; i++)
        print_binding(out, "output", i, &plan->outputs[i]);
    for (size_t i = 0; i < plan->step_count; i++)
        print_step(out, &plan->steps[i]);
}
