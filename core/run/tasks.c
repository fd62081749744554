#include "run/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "record/read.h"
#include "run/workers.h"

/* ---- what tasks tell: to the crew's leader, where they have a process of their own --------------------------------
 */

#define TELLING_SECONDS 0.05 /* between telling how far it is: more often, nobody could read */
enum { SAYS_PROGRESS = 'p', SAYS_NOTE = 'n', SAYS_OUTCOME = 'o' };

static void show_progress(ho_task *t, double share, const char *text)
{
    ho_many *m = t->all;
    char whole[256];
    double sum = 0;
    t->share = share;
    for (size_t i = 0; i < m->count; i++)
        sum += m->tasks[i].share;
    snprintf(whole, sizeof whole, "%zu/%zu runs  %s: %s", m->finished, m->due, t->name, text);
    ho_progress_tell(&m->progress, sum, m->alone ? text : whole);
}

static void tell(void *context, double share, const char *text)
{
    ho_task *t = context;
    ho_many *m = t->all;
    const double now = ho_seconds();
    if (!m->worker) {
        show_progress(t, share, text);
    } else if (share >= 1 || now - m->told >= TELLING_SECONDS) {
        m->told = now;
        ho_crew_say(SAYS_PROGRESS, "%.17g %s", share, text);
    }
}

static void note(void *context, const char *text)
{
    ho_task *t = context;
    ho_many *m = t->all;
    if (m->worker) {
        ho_crew_say(SAYS_NOTE, "%s", text);
        return;
    }
    ho_progress_end(&m->progress);
    ho_note("%s%s%s", m->alone ? "" : t->name, m->alone ? "" : ": ", text);
}

/* The only run shows its own record, all others a row of the table each. */
static void show(void *context, const ho_record *record)
{
    ho_many *m = ((ho_task *)context)->all;
    if (!m->alone)
        return;
    ho_progress_end(&m->progress);
    if (m->request->show)
        m->request->show(record, ho_run_folder_path(m->folder));
}

static void hear(void *context, size_t index, char kind, const char *text, size_t size)
{
    (void)size;
    ho_task *t = &((ho_many *)context)->tasks[index];
    char *end;
    if (kind == SAYS_PROGRESS) {
        double share = strtod(text, &end);
        show_progress(t, share, end + 1);
    } else if (kind == SAYS_OUTCOME) {
        long status = strtol(text, &end, 10);
        t->result.outcome = (ho_error){0};
        if (status != HO_OK)
            ho_fail(&t->result.outcome, (ho_status)status, "%s", end + 1);
    } else {
        note(t, text);
    }
}

/* ---- one task ---------------------------------------------------------------------------------------------------- */

/* How many tasks can be at work at a time. */
static size_t crew_size(const ho_many *m)
{
    const size_t jobs = m->request->jobs > 0 ? (size_t)m->request->jobs : 1;
    return jobs < m->count ? jobs : m->count;
}

ho_status ho_task_prepare(ho_task *t, ho_error *error)
{
    ho_many *m = t->all;
    t->pipeline = ho_experiment_pipeline(m->experiment, m->registry, t->variant, t->repetition, error);
    t->request.pipeline = t->pipeline;
    t->request.jobs = m->request->jobs / (int)crew_size(m); /* what the tasks leave */
    t->single = t->pipeline ? ho_single_new(&t->request, error) : NULL;
    return error->status;
}

void ho_task_let_go(ho_task *t)
{
    ho_single_free(t->single);
    t->single = NULL;
    if (t == t->all->tasks)
        return;
    ho_pipeline_free(t->pipeline);
    t->pipeline = NULL;
}

/* How long the task may take that follows another. */
static ho_status limit_time(ho_task *t, ho_error *error)
{
    if (!t->after)
        return HO_OK;
    const ho_result *like = &t->after->result;
    t->request.cpu_seconds = like->cpu_seconds;
    if (like->outcome.status == HO_INTERRUPTED)
        return ho_fail(error, HO_INTERRUPTED, "interrupted before this run began");
    if (!(t->request.cpu_seconds > 0))
        return ho_fail(error, HO_FAILED, "as_long_as: %s did not run, so how long it takes is unknown", t->after->name);
    return HO_OK;
}

