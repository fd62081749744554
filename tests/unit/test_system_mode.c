/* What a mode may get wrong in what it returns, and what is said of it. */
#include "small_problem.h"

#include "host/descriptor.h"
#include "system/mode.h"

/* What the mode of these tests does wrong. */
typedef enum fault {
    NO_FAULT,
    NO_STATE,       /* state() is NULL */
    WIDE_STATE,     /* state() has several columns */
    FAILS_SILENTLY, /* advance returns a status without a message */
    ODD_STATUS,     /* ... which is none */
    MISUSES,        /* advance passes over a call that failed */
    RUNS_OUT,       /* advance says what failed */
    WRITES_NOTHING  /* hypergradient */
} fault;

static fault wrong;
static ho_vector *vectors[2];

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    (void)self;
    *run = s;
    vectors[0] = s->api->vector_new(s, 1);
    vectors[1] = s->api->vector_new(s, 3);
    return s->api->initial(s, lambda, vectors[0]);
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    ho_system *s = run;
    (void)t0;
    (void)t1;
    if (wrong == MISUSES)
        s->api->step(s, 1, lambda, NULL, vectors[0]);
    if (wrong == RUNS_OUT)
        return s->api->fail(s, HO_HERE, "no room for the trajectory");
    return wrong == FAILS_SILENTLY ? HO_INVALID : wrong == ODD_STATUS ? 77 : HO_OK;
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    (void)run;
    (void)lambda;
    (void)value;
    (void)gradient;
    return HO_OK;
}

static const ho_vector *state(void *run)
{
    (void)run;
    return wrong == NO_STATE ? NULL : vectors[wrong == WIDE_STATE];
}

static ho_status forget(void *run)
{
    (void)run;
    return HO_OK;
}

static int64_t bytes(void *run)
{
    (void)run;
    return 0;
}

static void end(void *run)
{
    ho_system *s = run;
    for (size_t i = 0; i < 2; i++)
        s->api->vector_free(s, vectors[i]);
}

static const ho_mode_calls calls = {.struct_size = sizeof calls,
                                    .start = start,
                                    .advance = advance,
                                    .hypergradient = hypergradient,
                                    .state = state,
                                    .forget = forget,
                                    .bytes = bytes,
                                    .end = end};
static const ho_plugin plugin = {HO_PLUGIN_HEAD(HO_MODE), .name = "careless", .calls = &calls};

/* Everything that is asked of a mode, in order; the first error. */
static ho_error outcome(fault what, double *value)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F64});
    small_tune(s, "dynamics.learning_rate", 0.1);
    ho_training *training = small_training(s);
    ho_loaded loaded;
    cr_assert_eq(ho_descriptor_read(&plugin, 0, "careless.so", s->arena, &loaded, &s->error), HO_OK, "%s",
                 s->error.text);
    ho_instance *mode = ho_instance_new(&loaded, NULL, NULL, NULL, (ho_place){0}, &s->error);
    double lambda[1], gradient[1] = {0};
    ho_training_lambda_initial(training, lambda);
    wrong = what;
    ho_mode_run run = {0};
    if (!ho_mode_start(&run, training, mode, lambda, &s->error) && !ho_mode_advance(&run, 0, 2, lambda, &s->error) &&
        !ho_mode_hypergradient(&run, lambda, value, gradient, &s->error)) {
        cr_expect(isnan(gradient[0]));
        const ho_vector *shown = ho_mode_state(&run, &s->error);
        cr_expect_eq(shown != NULL, s->error.status == HO_OK);
        cr_expect_not(ho_mode_has_tangents(&run));
        cr_expect_eq(ho_mode_bytes(&run), 0);
    }
    ho_mode_end(&run);
    cr_expect_null(run.mode);
    cr_expect_eq(ho_training_error(training)->status, HO_OK, "the training's error is taken");
    ho_error error = s->error;
    ho_instance_free(mode);
    ho_training_free(training);
    small_free(s);
    return error;
}

Test(system_mode, what_a_mode_returns_is_checked)
{
    const struct {
        fault what;
        ho_status status;
        const char *text;
    } cases[] = {
        {NO_STATE, HO_FAILED, "mode \"careless\": state: the vector that it returns is missing"},
        {WIDE_STATE, HO_FAILED, "mode \"careless\": state: the vector that it returns has 3 columns, expected 1"},
        {FAILS_SILENTLY, HO_INVALID, "mode \"careless\": advance returned 2 without saying why"},
        {ODD_STATUS, HO_FAILED, "mode \"careless\": advance returned 77 without saying why"},
        {MISUSES, HO_FAILED, "mode \"careless\": advance: step: the state is missing"},
    };
    double value;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ho_error error = outcome(cases[i].what, &value);
        cr_expect_eq(error.status, cases[i].status);
        cr_expect_str_eq(error.text, cases[i].text);
    }
    ho_error error = outcome(RUNS_OUT, &value);
    cr_expect_eq(error.status, HO_FAILED);
    cr_expect_eq(strncmp(error.text, "mode \"careless\": advance: ", 26), 0, "%s", error.text);
    cr_expect(strstr(error.text, "test_system_mode.c:") && strstr(error.text, ": no room for the trajectory"), "%s",
              error.text);
}

Test(system_mode, numbers_that_a_mode_leaves_unwritten_are_nan)
{
    double value = 1.0;
    cr_expect_eq(outcome(WRITES_NOTHING, &value).status, HO_OK);
    cr_expect(isnan(value));
}
