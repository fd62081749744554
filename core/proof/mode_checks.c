/* Modes, on a system whose derivatives are known and whose calls can be made to fail. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proof/internal.h"
#include "proof/mode_actions.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const action plain[] = {{ADVANCE, 0, 12, 0.0}, {ASK, 0, 0, 0.0}};
static const action without_a_step[] = {{ASK, 0, 0, 0.0}};
static const action moving[] = {
    {ADVANCE, 0, 5, 0.0}, {ASK, 0, 0, 0.0}, {ASK, 0, 0, 0.0},     {ADVANCE, 5, 6, 0.1},   {ASK, 0, 0, 0.1},
    {ADVANCE, 6, 7, 0.1}, {ASK, 0, 0, 0.2}, {ADVANCE, 7, 7, 0.0}, {ADVANCE, 7, 15, -0.1}, {ASK, 0, 0, -0.1},
};
static const action forgetting[] = {
    {ADVANCE, 0, 6, 0.0}, {FORGET, 0, 0, 0.0}, {ASK, 0, 0, 0.0},      {ADVANCE, 6, 10, 0.1},
    {ASK, 0, 0, 0.1},     {FORGET, 0, 0, 0.0}, {ADVANCE, 0, 9, 0.05}, {ASK, 0, 0, 0.05},
};
static const action longer[] = {{ADVANCE, 0, 70, 0.0}, {ADVANCE, 70, 300, 0.01}, {ASK, 0, 0, 0.01}};

#define MOST_STEPS 300 /* of all scripts */

typedef struct script {
    const char *what;
    const action *actions;
    size_t count;
} script;

/* A mode may refuse training without an end, with a reason and before it begins. */
static bool needs_an_end(const fake *f, ho_status status)
{
    return f->steps == 0 && status != HO_OK && f->message[0] && f->states_computed == 0;
}

/* Does a script with T unknown, short and long. */
static ho_status play(proof *p, const script *s, ho_error *error)
{
    static const int64_t steps[] = {0, 12, MOST_STEPS};
    ho_instance *instance = ho_proof_instance(p, NULL, error);
    for (size_t i = 0; instance && i < COUNT(steps) && error->status == HO_OK; i++) {
        fake f = {.head = {&ho_fake_api}, .steps = steps[i]};
        const acting_mode mode = {p->loaded, &p->loaded->calls.mode, instance->self, false, NULL};
        const ho_status status = ho_actions_do(&mode, &f, s->actions, s->count, error);
        if (f.misuse[0])
            ho_proof_fail(error, "%s", f.misuse);
        else if (status != HO_OK && !needs_an_end(&f, status))
            ho_proof_fail(error, "a call returned status %" PRId32 " although no call of hotool's failed%s%s", status,
                          f.message[0] ? ": " : "", f.message);
        else if (f.live != 0)
            ho_proof_fail(error, "%" PRId64 " vectors or pieces of memory are not freed", f.live);
        ho_error_prefix(error, "%s, T %" PRId64, s->what, steps[i]);
    }
    ho_instance_free(instance);
    return error->status;
}

ho_status ho_prove_mode_gradient(proof *p, ho_error *error)
{
    static const script scripts[] = {{"one training", plain, COUNT(plain)},
                                     {"no step at all", without_a_step, COUNT(without_a_step)},
                                     {"300 steps", longer, COUNT(longer)}};
    for (size_t i = 0; i < COUNT(scripts) && error->status == HO_OK; i++)
        play(p, &scripts[i], error);
    ho_proof_note(p, "%s", p->loaded->calls.mode.approximate ? "approximate: finite" : "to 1e-10, against differences");
    return error->status;
}

ho_status ho_prove_mode_online(proof *p, ho_error *error)
{
    static const script scripts[] = {{"lambda changes", moving, COUNT(moving)},
                                     {"forget", forgetting, COUNT(forgetting)}};
    for (size_t i = 0; i < COUNT(scripts) && error->status == HO_OK; i++)
        play(p, &scripts[i], error);
    ho_proof_note(p, "asked again and again while lambda changes; forget");
    return error->status;
}

