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

/* ---- one run ----------------------------------------------------------------------------------------------------- */

static void tell_share(void *context, double share, const char *text)
{
    ho_progress_tell(context, share, text);
}

static void note_line(void *context, const char *text)
{
    ho_progress_end(context);
    ho_note("%s", text);
}

static void show_run(const ho_run_request *request, const ho_pipeline *pipeline, const ho_result *result,
                     const char *folder)
{
    ho_arena *arena = ho_arena_new();
    ho_record record = ho_record_of_run(pipeline, request->command_line, false, result, arena);
    if (request->show)
        request->show(&record, folder);
    ho_arena_free(arena);
}

/* Runs one pipeline into a folder, which is made once everything that can be refused has been; NULL: refused, as the
 * result's outcome says. */
static ho_run_folder *run_into(const ho_single_request *request, const char *path, ho_result *result)
{
    ho_pipeline *pipeline = request->pipeline;
    *result = (ho_result){0};
    ho_single *single = ho_single_new(request, &result->outcome);
    ho_run_folder *folder = single ? ho_run_folder_new(pipeline, pipeline->root, path, &result->outcome) : NULL;
    if (folder) {
        if (request->whole)
            ho_announce_data(pipeline);
        ho_single_run(single, folder, result);
    }
    ho_single_free(single);
    return folder;
}

