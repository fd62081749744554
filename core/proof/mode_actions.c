#include "proof/mode_actions.h"

#include <math.h>
#include <string.h>

#include "base/snapshot.h"
#include "host/signals.h"
#include "proof/internal.h"

const double ho_action_base[LAMBDA] = {0.7, -0.4, 0.55, 0.15};

void ho_action_lambda(const action *a, double *lambda)
{
    for (int i = 0; i < LAMBDA; i++)
        lambda[i] = ho_action_base[i] + a->change * (i % 2 ? 1.0 : -0.5);
}

real ho_action_error(const action *actions, size_t count, int entry, real h)
{
    real l[LAMBDA], s[STATE], next[STATE];
    double plain[LAMBDA];
    size_t forgotten = 0;
    for (size_t i = 0; i < count; i++)
        if (actions[i].what == FORGET)
            forgotten = i + 1;
    ho_fake_widen(ho_action_base, LAMBDA, l);
    l[entry] += forgotten ? 0.0L : h;
    ho_fake_initial(l, s);
    for (size_t i = 0; i <= count; i++) {
        ho_action_lambda(actions + i, plain);
        ho_fake_widen(plain, LAMBDA, l);
        l[entry] += i >= forgotten ? h : 0.0L;
        for (int64_t t = actions[i].t0 + 1; actions[i].what == ADVANCE && t <= actions[i].t1; t++) {
            ho_fake_step(t, l, s, next);
            memcpy(s, next, sizeof s);
        }
    }
    return ho_fake_error(l, s);
}

static double slope(const action *actions, size_t count, int entry)
{
    const real h = 1e-5L;
    return (double)((8.0L * (ho_action_error(actions, count, entry, h) - ho_action_error(actions, count, entry, -h)) -
                     (ho_action_error(actions, count, entry, 2 * h) - ho_action_error(actions, count, entry, -2 * h))) /
                    (12.0L * h));
}

ho_status ho_action_check(const action *actions, size_t count, double value, double *gradient, ho_error *error)
{
    double expected[LAMBDA];
    const double due = (double)ho_action_error(actions, count, 0, 0.0L);
    for (int i = 0; i < LAMBDA; i++)
        expected[i] = slope(actions, count, i);
    expected[1] = expected[2] = 0.5 * (expected[1] + expected[2]);
    gradient[1] = gradient[2] = 0.5 * (gradient[1] + gradient[2]);
    if (!(fabs(value - due) <= 1e-12))
        return ho_proof_fail(error, "action %zu: E is %.15g, should be %.15g", count, value, due);
    for (int i = 0; i < LAMBDA; i++)
        if (!(fabs(gradient[i] - expected[i]) <= 1e-10 * (1.0 + fabs(expected[i]))))
            return ho_proof_fail(error, "action %zu: entry %d of the gradient is %.15g, differences say %.15g", count,
                                 i, gradient[i], expected[i]);
    return HO_OK;
}

/* A run that is saved while it rests within a hypergradient. */
typedef struct resting {
    const acting_mode *mode;
    void *run;
    ho_snapshot snapshot; /* of the last rest */
    ho_status status;
} resting;

static void save_at_rest(void *context)
{
    resting *r = context;
    ho_snapshot_save(&r->snapshot);
    ho_calling(r->mode->loaded, "pass");
    r->status = r->status == HO_OK ? r->mode->calls->pass(r->run, &r->snapshot) : r->status;
    ho_calling(r->mode->loaded, "hypergradient");
}

