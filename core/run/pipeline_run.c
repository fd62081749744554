/* `hotool pipeline`: one run, or each variant over a number of splits and seeds. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "host/signals.h"
#include "run/head.h"
#include "run/progress.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/single.h"

typedef struct many many;

/* One run of the experiment: a variant under one seed. */
typedef struct task {
    many *all;
    const char *variant; /* NULL: the pipeline as it is */
    int64_t repetition;
    char *name;            /* "HMTL/3": its folder within the run's; ".": the run's own */
    ho_pipeline *pipeline; /* once read, with the run that is ready; NULL: not yet, or over */
    ho_single *single;
    ho_single_request request;
    ho_result result;
    double share;             /* of it that is done */
    const struct task *after; /* it may take as long as this task took, which therefore comes before; NULL: none */
    bool over;
} task;

struct many {
    ho_registry *registry;
    const ho_run_request *request;
    ho_experiment *experiment;
    bool alone;              /* one task, whose folder is the run's */
    const char **strategies; /* of each variant */
    size_t *like_variant;    /* whose time each variant takes; its own index: none */
    size_t variants;
    ho_run_folder *folder;
    task *tasks;                  /* the first one's pipeline is kept: it heads the table and the results */
    task **order;                 /* in which tasks are taken: those that wait for another are last */
    size_t count, next, finished; /* tasks; the first in order that nobody has taken; how many are over */
    ho_progress progress;
    pthread_mutex_t mutex; /* of everything above that changes */
    pthread_cond_t ended;  /* a task is over */
};

/* ---- one task ---------------------------------------------------------------------------------------------------- */

static void tell(void *context, double share, const char *text)
{
    task *t = context;
    many *m = t->all;
    char whole[256];
    pthread_mutex_lock(&m->mutex);
    t->share = share;
    double sum = 0;
    for (size_t i = 0; i < m->count; i++)
        sum += m->tasks[i].share;
    snprintf(whole, sizeof whole, "%zu/%zu runs  %s: %s", m->finished, m->count, t->name, text);
    ho_progress_tell(&m->progress, sum, m->alone ? text : whole);
    pthread_mutex_unlock(&m->mutex);
}

static void note(void *context, const char *text)
{
    task *t = context;
    pthread_mutex_lock(&t->all->mutex);
    ho_progress_end(&t->all->progress);
    ho_note("%s%s%s", t->all->alone ? "" : t->name, t->all->alone ? "" : ": ", text);
    pthread_mutex_unlock(&t->all->mutex);
}

/* The only run shows its own record, all others a row of the table each. */
static void show(void *context, const ho_record *record)
{
    many *m = ((task *)context)->all;
    if (!m->alone)
        return;
    ho_progress_end(&m->progress);
    if (m->request->show)
        m->request->show(record, ho_run_folder_path(m->folder));
}

/* Reads it, and makes everything that can be refused. */
static ho_status prepare(task *t, ho_error *error)
{
    many *m = t->all;
    t->pipeline = ho_experiment_pipeline(m->experiment, m->registry, t->variant, t->repetition, error);
    t->request.pipeline = t->pipeline;
    t->single = t->pipeline ? ho_single_new(&t->request, error) : NULL;
    return error->status;
}

static void let_go(task *t)
{
    ho_single_free(t->single);
    t->single = NULL;
    if (t == t->all->tasks)
        return;
    ho_pipeline_free(t->pipeline);
    t->pipeline = NULL;
}

/* Waits for the task whose time this one may take too. Tasks that wait come last in order, so it is
 * already running. */
static ho_status wait_for(many *m, task *t, ho_error *error)
{
    const task *other = t->after;
    if (!other)
        return HO_OK;
    pthread_mutex_lock(&m->mutex);
    while (!other->over)
        pthread_cond_wait(&m->ended, &m->mutex);
    const ho_result *like = &other->result;
    t->request.cpu_seconds = like->cpu_seconds;
    if (like->outcome.status == HO_INTERRUPTED)
        ho_fail(error, HO_INTERRUPTED, "interrupted before this run began");
    else if (!(t->request.cpu_seconds > 0))
        ho_fail(error, HO_FAILED, "as_long_as: %s did not run, so how long it takes is unknown", other->name);
    pthread_mutex_unlock(&m->mutex);
    return error->status;
}

