/*
 * Where the time of plans goes.
 *
 * Plans that are made while profiling is on measure each of their steps. A step's time belongs to the plugin calls that
 * its nodes came from, in equal parts for each node that it computes; derivatives count for the call that they are of.
 */
#ifndef HO_EXEC_PROFILE_H
#define HO_EXEC_PROFILE_H

#include "exec/exec.h"

/* On or off for plans made from now on. Thread: before any plan is made. */
void ho_profile_enable(bool on);

/* What one plugin call costs in the plans of one name. */
typedef struct ho_profile_row {
    const char *program;       /* of ho_plan_profile_as: "step, VJP" */
    const char *plugin, *file; /* file NULL: the host's own */
    int line;
    bool product; /* matrix products; else everything else */
    double seconds;
    double flops, bytes; /* of products: operations; bytes that are read and written */
    uint64_t runs;       /* of the plan */
} ho_profile_row;

/* What plans that have been freed spent, the dearest first; free(). Their strings live as long as the process. */
ho_profile_row *ho_profile_rows(size_t *count);
/* As stacks for flame graphs, a line each: "step, VJP;softmax;softmax.c:31;products 1234", in microseconds. The format
 * of flamegraph.pl, which speedscope and other viewers read too. */
void ho_profile_write_stacks(const ho_profile_row *rows, size_t count, FILE *out);

#endif
