#include "run/criterion.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/rounding.h"
#include "run/workers.h"
#include "system/gradient.h"
#include "system/scaled.h"

/* What a training came to. */
typedef struct reply {
    ho_error outcome;
    double value, seconds, cpu_seconds;
    int64_t trajectory_bytes, residual_bytes, evaluations;
    bool rounded; /* its digits are known: */
    double left;
    ho_metrics metrics; /* of its validation part, where a value was asked for */
} reply;

typedef struct member {
    ho_problem problem;
    ho_training *training; /* the first one's is borrowed */
    ho_trainer *trainer;
    bool asked, answered; /* the question under way: it has begun with it, it has replied */
    bool sent;            /* another process sees to it */
    int64_t before;       /* evaluations when it began */
    reply reply;
    double *gradient;
    ho_snapshot told; /* where the process is that sees to it, as it told last */
    int64_t taken;    /* steps, by then */
} member;

struct ho_mean {
    const ho_pipeline *pipeline;
    const volatile int *interrupt;
    member *members;
    int64_t count, size; /* size: of lambda */
    int jobs;
    int64_t evaluations;
    ho_metrics last; /* means, of the last answer to HO_VALUE */
    /* While processes work on a question. */
    const ho_question *question;
    bool failed;          /* some training: no more are begun */
    member *own;          /* in one: what it works on */
    double told, telling; /* when it last told where it is, and how long that took */
    int64_t told_at;      /* steps taken then */
};

static ho_status make_member(ho_mean *m, int64_t k, ho_error *error)
{
    const ho_pipeline *p = m->pipeline;
    member *own = &m->members[k];
    own->problem = ho_pipeline_problem(p, k);
    if (k > 0) {
        own->training = ho_training_new(&own->problem, error);
        if (!own->training)
            return error->status;
        ho_training_interrupt(own->training, m->interrupt);
    }
    if (ho_training_lambda_size(own->training) != m->size)
        return ho_fail(error, HO_INVALID,
                       "%s: validation: folds: a tuned hyperparameter has an entry for each training example, and the "
                       "folds train on other ones",
                       p->file);
    own->gradient = ho_alloc(((size_t)m->size + 1) * sizeof *own->gradient);
    own->trainer = ho_trainer_new(p, own->training, false, error);
    return error->status;
}

/* The initial state, in a snapshot. */
static ho_status begin_with(const member *own, ho_snapshot *snapshot, ho_error *error)
{
    ho_system *system = ho_training_system(own->training);
    double *lambda = ho_alloc(((size_t)ho_training_lambda_size(own->training) + 1) * sizeof *lambda);
    ho_vector *state = system->api->vector_new(system, 1);
    ho_training_lambda_initial(own->training, lambda);
    const ho_status status = state ? system->api->initial(system, lambda, state) : HO_FAILED;
    ho_snapshot_save(snapshot);
    if (status == HO_OK)
        ho_training_pass_vector(own->training, state, snapshot);
    else
        ho_take_error(own->training, status, "training", error);
    system->api->vector_free(system, state);
    free(lambda);
    return error->status;
}

/* Refuses seeds that make no difference. */
static ho_status check_seeds(const ho_mean *m, ho_error *error)
{
    const ho_problem *problem = &m->members[0].problem;
    ho_snapshot first = {0}, second = {0};
    const bool full = problem->batch == 0 || problem->batch == problem->training->count;
    if (m->pipeline->seeds > 1 && full && begin_with(&m->members[0], &first, error) == HO_OK &&
        begin_with(&m->members[1], &second, error) == HO_OK && memcmp(first.bytes, second.bytes, first.size) == 0)
        ho_fail_at(error, HO_INVALID, ho_tree_get(ho_tree_get(m->pipeline->root, "validation"), "seeds")->place,
                   "seeds: all trainings would be the same: batches are full, and the initial weights do not depend on "
                   "the seed");
    ho_snapshot_free(&first);
    ho_snapshot_free(&second);
    return error->status;
}

