/* Online: lambda moves one step at each update of a running training. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "run/hyperstep.h"
#include "run/strategy.h"

typedef struct online {
    ho_strategy base;
    ho_hyperstep *step;
    int64_t size; /* of lambda */
    double *lambda;
    bool ended;
} online;

static void online_free(ho_strategy *s)
{
    online *o = (online *)s;
    ho_hyperstep_free(o->step);
    free(o->lambda);
    free(o);
}

static ho_wanted propose(ho_strategy *s, double *lambda, ho_error *error)
{
    (void)error;
    online *o = (online *)s;
    memcpy(lambda, o->lambda, (size_t)o->size * sizeof *lambda);
    return o->ended ? HO_NO_MORE : HO_GRADIENT;
}

static ho_status told(ho_strategy *s, ho_answer *a, ho_error *error)
{
    online *o = (online *)s;
    o->ended = a->ended != NULL;
    if (a->outcome.status != HO_OK)
        return ho_fail_as(error, &a->outcome);
    if (o->ended)
        return HO_OK;
    ho_status status = ho_hyperstep_make(o->step, o->lambda, a->gradient, 1.0, error);
    if (status != HO_OK) {
        ho_error_prefix(error, "step %" PRId64 ", after update %" PRId64, a->line.step, a->line.update);
        a->line.kind = 0;
    }
    a->lambda = o->lambda; /* an update's line tells where it led */
    return status;
}

static void pass(ho_strategy *s, ho_snapshot *snapshot)
{
    online *o = (online *)s;
    ho_snapshot_pass(snapshot, &o->ended, sizeof o->ended);
    ho_snapshot_pass(snapshot, o->lambda, (size_t)o->size * sizeof *o->lambda);
    ho_hyperstep_pass(o->step, snapshot);
}

ho_strategy *ho_online_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    static const ho_strategy_calls calls = {.propose = propose, .told = told, .pass = pass, .free = online_free};
    online *o = ho_alloc(sizeof *o);
    *o = (online){.base = {&calls, HO_LINE_UPDATE, INT64_MAX, 0}, .size = ho_training_lambda_size(training)};
    o->lambda = ho_alloc((size_t)o->size * sizeof *o->lambda);
    ho_training_lambda_initial(training, o->lambda);
    o->step = ho_hyperstep_new(pipeline, training, error);
    if (o->step)
        return &o->base;
    online_free(&o->base);
    return NULL;
}
