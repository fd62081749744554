/* One row of the table: plain training and a hypergradient of one workload, measured in a process of its own. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdio.h>

#include "workloads.h"

enum {
    MOST_ROUNDS = 25,
    MOST_OPTIONS = 4,
};

typedef struct bench_row {
    workload w;
    const char *mode, *options[MOST_OPTIONS][2]; /* the mode's options, up to a NULL */
    int64_t every;                               /* a hypergradient after so many steps each; 0: one, in the end */
    bool f64;
    int threads, rounds;
    bool alone;     /* neither ceilings nor a loop by hand: for curves */
    double *answer; /* NULL, or where its last hypergradient goes */
} bench_row;

typedef struct spread {
    double median, least, most;
} spread;

/* Seconds are the processor's with one thread, the clock's with more. What is not measured is 0. */
typedef struct figures {
    spread plain, gradient;             /* seconds; a gradient's include training */
    double first, later;                /* seconds of the first hypergradient of the process; median of the others */
    spread by_hand, products;           /* seconds: plain training by hand; its products alone */
    spread product_rate, copy_rate;     /* operations and bytes in a second */
    double plain_flops, gradient_flops; /* operations in products, in all */
    double plain_bytes;          /* that plain training must at least move: a batch read, a state read and written */
    double digits, first_digits; /* share of the time that its estimate of digits takes: of later hypergradients, of the
                                    first, which may have a second training */
    double state;                /* bytes of a state */
    double held, residuals;      /* bytes that the mode held; of these, residuals */
    double plain_peak, peak;     /* most resident bytes of the process after plain training, and in all */
    double waited;               /* seconds by the clock for each one of the processor: how busy the machine is */
    double directions, error, norm; /* m; the validation error; the hypergradient's norm */
} figures;

/* Calls send in a process of its own, which leaves no memory and no plans behind, and receive in this one. Ends the
 * program, naming `what`, where either fails. Thread: before any other uses the BLAS. */
void measure_apart(bool (*send)(void *context, FILE *out), bool (*receive)(void *context, FILE *in), void *context,
                   const char *what);

/* Ends the program where the measurement fails. Thread: as above. */
void measure(const bench_row *row, figures *f);

#endif