/* Its folder is made once everything that can be refused has been. */
static void run_in_folder(many *m, task *t, ho_result *result)
{
    ho_error *error = &result->outcome;
    if (wait_for(m, t, error) != HO_OK || (!t->single && prepare(t, error) != HO_OK))
        return;
    char *path = ho_format("%s/%s", ho_run_folder_path(m->folder), t->name);
    ho_run_folder *own = m->alone ? NULL : ho_run_folder_new(t->pipeline, t->pipeline->root, path, error);
    if (error->status == HO_OK)
        ho_single_run(t->single, m->alone ? m->folder : own, result);
    ho_run_folder_close(own);
    free(path);
}

static void run_task(many *m, task *t)
{
    ho_result own = {0};
    run_in_folder(m, t, &own);
    if (!m->alone && own.outcome.status != HO_OK && own.outcome.status != HO_INTERRUPTED)
        note(t, own.outcome.text);
    let_go(t);
    pthread_mutex_lock(&m->mutex);
    t->result = own;
    t->share = 1;
    t->over = true;
    m->finished++;
    pthread_cond_broadcast(&m->ended);
    pthread_mutex_unlock(&m->mutex);
}

static void *work(void *context)
{
    many *m = context;
    ho_signals_thread();
    for (;;) {
        pthread_mutex_lock(&m->mutex);
        /* The only run records that it was interrupted, however early. */
        bool stop = !m->alone && m->request->interrupt && *m->request->interrupt;
        task *t = stop || m->next == m->count ? NULL : m->order[m->next++];
        pthread_mutex_unlock(&m->mutex);
        if (!t)
            return NULL;
        run_task(m, t);
    }
}

/* The calling thread works too. */
static void work_together(many *m, int jobs)
{
    size_t wanted = (size_t)jobs < m->count ? (size_t)jobs : m->count, started = 0;
    pthread_t *threads = ho_alloc(wanted * sizeof *threads);
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, m) == 0)
        started++;
    work(m);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* Which variant an error belongs to; its place still comes first. */
static void name_variant(ho_error *error, const char *variant)
{
    size_t used = strlen(error->text);
    if (error->status != HO_OK && variant)
        snprintf(error->text + used, sizeof error->text - used, " (variant %s)", variant);
}

/* Whose time a variant takes, which must run beside it and be nobody's follower itself. */
static ho_status find_like(many *m, size_t v, const ho_pipeline *pipeline, ho_error *error)
{
    m->like_variant[v] = v;
    if (!pipeline->as_long_as)
        return HO_OK;
    for (size_t i = 0; i < m->experiment->variant_count; i++)
        if (strcmp(m->experiment->variants[i], pipeline->as_long_as) == 0)
            m->like_variant[v] = i;
    if (m->like_variant[v] != v)
        return HO_OK;
    if (m->experiment->variant_count && strcmp(m->experiment->variants[v], pipeline->as_long_as) == 0)
        return ho_fail_at(error, HO_INVALID, pipeline->as_long_as_place,
                          "as_long_as: \"%s\" is this variant itself, expected another", pipeline->as_long_as);
    char near[HO_SUGGESTION];
    return ho_fail_at(
        error, HO_INVALID, pipeline->as_long_as_place, "as_long_as: \"%s\" is not a variant of this run%s",
        pipeline->as_long_as,
        ho_suggest(ho_nearest(pipeline->as_long_as, m->experiment->variants, m->experiment->variant_count), near));
}

/* Where a variant says whose time it takes; the file may say so for all. */
static ho_place as_long_as_place(const ho_experiment *e, const char *variant)
{
    const ho_tree *own = ho_tree_get(ho_tree_get(ho_tree_get(e->root, "variants"), variant), "outer");
    const ho_tree *node = ho_tree_get(own, "as_long_as");
    node = node ? node : ho_tree_get(ho_tree_get(e->root, "outer"), "as_long_as");
    return node ? node->place : (ho_place){0};
}

