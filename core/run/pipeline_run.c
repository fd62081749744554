/* `hotool pipeline`: one run, or each variant over a number of splits and seeds. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "record/read.h"
#include "run/head.h"
#include "run/rows.h"
#include "run/tasks.h"

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void name_variant(ho_error *error, const char *variant)
{
    if (variant)
        ho_error_about(error, "variant %s", variant);
}

/* Whose time a variant takes, which must run beside it and be nobody's follower itself. */
static ho_status find_like(ho_many *m, size_t v, const ho_pipeline *pipeline, ho_error *error)
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
static ho_status order_tasks(ho_many *m, ho_error *error)
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

/* The least of validation errors that are means over other trainings would say nothing. */
static ho_status check_choices(const ho_many *m, ho_error *error)
{
    const ho_experiment *e = m->experiment;
    for (size_t c = 0; c < e->choice_count; c++)
        for (size_t i = 1; i < e->choices[c].count; i++) {
            const size_t *members = e->choices[c].members;
            const char *one = m->criteria[members[0]], *other = m->criteria[members[i]];
            one = one ? one : "one training";
            other = other ? other : "one training";
            if (strcmp(one, other) != 0)
                return ho_fail_at(error, HO_INVALID,
                                  ho_tree_get(ho_tree_get(e->root, "choose"), e->choices[c].name)->place,
                                  "choose: %s: the validation errors of %s (%s) and %s (%s) cannot be compared",
                                  e->choices[c].name, e->variants[members[0]], one, e->variants[members[i]], other);
        }
    return HO_OK;
}

/* Reads and checks every variant before anything is written. Only the first task stays ready: each holds examples and
 * buffers of its own, and takes milliseconds to be made again. */
static ho_status check_variants(ho_many *m, ho_error *error)
{
    for (size_t v = 0; v < m->variants && error->status == HO_OK; v++) {
        ho_task *first = &m->tasks[v * (size_t)m->experiment->repeat];
        if (ho_task_prepare(first, error) == HO_OK)
            find_like(m, v, first->pipeline, error);
        if (first->pipeline) {
            m->strategies[v] = ho_strategy_name(first->pipeline);
            m->candidates[v] = ho_candidates_of(first->pipeline);
            if (first->pipeline->criterion)
                m->criteria[v] = ho_arena_strdup(m->arena, first->pipeline->criterion);
            ho_experiment_settle(m->experiment, first->pipeline);
        }
        name_variant(error, first->variant);
        if (v > 0)
            ho_task_let_go(first);
    }
    return error->status == HO_OK ? check_choices(m, error) : error->status;
}

/* The outcome of all runs: interrupted if one was, else that of the first that failed. */
static void sum_up(const ho_many *m, ho_error *error)
{
    size_t done = 0, interrupted = 0, failed = 0;
    const ho_task *first = NULL;
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
static void make_rows(const ho_many *m, ho_record *record)
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
        runs[v] = (ho_runs){name, m->strategies[v], &results[first], &folders[first], NULL, repeat, m->criteria[v]};
        record->rows.items[record->rows.count++] = ho_row_of(&runs[v], arena);
    }
    for (size_t c = 0; c < experiment->choice_count; c++) {
        const ho_choice *choice = &experiment->choices[c];
        record->rows.items[record->rows.count++] =
            ho_row_of_choice(choice->name, runs, choice->members, choice->count, arena);
    }
}

/* What the command line says of all runs: each run's pipeline has it, the file with the variants has not. */
static const char *whole_options(const ho_many *m)
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
static bool all_settled(const ho_many *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (!ho_is_settled(m->tasks[i].result.outcome.status))
            return false;
    return true;
}

static ho_record record_of(const ho_many *m, const ho_error *outcome)
{
    ho_record record = ho_record_of(HO_RECORD_RUNS, m->tasks->pipeline, &m->origin, m->arena);
    record.started.again = ho_again(&m->origin, "pipeline", ho_run_folder_path(m->folder), whole_options(m), m->arena);
    record.repeat = m->experiment->repeat;
    record.result.outcome = *outcome;
    make_rows(m, &record);
    return record;
}

