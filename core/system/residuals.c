/* Residuals of steps: memory for what is kept of one, and which step that is. */
#include "system/internal.h"

#include <inttypes.h>
#include <string.h>

ho_residuals *ho_residuals_make(ho_training *training)
{
    const ho_keeping *keeping = ho_keeping_get(training);
    if (!keeping)
        return NULL;
    char *memory =
        ho_pool_take(training->ground.pool, keeping->bytes, "the residuals of a step", &training->ground.error);
    if (!memory)
        return NULL;
    ho_residuals *r = training->freed_residuals;
    if (r)
        training->freed_residuals = r->next_freed;
    else
        r = ho_arena_alloc(training->ground.arena, sizeof *r);
    *r = (ho_residuals){.training = training, .memory = memory};
    return r;
}

void ho_residuals_release(ho_training *training, ho_residuals *r)
{
    ho_pool_give(training->ground.pool, r->memory, training->keeping.bytes);
    *r = (ho_residuals){.training = training, .freed = true, .next_freed = training->freed_residuals};
    training->freed_residuals = r;
}

ho_status ho_residuals_check(ho_training *training, const char *call, const ho_residuals *r)
{
    ho_error *error = &training->ground.error;
    if (!r)
        return ho_fail(error, HO_FAILED, "%s: the residuals are missing", call);
    if (r->training != training)
        return ho_fail(error, HO_FAILED, "%s: the residuals belong to another training", call);
    if (r->freed)
        return ho_fail(error, HO_FAILED, "%s: the residuals have been freed", call);
    return HO_OK;
}

/* ---- which step they are of -------------------------------------------------------------------------------------- */

uint64_t ho_mixed(uint64_t h, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    h = (h ^ bits) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

/* Eight bytes in every `step` go into the fingerprint. */
static uint64_t add_bytes(uint64_t h, const void *bytes, size_t count, size_t step)
{
    double number;
    for (size_t at = 0; at + sizeof number <= count; at += step) {
        memcpy(&number, (const char *)bytes + at, sizeof number);
        h = ho_mixed(h, number);
    }
    return h;
}

/* A few numbers of each segment tell one state from another. */
static uint64_t print_of_state(const ho_vector *state)
{
    const size_t bytes = (size_t)state->layout->size * ho_number_size(state->layout->ground), some = 8;
    const size_t step = (bytes / some / sizeof(double) + 1) * sizeof(double);
    uint64_t h = 0;
    for (size_t i = 0; i < state->layout->segments; i++)
        h = add_bytes(h, state->segments[i], bytes, step);
    return h;
}

/* Of what step t sees of lambda. */
static uint64_t print_of_lambda(const ho_training *training, const double *lambda, int64_t t)
{
    uint64_t h = 0;
    for (size_t i = 0; i < training->hypers.tuned_count; i++) {
        const ho_hyperparameter *hyper = ho_tuned_hyper(&training->hypers, i);
        h = add_bytes(h, lambda + hyper->offset + ho_hyper_part_at(hyper, t),
                      (size_t)ho_hyper_part_count(hyper) * sizeof *lambda, sizeof *lambda);
    }
    return h;
}

void ho_residuals_sign(ho_training *training, ho_residuals *r, int64_t t, const double *lambda, const ho_vector *state)
{
    r->t = t;
    r->lambda = print_of_lambda(training, lambda, t);
    r->state = print_of_state(state);
}

ho_status ho_residuals_recognise(ho_training *training, const char *call, const ho_residuals *r, int64_t t,
                                 const double *lambda, const ho_vector *state)
{
    ho_error *error = &training->ground.error;
    if (!r->t)
        return ho_fail(error, HO_FAILED, "%s: the residuals are of no step yet; linearize fills them", call);
    if (r->t != t)
        return ho_fail(error, HO_FAILED, "%s: the residuals are of step %" PRId64 ", not of step %" PRId64, call, r->t,
                       t);
    if (r->lambda != print_of_lambda(training, lambda, t))
        return ho_fail(error, HO_FAILED, "%s: the residuals of step %" PRId64 " were made with another lambda", call,
                       t);
    if (r->state != print_of_state(state))
        return ho_fail(error, HO_FAILED, "%s: the residuals of step %" PRId64 " were made from another state", call, t);
    return HO_OK;
}