/* The tasks in order, those that take another's time last. */
static ho_status order_tasks(many *m, ho_error *error)
{
    size_t at = 0, repeat = (size_t)m->experiment->repeat;
    for (size_t v = 0; v < m->variants; v++) {
        const char *const *names = m->experiment->variants;
        size_t like = m->like_variant[v];
        if (m->like_variant[like] != like)
            return ho_fail_at(error, HO_INVALID, as_long_as_place(m->experiment, names[v]),
                              "as_long_as: %s takes the time of %s, which takes another's itself", names[v],
                              names[like]);
        for (size_t i = 0; like != v && i < repeat; i++)
            m->tasks[v * repeat + i].after = &m->tasks[like * repeat + i];
    }
    for (int waits = 0; waits < 2; waits++)
        for (size_t i = 0; i < m->count; i++)
            if (!m->tasks[i].after == !waits)
                m->order[at++] = &m->tasks[i];
    return HO_OK;
}

/* Reads and checks every variant before anything is written. Only the first task stays ready: each holds examples and
 * buffers of its own, and takes milliseconds to be made again. */
static ho_status check_variants(many *m, ho_error *error)
{
    for (size_t v = 0; v < m->variants && error->status == HO_OK; v++) {
        task *first = &m->tasks[v * (size_t)m->experiment->repeat];
        if (prepare(first, error) == HO_OK)
            find_like(m, v, first->pipeline, error);
        if (first->pipeline) {
            m->strategies[v] = ho_strategy_name(first->pipeline);
            ho_experiment_settle(m->experiment, first->pipeline);
        }
        name_variant(error, first->variant);
        if (v > 0)
            let_go(first);
    }
    return error->status;
}

static void make_tasks(many *m)
{
    size_t repeat = (size_t)m->experiment->repeat;
    m->alone = m->experiment->variant_count == 0 && repeat == 1;
    m->variants = m->experiment->variant_count ? m->experiment->variant_count : 1;
    m->count = m->variants * repeat;
    m->tasks = ho_alloc(m->count * sizeof *m->tasks);
    m->strategies = ho_alloc(m->variants * sizeof *m->strategies);
    m->like_variant = ho_alloc(m->variants * sizeof *m->like_variant);
    m->order = ho_alloc(m->count * sizeof(task *));
    for (size_t i = 0; i < m->count; i++) {
        const char *variant = m->experiment->variant_count ? m->experiment->variants[i / repeat] : NULL;
        m->tasks[i] = (task){.all = m,
                             .variant = variant,
                             .repetition = (int64_t)(i % repeat),
                             .name = m->alone  ? ho_strdup(".")
                                     : variant ? ho_format("%s/%zu", variant, i % repeat + 1)
                                               : ho_format("%zu", i % repeat + 1),
                             .request = {.command_line = m->request->command_line,
                                         .whole = m->alone,
                                         .interrupt = m->request->interrupt,
                                         .tell = tell,
                                         .note = note,
                                         .show = show,
                                         .context = &m->tasks[i]}};
        ho_fail(&m->tasks[i].result.outcome, HO_INTERRUPTED, "interrupted before this run began");
    }
}

/* The outcome of all runs: interrupted if one was, else that of the first that failed. */
static void sum_up(const many *m, ho_error *error)
{
    size_t done = 0, interrupted = 0, failed = 0;
    const task *first = NULL;
    for (size_t i = 0; i < m->count; i++) {
        ho_status status = m->tasks[i].result.outcome.status;
        done += status == HO_OK;
        interrupted += status == HO_INTERRUPTED;
        if (status != HO_OK && status != HO_INTERRUPTED && failed++ == 0)
            first = &m->tasks[i];
    }
    if (interrupted)
        ho_fail(error, HO_INTERRUPTED, "interrupted; %zu of %zu runs are done", done, m->count);
    else if (failed)
        ho_fail(error, first->result.outcome.status, "%zu of %zu runs failed; %s: %s", failed, m->count, first->name,
                first->result.outcome.text);
}