ho_mean *ho_mean_new(const ho_pipeline *pipeline, ho_training *first, int jobs, const volatile int *interrupt,
                     ho_error *error)
{
    ho_mean *m = ho_alloc(sizeof *m);
    *m = (ho_mean){.pipeline = pipeline,
                   .interrupt = interrupt,
                   .count = ho_pipeline_trainings(pipeline),
                   .size = ho_training_lambda_size(first),
                   .jobs = ho_in_team() ? 1 : jobs};
    m->members = ho_alloc((size_t)m->count * sizeof *m->members);
    m->members[0].training = first;
    for (int64_t k = 0; k < m->count && error->status == HO_OK; k++)
        make_member(m, k, error);
    if (error->status == HO_OK && check_seeds(m, error) == HO_OK)
        return m;
    ho_mean_free(m);
    return NULL;
}

void ho_mean_free(ho_mean *m)
{
    if (!m)
        return;
    for (int64_t k = 0; k < m->count; k++) {
        ho_trainer_free(m->members[k].trainer);
        if (k > 0)
            ho_training_free(m->members[k].training);
        free(m->members[k].gradient);
        ho_snapshot_free(&m->members[k].told);
    }
    free(m->members);
    free(m);
}

/* ---- one training ------------------------------------------------------------------------------------------------ */

/* Asks it, or goes on where it is. */
static void ask(member *own, const ho_question *q)
{
    const double cpu_seconds = ho_cpu_seconds();
    ho_best best = {0};
    ho_answer a = {0};
    own->before = own->asked ? own->before : ho_training_evaluations(own->training);
    own->asked = true;
    if (ho_best_init(&best, own->training, q->wanted == HO_VALUE, &a.outcome) == HO_OK)
        ho_ask(own->trainer, q, &best, &a);
    own->reply = (reply){.outcome = a.outcome,
                         .value = a.value,
                         .seconds = a.line.seconds,
                         .trajectory_bytes = a.line.trajectory_bytes,
                         .residual_bytes = a.line.residual_bytes,
                         .evaluations = ho_training_evaluations(own->training) - own->before,
                         .rounded = a.line.rounding.known,
                         .left = a.line.rounding.left};
    if (a.gradient)
        memcpy(own->gradient, a.gradient, (size_t)ho_training_lambda_size(own->training) * sizeof *own->gradient);
    ho_error *outcome = &own->reply.outcome;
    if (outcome->status == HO_OK && q->wanted == HO_VALUE) {
        const ho_status status =
            ho_training_evaluate(own->training, q->lambda, best.at.state, own->problem.validation, &own->reply.metrics);
        if (status != HO_OK)
            ho_take_error(own->training, status, "evaluation", outcome);
    }
    ho_best_free(&best);
    own->reply.cpu_seconds = ho_cpu_seconds() - cpu_seconds;
    own->answered = true;
}

static ho_status pass(const ho_mean *m, member *own, ho_snapshot *snapshot, ho_error *error)
{
    /* What another process told is passed on as it is: restoring it may repeat a trajectory. */
    if (!snapshot->restoring && own->told.size > 0) {
        ho_snapshot_pass(snapshot, own->told.bytes, own->told.size);
        return HO_OK;
    }
    own->taken = ho_training_taken(own->training);
    HO_SNAPSHOT(snapshot, own->taken);
    HO_SNAPSHOT(snapshot, own->asked);
    HO_SNAPSHOT(snapshot, own->answered);
    HO_SNAPSHOT(snapshot, own->before);
    HO_SNAPSHOT(snapshot, own->reply);
    ho_snapshot_pass(snapshot, own->gradient, (size_t)m->size * sizeof *own->gradient);
    if (ho_trainer_pass(own->trainer, snapshot, error) == HO_OK)
        ho_training_pass(own->training, snapshot, error);
    return error->status;
}

/* ---- in processes of their own ----------------------------------------------------------------------------------- */

#define WHERE_IT_IS      'w' /* both kinds of message are what `pass` saves */
#define ANSWER           'a'
#define SHARE_OF_TELLING 50 /* a worker tells no more than a fiftieth of the time, as a run writes its checkpoints */

