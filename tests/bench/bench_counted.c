/*
 * Small fixed runs whose instructions are counted: tests/bench/instructions runs this under callgrind, which counts
 * within the functions here that are called counted_... and writes one file after each.
 *
 *     bench_counted NAME MODE       f32, one thread
 */
#include <string.h>

#include "system/gradient.h"
#include "workloads.h"

typedef struct counted {
    bench b;
    posed q;
    ho_training *training;
    const ho_instance *mode;
    double *lambda, *gradient;
} counted;

void counted_setup(counted *c);
void counted_plain(counted *c);
void counted_gradient(counted *c);

/* Tracing, differentiation, plans: everything before the first step's numbers. */
__attribute__((noinline)) void counted_setup(counted *c)
{
    double value;
    c->training = ho_training_new(&c->q.problem, &c->b.error);
    must(&c->b, c->training != NULL);
    const size_t size = (size_t)ho_training_lambda_size(c->training);
    c->lambda = ho_alloc(size * sizeof *c->lambda);
    c->gradient = ho_alloc(size * sizeof *c->gradient);
    ho_training_lambda_initial(c->training, c->lambda);
    must(&c->b, ho_hypergradient(c->training, c->mode, 1, c->lambda, &value, c->gradient, NULL, &c->b.error) == HO_OK);
    must(&c->b, ho_train(c->training, 1, c->lambda, NULL, &value, &c->b.error) == HO_OK);
}

__attribute__((noinline)) void counted_plain(counted *c)
{
    double value;
    must(&c->b, ho_train(c->training, c->q.problem.steps, c->lambda, NULL, &value, &c->b.error) == HO_OK);
}

__attribute__((noinline)) void counted_gradient(counted *c)
{
    double value;
    must(&c->b, ho_hypergradient(c->training, c->mode, c->q.problem.steps, c->lambda, &value, c->gradient, NULL,
                                 &c->b.error) == HO_OK);
}

int main(int count, char **arguments)
{
    const workload *named = count == 3 ? workload_named(arguments[1]) : NULL;
    if (!named) {
        fprintf(stderr, "usage: bench_counted W1|W2|W2b|W3|W4|W5|W6 MODE\n");
        return 2;
    }
    counted c = {.b = bench_open()};
    workload w = *named;
    w.steps = w.few;
    /* Callgrind computes slowly: a tenth of many examples and a quarter of wide layers are as telling. */
    if (w.examples > 1024)
        w.examples /= 10;
    if (w.batch > 50)
        w.batch /= 10;
    if (w.width > 300)
        w.width /= 4;
    ho_exec_threads(1);
    workload_pose(&c.b, &c.q, &w, false);
    c.mode = make(&c.b, HO_MODE, arguments[2], arguments[2], NULL);
    counted_setup(&c);
    counted_plain(&c);
    counted_gradient(&c);
    ho_training_free(c.training);
    return 0;
}
