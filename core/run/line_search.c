/*
 * Descent that chooses its own steps: towards the least value of a quadratic model of the validation error
 * (curvature.h), on the scales of the hyperparameters. Where the error does not fall enough, the next one is shorter.
 *
 * Each hyperparameter is measured in a unit of its own, such that the first gradients of all are about alike: v = u /
 * unit. What has little effect per unit of its scale (the weight of a term beside a learning rate) would hardly move
 * otherwise.
 *
 * Every proposal is one outer iteration and asks for a hypergradient, also one that turns out to be rejected: most are
 * accepted, and a training without derivatives first would have to be done twice.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/curvature.h"
#include "run/strategy.h"
#include "system/scaled.h"

#define ENOUGH      1e-4 /* of the fall that the gradient promises (Armijo) */
#define FIRST_FALL  0.1  /* of the validation error: no more is promised by the first step */
#define FIRST_MOVE  0.3  /* of a coordinate, at most */
#define MOST_UNIT   10.0 /* that coordinates of small gradients are measured in */
#define MOST_MOVE   2.0  /* of a coordinate on a log or logit scale, in one step: a factor of seven */
#define MOST_GROWTH 10.0 /* of a step, against the last one */
#define MOST_TRIES  5    /* before the model is forgotten; and again before the search ends */

typedef struct line_search {
    ho_strategy base;
    ho_training *training;
    ho_scale *scales;
    int64_t size; /* of lambda */
    int64_t proposed;
    double tolerance; /* of the stationarity, against the validation error */
    double rounding;  /* relative, of the validation error */
    int64_t ended;    /* why there is no more: an index of `endings`; 0: it goes on */
    /* The point that steps start from: the best so far. */
    bool known;
    double value;
    double *lambda, *v, *gradient; /* the gradient by v */
    double *unit;
    /* The step that is tried: `part` of the direction. */
    ho_curvature *curvature;
    double *direction, *trial;   /* trial: lambda */
    double slope, part, longest; /* longest: that a step may be */
    int64_t tries;               /* rejected one after another */
    double *s, *y, *u;           /* scratch */
} line_search;

enum { GOES_ON, CONVERGED, LIMITED, BOUND, FLAT, STUCK };
static const char *const endings[] = {
    [CONVERGED] = "the projected hypergradient is within the tolerance",
    [LIMITED] = "the requested number of iterations is reached",
    [BOUND] = "the constraints leave no step along the hypergradient",
    [FLAT] = "the expected gain of a further step is less than the rounding error of the validation error",
    [STUCK] = "no shorter step lowers the validation error: it is noisy there, or has a kink",
};

static void line_search_free(ho_strategy *s)
{
    line_search *l = (line_search *)s;
    double *const arrays[] = {l->lambda, l->v, l->gradient, l->unit, l->direction, l->trial, l->s, l->y, l->u};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    ho_curvature_free(l->curvature);
    free(l->scales);
    free(l);
}

static void end(line_search *l, int64_t why)
{
    l->ended = why;
    l->base.ended = endings[why];
}