/* What others may know of the runs before all are over. */
static void record_so_far(const ho_many *m)
{
    ho_error outcome = {0}, ignored = {0};
    ho_fail(&outcome, HO_INTERRUPTED, HO_UNFINISHED_TEXT);
    ho_record record = record_of(m, &outcome);
    record.unfinished = true;
    ho_run_folder_record(m->folder, &record, &ignored);
}

/* The record of all runs; the only one has written its own. */
static ho_status finish(const ho_many *m, ho_error *error)
{
    const char *path = ho_run_folder_path(m->folder);
    if (m->alone) {
        *error = m->tasks->result.outcome;
        if (error->status != HO_OK)
            ho_note("what is done so far is kept in %s", path);
        return error->status;
    }
    ho_error later = {0};
    sum_up(m, error);
    const ho_record record = record_of(m, error);
    if (ho_run_folder_record(m->folder, &record, &later) == HO_OK && all_settled(m))
        ho_run_folder_finish(m->folder);
    ho_fail_as(error, &later);
    if (m->request->show)
        m->request->show(&record, path);
    return error->status;
}

static void many_free(ho_many *m)
{
    ho_run_folder_close(m->folder);
    for (size_t i = 0; i < m->count; i++) {
        ho_task_let_go(&m->tasks[i]);
        if (!m->apart)
            ho_result_free(&m->tasks[i].result);
        free(m->tasks[i].name);
    }
    if (m->tasks)
        ho_pipeline_free(m->tasks->pipeline);
    free(m->strategies);
    free(m->criteria);
    free(m->candidates);
    free(m->like_variant);
    free(m->order);
    free(m->tasks);
    ho_arena_free(m->arena);
    ho_experiment_free(m->experiment);
}

/* Whether processes have shared the folder (or NULL) of a run: it lies in another then, as several would. */
static bool is_spread(const char *folder)
{
    struct stat s;
    char *first = folder ? ho_format("%s/1", folder) : NULL;
    const bool is = first && stat(first, &s) == 0 && S_ISDIR(s.st_mode);
    free(first);
    return is;
}

/* A folder that processes share: whoever comes first says what it is of, and what is asked for now must be that. */
static ho_status join(ho_many *m, const ho_tree *now, ho_error *error)
{
    const char *folder = m->request->out;
    const ho_tree *root = m->experiment->root;
    m->folder = ho_run_folder_join(m->tasks->pipeline, root, folder, now, error);
    if (m->folder && ho_resumption_read(folder, m->arena, &m->resumption, error) == HO_OK &&
        ho_resumption_check(folder, m->resumption.saved, now, error) == HO_OK)
        ho_resumption_check_file(folder, root, error);
    m->resumed = true;
    char *first = ho_format("%s/1", folder); /* is_spread */
    if (m->count == 1 && error->status == HO_OK)
        ho_folder_make(first, error);
    free(first);
    return error->status;
}

/* The folder of them all. */
static ho_status make_whole_folder(ho_many *m, ho_error *error)
{
    const ho_experiment *e = m->experiment;
    const ho_pipeline *first = m->tasks->pipeline;
    const ho_tree *root = m->alone ? first->root : e->root, *now;
    const char *folder = m->request->resume;
    now = ho_resumption_of(e->root, first, &e->request, e->variants, m->chosen ? e->variant_count : 0, &m->origin,
                           m->arena);
    if (m->request->shares)
        return join(m, now, error);
    if (!m->resumed)
        m->folder = ho_run_folder_new(first, root, m->request->out, now, error);
    else if (ho_resumption_check(folder, m->resumption.saved, now, error) == HO_OK &&
             ho_resumption_check_file(folder, root, error) == HO_OK)
        ho_run_folder_mend(m->folder, first, root, error);
    return error->status;
}