static char *folder_of(const ho_task *t)
{
    return ho_format("%s/%s", ho_run_folder_path(t->all->folder), t->name);
}

/* Its folder is made once everything that can be refused has been. *resume: it was there, with the run's beginning. */
static ho_run_folder *make_folder(ho_task *t, const char *path, bool *resume, ho_error *error)
{
    const ho_pipeline *p = t->pipeline;
    ho_arena *arena = ho_arena_new();
    const ho_tree *now = ho_resumption_of(p->root, p, &t->all->experiment->request, NULL, 0, &t->all->origin, arena);
    char *file = ho_format("%s/" HO_RESUMPTION, path);
    ho_run_folder *folder = NULL;
    ho_resumption then;
    ho_error taken = {0};
    *resume = t->all->resumed && ho_file_exists(file);
    if (!*resume)
        folder = ho_run_folder_new(p, p->root, path, now, &taken);
    else if (ho_resumption_read(path, arena, &then, &taken) == HO_OK &&
             ho_resumption_check(path, then.saved, now, error) == HO_OK)
        folder = ho_run_folder_open(path, &taken);
    if (taken.status == HO_INVALID && t->all->request->shares)
        ho_fail(error, HO_INTERRUPTED, "another process is working on this run");
    ho_fail_as(error, &taken);
    if (folder && *resume)
        ho_run_folder_mend(folder, p, p->root, error);
    free(file);
    ho_arena_free(arena);
    return folder;
}

static void run_task(ho_task *t, ho_result *result)
{
    ho_many *m = t->all;
    ho_error *error = &result->outcome;
    if (limit_time(t, error) == HO_OK && (t->single || ho_task_prepare(t, error) == HO_OK) &&
        (!t->candidates.count || ho_single_try(t->single, error) == HO_OK)) {
        char *path = folder_of(t);
        bool resume = m->resumed;
        ho_run_folder *own = m->alone ? NULL : make_folder(t, path, &resume, error);
        if (error->status == HO_OK)
            ho_single_run(t->single, m->alone ? m->folder : own, resume, result);
        ho_run_folder_close(own);
        free(path);
    }
    ho_task_let_go(t);
}

static void work(void *context, size_t index)
{
    ho_many *m = context;
    ho_result result = {0};
    m->worker = true;
    run_task(&m->tasks[index], &result);
    ho_crew_say(SAYS_OUTCOME, "%d %s", (int)result.outcome.status, result.outcome.text);
    ho_result_free(&result);
}

/* What a worker has left of its result, if it came that far. */
static void read_result(ho_task *t)
{
    char *path = folder_of(t), *file = ho_format("%s/result.json", path);
    ho_error outcome = t->result.outcome, unread = {0};
    ho_record record;
    if (ho_file_exists(file) && ho_record_read(path, t->all->arena, &record, &unread) == HO_OK) {
        t->result = record.result;
        t->result.seed = record.seed;
        const ho_statistic *figures = record.rows.count ? record.rows.items[0].figures : NULL;
        if (figures)
            t->result.detection =
                (ho_detection){figures[HO_PRECISION].mean, figures[HO_RECALL].mean, figures[HO_F1].mean};
        if (outcome.status != HO_OK)
            t->result.outcome = outcome;
    }
    ho_fail_as(&t->result.outcome, &unread);
    free(file);
    free(path);
}

bool ho_task_waits(const ho_task *t)
{
    return t->candidates.count && t->result.outcome.status == HO_INTERRUPTED;
}

static void end(ho_task *t)
{
    const ho_error *outcome = &t->result.outcome;
    const bool interrupted = t->all->request->interrupt && *t->all->request->interrupt;
    if (!t->all->alone && outcome->status != HO_OK && (outcome->status != HO_INTERRUPTED || !interrupted) &&
        !ho_task_waits(t))
        note(t, outcome->text);
    t->over = true;
    t->all->finished++;
    if (!t->all->alone)
        show_progress(t, 1, ho_task_waits(t) ? "waits for other shares" : ho_outcome_name(outcome->status));
    if (t->all->ended)
        t->all->ended(t->all);
}

