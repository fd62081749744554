#include "run/candidates.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "system/gradient.h"

#define MOST_BYTES 8192 /* of a file */

int64_t ho_candidates_of(const ho_pipeline *p)
{
    const bool ends = p->cpu_seconds > 0 || p->as_long_as || p->monitored;
    return p->strategy == HO_STRATEGY_HYPERGRADIENT || ends || p->candidates < 2 ? 0 : p->candidates;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static char *file_of(const ho_candidates *share, int64_t number)
{
    return ho_format("%s%" PRId64, share->path, number);
}

static void pass(ho_answer *a, int64_t *evaluations, double *cpu_seconds, ho_snapshot *snapshot, ho_arena *arena)
{
    const char *text = a->outcome.text;
    HO_SNAPSHOT(snapshot, a->value);
    HO_SNAPSHOT(snapshot, *evaluations);
    HO_SNAPSHOT(snapshot, *cpu_seconds);
    HO_SNAPSHOT(snapshot, a->outcome.status);
    ho_snapshot_text(snapshot, &text, arena);
    if (snapshot->restoring && text)
        snprintf(a->outcome.text, sizeof a->outcome.text, "%s", text);
}

static bool is_tried(const ho_candidates *share, int64_t number)
{
    char *path = file_of(share, number);
    const bool is = ho_file_exists(path);
    free(path);
    return is;
}

/* Whether all of the search's have been tried. */
static bool are_complete(const ho_candidates *share)
{
    int64_t number = 1;
    while (number <= share->count && is_tried(share, number))
        number++;
    return number > share->count;
}

bool ho_candidates_recall(const ho_candidates *share, const ho_question *q, ho_answer *a, int64_t *evaluations)
{
    char *path = file_of(share, q->iteration);
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    int64_t own = 0;
    double cpu_seconds = 0;
    ho_error ignored = {0};
    ho_arena *arena = ho_arena_new();
    bool known = ho_file_exists(path) && ho_file_read_now(path, MOST_BYTES, &bytes, &size, &ignored) == HO_OK;
    if (known) {
        ho_snapshot snapshot = {.bytes = (char *)bytes, .size = size};
        *a = ho_no_answer(q);
        ho_snapshot_restore(&snapshot);
        pass(a, &own, &cpu_seconds, &snapshot, arena);
        a->line.validation_error = a->value;
        known = !snapshot.short_of;
    }
    if (known) {
        *evaluations += own;
        ho_cpu_seconds_add(cpu_seconds);
    }
    ho_large_free(bytes);
    ho_arena_free(arena);
    free(path);
    return known;
}

/* ---- trying ------------------------------------------------------------------------------------------------------ */

static ho_status try_one(const ho_candidates *share, ho_trainer *trainer, const ho_question *q, ho_best *best,
                         ho_error *error)
{
    const int64_t before = ho_trainer_evaluations(trainer);
    const double begun = ho_cpu_seconds();
    ho_answer a;
    const ho_status status = ho_ask(trainer, q, best, &a);
    if (status != HO_OK && status != HO_DIVERGED)
        return ho_fail_as(error, &a.outcome);
    int64_t evaluations = ho_trainer_evaluations(trainer) - before;
    double cpu_seconds = ho_cpu_seconds() - begun;
    ho_arena *arena = ho_arena_new();
    ho_snapshot snapshot = {0};
    char *path = file_of(share, q->iteration);
    ho_snapshot_save(&snapshot);
    pass(&a, &evaluations, &cpu_seconds, &snapshot, arena);
    ho_file_write(path, snapshot.bytes, snapshot.size, error);
    ho_snapshot_free(&snapshot);
    ho_arena_free(arena);
    free(path);
    return error->status;
}

static ho_status try_all(const ho_candidates *share, const ho_pipeline *pipeline, ho_training *training,
                         ho_trainer *trainer, void (*tell)(void *context, double share, const char *text),
                         void *context, ho_error *error)
{
    ho_strategy *search = ho_strategy_new(pipeline, training, error);
    ho_best best = {0};
    double *lambda = ho_alloc(((size_t)ho_training_lambda_size(training) + 1) * sizeof *lambda);
    if (error->status == HO_OK)
        ho_best_init(&best, training, false, error);
    for (int64_t n = 1; error->status == HO_OK && search->calls->propose(search, lambda, error) == HO_VALUE; n++) {
        const ho_question question = {.lambda = lambda, .wanted = HO_VALUE, .iteration = n};
        if (n % share->step != share->first % share->step || is_tried(share, n) ||
            try_one(share, trainer, &question, &best, error) != HO_OK)
            continue;
        char *text = ho_format("candidate %" PRId64 " of %" PRId64, n, share->count);
        tell(context, (double)n / (double)share->count, text);
        free(text);
    }
    ho_best_free(&best);
    ho_strategy_free(search);
    free(lambda);
    return error->status;
}

/* The share is this process's while the file is open and locked; a file system without locks is one without. */
static int take(const ho_candidates *share, ho_error *error)
{
    char *path = ho_format("%sshare-%" PRId64 "-%" PRId64, share->path, share->first, share->step);
    const int lock = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    if (lock < 0)
        ho_fail(error, ho_status_of(errno), "%s: cannot be written: %s", path, strerror(errno));
    else if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        ho_fail(error, HO_INTERRUPTED, "another process is working on these candidates");
    free(path);
    return lock;
}

ho_status ho_candidates_try(const ho_candidates *share, const ho_pipeline *pipeline, ho_training *training,
                            ho_trainer *trainer, void (*tell)(void *context, double share, const char *text),
                            void *context, ho_error *error)
{
    const int lock = take(share, error);
    if (error->status == HO_OK && try_all(share, pipeline, training, trainer, tell, context, error) == HO_OK &&
        !are_complete(share))
        ho_fail(error, HO_INTERRUPTED, "other shares have candidates to try");
    if (lock >= 0)
        close(lock);
    return error->status;
}
