/* Runs plans. */
#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/kernels.h"
#include "exec/plan.h"

#if defined(HO_HAVE_AVX2)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

const ho_arithmetic *ho_arithmetic_for(ho_precision precision)
{
#if defined(HO_HAVE_AVX2)
    const char *asked = getenv("HOTOOL_KERNELS");
    bool base = asked != NULL && strcmp(asked, "base") == 0, avx2 = asked != NULL && strcmp(asked, "avx2") == 0;
    if (!base && !avx2 && has_avx512())
        return precision == HO_F32 ? &ho_arithmetic_f32_avx512 : &ho_arithmetic_f64_avx512;
    if (!base && has_avx2())
        return precision == HO_F32 ? &ho_arithmetic_f32_avx2 : &ho_arithmetic_f64_avx2;
#endif
    return precision == HO_F32 ? &ho_arithmetic_f32_base : &ho_arithmetic_f64_base;
}

void ho_exec_threads(int threads)
{
    openblas_set_num_threads(threads > 1 ? threads : 1);
}

static _Thread_local double worker_seconds;

double ho_exec_cpu_seconds(void)
{
    return ho_thread_seconds() + worker_seconds;
}

/* OpenBLAS computes smaller products with the calling thread alone. */
#define THREADED_PRODUCT 262144.0

/* The stride that is not 1. */
static int64_t leading(const ho_matrix *m)
{
    return m->column == 1 ? m->row : m->column;
}

bool ho_blas_counts(const ho_product *p)
{
    const int64_t counts[] = {p->m, p->n, p->k, leading(&p->a), leading(&p->b), p->c.row};
    bool fit = true;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        fit = fit && (blasint)counts[i] == counts[i];
    return fit;
}

static void run_blas(ho_precision precision, const ho_product *p, void *const *address)
{
    CBLAS_TRANSPOSE ta = p->a.column == 1 ? CblasNoTrans : CblasTrans,
                    tb = p->b.column == 1 ? CblasNoTrans : CblasTrans;
    blasint m = (blasint)p->m, n = (blasint)p->n, k = (blasint)p->k;
    blasint lda = (blasint)leading(&p->a), ldb = (blasint)leading(&p->b), ldc = (blasint)p->c.row;
    float beta = p->add ? 1.0f : 0.0f;
    const int workers = openblas_get_num_threads() - 1;
    const bool shared = workers > 0 && (double)m * (double)n * (double)k > THREADED_PRODUCT;
    const double begun = shared ? ho_thread_seconds() : 0;
    for (int64_t i = 0; i < p->batch; i++) {
        const void *a = address[p->a.buffer], *b = address[p->b.buffer];
        void *c = address[p->c.buffer];
        int64_t at_a = p->a.offset + i * p->a.step, at_b = p->b.offset + i * p->b.step,
                at_c = p->c.offset + i * p->c.step;
        if (precision == HO_F32)
            cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0f, (const float *)a + at_a, lda, (const float *)b + at_b,
                        ldb, beta, (float *)c + at_c, ldc);
        else
            cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, (const double *)a + at_a, lda, (const double *)b + at_b,
                        ldb, (double)beta, (double *)c + at_c, ldc);
    }
    if (shared)
        worker_seconds += workers * (ho_thread_seconds() - begun);
}

static void run_scalar(const ho_plan *plan, const ho_scalar_step *scalar)
{
    if (scalar->op == HO_OP_RESHAPE) {
        const void *from = plan->address[scalar->from.index];
        plan->slots[scalar->dst] = plan->precision == HO_F32 ? (double)((const float *)from)[scalar->from.offset]
                                                             : ((const double *)from)[scalar->from.offset];
        return;
    }
    double in[3] = {0, 0, 0};
    for (int i = 0; i < 3 && scalar->in[i] >= 0; i++)
        in[i] = plan->slots[scalar->in[i]];
    plan->slots[scalar->dst] = ho_op_scalar(scalar->op, in[0], in[1], in[2]);
}

static void run_zeros(const ho_plan *plan, const ho_zeros *zeros)
{
    size_t size = plan->precision == HO_F32 ? sizeof(float) : sizeof(double);
    size_t before = (size_t)(zeros->before * zeros->inner) * size,
           middle = (size_t)(zeros->middle * zeros->inner) * size;
    size_t after = (size_t)(zeros->after * zeros->inner) * size;
    char *out = (char *)plan->address[zeros->out.index] + (size_t)zeros->out.offset * size;
    for (int64_t o = 0; o < zeros->outer; o++) {
        memset(out, 0, before);
        memset(out + before + middle, 0, after);
        out += before + middle + after;
    }
}

static void run_step(const ho_plan *plan, const ho_step *step, ho_rows rows)
{
    switch (step->kind) {
    case HO_STEP_SCALAR:
        run_scalar(plan, &step->as.scalar);
        break;
    case HO_STEP_KERNEL:
        plan->arithmetic->kernel(&step->as.kernel, plan->address, plan->slots, plan->temps, rows);
        break;
    case HO_STEP_PRODUCT:
        if (step->as.product.pack < 0)
            run_blas(plan->precision, &step->as.product, plan->address);
        else
            plan->arithmetic->product(&step->as.product, plan->address, rows);
        break;
    case HO_STEP_INDEX:
        plan->arithmetic->index(&step->as.indexing, plan->address);
        break;
    case HO_STEP_ZEROS:
        run_zeros(plan, &step->as.zeros);
        break;
    }
}

static void run_steps(ho_plan *plan, size_t first, size_t count, ho_rows rows)
{
    for (size_t i = first; i < first + count; i++) {
        const double before = plan->profile ? ho_seconds() : 0;
        run_step(plan, &plan->steps[i], rows);
        if (plan->profile)
            ho_profile_add(plan, i, ho_seconds() - before);
    }
}

static void run_all(ho_plan *plan)
{
    for (size_t i = 0, count; i < plan->step_count; i += count) {
        const ho_step *step = &plan->steps[i];
        count = step->together ? (size_t)step->together : 1;
        if (!step->together)
            run_steps(plan, i, 1, (ho_rows){0, 1, 1});
        for (int64_t row = 0, next; row < step->rows; row = next) {
            next = row + step->block < step->rows ? row + step->block : step->rows;
            run_steps(plan, i, count, (ho_rows){row, next, step->rows});
        }
    }
}

void ho_plan_run(ho_plan *plan, const void *const *inputs, void *const *outputs)
{
    for (size_t i = 0; i < plan->input_count; i++) {
        const ho_binding *binding = &plan->inputs[i];
        if (binding->kind == HO_IN_SLOT)
            plan->slots[binding->index] = *(const double *)inputs[i];
        else if (binding->kind == HO_IN_BUFFER)
            plan->address[binding->index] = (void *)inputs[i]; /* only read */
    }
    for (size_t i = 0; i < plan->output_count; i++)
        if (plan->outputs[i].kind == HO_IN_BUFFER)
            plan->address[plan->outputs[i].index] = outputs[i];
    if (plan->profile)
        ho_profile_run(plan);
    run_all(plan);
    for (size_t i = 0; i < plan->output_count; i++)
        if (plan->outputs[i].kind == HO_IN_SLOT)
            *(double *)outputs[i] = plan->slots[plan->outputs[i].index];
}