/* One action, with memory as strict as it can be. */
static ho_status act(const acting_mode *m, void *run, const action *actions, size_t i, ho_error *error)
{
    const action *a = &actions[i];
    double lambda[LAMBDA], value = NAN, gradient[LAMBDA] = {9.0, 9.0, 9.0, 9.0};
    ho_action_lambda(a, lambda);
    double *given = ho_proof_guarded_new(sizeof lambda, true, lambda);
    double *written = ho_proof_guarded_new(sizeof gradient, false, gradient);
    ho_status status = HO_FAILED;
    if (given && written) {
        ho_calling(m->loaded, a->what == ADVANCE ? "advance" : a->what == FORGET ? "forget" : "hypergradient");
        status = a->what == ADVANCE  ? m->calls->advance(run, a->t0, a->t1, given)
                 : a->what == FORGET ? m->calls->forget(run)
                                     : m->calls->hypergradient(run, given, &value, written);
        memcpy(gradient, written, sizeof gradient);
    }
    ho_proof_guarded_free(given, sizeof lambda);
    ho_proof_guarded_free(written, sizeof gradient);
    if (status == HO_OK && a->what == ASK && m->answers) {
        double *answer = m->answers + i * (LAMBDA + 1);
        *answer = value;
        memcpy(answer + 1, gradient, sizeof gradient);
    }
    if (status == HO_OK && a->what == ASK && !m->calls->approximate)
        ho_action_check(actions, i, value, gradient, error);
    for (int k = 0; status == HO_OK && a->what == ASK && k < LAMBDA; k++)
        if (!isfinite(gradient[k]) && error->status == HO_OK)
            ho_proof_fail(error, "action %zu: entry %d of the gradient is %g", i, k, gradient[k]);
    return status;
}

/* Another run takes the place of this one, from which the snapshot is. */
static ho_status change_runs(const acting_mode *m, fake *f, const double *base, ho_snapshot *snapshot, void **run)
{
    void *next = NULL;
    ho_calling(m->loaded, "pass");
    ho_status status = m->calls->start(m->self, &f->head, base, &next);
    ho_snapshot_restore(snapshot);
    if (status == HO_OK)
        status = m->calls->pass(next, snapshot);
    if (status == HO_OK && (snapshot->short_of || snapshot->at != snapshot->size))
        status = f->head.api->fail(&f->head, HO_HERE, "pass restores %zu of the %zu bytes that it saved", snapshot->at,
                                   snapshot->size);
    if (next) {
        m->calls->end(*run);
        *run = next;
    }
    return status;
}

static ho_status save_and_change(const acting_mode *m, fake *f, const double *base, void **run)
{
    resting r = {.mode = m, .run = *run};
    save_at_rest(&r);
    const ho_status status = r.status == HO_OK ? change_runs(m, f, base, &r.snapshot, run) : r.status;
    ho_snapshot_free(&r.snapshot);
    return status;
}

/* A hypergradient, then the same by a run that was saved where the first rested last; the second answer stays. */
static ho_status ask_twice(const acting_mode *m, fake *f, const double *base, void **run, const action *actions,
                           size_t i, ho_error *error)
{
    resting r = {.mode = m, .run = *run};
    f->rested = save_at_rest;
    f->context = &r;
    ho_status status = act(m, *run, actions, i, error);
    f->rested = NULL;
    status = status == HO_OK ? r.status : status;
    if (status == HO_OK && r.snapshot.size > 0)
        status = change_runs(m, f, base, &r.snapshot, run);
    if (status == HO_OK && r.snapshot.size > 0)
        status = act(m, *run, actions, i, error);
    ho_snapshot_free(&r.snapshot);
    return status;
}

ho_status ho_actions_do(const acting_mode *m, fake *f, const action *actions, size_t count, ho_error *error)
{
    void *run = NULL;
    double *base = ho_proof_guarded_new(sizeof ho_action_base, true, ho_action_base);
    ho_calling(m->loaded, "start");
    ho_status status = base ? m->calls->start(m->self, &f->head, base, &run) : HO_FAILED;
    const bool started = status == HO_OK;
    for (size_t i = 0; status == HO_OK && error->status == HO_OK && i < count; i++) {
        status = m->resumes && actions[i].what == ASK ? ask_twice(m, f, base, &run, actions, i, error)
                                                      : act(m, run, actions, i, error);
        ho_calling(m->loaded, "state");
        if (!m->calls->state(run))
            ho_proof_fail(error, "action %zu: state returns NULL", i);
        if (m->resumes && status == HO_OK)
            status = save_and_change(m, f, base, &run);
    }
    ho_calling(m->loaded, "end");
    if (started)
        m->calls->end(run);
    ho_calling(NULL, NULL);
    ho_proof_guarded_free(base, sizeof ho_action_base);
    return status;
}
