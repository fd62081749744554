/* Constraints: what project gives lies in the domain and the structure, stays where it is when projected again, and no
 * point of the set is nearer. Of the set itself nothing is known but what project keeps in place. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/signals.h"
#include "hotool/structure.h"
#include "proof/internal.h"

#define MOST_ENTRIES 64
#define NEARER       1e-9 /* by so much of the distance a point must be nearer to be told */
#define REASON       48   /* bytes for a refusal, so few that a longer one is cut */

static const struct {
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    uint32_t structure;
} shapes[] = {{.rank = 0},
              {.rank = 1, .dims = {7}},
              {.rank = 2, .dims = {3, 4}},
              {.rank = 2, .dims = {5, 5}, .structure = HO_SYMMETRIC},
              {.rank = 2, .dims = {5, 5}, .structure = HO_ZERO_DIAGONAL},
              {.rank = 2, .dims = {6, 6}, .structure = HO_SYMMETRIC | HO_ZERO_DIAGONAL},
              {.rank = 3, .dims = {2, 3, 4}},
              {.rank = 1, .dims = {1}}};

static const double domains[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {0, 1}, {1e-12, INFINITY}, {-1, 0.3},
                                    {0, 1 - 1e-6},         {0.25, 0.5}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A constraint on one shape and domain. */
typedef struct projected {
    proof *p;
    const ho_instance *instance;
    ho_constrained *h; /* read-only memory */
    double *values;    /* what project is handed: ends at a page that cannot be touched */
} projected;

static const char *describe(const projected *c)
{
    const ho_constrained *h = c->h;
    const char *text = ho_arena_format(c->p->arena, h->rank ? "%" PRId64 " entries" : "a scalar", h->count);
    if (h->structure)
        text = ho_arena_format(c->p->arena, "%s,%s%s", text, h->structure & HO_SYMMETRIC ? " symmetric" : "",
                               h->structure & HO_ZERO_DIAGONAL ? " zero diagonal" : "");
    return ho_arena_format(c->p->arena, "%s, domain [%g, %g]", text, h->lower, h->upper);
}

/* Whether it fits. A refusal says why, within the bytes it is given. */
static bool fits(projected *c, ho_error *error)
{
    char *reason = ho_proof_guarded_new(REASON, false, NULL);
    ho_calling(c->p->loaded, "fits");
    const ho_status status = c->p->loaded->calls.constraint.fits(c->instance->self, c->h, reason, REASON);
    ho_calling(NULL, NULL);
    if (status != HO_OK && !reason[0])
        ho_proof_fail(error, "fits refuses without a reason");
    if (status != HO_OK && !memchr(reason, '\0', REASON))
        ho_proof_fail(error, "the reason that fits gives does not end within its %d bytes", REASON);
    ho_proof_guarded_free(reason, REASON);
    return status == HO_OK;
}

static ho_status project(projected *c, const double *from, double *to, ho_error *error)
{
    const size_t bytes = (size_t)c->h->count * sizeof *to;
    memcpy(c->values, from, bytes);
    if (ho_constraint_project(c->instance, c->h, c->values, error) == HO_OK)
        memcpy(to, c->values, bytes);
    return error->status;
}

/* Does `what` wherever the constraint fits. */
static ho_status at_each(proof *p, ho_status (*what)(projected *c, ho_error *error), ho_error *error)
{
    int fitted = 0;
    ho_instance *instance = ho_proof_instance(p, NULL, error);
    for (size_t i = 0; i < COUNT(shapes) * COUNT(domains) && error->status == HO_OK; i++) {
        const size_t s = i / COUNT(domains), d = i % COUNT(domains);
        ho_constrained h = {.struct_size = sizeof h,
                            .structure = shapes[s].structure,
                            .rank = shapes[s].rank,
                            .count = 1,
                            .lower = domains[d][0],
                            .upper = domains[d][1],
                            .name = "values"};
        if (h.structure & HO_ZERO_DIAGONAL && (h.lower > 0 || h.upper < 0))
            continue;
        for (int32_t k = 0; k < h.rank; k++) {
            h.dims[k] = shapes[s].dims[k];
            h.count *= h.dims[k];
        }
        projected c = {.p = p,
                       .instance = instance,
                       .h = ho_proof_guarded_new(sizeof h, true, &h),
                       .values = ho_proof_guarded_new((size_t)h.count * sizeof(double), false, NULL)};
        if (fits(&c, error)) {
            fitted++;
            what(&c, error);
        }
        ho_error_prefix(error, "%s", describe(&c));
        ho_proof_guarded_free(c.values, (size_t)h.count * sizeof(double));
        ho_proof_guarded_free(c.h, sizeof h);
    }
    ho_instance_free(instance);
    if (error->status == HO_OK && fitted == 0)
        return ho_proof_fail(error, "it fits none of the shapes and domains tried");
    ho_proof_note(p, "%d shapes and domains", fitted);
    return error->status;
}

/* Of all sizes; some entries tie, some are 0. */
static void random_point(projected *c, double size, double *x)
{
    for (int64_t i = 0; i < c->h->count; i++) {
        const double u = ho_proof_uniform(c->p);
        x[i] = u < 0.1 ? 0.0 : u < 0.2 ? size : size * (4.0 * ho_proof_uniform(c->p) - 2.0);
    }
}

/* ---- in the set -------------------------------------------------------------------------------------------------- */

static ho_status check_point(projected *c, const double *x, ho_error *error)
{
    const ho_constrained *h = c->h;
    double once[MOST_ENTRIES] = {0}, twice[MOST_ENTRIES] = {0}, within[MOST_ENTRIES] = {0};
    const size_t bytes = (size_t)h->count * sizeof *x;
    if (project(c, x, once, error) != HO_OK)
        return error->status;
    memcpy(within, once, bytes);
    ho_project_box(h, -INFINITY, INFINITY, within);
    for (int64_t i = 0; i < h->count; i++)
        if (once[i] != within[i])
            return ho_proof_fail(error,
                                 "entry %" PRId64 " is projected to %.17g, outside of the domain or the structure "
                                 "(ho_project_box keeps to both)",
                                 i, once[i]);
    if (project(c, once, twice, error) != HO_OK)
        return error->status;
    for (int64_t i = 0; i < h->count; i++)
        if (once[i] != twice[i] || !signbit(once[i]) != !signbit(twice[i]))
            return ho_proof_fail(error, "not idempotent: entry %" PRId64 " of a projected point, %.17g, becomes %.17g",
                                 i, once[i], twice[i]);
    return HO_OK;
}

static ho_status check_points(projected *c, ho_error *error)
{
    static const double sizes[] = {1, 1e-8, 0.1, 300, 1e12, 1e300, 1e-310, 0};
    double x[MOST_ENTRIES] = {0};
    for (size_t i = 0; i < 3 * COUNT(sizes) && error->status == HO_OK; i++) {
        random_point(c, sizes[i % COUNT(sizes)], x);
        check_point(c, x, error);
    }
    return error->status;
}

ho_status ho_prove_projection(proof *p, ho_error *error)
{
    return at_each(p, check_points, error);
}

/* ---- nearest ----------------------------------------------------------------------------------------------------- */

static double distance(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum = hypot(sum, a[i] - b[i]);
    return sum;
}

/* What project is handed is finite. */
static double bounded(double x)
{
    return fmin(fmax(x, -DBL_MAX), DBL_MAX);
}

/* The generic solver: from the projection of x, goes to whatever point of the set is nearer to x: points beside it, and
 * in the direction of x, that project keeps or moves into the set. */
static ho_status search(projected *c, const double *x, double *best, ho_error *error)
{
    enum { TRIALS = 60 };
    const int64_t count = c->h->count;
    double step = distance(x, best, count), nearest = step, candidate[MOST_ENTRIES], member[MOST_ENTRIES] = {0};
    for (int trial = 0; trial < TRIALS && step > 0; trial++) {
        const double ahead = ho_proof_uniform(c->p), aside = step / sqrt((double)count);
        for (int64_t i = 0; i < count; i++)
            candidate[i] = bounded(best[i] + ahead * (x[i] - best[i]) + aside * ho_proof_normal(c->p));
        if (trial % 2) /* single entries, as at an edge */
            for (int64_t i = 0; i < count; i++)
                candidate[i] = ho_proof_uniform(c->p) < 0.5 ? candidate[i] : best[i];
        if (project(c, candidate, member, error) != HO_OK)
            return error->status;
        const double found = distance(x, member, count);
        if (found < nearest) {
            nearest = found;
            memcpy(best, member, (size_t)count * sizeof *best);
        } else {
            step *= 0.85;
        }
    }
    return HO_OK;
}

static ho_status check_nearest_to(projected *c, ho_error *error)
{
    static const double sizes[] = {1, 0.1, 30};
    for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
        double x[MOST_ENTRIES] = {0}, own[MOST_ENTRIES] = {0}, other[MOST_ENTRIES];
        random_point(c, sizes[i % COUNT(sizes)], x);
        if (project(c, x, own, error) != HO_OK)
            return error->status;
        memcpy(other, own, sizeof own);
        if (search(c, x, other, error) != HO_OK)
            return error->status;
        const double by_plugin = distance(x, own, c->h->count), by_search = distance(x, other, c->h->count);
        if (by_search < by_plugin - NEARER * fmax(by_plugin, sizes[i % COUNT(sizes)]))
            return ho_proof_fail(
                error, "not the nearest point: the projection is %.10g away, but a point of the set is %.10g away",
                by_plugin, by_search);
    }
    return HO_OK;
}

ho_status ho_prove_nearest(proof *p, ho_error *error)
{
    return at_each(p, check_nearest_to, error);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static ho_status project_some(projected *c, ho_error *error)
{
    double x[MOST_ENTRIES] = {0}, to[MOST_ENTRIES];
    random_point(c, 30, x);
    return project(c, x, to, error);
}

static bool project_all(proof *p, ho_error *own)
{
    return at_each(p, project_some, own) == HO_OK;
}

ho_status ho_prove_project_memory(proof *p, ho_error *error)
{
    return ho_proof_each_failure(p, "project", project_all, error);
}
