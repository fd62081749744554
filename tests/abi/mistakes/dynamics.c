/* Mistakes in an optimizer and in the tables of a plugin: each of them is this file with one name defined. */
#include <hotool/plugin.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- the step ---------------------------------------------------------------------------------------------------- */

static volatile int forever = 1;
static volatile uintptr_t nowhere = 64;

#ifdef M_kept_value
static ho_value kept;
#endif

static ho_trace *kept_trace;

static void *trace_here(void *x)
{
    ho_let((ho_trace *)x, "w", "w - rate * g");
    return NULL;
}

#ifdef M_overflow
static int overflow(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return forever ? overflow(depth + 1) + frame[0] : depth;
}
#endif

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
#if defined M_unknown_name
    ho_let(x, "w", "w - rate * gradient");
#elif defined M_misspelt_name
    ho_let(x, "w", "w - rat * g");
#elif defined M_syntax
    ho_let(x, "w", "w - rate * (g");
#elif defined M_other_shape
    ho_let(x, "w", "sum(w - rate * g)");
#elif defined M_forgets_w
    ho_let(x, "next", "w - rate * g");
#elif defined M_silent_failure
    return HO_FAILED;
#elif defined M_nan
    ho_set(x, "w", ho_mul(x, ho_get(x, "w"), ho_constant(x, NAN)));
#elif defined M_kept_value
    if (!kept.id)
        kept = ho_get(x, "g");
    ho_set(x, "w", ho_sub(x, ho_get(x, "w"), kept));
#elif defined M_grad_per_tensor
    ho_let(x, "w", "w - rate * grad(w)");
#elif defined M_random
    static int calls;
    ho_set(x, "w", ho_sub(x, ho_eval(x, "w - rate * g"), ho_constant(x, 1e-3 * calls++)));
#elif defined M_divides_by_zero
    ho_let(x, "w", "w - rate * g / abs(g)");
#elif defined M_first_step
    ho_let(x, "w", "w - rate * g / (1 - 0.9^(t - 1))");
#elif defined M_stop
    ho_let(x, "w", "w - stop(rate) * g");
#elif defined M_null
    ho_let(x, "w", "w - rate * g");
    *(volatile int *)nowhere = 1;
#elif defined M_endless_trace
    while (forever)
        ho_let(x, "w", "w - rate * g");
#elif defined M_waits_for_shape
    int64_t dims[HO_MAX_RANK];
    ho_value row = ho_eval(x, "w - rate * g");
    while (ho_shape_get(x, row, dims) == 0 && !(dims[0] = 0))
        row = ho_reshape(x, row, 1, (int64_t[]){1}); /* until it is a vector */
    ho_set(x, "w", ho_eval(x, "w - rate * g"));
#elif defined M_exits
    exit(0);
#elif defined M_aborts
    abort();
#elif defined M_overflow
    ho_let(x, "w", "w - rate * g");
    overflow(0);
#elif defined M_wrong_axis
    ho_set(x, "w", ho_sub(x, ho_get(x, "w"), ho_sum(x, ho_get(x, "g"), 7, 1)));
#elif defined M_batch_size
    ho_set(x, "w", ho_mul(x, ho_get(x, "w"), ho_constant(x, 1.0 / (double)ho_size(x, "batchsize"))));
#elif defined M_kept_trace
    ho_let(x, "w", "w - rate * g");
    kept_trace = x;
#elif defined M_other_thread
    pthread_t thread;
    if (pthread_create(&thread, NULL, trace_here, x) == 0)
        pthread_join(thread, NULL);
#elif defined M_weight_in_step
    ho_weight(x, "w2", ho_get(x, "w"));
#else
    ho_let(x, "w", "w - rate * g");
#endif
    return ho_ok(x);
}

/* ---- create ------------------------------------------------------------------------------------------------------ */

static ho_status create(ho_setup *u, void **self)
{
#if defined M_undeclared_option
    (void)ho_option_real(u, "epsilon");
#elif defined M_option_type
    (void)ho_option_string(u, "size");
#elif defined M_silent_create
    return HO_INVALID;
#elif defined M_greedy_create
    if (!ho_setup_alloc(u, (uint64_t)1 << 40))
        return HO_FAILED;
#elif defined M_unchecked_setup
    *(volatile int *)ho_setup_alloc(u, 16) = 1;
#endif
    (void)u;
#if defined M_unchecked_malloc
    *self = strcpy(malloc(16), "settings");
#elif defined M_double_free
    *self = malloc(16);
#elif defined M_writes_static
    *(volatile double *)(uintptr_t)u->api = 1; /* a table of hotool's */
    *self = NULL;
#elif defined M_kept_trace
    *self = malloc(1);
#else
    *self = NULL;
#endif
    return HO_OK;
}

static void destroy(void *self)
{
#ifdef M_kept_trace
    if (kept_trace)
        ho_let(kept_trace, "w", "w");
#endif
    free(self);
#ifdef M_double_free
    free(self);
#endif
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

#ifdef M_undocumented
#define DOC NULL
#else
#define DOC "step size"
#endif
#ifdef M_default
#define INITIAL -0.1
#else
#define INITIAL 0.1
#endif
#ifdef M_shape
#define SHAPE "colums"
#else
#define SHAPE NULL
#endif

static const ho_hyper hypers[] = {
    {.name = "rate", .initial = INITIAL, .domain = HO_NONNEGATIVE, .doc = DOC, .shape = SHAPE},
#ifdef M_twice
    {.name = "rate", .initial = 0.1, .doc = "again"},
#endif
#ifdef M_host_name
    {.name = "g", .initial = 0.1, .doc = "gravity"},
#endif
};

static const ho_option options[] = {
    {.name = "size", .type = HO_INTEGER, .initial = "3", .doc = "a size", .least = 1.0, .most = 9.0},
#ifdef M_option_default
    {.name = "kind", .type = HO_CHOICE, .initial = "plane", .choices = "plain|fancy", .doc = "a choice"},
#endif
#ifdef M_control_character
    {.name = "odd", .type = HO_BOOLEAN, .initial = "true", .doc = "a doc\nof two lines"},
#endif
};

static const ho_dynamics_calls calls = {
#ifndef M_no_size
    .struct_size = sizeof calls,
#endif
#ifdef M_grad_per_tensor
    .granularity = HO_PER_TENSOR,
#endif
#ifndef M_no_step
    .step = step,
#endif
};

#ifdef M_exported
HO_EXPORT int helper(void);
int helper(void)
{
    return forever;
}
#endif
#ifdef M_links_host
extern int ho_graph_new(void);
int (*const link_to_host)(void) __attribute__((weak, used)) = ho_graph_new;
#endif

static const void *extension(const char *name)
{
    static const ho_about about = {.struct_size = sizeof about};
    return &about;
}

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
#ifdef M_misnamed
    .name = "other",
#else
    .name = NAME,
#endif
#ifndef M_no_version
    .version = "1",
#endif
    .doc = "gradient descent",
    .hypers = HO_TABLE(hypers),
    .options = HO_TABLE(options),
#ifndef M_no_calls
    .calls = &calls,
#endif
    .create = create,
    .destroy = destroy,
#ifdef M_all_extensions
    .extension = extension,
#endif
};