static void tell(ho_mean *m)
{
    ho_snapshot snapshot = {0};
    ho_error error = {0};
    const double begun = ho_seconds();
    ho_snapshot_save(&snapshot);
    if (pass(m, m->own, &snapshot, &error) == HO_OK)
        ho_crew_send(m->own->answered ? ANSWER : WHERE_IT_IS, snapshot.bytes, snapshot.size);
    ho_snapshot_free(&snapshot);
    m->told = ho_seconds();
    m->telling = m->told - begun;
    m->told_at = ho_training_taken(m->own->training);
}

static void rest_apart(void *context)
{
    ho_mean *m = context;
    const double least = m->pipeline->checkpoint_seconds, waited = ho_seconds() - m->told;
    const int64_t steps = m->pipeline->checkpoint_steps;
    if (least == 0 || (steps > 0 && ho_training_taken(m->own->training) - m->told_at >= steps) ||
        (waited >= least && waited >= SHARE_OF_TELLING * m->telling))
        tell(m);
}

static void work(void *context, size_t k)
{
    ho_mean *m = context;
    const ho_listener listener = {.rest = rest_apart, .context = m};
    ho_question question = *m->question;
    question.listener = question.listener && question.listener->rest ? &listener : NULL;
    m->own = &m->members[k];
    m->told = ho_seconds();
    m->told_at = ho_training_taken(m->own->training);
    ask(m->own, &question);
    tell(m);
}

static void take_answer(ho_mean *m, member *own, ho_snapshot *answer)
{
    ho_error error = {0};
    ho_snapshot_restore(answer);
    ho_trainer_forget(own->trainer);
    if (pass(m, own, answer, &error) != HO_OK) {
        own->reply.outcome = error;
        own->answered = true;
    }
    ho_cpu_seconds_add(own->reply.cpu_seconds);
    m->failed = m->failed || own->reply.outcome.status != HO_OK;
}

static void hear(void *context, size_t k, char kind, const char *bytes, size_t size)
{
    ho_mean *m = context;
    member *own = &m->members[k];
    ho_snapshot_free(&own->told);
    if (kind == ANSWER) {
        take_answer(m, own, &(ho_snapshot){.bytes = (char *)bytes, .size = size});
    } else {
        ho_snapshot_pass(&own->told, (char *)bytes, size);
        memcpy(&own->taken, bytes, sizeof own->taken);
    }
    if (!m->failed) /* a failure is not for a checkpoint: it may be an interruption */
        ho_rest(m->question->listener);
}

static void over(void *context, size_t k, const char *death)
{
    ho_mean *m = context;
    member *own = &m->members[k];
    const bool asked = m->interrupt && *m->interrupt;
    if (own->answered)
        return;
    own->reply = (reply){0};
    ho_fail(&own->reply.outcome, asked ? HO_INTERRUPTED : HO_FAILED, "%s", death ? death : "its process told nothing");
    own->answered = m->failed = true;
}

static bool next(void *context, size_t *k)
{
    ho_mean *m = context;
    if (m->failed || (m->interrupt && *m->interrupt))
        return false;
    for (int64_t i = 0; i < m->count; i++)
        if (!m->members[i].answered && !m->members[i].sent) {
            m->members[i].sent = true;
            *k = (size_t)i;
            return true;
        }
    return false;
}

/* ---- a question -------------------------------------------------------------------------------------------------- */

static void ask_all(ho_mean *m, const ho_question *q)
{
    const ho_crew crew = {.most = m->jobs < m->count ? (size_t)m->jobs : (size_t)m->count,
                          .context = m,
                          .interrupt = m->interrupt,
                          .next = next,
                          .work = work,
                          .hear = hear,
                          .over = over};
    m->question = q;
    m->failed = false;
    for (int64_t k = 0; k < m->count; k++)
        m->members[k].sent = false;
    if (m->jobs > 1)
        ho_crew_run(&crew);
    for (int64_t k = 0; m->jobs <= 1 && k < m->count && !m->failed; k++) {
        if (m->members[k].answered)
            continue;
        ask(&m->members[k], q);
        m->failed = m->members[k].reply.outcome.status != HO_OK;
        if (!m->failed)
            ho_rest(q->listener);
    }
}

