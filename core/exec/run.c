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

static double added_seconds; /* of other processes */

double ho_exec_cpu_seconds(void)
{
    return ho_process_seconds() + added_seconds;
}

void ho_exec_cpu_add(double seconds)
{
    added_seconds += seconds;
}

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

/* The BLAS gets this many columns at a time, however many workers there are: how it splits a product depends on the
 * size of it, and so may its bits. */
#define BLAS_COLUMNS 256

/* Columns j .. j+n-1 of member i of the batch. */
static void run_columns(ho_precision precision, const ho_product *p, void *const *address, int64_t i, int64_t j)
{
    CBLAS_TRANSPOSE ta = p->a.column == 1 ? CblasNoTrans : CblasTrans,
                    tb = p->b.column == 1 ? CblasNoTrans : CblasTrans;
    const int64_t columns = p->n - j < BLAS_COLUMNS ? p->n - j : BLAS_COLUMNS;
    blasint m = (blasint)p->m, n = (blasint)columns, k = (blasint)p->k;
    blasint lda = (blasint)leading(&p->a), ldb = (blasint)leading(&p->b), ldc = (blasint)p->c.row;
    float beta = p->add ? 1.0f : 0.0f;
    const void *a = address[p->a.buffer], *b = address[p->b.buffer];
    void *c = address[p->c.buffer];
    const int64_t at_a = p->a.offset + i * p->a.step, at_b = p->b.offset + i * p->b.step + j * p->b.column,
                  at_c = p->c.offset + i * p->c.step + j;
    if (precision == HO_F32)
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0f, (const float *)a + at_a, lda, (const float *)b + at_b, ldb,
                    beta, (float *)c + at_c, ldc);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, (const double *)a + at_a, lda, (const double *)b + at_b, ldb,
                    (double)beta, (double *)c + at_c, ldc);
}

static void run_blas(ho_precision precision, const ho_product *p, void *const *address, const ho_worker *worker)
{
    const int64_t parts = (p->n + BLAS_COLUMNS - 1) / BLAS_COLUMNS;
    for (int64_t i = worker->index; i < p->batch * parts; i += worker->count)
        run_columns(precision, p, address, i / parts, i % parts * BLAS_COLUMNS);
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

/* ---- workers ----------------------------------------------------------------------------------------------------- */

/* An instruction on one entry takes as long as so many multiply-adds; and a step of less than some of them, which takes
 * a microsecond or less, is not shared. */
#define KERNEL_WORK 4.0
#define STEP_WORK   32768.0

double ho_shared_work(const ho_step *step, ho_rows rows)
{
    const double part = (double)(rows.last - rows.first) / (double)rows.of;
    const ho_product *p = &step->as.product;
    const ho_kernel *k = &step->as.kernel;
    double work = 0;
    if (step->kind == HO_STEP_PRODUCT)
        work = part * (double)p->batch * (double)p->m * (double)p->n * (double)p->k;
    else if (step->kind == HO_STEP_KERNEL && k->count > k->grain)
        work = part * (double)k->count * (double)k->length * KERNEL_WORK;
    return work >= STEP_WORK ? work : 0;
}

static void run_step(const ho_plan *plan, const ho_step *step, const ho_worker *worker, ho_rows rows)
{
    switch (step->kind) {
    case HO_STEP_SCALAR:
        run_scalar(plan, &step->as.scalar);
        break;
    case HO_STEP_KERNEL:
        plan->arithmetic->kernel(&step->as.kernel, plan->address, plan->slots, worker, rows);
        break;
    case HO_STEP_PRODUCT:
        if (step->as.product.pack < 0)
            run_blas(plan->precision, &step->as.product, plan->address, worker);
        else
            plan->arithmetic->product(&step->as.product, plan->address, worker, rows);
        break;
    case HO_STEP_INDEX:
        plan->arithmetic->index(&step->as.indexing, plan->address);
        break;
    case HO_STEP_ZEROS:
        run_zeros(plan, &step->as.zeros);
        break;
    }
}

/* How workers take a step: each has a share of it, or of a row block its own rows, or the first has all. */
typedef enum way { NOT_YET, SHARED, OWN_ROWS, ALONE } way;

/* A worker on its way through the steps. */
typedef struct walk {
    ho_plan *plan;
    ho_worker worker;
    way last; /* how the last step was taken, which others may not have done with */
} walk;

/* The first block of rows is shared, since what the others need for theirs is packed with it. */
static way way_of(const ho_step *step, ho_rows rows)
{
    if (step->by_rows && rows.first > 0)
        return OWN_ROWS;
    return ho_shared_work(step, rows) > 0 ? SHARED : ALONE;
}

static ho_rows own_rows(const ho_worker *worker, ho_rows rows)
{
    const int64_t count = rows.last - rows.first;
    return (ho_rows){rows.first + count * worker->index / worker->count,
                     rows.first + count * (worker->index + 1) / worker->count, rows.of};
}

/* One waits for the others, unless what this step reads is one's own, too. */
static void take_step(walk *w, size_t i, ho_rows rows)
{
    const ho_step *step = &w->plan->steps[i];
    const ho_worker alone = {.count = 1, .temps = w->worker.temps};
    const way now = w->worker.count > 1 ? way_of(step, rows) : ALONE;
    if (w->last != NOT_YET && (now != w->last || now == SHARED))
        ho_worker_wait(&w->worker);
    w->last = now;
    if (now == SHARED)
        run_step(w->plan, step, &w->worker, rows);
    else if (now == OWN_ROWS)
        run_step(w->plan, step, &alone, own_rows(&w->worker, rows));
    else if (w->worker.index == 0)
        run_step(w->plan, step, &alone, rows);
}

static void take_steps(walk *w, size_t first, size_t count, ho_rows rows)
{
    const bool measured = w->plan->profile && w->worker.index == 0;
    for (size_t i = first; i < first + count; i++) {
        const double before = measured ? ho_seconds() : 0;
        take_step(w, i, rows);
        if (measured)
            ho_profile_add(w->plan, i, ho_seconds() - before);
    }
}

static void run_all(void *context, int32_t index, int32_t count)
{
    ho_plan *plan = context;
    walk w = {plan, {index, count, (char *)plan->temps + (uint64_t)index * plan->temps_bytes}, NOT_YET};
    for (size_t i = 0, together; i < plan->step_count; i += together) {
        const ho_step *step = &plan->steps[i];
        together = step->together ? (size_t)step->together : 1;
        if (!step->together)
            take_steps(&w, i, 1, (ho_rows){0, 1, 1});
        for (int64_t row = 0, next; row < step->rows; row = next) {
            next = row + step->block < step->rows ? row + step->block : step->rows;
            take_steps(&w, i, together, (ho_rows){row, next, step->rows});
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
    const int32_t threads = ho_threads() < plan->threads ? ho_threads() : plan->threads;
    ho_threads_run(threads, plan->small, run_all, plan);
    for (size_t i = 0; i < plan->output_count; i++)
        if (plan->outputs[i].kind == HO_IN_SLOT)
            *(double *)outputs[i] = plan->slots[plan->outputs[i].index];
}
