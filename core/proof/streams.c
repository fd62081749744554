/* Data readers that give a stream: any part of it, in any order, is the same again. */
#include <inttypes.h>
#include <string.h>

#include "host/dataset.h"
#include "proof/internal.h"

#define ASKED 24 /* examples */

static bool is_stream(const proof *p)
{
    return p->loaded->calls.data.next;
}

static ho_instance *make(const proof *p, ho_error *error)
{
    return ho_instance_new(p->loaded, NULL, p->settings, NULL, (ho_place){0}, error);
}

static const char *reason(const proof *p, const ho_instance *instance)
{
    const ho_data_calls *calls = &p->loaded->calls.data;
    return calls->only_onward ? calls->only_onward(instance->self) : NULL;
}

/* Whether examples `first` and those behind it stand in `all` as they do in `part`. */
static bool stands_in(const ho_examples *all, int64_t first, const ho_examples *part)
{
    const size_t at = (size_t)(first * all->features), count = (size_t)(part->count * part->features);
    if (part->count == 0)
        return first >= all->count;
    bool same = part->features == all->features && first + part->count <= all->count &&
                part->target_count == all->target_count && !part->x32 == !all->x32;
    same = same && (all->x32 ? memcmp(all->x32 + at, part->x32, count * sizeof *part->x32) == 0
                             : memcmp(all->x64 + at, part->x64, count * sizeof *part->x64) == 0);
    for (size_t i = 0; same && i < all->target_count; i++) {
        const ho_target *a = &all->targets[i], *b = ho_examples_target(part, a->name);
        same = b && a->labels == b->labels && a->classes == b->classes && a->width == b->width &&
               memcmp(a->values + first * a->width, b->values, (size_t)(part->count * b->width) * sizeof(double)) == 0;
    }
    return same;
}

/* Asks for these examples and compares them with what was given at first. */
static ho_status compare(const ho_instance *instance, const ho_examples *all, int64_t first, int64_t count,
                         const char *how, ho_error *error)
{
    ho_dataset *data = ho_dataset_next(instance, first, count, error);
    if (!data)
        return error->status;
    const ho_examples *part = &data->parts[0];
    const int64_t expected = first + count <= all->count ? count : first < all->count ? all->count - first : 0;
    if (part->count != expected)
        ho_proof_fail(error, "%s: of examples %" PRId64 " to %" PRId64 " it gives %" PRId64 ", expected %" PRId64, how,
                      first, first + count - 1, part->count, expected);
    else if (!stands_in(all, first, part))
        ho_proof_fail(error, "%s: examples %" PRId64 " to %" PRId64 " are not what they were at first", how, first,
                      first + count - 1);
    ho_dataset_free(data);
    return error->status;
}

/* The same in smaller pieces; and, where that may be, in another order, and from a later place on. */
static ho_status compare_all(const proof *p, const ho_examples *all, ho_error *error)
{
    static const int64_t pieces[][2] = {{0, 5}, {5, 1}, {6, ASKED - 6}, {ASKED - 4, 4}, {2, 7}, {0, ASKED}};
    ho_instance *again = make(p, error);
    for (size_t i = 0; again && i < sizeof pieces / sizeof *pieces && error->status == HO_OK; i++)
        compare(again, all, pieces[i][0], pieces[i][1], i < 3 ? "in pieces" : "in another order", error);
    ho_instance_free(again);
    ho_instance *later = error->status == HO_OK ? make(p, error) : NULL;
    if (later)
        compare(later, all, ASKED / 2, ASKED / 2, "from the middle on, as a run that is resumed", error);
    ho_instance_free(later);
    return error->status;
}

ho_status ho_prove_stream(proof *p, ho_error *error)
{
    if (!is_stream(p)) {
        ho_proof_note(p, "its data are finite");
        return HO_OK;
    }
    ho_instance *instance = make(p, error);
    ho_dataset *first = instance ? ho_dataset_next(instance, 0, ASKED, error) : NULL;
    const char *once = instance ? reason(p, instance) : NULL;
    if (first && first->parts[0].count == 0)
        ho_proof_fail(error, "the stream has no examples");
    if (first && error->status == HO_OK && first->parts[0].count < ASKED)
        compare(instance, &first->parts[0], first->parts[0].count, 3, "after its end", error);
    if (first && error->status == HO_OK && !once)
        compare_all(p, &first->parts[0], error);
    if (first && error->status == HO_OK)
        ho_proof_note(p,
                      once ? "%" PRId64 " examples, once only: %s" : "%" PRId64 " examples, again and in any order%s",
                      first->parts[0].count, once ? once : "");
    ho_dataset_free(first);
    ho_instance_free(instance);
    return error->status;
}

static bool next_settings(proof *p, ho_error *own)
{
    ho_instance *instance = make(p, own);
    ho_dataset *data = instance ? ho_dataset_next(instance, 0, 8, own) : NULL;
    const bool given = data;
    ho_dataset_free(data);
    ho_instance_free(instance);
    return given;
}

ho_status ho_prove_stream_memory(proof *p, ho_error *error)
{
    if (!is_stream(p)) {
        ho_proof_note(p, "its data are finite");
        return HO_OK;
    }
    ho_instance *instance = make(p, error);
    const char *once = instance ? reason(p, instance) : NULL;
    ho_instance_free(instance);
    if (error->status != HO_OK || once)
        return error->status != HO_OK ? error->status : ho_proof_skip(p, "its examples are given once only");
    return ho_proof_each_failure(p, "next", next_settings, error);
}