/* The first training that failed, or was not begun; NULL: none. */
static const member *first_failure(const ho_mean *m)
{
    for (int64_t k = 0; k < m->count; k++)
        if (!m->members[k].answered || m->members[k].reply.outcome.status != HO_OK)
            return &m->members[k];
    return NULL;
}

static void fail(const ho_mean *m, const member *failed, ho_error *error)
{
    if (!failed->answered) {
        ho_fail(error, HO_INTERRUPTED, "interrupted");
        return;
    }
    *error = failed->reply.outcome;
    char *name = ho_pipeline_training_name(m->pipeline, failed - m->members);
    if (error->status != HO_INTERRUPTED)
        ho_error_about(error, "%s", name);
    free(name);
}

/* The means of what all trainings gave, in their order. */
static void answer(ho_mean *m, const ho_question *q, double *gradient, ho_answer *a)
{
    const double share = 1 / (double)m->count;
    const member *fewest = m->members;
    double value = 0, left = INFINITY;
    ho_metrics sum = {0};
    for (int64_t i = 0; i < m->size; i++)
        gradient[i] = 0;
    for (const member *own = m->members; own < m->members + m->count; own++) {
        const reply *r = &own->reply;
        value += r->value;
        a->line.seconds += r->seconds;
        if (r->trajectory_bytes > a->line.trajectory_bytes) {
            a->line.trajectory_bytes = r->trajectory_bytes;
            a->line.residual_bytes = r->residual_bytes;
        }
        if (r->rounded && r->left < left) {
            left = r->left;
            fewest = own;
        }
        sum.loss += r->metrics.loss;
        sum.accuracy += r->metrics.accuracy;
        sum.count += r->metrics.count;
        for (int64_t i = 0; q->wanted == HO_GRADIENT && i < m->size; i++)
            gradient[i] += own->gradient[i];
    }
    a->value = a->line.validation_error = value * share;
    if (q->wanted == HO_VALUE)
        m->last = (ho_metrics){sum.loss * share, sum.accuracy * share, sum.count};
    if (q->wanted != HO_GRADIENT)
        return;
    for (int64_t i = 0; i < m->size; i++)
        gradient[i] *= share;
    a->gradient = gradient;
    a->line.gradient_norm = ho_norm(gradient, m->size);
    a->line.rounding = ho_rounding_of(fewest->training);
}

/* The question is over: what counts are the trainings up to the one that failed, which is where a single process ends.
 */
static void settle(ho_mean *m, const member *failed)
{
    for (member *own = m->members; own < m->members + m->count; own++) {
        if (own->answered && (!failed || own <= failed))
            m->evaluations += own->reply.evaluations;
        own->asked = own->answered = false;
        ho_snapshot_free(&own->told);
        ho_trainer_forget(own->trainer);
    }
}

ho_status ho_mean_ask(ho_mean *m, const ho_question *q, double *gradient, ho_best *best, ho_answer *a)
{
    ask_all(m, q);
    const member *failed = first_failure(m);
    if (failed)
        fail(m, failed, &a->outcome);
    else
        answer(m, q, gradient, a);
    settle(m, failed);
    if (failed)
        return a->outcome.status;
    const ho_point point = {.value = a->value,
                            .error = a->value,
                            .iteration = q->iteration,
                            .step = m->pipeline->problem.steps,
                            .epoch = NAN,
                            .lambda = q->lambda};
    ho_best_offer(best, &point);
    return HO_OK;
}

/* ---- of the whole ------------------------------------------------------------------------------------------------ */

ho_status ho_mean_pass(ho_mean *m, ho_snapshot *snapshot, ho_error *error)
{
    HO_SNAPSHOT(snapshot, m->evaluations);
    for (int64_t k = 0; k < m->count && error->status == HO_OK; k++)
        pass(m, &m->members[k], snapshot, error);
    return error->status;
}

int64_t ho_mean_evaluations(const ho_mean *m)
{
    return m->evaluations;
}

int64_t ho_mean_taken(const ho_mean *m)
{
    int64_t sum = 0;
    for (const member *own = m->members; own < m->members + m->count; own++)
        sum += own->told.size > 0 ? own->taken : ho_training_taken(own->training);
    return sum;
}

const ho_metrics *ho_mean_metrics(const ho_mean *m)
{
    return &m->last;
}