/* A run that another takes the time of, or that takes another's, is one piece. */
static bool is_piece(const ho_many *m, const ho_task *t)
{
    bool piece = t->after != NULL;
    for (size_t i = 0; i < m->count; i++)
        piece = piece || m->tasks[i].after == t;
    return piece;
}

/* Deals out runs, and single candidates of searches, one after another; a run that takes as long as another goes where
 * that one goes. Whoever comes last to its candidates makes a search's run of them. */
static ho_status share_out(ho_many *m, ho_error *error)
{
    const int64_t shares = m->request->shares, share = m->request->share;
    int64_t number = 0;
    for (size_t i = 0; i < m->count; i++) {
        ho_task *t = m->order[i];
        const size_t index = (size_t)(t - m->tasks);
        const int64_t count = m->candidates[index / (size_t)m->experiment->repeat];
        if (shares && count && !is_piece(m, t)) {
            const int64_t first = (share - 1 - number % shares + shares) % shares + 1;
            const char *path =
                ho_arena_format(m->arena, "%s/" HO_CHECKPOINTS "/candidate-%zu-", m->request->out, index);
            t->candidates = (ho_candidates){.path = path, .first = first, .step = shares, .count = count};
            t->request.candidates = &t->candidates;
            number += count;
        } else {
            t->others = shares && (t->after ? t->after->others : number++ % shares != share - 1);
        }
        m->due += !t->others;
    }
    if (shares && m->count == 1 && number == 1)
        return ho_fail(error, HO_INVALID,
                       "--task: %s describes one run: there is nothing to divide without variants, repetitions, or a "
                       "search with a fixed number of candidates and without `stop`",
                       m->experiment->request.file);
    return HO_OK;
}

/* What a process says that has seen to its share. What others are at work on is no matter of its own. */
static ho_status finish_share(const ho_many *m, ho_error *error)
{
    const ho_run_request *r = m->request;
    const bool interrupted = r->interrupt && *r->interrupt;
    size_t over = 0, waiting = 0;
    for (size_t i = 0; i < m->count; i++) {
        const ho_task *t = &m->tasks[i];
        const ho_error *outcome = &t->result.outcome;
        over += !t->others && outcome->status == HO_OK;
        waiting += ho_task_waits(t);
        if (!t->others && outcome->status != HO_OK && (interrupted || outcome->status != HO_INTERRUPTED))
            ho_fail(error, interrupted ? HO_INTERRUPTED : outcome->status, "%s: %s", t->name, outcome->text);
    }
    printf("%zu of the %zu runs of share %lld of %lld are done", over, m->due, (long long)r->share,
           (long long)r->shares);
    if (waiting)
        printf(", %zu wait for candidates of other shares", waiting);
    printf("; hotool gather %s makes the table\n", ho_run_folder_path(m->folder));
    return error->status;
}

static ho_status run_all(ho_many *m, ho_error *error)
{
    if (check_variants(m, error) != HO_OK || order_tasks(m, error) != HO_OK || share_out(m, error) != HO_OK ||
        make_whole_folder(m, error) != HO_OK)
        return error->status;
    m->apart = m->apart && !ho_in_team();
    const ho_pipeline *first = m->tasks->pipeline;
    if (!m->alone && ho_needs_repeats(first, "more than one run", error) != HO_OK)
        return error->status;
    ho_announce_data(first);
    if (!m->alone)
        record_so_far(m);
    m->ended = m->alone || m->request->shares ? NULL : record_so_far;
    ho_progress_start(&m->progress, (double)m->due, m->request->quiet);
    ho_tasks_run(m);
    ho_progress_end(&m->progress);
    return m->request->shares ? finish_share(m, error) : finish(m, error);
}