/* Saved and restored after each action, a run answers with the same bits. */
ho_status ho_prove_mode_resume(proof *p, ho_error *error)
{
    static const script scripts[] = {{"lambda changes", moving, COUNT(moving)},
                                     {"forget", forgetting, COUNT(forgetting)},
                                     {"300 steps", longer, COUNT(longer)}};
    enum { MOST = 10 };
    if (!p->loaded->calls.mode.pass) {
        ho_proof_note(p, "has no `pass`: an interrupted training starts over");
        return HO_OK;
    }
    ho_instance *instance = ho_proof_instance(p, NULL, error);
    for (size_t i = 0; instance && i < COUNT(scripts) && error->status == HO_OK; i++) {
        double answers[2][MOST * (LAMBDA + 1)] = {{0}};
        for (int resumes = 0; resumes < 2; resumes++) {
            fake f = {.head = {&ho_fake_api}, .steps = MOST_STEPS};
            const acting_mode mode = {p->loaded, &p->loaded->calls.mode, instance->self, resumes, answers[resumes]};
            if (ho_actions_do(&mode, &f, scripts[i].actions, scripts[i].count, error) != HO_OK)
                ho_proof_fail(error, "a call failed although none of hotool's did%s%s", f.message[0] ? ": " : "",
                              f.message);
            else if (f.live != 0)
                ho_proof_fail(error, "%" PRId64 " vectors or pieces of memory are not freed", f.live);
        }
        if (error->status == HO_OK &&
            memcmp((const char *)answers[0], (const char *)answers[1], sizeof answers[0]) != 0)
            ho_proof_fail(error, "a run that was saved and restored gives other results");
        ho_error_prefix(error, "%s", scripts[i].what);
    }
    ho_instance_free(instance);
    ho_proof_note(p, "saved and restored after each call, and where it rests within one: the same bits");
    return error->status;
}

static const action failing[] = {
    {ADVANCE, 0, 4, 0.0}, {ADVANCE, 4, 6, 0.1}, {ASK, 0, 0, 0.1},
    {FORGET, 0, 0, 0.0},  {ADVANCE, 6, 8, 0.1}, {ASK, 0, 0, 0.1},
};

/* Wrong answers are for other checks. */
static ho_status act(proof *p, fake *f, ho_error *error)
{
    ho_instance *instance = ho_proof_instance(p, NULL, error);
    if (!instance)
        return error->status;
    const ho_mode_calls *calls = &p->loaded->calls.mode;
    const acting_mode mode = {p->loaded, calls, instance->self, calls->pass != NULL, NULL};
    const ho_status status = ho_actions_do(&mode, f, failing, COUNT(failing), &(ho_error){0});
    ho_instance_free(instance);
    return status;
}

static bool act_once(proof *p, ho_error *own)
{
    fake f = {.head = {&ho_fake_api}, .steps = MOST_STEPS};
    return act(p, &f, own) == HO_OK;
}

/* Every call that can fail does so in turn: the mode must pass the status on and free all. Then its own allocations. */
ho_status ho_prove_mode_failures(proof *p, ho_error *error)
{
    static const ho_status statuses[] = {HO_FAILED, HO_INTERRUPTED};
    fake whole = {.head = {&ho_fake_api}, .steps = MOST_STEPS};
    act(p, &whole, error);
    for (int64_t i = 0; i < 2 * whole.calls && error->status == HO_OK; i++) {
        const int64_t call = i / 2 + 1;
        fake f = {.head = {&ho_fake_api}, .fail_at = call, .fail_status = statuses[i % 2]};
        const ho_status status = act(p, &f, error);
        if (status == HO_OK)
            ho_proof_fail(error, "call %" PRId64 " of the system failed, but the mode continues as if it had not",
                          call);
        else if (f.live != 0)
            ho_proof_fail(error, "%" PRId64 " vectors or pieces of memory are not freed after call %" PRId64 " failed",
                          f.live, call);
    }
    if (error->status == HO_OK)
        ho_proof_each_failure(p, "a call of the mode", act_once, error);
    ho_proof_note(p, "%" PRId64 " calls of the system, each failing in turn", whole.calls);
    return error->status;
}
