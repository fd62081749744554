/* `hotool pipeline`: one run, or each variant over a number of splits and seeds. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "record/read.h"
#include "run/head.h"
#include "run/progress.h"
#include "run/resume.h"
#include "run/rows.h"
#include "run/run.h"
#include "run/single.h"
#include "run/workers.h"

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
    const struct task *after; /* it may take as long as this task took; NULL: no such limit */
    bool begun, over;
} task;

struct many {
    ho_registry *registry;
    const ho_run_request *request;
    ho_origin origin;
    ho_experiment *experiment;
    ho_arena *arena; /* of results that were read back */
    bool chosen;     /* some of the variants were asked for */
    bool alone;      /* one task, whose folder is the run's */
    bool resumed;    /* what was begun in the folder goes on */
    ho_resumption resumption;
    bool apart;  /* tasks run in processes of their own */
    bool worker; /* this is one of them, which told how far it is at that time */
    double told;
    const char **strategies; /* of each variant */
    size_t *like_variant;    /* whose time each variant takes; its own index: none */
    size_t variants;
    ho_run_folder *folder;
    task *tasks;  /* the first one's pipeline is kept: it heads the table and the results */
    task **order; /* in which tasks are taken */
    size_t count, finished;
    ho_progress progress;
};

/* ---- what tasks tell: to the crew's leader, where they have a process of their own --------------------------------
 */

#define TELLING_SECONDS 0.05 /* between telling how far it is: more often, nobody could read */
enum { SAYS_PROGRESS = 'p', SAYS_NOTE = 'n', SAYS_OUTCOME = 'o' };

static void show_progress(task *t, double share, const char *text)
{
    many *m = t->all;
    char whole[256];
    double sum = 0;
    t->share = share;
    for (size_t i = 0; i < m->count; i++)
        sum += m->tasks[i].share;
    snprintf(whole, sizeof whole, "%zu/%zu runs  %s: %s", m->finished, m->count, t->name, text);
    ho_progress_tell(&m->progress, sum, m->alone ? text : whole);
}

static void tell(void *context, double share, const char *text)
{
    task *t = context;
    many *m = t->all;
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
    task *t = context;
    many *m = t->all;
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
    many *m = ((task *)context)->all;
    if (!m->alone)
        return;
    ho_progress_end(&m->progress);
    if (m->request->show)
        m->request->show(record, ho_run_folder_path(m->folder));
}

static void hear(void *context, size_t index, char kind, const char *text)
{
    task *t = &((many *)context)->tasks[index];
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

/* How long the task may take that follows another. */
static ho_status limit_time(task *t, ho_error *error)
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

static char *folder_of(const task *t)
{
    return ho_format("%s/%s", ho_run_folder_path(t->all->folder), t->name);
}

/* Its folder is made once everything that can be refused has been. *resume: it was there, with the run's beginning. */
static ho_run_folder *make_folder(task *t, const char *path, bool *resume, ho_error *error)
{
    const ho_pipeline *p = t->pipeline;
    ho_arena *arena = ho_arena_new();
    const ho_tree *now = ho_resumption_of(p->root, p, &t->all->experiment->request, NULL, 0, &t->all->origin, arena);
    char *file = ho_format("%s/" HO_RESUMPTION, path);
    ho_run_folder *folder = NULL;
    ho_resumption then;
    *resume = t->all->resumed && ho_file_exists(file);
    if (!*resume)
        folder = ho_run_folder_new(p, p->root, path, now, error);
    else if (ho_resumption_read(path, arena, &then, error) == HO_OK &&
             ho_resumption_check(path, then.saved, now, error) == HO_OK)
        folder = ho_run_folder_open(path, error);
    if (folder && *resume)
        ho_run_folder_mend(folder, p, p->root, error);
    free(file);
    ho_arena_free(arena);
    return folder;
}

static void run_task(task *t, ho_result *result)
{
    many *m = t->all;
    ho_error *error = &result->outcome;
    if (limit_time(t, error) == HO_OK && (t->single || prepare(t, error) == HO_OK)) {
        char *path = folder_of(t);
        bool resume = m->resumed;
        ho_run_folder *own = m->alone ? NULL : make_folder(t, path, &resume, error);
        if (error->status == HO_OK)
            ho_single_run(t->single, m->alone ? m->folder : own, resume, result);
        ho_run_folder_close(own);
        free(path);
    }
    let_go(t);
}

static void work(void *context, size_t index)
{
    many *m = context;
    ho_result result = {0};
    m->worker = true;
    run_task(&m->tasks[index], &result);
    ho_crew_say(SAYS_OUTCOME, "%d %s", (int)result.outcome.status, result.outcome.text);
    ho_result_free(&result);
}

/* What a worker has left of its result, if it came that far. */
static void read_result(task *t)
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

static void end(task *t)
{
    const ho_error *outcome = &t->result.outcome;
    if (!t->all->alone && outcome->status != HO_OK && outcome->status != HO_INTERRUPTED)
        note(t, outcome->text);
    t->share = 1;
    t->over = true;
    t->all->finished++;
}

static void over(void *context, size_t index, const char *death)
{
    task *t = &((many *)context)->tasks[index];
    if (death) {
        t->result = (ho_result){0};
        ho_fail(&t->result.outcome, HO_FAILED, "%s", death);
    } else {
        read_result(t);
    }
    end(t);
}

/* Of a run that is resumed, what is over stays as it is. */
static void recall(task *t)
{
    char *path = folder_of(t), *file = ho_format("%s/result.json", path);
    t->result.outcome = (ho_error){0};
    if (ho_file_exists(file))
        read_result(t);
    const ho_status outcome = t->result.outcome.status;
    if (ho_file_exists(file) && ho_is_settled(outcome)) {
        ho_checkpoints *left = ho_checkpoints_new(path, 0);
        ho_checkpoints_remove(left);
        ho_checkpoints_free(left);
        t->begun = t->over = true;
        t->share = 1;
        t->all->finished++;
    } else {
        t->result = (ho_result){0};
        ho_fail(&t->result.outcome, HO_INTERRUPTED, "interrupted before this run went on");
    }
    free(file);
    free(path);
}

/* The first in order that can begin. */
static bool next(void *context, size_t *index)
{
    many *m = context;
    /* The only run records that it was interrupted, however early. */
    if (!m->alone && m->request->interrupt && *m->request->interrupt)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        task *t = m->order[i];
        if (t->begun || (t->after && !t->after->over))
            continue;
        t->begun = true;
        *index = (size_t)(t - m->tasks);
        return true;
    }
    return false;
}

