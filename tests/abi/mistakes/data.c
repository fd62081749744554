/* Mistakes in a data reader. */
#include <hotool/plugin.h>

#include <math.h>
#include <stdlib.h>

#define N 6
#define D 2

static ho_status read(void *self, ho_data *d)
{
    (void)self;
#ifdef M_unchecked_memory
    double *x = malloc(N * D * sizeof *x);
#else
    double *x = ho_data_alloc(d, N * D, sizeof *x);
#endif
    int64_t *y = ho_data_alloc(d, N, sizeof *y);
#if !defined M_unchecked_alloc && !defined M_unchecked_memory
    if (!x || !y)
        return HO_FAILED;
#endif
    static int reads;
    for (int i = 0; i < N * D; i++) {
        x[i] = 0.1 * i;
        y[i / D] = i / D % 3;
    }
    reads++;
#if defined M_nan_input
    x[3] = NAN;
#elif defined M_label
    y[1] = -1;
#elif defined M_beyond
    x[N * D] = 1;
#elif defined M_changes
    x[0] = reads;
#endif
    ho_array inputs = {.struct_size = sizeof inputs,
                       .role = HO_ROLE_INPUTS,
                       .type = HO_ARRAY_F64,
                       .rank = 2,
#ifdef M_more_than_there_is
                       .dims = {N, D + 1000},
#else
                       .dims = {N, D},
#endif
                       .values = x};
    ho_array labels = {.struct_size = sizeof labels,
                       .role = HO_ROLE_LABELS,
                       .type = HO_ARRAY_I64,
                       .rank = 1,
#ifdef M_lengths
                       .dims = {N - 1},
#else
                       .dims = {N},
#endif
                       .values = y};
    ho_status status = ho_data_emit(d, 0, &inputs);
    if (status == HO_OK)
        status = ho_data_emit(d, 0, &labels);
#ifdef M_unchecked_memory
    free(x);
#endif
    return status;
}

static const ho_data_calls calls = {.struct_size = sizeof calls, .read = read};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DATA), .name = NAME, .version = "1",
                                              .doc = "six examples", .calls = &calls};
