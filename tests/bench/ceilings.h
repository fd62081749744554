/* What the machine can do at this moment: products by the BLAS and copies, with one or two threads. */
#ifndef CEILINGS_H
#define CEILINGS_H

#include "workloads.h"

typedef struct ceilings {
    bool f64;
    int threads;
    const workload *w;
    void *a, *b, *c; /* operands of products */
    char *from, *to; /* of copies */
} ceilings;

void ceilings_open(ceilings *x, const workload *w, bool f64, int threads);
void ceilings_close(ceilings *x);
/* Operations in a second of one square product, 1024 x 1024 x 1024. */
double ceilings_product(ceilings *x);
/* Bytes in a second, read and written, of a copy that no cache holds. */
double ceilings_copy(ceilings *x);
/* Seconds of the products of one plain step of the workload, each alone by the BLAS, in turn. */
double ceilings_step_products(ceilings *x);
/* Seconds that count with so many threads: the processor's with one, the clock's with more. */
double seconds_with(int threads);

#endif