static void run_tasks(many *m, int jobs)
{
    const ho_crew crew = {.most = (size_t)jobs < m->count ? (size_t)jobs : m->count,
                          .context = m,
                          .interrupt = m->request->interrupt,
                          .next = next,
                          .work = work,
                          .hear = hear,
                          .over = over};
    for (size_t i = 0; m->resumed && !m->alone && i < m->count; i++)
        recall(&m->tasks[i]);
    if (m->apart)
        ho_crew_run(&crew);
    for (size_t i; !m->apart && next(m, &i);) {
        m->tasks[i].result = (ho_result){0};
        run_task(&m->tasks[i], &m->tasks[i].result);
        end(&m->tasks[i]);
    }
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
                             .request = {.origin = &m->origin,
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
static void make_rows(const many *m, ho_record *record)
{
    ho_arena *arena = m->arena;
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

/* What the command line says of all runs: each run's pipeline has it, the file with the variants has not. */
static const char *whole_options(const many *m)
{
    const ho_experiment *e = m->experiment;
    const ho_pipeline_request *asked = &e->request;
    const char *options =
        ho_arena_format(m->arena, "%s%s%s%s%s", asked->mode ? " --mode " : "", asked->mode ? asked->mode : "",
                        asked->precision ? " --precision " : "", asked->precision ? asked->precision : "",
                        asked->allow_generated ? " --allow-generated" : "");
    for (size_t i = 0; m->chosen && i < e->variant_count; i++)
        options = ho_arena_format(m->arena, "%s --variant %s", options, e->variants[i]);
    return options;
}

/* Whether resuming would change nothing. */
static bool all_settled(const many *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (!ho_is_settled(m->tasks[i].result.outcome.status))
            return false;
    return true;
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
    ho_record record = ho_record_of(HO_RECORD_RUNS, m->tasks->pipeline, &m->origin, m->arena);
    record.started.again = ho_again(&m->origin, "pipeline", path, whole_options(m), m->arena);
    ho_error later = {0};
    sum_up(m, error);
    record.repeat = m->experiment->repeat;
    record.result.outcome = *error;
    make_rows(m, &record);
    if (ho_run_folder_record(m->folder, &record, &later) == HO_OK && all_settled(m))
        ho_run_folder_finish(m->folder);
    ho_fail_as(error, &later);
    if (m->request->show)
        m->request->show(&record, path);
    return error->status;
}

static void many_free(many *m)
{
    ho_run_folder_close(m->folder);
    for (size_t i = 0; i < m->count; i++) {
        let_go(&m->tasks[i]);
        if (!m->apart)
            ho_result_free(&m->tasks[i].result);
        free(m->tasks[i].name);
    }
    if (m->tasks)
        ho_pipeline_free(m->tasks->pipeline);
    free(m->strategies);
    free(m->like_variant);
    free(m->order);
    free(m->tasks);
    ho_arena_free(m->arena);
    ho_experiment_free(m->experiment);
}

/* The folder of them all. */
static ho_status make_whole_folder(many *m, ho_error *error)
{
    const ho_experiment *e = m->experiment;
    const ho_pipeline *first = m->tasks->pipeline;
    const ho_tree *root = m->alone ? first->root : e->root, *now;
    const char *folder = m->request->resume;
    now = ho_resumption_of(e->root, first, &e->request, e->variants, m->chosen ? e->variant_count : 0, &m->origin,
                           m->arena);
    if (!m->resumed)
        m->folder = ho_run_folder_new(first, root, m->request->out, now, error);
    else if (ho_resumption_check(folder, m->resumption.saved, now, error) == HO_OK &&
             ho_resumption_check_file(folder, root, error) == HO_OK)
        ho_run_folder_mend(m->folder, first, root, error);
    return error->status;
}

static ho_status run_all(many *m, int jobs, ho_error *error)
{
    if (check_variants(m, error) != HO_OK || order_tasks(m, error) != HO_OK || make_whole_folder(m, error) != HO_OK)
        return error->status;
    const ho_pipeline *first = m->tasks->pipeline;
    ho_announce_data(first);
    ho_progress_start(&m->progress, (double)m->count, m->request->quiet);
    run_tasks(m, jobs);
    ho_progress_end(&m->progress);
    return finish(m, error);
}

/* A file given beside the run to resume must be the run's. */
static ho_status check_file(ho_registry *registry, const ho_pipeline_request *asked, const char *const *variants,
                            size_t variant_count, const many *m, ho_error *error)
{
    ho_experiment *e = asked->file ? ho_experiment_read(asked, variants, variant_count, error) : NULL;
    if (!e)
        return error->status;
    ho_pipeline *first = NULL;
    size_t read = 0;
    do { /* each makes its paths absolute */
        ho_pipeline_free(first);
        first = ho_experiment_pipeline(e, registry, e->variant_count ? e->variants[read] : NULL, 0, error);
        if (first)
            ho_experiment_settle(e, first);
    } while (first && ++read < e->variant_count);
    const ho_tree *now = first ? ho_resumption_of(e->root, first, asked, e->variants,
                                                  variant_count ? e->variant_count : 0, &m->origin, m->arena)
                               : NULL;
    if (now)
        ho_resumption_check(m->request->resume, m->resumption.saved, now, error);
    ho_pipeline_free(first);
    ho_experiment_free(e);
    return error->status;
}

/* What the run to resume was asked for takes the place of what is asked for now. */
static ho_status resume(many *m, const ho_pipeline_request **asked, const char *const **variants, size_t *variant_count,
                        ho_error *error)
{
    const char *folder = m->request->resume;
    ho_resumption *r = &m->resumption;
    if (ho_resumption_read(folder, m->arena, r, error) != HO_OK)
        return error->status;
    m->folder = ho_run_folder_open(folder, error);
    if (!m->folder || check_file(m->registry, *asked, *variants, *variant_count, m, error) != HO_OK)
        return error->status;
    *asked = &r->request;
    *variants = r->variants;
    *variant_count = r->variant_count;
    m->origin = r->origin;
    m->resumed = true;
    return HO_OK;
}

ho_status ho_run_pipeline(ho_registry *registry, const ho_pipeline_request *asked, const char *const *variants,
                          size_t variant_count, int jobs, const ho_run_request *request, ho_error *error)
{
    ho_files_stay();
    many m = {.registry = registry, .request = request, .arena = ho_arena_new()};
    m.origin = ho_origin_of(request->command_line, request->options, m.arena);
    if (request->resume)
        resume(&m, &asked, &variants, &variant_count, error);
    if (error->status == HO_OK)
        m.experiment = ho_experiment_read(asked, variants, variant_count, error);
    if (m.experiment) {
        m.chosen = variant_count > 0;
        make_tasks(&m);
        m.apart = !m.alone && jobs > 0;
        run_all(&m, jobs, error);
    }
    many_free(&m);
    return error->status;
}