static ho_wanted propose(ho_strategy *s, double *lambda, ho_error *error)
{
    (void)error;
    line_search *l = (line_search *)s;
    if (l->ended)
        return HO_NO_MORE;
    memcpy(lambda, l->trial, (size_t)l->size * sizeof *lambda);
    return l->proposed++ < s->planned ? HO_GRADIENT : HO_VALUE;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static void coordinates(const line_search *l, const double *lambda, double *v)
{
    ho_scaled_to(l->scales, l->size, lambda, v);
    for (int64_t i = 0; i < l->size; i++)
        v[i] /= l->unit[i];
}

static void slopes(const line_search *l, const double *lambda, const double *gradient, double *by_v)
{
    ho_scaled_gradient(l->scales, l->size, lambda, gradient, by_v);
    for (int64_t i = 0; i < l->size; i++)
        by_v[i] *= l->unit[i];
}

/* The trial becomes the point at v, projected onto the constraints. What has no coordinate stays where the current
 * point has it. */
static ho_status place(line_search *l, const double *v, ho_error *error)
{
    for (int64_t i = 0; i < l->size; i++)
        l->u[i] = v[i] * l->unit[i];
    memcpy(l->trial, l->lambda, (size_t)l->size * sizeof *l->trial);
    ho_scaled_from(l->scales, l->size, l->u, l->trial);
    return ho_training_project(l->training, l->trial, error);
}

static ho_status project(void *self, double *v)
{
    line_search *l = self;
    ho_error error = {0};
    ho_status status = place(l, v, &error);
    coordinates(l, l->trial, v);
    return status;
}

/* How much of the direction is made at once. */
static double longest_part(const line_search *l)
{
    double most = 0;
    for (int64_t i = 0; i < l->size; i++)
        if (l->scales[i] != HO_SCALE_LINEAR)
            most = fmax(most, fabs(l->direction[i] * l->unit[i]));
    return fmin(fmin(1, MOST_MOVE / most), l->longest / ho_norm(l->direction, l->size));
}

/* The trial at `part` of the direction; ends where it promises nothing or moves nothing. */
static ho_status try_part(line_search *l, ho_error *error)
{
    if (-l->part * l->slope <= l->rounding * fabs(l->value)) {
        end(l, FLAT);
        return HO_OK;
    }
    for (int64_t i = 0; i < l->size; i++)
        l->s[i] = l->v[i] + l->part * l->direction[i];
    ho_status status = place(l, l->s, error);
    if (status == HO_OK && memcmp(l->trial, l->lambda, (size_t)l->size * sizeof *l->trial) == 0)
        end(l, BOUND);
    return status;
}

/* The next step by the model of now, no longer than may be. */
static ho_status turn(line_search *l, ho_error *error)
{
    ho_status status = ho_curvature_step(l->curvature, l->v, l->gradient, project, l, l->direction);
    if (status != HO_OK)
        return ho_fail(error, status, "outer step: the hypergradient is too large to follow");
    l->slope = ho_dot(l->gradient, l->direction, l->size);
    l->part = longest_part(l);
    if (l->slope < 0)
        return try_part(l, error);
    end(l, BOUND);
    return HO_OK;
}

/* The first curvature: such that the first step is neither long nor promises much. */
static double first_scale(const line_search *l)
{
    double most = 0, squares = ho_dot(l->gradient, l->gradient, l->size);
    for (int64_t i = 0; i < l->size; i++)
        most = fmax(most, fabs(l->gradient[i] * l->unit[i]));
    double scale = most / FIRST_MOVE;
    return l->value > 0 ? fmax(scale, squares / (FIRST_FALL * l->value)) : scale;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* The root of the mean square of one hyperparameter's gradient. */
static double size_of(const double *gradient, const ho_hyperparameter *h)
{
    return ho_norm(gradient + h->offset, h->count) / sqrt((double)h->count);
}

/* By the first gradient, which is by u still. */
static void choose_units(line_search *l)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(l->training, &count);
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = hypers[i].tuned ? fmax(most, size_of(l->gradient, &hypers[i])) : most;
    for (size_t i = 0; i < count; i++) {
        double unit = hypers[i].tuned && most > 0 ? fmin(most / size_of(l->gradient, &hypers[i]), MOST_UNIT) : 1;
        for (int64_t j = 0; hypers[i].tuned && j < hypers[i].count; j++) {
            l->unit[hypers[i].offset + j] = unit;
            l->gradient[hypers[i].offset + j] *= unit;
            l->v[hypers[i].offset + j] /= unit;
        }
    }
}

/* From the point that steps start from to the answer's: s in lambda by v, y in the gradient. */
static void differences(line_search *l, const ho_answer *a)
{
    coordinates(l, a->lambda, l->s);
    for (int64_t i = 0; i < l->size; i++)
        l->s[i] -= l->v[i];
    if (!a->gradient)
        return;
    slopes(l, a->lambda, a->gradient, l->y);
    for (int64_t i = 0; i < l->size; i++)
        l->y[i] -= l->gradient[i];
}

/* Steps start from the answer's point from now on. */
static ho_status move(line_search *l, const ho_answer *a, ho_error *error)
{
    for (int64_t i = 0; i < l->size; i++) {
        l->v[i] += l->s[i];
        l->gradient[i] += l->y[i];
    }
    memcpy(l->lambda, a->lambda, (size_t)l->size * sizeof *l->lambda);
    l->value = a->value;
    l->tries = 0;
    if (l->known) {
        l->longest = MOST_GROWTH * ho_norm(l->s, l->size);
        if (!ho_curvature_learn(l->curvature, l->s, l->y))
            ho_curvature_loosen(l->curvature);
    } else {
        choose_units(l);
        ho_curvature_forget(l->curvature, first_scale(l));
    }
    l->known = true;
    if (!(a->line.stationarity <= l->tolerance * fabs(a->value)))
        return turn(l, error);
    end(l, CONVERGED);
    return HO_OK;
}

/* A shorter step: at most as long as to where a parabola through what is known is least. The model learns from the
 * rejected one, too; after several it is forgotten. */
static ho_status shorten(line_search *l, const ho_answer *a, ho_error *error)
{
    double promised = ho_dot(l->gradient, l->s, l->size), bend = a->value - l->value - promised;
    double share = isnan(a->value) ? 0.1 : bend > 0 ? fmin(fmax(-promised / (2 * bend), 0.1), 0.5) : 0.5;
    l->longest = share * ho_norm(l->s, l->size);
    if (a->gradient)
        ho_curvature_learn(l->curvature, l->s, l->y);
    if (++l->tries % MOST_TRIES == 0)
        ho_curvature_forget(l->curvature, ho_norm(l->gradient, l->size) / l->longest);
    if (l->tries < 2 * MOST_TRIES)
        return turn(l, error);
    end(l, STUCK);
    return HO_OK;
}

/* Whether the error has fallen by enough of what the gradient promised. */
static bool is_enough(const line_search *l, const ho_answer *a)
{
    double promised = ho_dot(l->gradient, l->s, l->size);
    return a->outcome.status == HO_OK && a->value < l->value && a->value <= l->value + ENOUGH * fmin(promised, 0);
}

static ho_status told(ho_strategy *s, ho_answer *a, ho_error *error)
{
    line_search *l = (line_search *)s;
    differences(l, a);
    bool enough = !l->known || is_enough(l, a);
    a->line.step_scale = l->known ? l->part : 1;
    s->halvings += !enough && l->known;
    if (!enough && a->outcome.status == HO_OK)
        a->line.rejected = "the validation error did not fall enough";
    if (l->proposed > s->planned) {
        end(l, LIMITED);
        return HO_OK;
    }
    if (!l->known && a->outcome.status == HO_DIVERGED)
        return ho_fail(error, HO_DIVERGED, "%s (with the initial hyperparameters)", a->outcome.text);
    if (a->gradient && ho_stationarity(l->training, l->scales, a->lambda, a->gradient, &a->line.stationarity, error))
        return error->status;
    ho_status status = enough ? move(l, a, error) : shorten(l, a, error);
    if (status == HO_OK && a->outcome.status == HO_DIVERGED)
        a->recovery = l->ended ? "the best hyperparameters are kept" : "a shorter step follows";
    return status;
}

static void pass(ho_strategy *s, ho_snapshot *snapshot)
{
    line_search *l = (line_search *)s;
    const size_t bytes = (size_t)l->size * sizeof *l->lambda;
    HO_SNAPSHOT(snapshot, s->halvings);
    HO_SNAPSHOT(snapshot, l->proposed);
    HO_SNAPSHOT(snapshot, l->ended);
    l->ended = l->ended > 0 && l->ended <= STUCK ? l->ended : GOES_ON;
    s->ended = endings[l->ended];
    HO_SNAPSHOT(snapshot, l->known);
    HO_SNAPSHOT(snapshot, l->value);
    ho_snapshot_pass(snapshot, l->lambda, bytes);
    ho_snapshot_pass(snapshot, l->v, bytes);
    ho_snapshot_pass(snapshot, l->unit, bytes);
    ho_snapshot_pass(snapshot, l->gradient, bytes);
    ho_curvature_pass(l->curvature, snapshot);
    ho_snapshot_pass(snapshot, l->direction, bytes);
    ho_snapshot_pass(snapshot, l->trial, bytes);
    HO_SNAPSHOT(snapshot, l->slope);
    HO_SNAPSHOT(snapshot, l->part);
    HO_SNAPSHOT(snapshot, l->longest);
    HO_SNAPSHOT(snapshot, l->tries);
}

ho_strategy *ho_line_search_new(const ho_pipeline *pipeline, ho_training *training)
{
    static const ho_strategy_calls calls = {.propose = propose, .told = told, .pass = pass, .free = line_search_free};
    line_search *l = ho_alloc(sizeof *l);
    *l = (line_search){.base = {.calls = &calls, .kind = HO_LINE_ITERATION, .planned = pipeline->outer_iterations},
                       .training = training,
                       .scales = ho_scaled_new(training),
                       .size = ho_training_lambda_size(training),
                       .longest = INFINITY,
                       .tolerance = pipeline->tolerance,
                       .rounding = pipeline->problem.precision == HO_F64 ? 1e-14 : 1e-7};
    double **const arrays[] = {&l->lambda, &l->v, &l->gradient, &l->unit, &l->direction,
                               &l->trial,  &l->s, &l->y,        &l->u};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = ho_alloc((size_t)l->size * sizeof(double));
    l->curvature = ho_curvature_new(l->size, 1);
    for (int64_t i = 0; i < l->size; i++)
        l->unit[i] = 1;
    ho_training_lambda_initial(training, l->trial);
    return &l->base;
}
