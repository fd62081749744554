/* A mode that takes plain steps and answers as its options say: what a run makes of strange answers. */
#include <hotool/plugin.h>

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct scripted {
    int64_t at;        /* the hypergradient, from 1, that is strange; 0: all are */
    double slope;      /* its gradient is slope * (1, 2, 3, ...); the others' is zero */
    const char *fault; /* what else is wrong with it */
} scripted;

typedef struct scripted_run {
    const scripted *mode;
    ho_system *system;
    ho_vector *state, *next;
    int64_t asked;
} scripted_run;

static const ho_option options[] = {
    {.name = "at", .type = HO_INTEGER, .initial = "0", .doc = "which hypergradient; 0: all", .least = 0.0, .most = 1e9},
    {.name = "slope", .type = HO_REAL, .initial = "0", .doc = "size of its gradient", .least = -1e300, .most = 1e300},
    {.name = "fault",
     .type = HO_STRING,
     .initial = "none",
     .doc = "error: E is NaN; gradient: its last entry is; norms: that, and the last norm infinite; state: its end is; "
            "nothing: there is no state; crash, kill, exit, memory: the process comes to grief"},
};

static ho_status create(ho_setup *u, void **self)
{
    scripted *mode = ho_setup_alloc(u, sizeof(scripted));
    if (!mode)
        return HO_FAILED;
    mode->at = ho_option_integer(u, "at");
    mode->slope = ho_option_real(u, "slope");
    mode->fault = ho_option_string(u, "fault");
    *self = mode;
    return HO_OK;
}

static void end(void *run)
{
    scripted_run *r = run;
    if (!r)
        return;
    ho_system *s = r->system;
    s->api->vector_free(s, r->state);
    s->api->vector_free(s, r->next);
    s->api->free_memory(s, r);
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    scripted_run *r = s->api->alloc(s, sizeof *r);
    if (!r)
        return HO_FAILED;
    *r = (scripted_run){self, s, s->api->vector_new(s, 1), s->api->vector_new(s, 1), 0};
    ho_status status = r->state && r->next ? s->api->initial(s, lambda, r->state) : HO_FAILED;
    if (status == HO_OK)
        *run = r;
    else
        end(r);
    return status;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    scripted_run *r = run;
    ho_status status = HO_OK;
    for (int64_t t = t0 + 1; t <= t1 && status == HO_OK; t++) {
        status = r->system->api->step(r->system, t, lambda, r->state, r->next);
        ho_vector *old = r->state;
        r->state = r->next;
        r->next = old;
    }
    return status;
}

static int strange(const scripted_run *r, const char *fault)
{
    return (r->mode->at == 0 || r->mode->at == r->asked) && strcmp(r->mode->fault, fault) == 0;
}

/* At the hypergradient of that number in this process. */
static void come_to_grief(const scripted *mode)
{
    static int64_t asked;
    if (++asked != mode->at)
        return;
    if (strcmp(mode->fault, "crash") == 0)
        raise(SIGSEGV);
    if (strcmp(mode->fault, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(mode->fault, "exit") == 0)
        _exit(0); /* as if all were well; exit() is noticed */
    if (strcmp(mode->fault, "memory") == 0) {
        setrlimit(RLIMIT_AS, &(struct rlimit){1, RLIM_INFINITY});
        for (size_t size = 1 << 20; size > 0; size /= 2)
            while (malloc(size))
                ;
    }
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    scripted_run *r = run;
    int64_t size = r->system->api->lambda_size(r->system);
    r->asked++;
    come_to_grief(r->mode);
    double slope = r->mode->at == 0 || r->mode->at == r->asked ? r->mode->slope : 0.0;
    for (int64_t i = 0; i < size; i++)
        gradient[i] = slope * (double)(i + 1);
    ho_status status = r->system->api->error(r->system, lambda, r->state, value);
    if (strange(r, "error"))
        *value = NAN;
    if (strange(r, "gradient") || strange(r, "norms"))
        gradient[size - 1] = NAN;
    return status;
}

/* Infinite where the end is strange: 1e200 is doubled over and over. */
static const ho_vector *state(void *run)
{
    scripted_run *r = run;
    const ho_system_api *api = r->system->api;
    if (strange(r, "nothing"))
        return NULL;
    if (!strange(r, "state"))
        return r->state;
    api->copy(r->system, r->state, r->next);
    for (int i = 0; i < 4; i++)
        api->axpby(r->system, 0.0, r->state, 1e200, r->next);
    return r->next;
}

static ho_status forget(void *run)
{
    (void)run;
    return HO_OK;
}

static int64_t bytes(void *run)
{
    const scripted_run *r = run;
    return 2 * r->system->api->vector_bytes(r->system, r->state);
}

/* 1, 2, 3, ... by direction. */
static ho_status tangent_norms(void *run, double *norms)
{
    scripted_run *r = run;
    int64_t count = r->system->api->directions(r->system);
    for (int64_t i = 0; i < count; i++)
        norms[i] = (double)(i + 1);
    if (strange(r, "norms"))
        norms[count - 1] = INFINITY;
    return HO_OK;
}

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .end = end,
    .tangent_norms = tangent_norms,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),      .name = "scripted", .version = "1.0.0", .doc = "answers as its options say",
    .options = HO_TABLE(options), .calls = &calls,    .create = create,
};
