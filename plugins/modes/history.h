/* Which lambda each step of a trajectory was taken with. For modes that go back over it. */
#ifndef MODES_HISTORY_H
#define MODES_HISTORY_H

#include <hotool/plugin.h>

#include <string.h>

/* From step first + 1 of the trajectory on, which is step first_t + 1 of the training: one lambda. */
typedef struct segment {
    int64_t first, first_t;
    double *lambda;
} segment;

typedef struct history {
    ho_system *system;
    int64_t lambda_size;
    segment *segments;
    int64_t count, capacity;
} history;

/* A copy in the system's memory; NULL: out of memory (reported). */
static inline double *history_copy(const history *h, const double *lambda)
{
    const uint64_t bytes = (uint64_t)(h->lambda_size > 0 ? h->lambda_size : 1) * sizeof(double);
    double *copy = h->system->api->alloc(h->system, bytes);
    if (copy && h->lambda_size > 0)
        memcpy(copy, lambda, (size_t)h->lambda_size * sizeof(double));
    return copy;
}

static inline void history_clear(history *h)
{
    for (int64_t i = 0; i < h->count; i++)
        h->system->api->free_memory(h->system, h->segments[i].lambda);
    h->count = 0;
}

static inline void history_free(history *h)
{
    history_clear(h);
    h->system->api->free_memory(h->system, h->segments);
    h->segments = NULL;
    h->capacity = 0;
}

static inline ho_status history_grow(history *h)
{
    if (h->count < h->capacity)
        return HO_OK;
    const int64_t larger = h->capacity > 0 ? 2 * h->capacity : 16;
    segment *moved = h->system->api->alloc(h->system, (uint64_t)larger * sizeof *moved);
    if (!moved)
        return HO_FAILED;
    if (h->count > 0)
        memcpy(moved, h->segments, (size_t)h->count * sizeof *moved);
    h->system->api->free_memory(h->system, h->segments);
    h->segments = moved;
    h->capacity = larger;
    return HO_OK;
}

/* Notes that step position + 1 of the trajectory is step t0 + 1 of the training, taken with this lambda. */
static inline ho_status history_add(history *h, int64_t position, int64_t t0, const double *lambda)
{
    if (h->count > 0) {
        const segment *last = h->segments + h->count - 1;
        if (last->first_t + position - last->first == t0 &&
            (h->lambda_size == 0 || memcmp(last->lambda, lambda, (size_t)h->lambda_size * sizeof(double)) == 0))
            return HO_OK;
    }
    if (history_grow(h) != HO_OK)
        return HO_FAILED;
    segment *added = h->segments + h->count;
    *added = (segment){.first = position, .first_t = t0, .lambda = history_copy(h, lambda)};
    h->count += added->lambda != NULL;
    return added->lambda ? HO_OK : HO_FAILED;
}

/* Forgets the steps before this position. */
static inline void history_drop(history *h, int64_t position)
{
    int64_t dropped = 0;
    while (dropped + 1 < h->count && h->segments[dropped + 1].first <= position)
        h->system->api->free_memory(h->system, h->segments[dropped++].lambda);
    if (dropped == 0)
        return;
    h->count -= dropped;
    memmove(h->segments, h->segments + dropped, (size_t)h->count * sizeof *h->segments);
}

/* The number in the training of step position + 1, which has been added and not dropped; *lambda is what it was taken
 * with. */
static inline int64_t history_step(const history *h, int64_t position, const double **lambda)
{
    int64_t low = 0, high = h->count - 1;
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        if (h->segments[middle].first <= position)
            low = middle;
        else
            high = middle - 1;
    }
    *lambda = h->segments[low].lambda;
    return h->segments[low].first_t + position - h->segments[low].first + 1;
}
/* lambda, or NULL, which is restored as a copy. */
static inline ho_status history_pass_lambda(const history *h, ho_snapshot *snapshot, double **lambda)
{
    int32_t present = *lambda != NULL;
    h->system->api->pass(h->system, snapshot, &present, sizeof present);
    if (h->system->api->restoring(h->system, snapshot)) {
        h->system->api->free_memory(h->system, *lambda);
        *lambda = NULL;
        if (present && !(*lambda = h->system->api->alloc(h->system, (uint64_t)(h->lambda_size + 1) * sizeof(double))))
            return HO_FAILED;
    }
    if (present)
        h->system->api->pass(h->system, snapshot, *lambda, (uint64_t)h->lambda_size * sizeof(double));
    return HO_OK;
}

static inline ho_status history_pass(history *h, ho_snapshot *snapshot)
{
    const ho_system_api *api = h->system->api;
    int64_t count = h->count;
    api->pass(h->system, snapshot, &count, sizeof count);
    if (api->restoring(h->system, snapshot))
        history_clear(h);
    for (int64_t i = 0; i < count; i++) {
        if (i == h->count) {
            if (history_grow(h) != HO_OK)
                return HO_FAILED;
            h->segments[h->count++] = (segment){0};
        }
        segment *passed = h->segments + i;
        api->pass(h->system, snapshot, &passed->first, sizeof passed->first);
        api->pass(h->system, snapshot, &passed->first_t, sizeof passed->first_t);
        if (history_pass_lambda(h, snapshot, &passed->lambda) != HO_OK)
            return HO_FAILED;
    }
    return HO_OK;
}

#endif