static void over(void *context, size_t index, const char *death)
{
    ho_task *t = &((ho_many *)context)->tasks[index];
    if (death) {
        const bool asked = t->all->request->interrupt && *t->all->request->interrupt; /* as where a reader is ended */
        t->result = (ho_result){0};
        ho_fail(&t->result.outcome, asked ? HO_INTERRUPTED : HO_FAILED, "%s", death);
    } else {
        read_result(t);
    }
    end(t);
}

void ho_task_recall(ho_task *t, bool *settled)
{
    char *path = folder_of(t), *file = ho_format("%s/result.json", path);
    const bool there = ho_file_exists(file);
    t->result.outcome = (ho_error){0};
    if (there)
        read_result(t);
    *settled = there && ho_is_settled(t->result.outcome.status);
    if (!there)
        ho_fail(&t->result.outcome, HO_INTERRUPTED, "interrupted before this run went on");
    free(file);
    free(path);
}

/* Of a run that is resumed, what is over stays as it is. */
static void pass_over(ho_task *t)
{
    bool settled;
    ho_task_recall(t, &settled);
    if (settled) {
        char *path = folder_of(t);
        ho_run_folder_tidy(path);
        free(path);
        t->begun = t->over = true;
        t->share = 1;
        t->all->finished++;
    } else {
        t->result = (ho_result){0};
        ho_fail(&t->result.outcome, HO_INTERRUPTED, "interrupted before this run went on");
    }
}

/* The first in order that can begin. */
static bool next(void *context, size_t *index)
{
    ho_many *m = context;
    /* The only run records that it was interrupted, however early. */
    if (!m->alone && m->request->interrupt && *m->request->interrupt)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        ho_task *t = m->order[i];
        if (t->begun || t->others || (t->after && !t->after->over))
            continue;
        t->begun = true;
        *index = (size_t)(t - m->tasks);
        return true;
    }
    return false;
}

void ho_tasks_run(ho_many *m)
{
    const ho_crew crew = {.most = crew_size(m),
                          .context = m,
                          .interrupt = m->request->interrupt,
                          .next = next,
                          .work = work,
                          .hear = hear,
                          .over = over};
    for (size_t i = 0; m->resumed && !m->alone && i < m->count; i++)
        if (!m->tasks[i].others)
            pass_over(&m->tasks[i]);
    if (m->apart)
        ho_crew_run(&crew);
    for (size_t i; !m->apart && next(m, &i);) {
        m->tasks[i].result = (ho_result){0};
        run_task(&m->tasks[i], &m->tasks[i].result);
        end(&m->tasks[i]);
    }
}

void ho_tasks_make(ho_many *m)
{
    size_t repeat = (size_t)m->experiment->repeat;
    m->alone = m->experiment->variant_count == 0 && repeat == 1 && !m->spread;
    m->variants = m->experiment->variant_count ? m->experiment->variant_count : 1;
    m->count = m->variants * repeat;
    m->tasks = ho_alloc(m->count * sizeof *m->tasks);
    m->strategies = ho_alloc(m->variants * sizeof *m->strategies);
    m->candidates = ho_alloc(m->variants * sizeof *m->candidates);
    m->criteria = ho_alloc(m->variants * sizeof *m->criteria);
    m->like_variant = ho_alloc(m->variants * sizeof *m->like_variant);
    m->order = ho_alloc(m->count * sizeof(ho_task *));
    for (size_t i = 0; i < m->count; i++) {
        const char *variant = m->experiment->variant_count ? m->experiment->variants[i / repeat] : NULL;
        m->tasks[i] = (ho_task){.all = m,
                                .variant = variant,
                                .repetition = (int64_t)(i % repeat),
                                .name = m->alone  ? ho_strdup(".")
                                        : variant ? ho_format("%s/%zu", variant, i % repeat + 1)
                                                  : ho_format("%zu", i % repeat + 1),
                                .request = {.origin = &m->origin,
                                            .whole = m->experiment->variant_count == 0 && repeat == 1,
                                            .interrupt = m->request->interrupt,
                                            .tell = tell,
                                            .note = note,
                                            .show = show,
                                            .context = &m->tasks[i]}};
        ho_fail(&m->tasks[i].result.outcome, HO_INTERRUPTED, "interrupted before this run began");
    }
}