/* A file given beside the run to resume must be the run's. */
static ho_status check_file(ho_registry *registry, const ho_pipeline_request *asked, const char *const *variants,
                            size_t variant_count, const ho_many *m, ho_error *error)
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
static ho_status resume(ho_many *m, const ho_pipeline_request **asked, const char *const **variants,
                        size_t *variant_count, ho_error *error)
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
                          size_t variant_count, const ho_run_request *request, ho_error *error)
{
    ho_files_stay();
    ho_many m = {.registry = registry, .request = request, .arena = ho_arena_new()};
    m.origin = ho_origin_of(request->command_line, request->options, m.arena);
    if (request->resume)
        resume(&m, &asked, &variants, &variant_count, error);
    if (error->status == HO_OK)
        m.experiment = ho_experiment_read(asked, variants, variant_count, error);
    if (m.experiment) {
        m.chosen = variant_count > 0;
        m.spread = request->shares > 0 || is_spread(request->resume);
        ho_tasks_make(&m);
        m.apart = !m.alone && request->jobs > 0;
        run_all(&m, error);
    }
    many_free(&m);
    return error->status;
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

/* HO_FAILED, with the first of the runs that are not over. */
static ho_status check_all_over(const ho_many *m, const ho_task *first, size_t over, ho_error *error)
{
    if (first)
        return ho_fail(error, HO_FAILED, "%zu of %zu runs have not finished, the first is %s: start their tasks again",
                       m->count - over, m->count, first->name);
    return HO_OK;
}

static ho_status gather(ho_many *m, ho_error *error)
{
    const ho_task *first = NULL;
    size_t over = 0;
    m->folder = ho_run_folder_at(m->request->out);
    if (check_variants(m, error) != HO_OK || order_tasks(m, error) != HO_OK)
        return error->status;
    const ho_resumption *r = &m->resumption;
    const ho_tree *now = ho_resumption_of(m->experiment->root, m->tasks->pipeline, &m->experiment->request, r->variants,
                                          r->variant_count, &m->origin, m->arena);
    if (ho_resumption_check(m->request->out, r->saved, now, error) != HO_OK)
        return error->status;
    for (size_t i = 0; i < m->count; i++) {
        bool settled;
        ho_task *t = &m->tasks[i];
        ho_task_recall(t, &settled);
        const bool left = t->result.outcome.status == HO_INTERRUPTED;
        first = first || !left ? first : t;
        over += !left;
    }
    ho_announce_data(m->tasks->pipeline);
    finish(m, error);
    if (error->status == HO_INTERRUPTED) {
        *error = (ho_error){0};
        check_all_over(m, first, over, error);
    }
    return error->status;
}

static void nothing_to_gather(const ho_run_request *request, ho_error *error)
{
    ho_fail(error, HO_INVALID, "%s: is a single run: there is nothing to gather", request->out);
}

/* What was gathered before. */
static ho_status show_again(const ho_run_request *request, ho_arena *arena, ho_error *error)
{
    ho_record record;
    if (ho_record_read(request->out, arena, &record, error) == HO_OK && record.kind == HO_RECORD_RUN)
        nothing_to_gather(request, error);
    else if (error->status == HO_OK && request->show)
        request->show(&record, request->out);
    return error->status;
}

ho_status ho_run_gather(ho_registry *registry, const ho_run_request *request, ho_error *error)
{
    ho_many m = {.registry = registry, .request = request, .arena = ho_arena_new(), .apart = true};
    ho_resumption *r = &m.resumption;
    const char *left = ho_arena_format(m.arena, "%s/" HO_RESUMPTION, request->out);
    if (!ho_file_exists(left))
        show_again(request, m.arena, error);
    else if (ho_resumption_read(request->out, m.arena, r, error) == HO_OK)
        m.experiment = ho_experiment_read(&r->request, r->variants, r->variant_count, error);
    if (m.experiment) {
        m.origin = r->origin;
        m.chosen = r->variant_count > 0;
        m.spread = is_spread(request->out);
        ho_tasks_make(&m);
        if (m.alone)
            nothing_to_gather(request, error);
        else
            gather(&m, error);
    }
    many_free(&m);
    return error->status;
}