static ho_status run_one(ho_registry *registry, ho_experiment *experiment, const ho_run_request *request,
                         ho_error *error)
{
    ho_pipeline *pipeline = ho_experiment_pipeline(experiment, registry, NULL, 0, error);
    if (!pipeline)
        return error->status;
    if (pipeline->as_long_as) {
        ho_fail_at(error, HO_INVALID, pipeline->as_long_as_place, "as_long_as: \"%s\" is not a variant of this run",
                   pipeline->as_long_as);
        ho_pipeline_free(pipeline);
        return error->status;
    }
    ho_progress progress;
    ho_progress_start(&progress, 1, request->quiet);
    ho_single_request single_request = {.pipeline = pipeline,
                                        .command_line = request->command_line,
                                        .whole = true,
                                        .interrupt = request->interrupt,
                                        .tell = tell_share,
                                        .note = note_line,
                                        .context = &progress};
    ho_result result;
    ho_run_folder *folder = run_into(&single_request, request->out, &result);
    if (folder) {
        ho_progress_end(&progress);
        show_run(request, pipeline, &result, ho_run_folder_path(folder));
        if (result.outcome.status != HO_OK)
            ho_note("what is done so far is kept in %s", ho_run_folder_path(folder));
    }
    *error = result.outcome;
    ho_result_free(&result);
    ho_run_folder_close(folder);
    ho_pipeline_free(pipeline);
    return error->status;
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

/* One variant under one seed. */
typedef struct task {
    const char *variant; /* NULL: the pipeline as it is */
    int64_t repetition;
    char *name;   /* "HMTL/3": its folder within the run's */
    double share; /* of it that is done */
    size_t after; /* it may take as long as this task took, which therefore comes before; its own index: nothing */
    bool over;
} task;

typedef struct many {
    ho_registry *registry;
    const ho_run_request *request;
    ho_experiment *experiment;
    ho_pipeline *like;       /* the first task's: heads the table and the results */
    const char **strategies; /* of each variant */
    size_t *like_variant;    /* whose time each variant takes; its own index: none */
    size_t variants;
    ho_run_folder *folder;
    task *tasks;
    ho_result *outcomes;          /* of each task */
    size_t *order;                /* in which tasks are taken: those that wait for another are last */
    size_t count, next, finished; /* tasks; the first in order that nobody has taken; how many are over */
    ho_progress progress;
    pthread_mutex_t mutex; /* of everything above that changes */
    pthread_cond_t ended;  /* a task is over */
} many;

typedef struct worker {
    many *all;
    task *now;
} worker;

static void tell_sum(void *context, double share, const char *text)
{
    worker *w = context;
    many *m = w->all;
    pthread_mutex_lock(&m->mutex);
    w->now->share = share;
    double sum = 0;
    for (size_t i = 0; i < m->count; i++)
        sum += m->tasks[i].share;
    char whole[256];
    snprintf(whole, sizeof whole, "%zu/%zu runs  %s: %s", m->finished, m->count, w->now->name, text);
    ho_progress_tell(&m->progress, sum, whole);
    pthread_mutex_unlock(&m->mutex);
}

static void note_task(void *context, const char *text)
{
    worker *w = context;
    pthread_mutex_lock(&w->all->mutex);
    ho_progress_end(&w->all->progress);
    ho_note("%s: %s", w->now->name, text);
    pthread_mutex_unlock(&w->all->mutex);
}

static ho_pipeline *read_task(const many *m, const task *t, ho_error *error)
{
    return ho_experiment_pipeline(m->experiment, m->registry, t->variant, t->repetition, error);
}

/* Waits for the task whose time this one may take too. Tasks that wait come last in order, so it is
 * already running. */
static ho_status wait_for(many *m, const task *t, double *seconds, ho_error *error)
{
    const task *other = &m->tasks[t->after];
    *seconds = 0;
    if (other == t)
        return HO_OK;
    pthread_mutex_lock(&m->mutex);
    while (!other->over)
        pthread_cond_wait(&m->ended, &m->mutex);
    const ho_result *like = &m->outcomes[t->after];
    *seconds = like->cpu_seconds;
    if (like->outcome.status == HO_INTERRUPTED)
        ho_fail(error, HO_INTERRUPTED, "interrupted before this run began");
    else if (!(*seconds > 0))
        ho_fail(error, HO_FAILED, "as_long_as: %s did not run, so how long it takes is unknown", other->name);
    pthread_mutex_unlock(&m->mutex);
    return error->status;
}

static void run_task(many *m, worker *w, size_t index)
{
    task *t = &m->tasks[index];
    ho_error error = {0};
    double seconds;
    ho_pipeline *pipeline = wait_for(m, t, &seconds, &error) == HO_OK ? read_task(m, t, &error) : NULL;
    char *path = ho_format("%s/%s", ho_run_folder_path(m->folder), t->name);
    ho_single_request request = {.pipeline = pipeline,
                                 .command_line = m->request->command_line,
                                 .cpu_seconds = seconds,
                                 .interrupt = m->request->interrupt,
                                 .tell = tell_sum,
                                 .note = note_task,
                                 .context = w};
    ho_result own = {.outcome = error};
    if (pipeline)
        ho_run_folder_close(run_into(&request, path, &own));
    if (own.outcome.status != HO_OK && own.outcome.status != HO_INTERRUPTED)
        note_task(w, own.outcome.text);
    free(path);
    ho_pipeline_free(pipeline);
    pthread_mutex_lock(&m->mutex);
    m->outcomes[index] = own;
    t->share = 1;
    t->over = true;
    m->finished++;
    pthread_cond_broadcast(&m->ended);
    pthread_mutex_unlock(&m->mutex);
}

static void *work(void *context)
{
    worker w = {.all = context};
    many *m = context;
    ho_signals_thread();
    for (;;) {
        pthread_mutex_lock(&m->mutex);
        bool stop = m->request->interrupt && *m->request->interrupt;
        size_t index = stop || m->next == m->count ? m->count : m->order[m->next++];
        pthread_mutex_unlock(&m->mutex);
        if (index == m->count)
            return NULL;
        w.now = &m->tasks[index];
        run_task(m, &w, index);
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
    }
    for (int waits = 0; waits < 2; waits++)
        for (size_t i = 0; i < m->count; i++) {
            size_t like = m->like_variant[i / repeat];
            m->tasks[i].after = like * repeat + i % repeat;
            if ((like != i / repeat) == waits)
                m->order[at++] = i;
        }
    return HO_OK;
}

/* Reads and checks every variant before anything is written. Only the first is kept: each may
 * hold a data set of its own. */
static ho_status check_variants(many *m, ho_error *error)
{
    for (size_t v = 0; v < m->variants && error->status == HO_OK; v++) {
        const task *first = &m->tasks[v * (size_t)m->experiment->repeat];
        ho_pipeline *pipeline = read_task(m, first, error);
        ho_single_request request = {.pipeline = pipeline, .interrupt = m->request->interrupt};
        ho_single_free(pipeline ? ho_single_new(&request, error) : NULL);
        if (pipeline) {
            m->strategies[v] = ho_strategy_name(pipeline);
            if (error->status == HO_OK)
                find_like(m, v, pipeline, error);
            ho_experiment_settle(m->experiment, pipeline);
        }
        name_variant(error, first->variant);
        if (v == 0)
            m->like = pipeline;
        else
            ho_pipeline_free(pipeline);
    }
    return error->status;
}

static void make_tasks(many *m)
{
    int64_t repeat = m->experiment->repeat;
    m->variants = m->experiment->variant_count ? m->experiment->variant_count : 1;
    m->count = m->variants * (size_t)repeat;
    m->tasks = ho_alloc(m->count * sizeof *m->tasks);
    m->outcomes = ho_alloc(m->count * sizeof *m->outcomes);
    m->strategies = ho_alloc(m->variants * sizeof *m->strategies);
    m->like_variant = ho_alloc(m->variants * sizeof *m->like_variant);
    m->order = ho_alloc(m->count * sizeof *m->order);
    for (size_t i = 0; i < m->count; i++) {
        task *t = &m->tasks[i];
        ho_fail(&m->outcomes[i].outcome, HO_INTERRUPTED, "interrupted before this run began");
        t->variant = m->experiment->variant_count ? m->experiment->variants[i / (size_t)repeat] : NULL;
        t->repetition = (int64_t)(i % (size_t)repeat);
        t->name = t->variant ? ho_format("%s/%" PRId64, t->variant, t->repetition + 1)
                             : ho_format("%" PRId64, t->repetition + 1);
    }
}

/* The outcome of all runs: interrupted if one was, else that of the first that failed. */
static void sum_up(const many *m, ho_error *error)
{
    size_t done = 0, interrupted = 0, failed = 0, first = 0;
    for (size_t i = 0; i < m->count; i++) {
        ho_status status = m->outcomes[i].outcome.status;
        done += status == HO_OK;
        interrupted += status == HO_INTERRUPTED;
        if (status != HO_OK && status != HO_INTERRUPTED && failed++ == 0)
            first = i;
    }
    if (interrupted)
        ho_fail(error, HO_INTERRUPTED, "interrupted; %zu of %zu runs are done", done, m->count);
    else if (failed)
        ho_fail(error, m->outcomes[first].outcome.status, "%zu of %zu runs failed; %s: %s", failed, m->count,
                m->tasks[first].name, m->outcomes[first].outcome.text);
}

/* The rows of the variants, then those of the choices among them. */
static void make_rows(const many *m, ho_record *record, ho_arena *arena)
{
    const ho_experiment *experiment = m->experiment;
    size_t repeat = (size_t)experiment->repeat;
    ho_runs *runs = ho_arena_alloc(arena, m->variants * sizeof *runs);
    const char **folders = ho_arena_alloc(arena, m->count * sizeof *folders);
    for (size_t i = 0; i < m->count; i++)
        folders[i] = m->tasks[i].name;
    record->rows.items = ho_arena_alloc(arena, (m->variants + experiment->choice_count) * sizeof *record->rows.items);
    for (size_t v = 0; v < m->variants; v++) {
        size_t first = v * repeat;
        const char *name = m->tasks[first].variant ? m->tasks[first].variant : m->like->name;
        runs[v] = (ho_runs){name, m->strategies[v], &m->outcomes[first], &folders[first], NULL, repeat};
        record->rows.items[record->rows.count++] = ho_row_of(&runs[v], arena);
    }
    for (size_t c = 0; c < experiment->choice_count; c++) {
        const ho_choice *choice = &experiment->choices[c];
        record->rows.items[record->rows.count++] =
            ho_row_of_choice(choice->name, runs, choice->members, choice->count, arena);
    }
}

static ho_status finish(many *m, ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    ho_record record = ho_record_of(HO_RECORD_RUNS, m->like, m->request->command_line, true, arena);
    ho_error later = {0};
    sum_up(m, error);
    record.repeat = m->experiment->repeat;
    record.result.outcome = *error;
    make_rows(m, &record, arena);
    if (ho_run_folder_record(m->folder, &record, &later) != HO_OK)
        ho_fail(error, later.status, "%s", later.text);
    if (m->request->show)
        m->request->show(&record, ho_run_folder_path(m->folder));
    ho_arena_free(arena);
    return error->status;
}

static void many_free(many *m)
{
    ho_run_folder_close(m->folder);
    ho_pipeline_free(m->like);
    for (size_t i = 0; i < m->count; i++) {
        ho_result_free(&m->outcomes[i]);
        free(m->tasks[i].name);
    }
    free(m->strategies);
    free(m->like_variant);
    free(m->order);
    free(m->outcomes);
    free(m->tasks);
    pthread_cond_destroy(&m->ended);
    pthread_mutex_destroy(&m->mutex);
}

static ho_status run_many(many *m, int jobs, ho_error *error)
{
    make_tasks(m);
    if (check_variants(m, error) != HO_OK || order_tasks(m, error) != HO_OK)
        return error->status;
    m->folder = ho_run_folder_new(m->like, m->experiment->root, m->request->out, error);
    if (!m->folder)
        return error->status;
    ho_announce_data(m->like);
    ho_progress_start(&m->progress, (double)m->count, m->request->quiet);
    work_together(m, jobs);
    ho_progress_end(&m->progress);
    return finish(m, error);
}

ho_status ho_run_pipeline(ho_registry *registry, const ho_pipeline_request *asked, const char *const *variants,
                          size_t variant_count, int jobs, const ho_run_request *request, ho_error *error)
{
    ho_experiment *experiment = ho_experiment_read(asked, variants, variant_count, error);
    if (!experiment)
        return error->status;
    if (experiment->variant_count == 0 && experiment->repeat == 1) {
        run_one(registry, experiment, request, error);
    } else {
        many m = {.registry = registry, .request = request, .experiment = experiment};
        pthread_mutex_init(&m.mutex, NULL);
        pthread_cond_init(&m.ended, NULL);
        run_many(&m, jobs, error);
        many_free(&m);
    }
    ho_experiment_free(experiment);
    return error->status;
}