/* The rows of the variants, then those of the choices among them. */
static void make_rows(const many *m, ho_record *record, ho_arena *arena)
{
    const ho_experiment *experiment = m->experiment;
    size_t repeat = (size_t)experiment->repeat;
    ho_runs *runs = ho_arena_alloc(arena, m->variants * sizeof *runs);
    const char **folders = ho_arena_alloc(arena, m->count * sizeof *folders);
    ho_result *results = ho_arena_alloc(arena, m->count * sizeof *results);
    for (size_t i = 0; i < m->count; i++) {
        folders[i] = m->tasks[i].name;
        results[i] = m->tasks[i].result;
    }
    record->rows.items = ho_arena_alloc(arena, (m->variants + experiment->choice_count) * sizeof *record->rows.items);
    for (size_t v = 0; v < m->variants; v++) {
        size_t first = v * repeat;
        const char *name = m->tasks[first].variant ? m->tasks[first].variant : m->tasks->pipeline->name;
        runs[v] = (ho_runs){name, m->strategies[v], &results[first], &folders[first], NULL, repeat};
        record->rows.items[record->rows.count++] = ho_row_of(&runs[v], arena);
    }
    for (size_t c = 0; c < experiment->choice_count; c++) {
        const ho_choice *choice = &experiment->choices[c];
        record->rows.items[record->rows.count++] =
            ho_row_of_choice(choice->name, runs, choice->members, choice->count, arena);
    }
}

/* The record of all runs; the only one has written its own. */
static ho_status finish(const many *m, ho_error *error)
{
    const char *path = ho_run_folder_path(m->folder);
    if (m->alone) {
        *error = m->tasks->result.outcome;
        if (error->status != HO_OK)
            ho_note("what is done so far is kept in %s", path);
        return error->status;
    }
    ho_arena *arena = ho_arena_new();
    ho_record record = ho_record_of(HO_RECORD_RUNS, m->tasks->pipeline, m->request->command_line, true, arena);
    ho_error later = {0};
    sum_up(m, error);
    record.repeat = m->experiment->repeat;
    record.result.outcome = *error;
    make_rows(m, &record, arena);
    ho_run_folder_record(m->folder, &record, &later);
    ho_fail_as(error, &later);
    if (m->request->show)
        m->request->show(&record, path);
    ho_arena_free(arena);
    return error->status;
}

static void many_free(many *m)
{
    ho_run_folder_close(m->folder);
    for (size_t i = 0; i < m->count; i++) {
        let_go(&m->tasks[i]);
        ho_result_free(&m->tasks[i].result);
        free(m->tasks[i].name);
    }
    ho_pipeline_free(m->tasks->pipeline);
    free(m->strategies);
    free(m->like_variant);
    free(m->order);
    free(m->tasks);
    pthread_cond_destroy(&m->ended);
    pthread_mutex_destroy(&m->mutex);
    ho_experiment_free(m->experiment);
}

static ho_status run_all(many *m, int jobs, ho_error *error)
{
    if (check_variants(m, error) != HO_OK || order_tasks(m, error) != HO_OK)
        return error->status;
    const ho_pipeline *first = m->tasks->pipeline;
    m->folder = ho_run_folder_new(first, m->alone ? first->root : m->experiment->root, m->request->out, error);
    if (!m->folder)
        return error->status;
    ho_announce_data(first);
    ho_progress_start(&m->progress, (double)m->count, m->request->quiet);
    work_together(m, jobs);
    ho_progress_end(&m->progress);
    return finish(m, error);
}

ho_status ho_run_pipeline(ho_registry *registry, const ho_pipeline_request *asked, const char *const *variants,
                          size_t variant_count, int jobs, const ho_run_request *request, ho_error *error)
{
    many m = {.registry = registry,
              .request = request,
              .experiment = ho_experiment_read(asked, variants, variant_count, error)};
    if (!m.experiment)
        return error->status;
    pthread_mutex_init(&m.mutex, NULL);
    pthread_cond_init(&m.ended, NULL);
    make_tasks(&m);
    run_all(&m, jobs, error);
    many_free(&m);
    return error->status;
}
