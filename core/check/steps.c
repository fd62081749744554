/* Single steps along the trajectory, and the initial map. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/internal.h"

#define REPLAY_TOLERANCE 0.0

/* Vectors used by the checks of single steps. */
typedef struct vectors {
    ho_vector *state, *next, *replay, *u, *v, *jv, *ju;
} vectors;

static ho_status vectors_new(check *c, vectors *v)
{
    ho_vector **all[] = {&v->state, &v->next, &v->replay, &v->u, &v->v, &v->jv, &v->ju};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *all[i] = c->api->vector_new(c->system, 1);
        if (!*all[i])
            return HO_FAILED;
    }
    return HO_OK;
}

static void vectors_free(check *c, vectors *v)
{
    ho_vector *all[] = {v->state, v->next, v->replay, v->u, v->v, v->jv, v->ju};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        c->api->vector_free(c->system, all[i]);
}

/* How far the inner products are apart, against the size of the terms that were added. */
static double inner_error(check *c, const ho_vector *u, const ho_vector *jv, const ho_vector *ju, const ho_vector *v,
                          const double *gradient, const double *d)
{
    double left, right = 0, uu, jj, magnitude;
    c->api->dot(c->system, u, jv, &left);
    if (ju)
        c->api->dot(c->system, ju, v, &right);
    right += ho_check_dot(gradient, d, c->size);
    c->api->dot(c->system, u, u, &uu);
    c->api->dot(c->system, jv, jv, &jj);
    magnitude = sqrt(uu) * sqrt(jj);
    return magnitude > 0 ? fabs(left - right) / magnitude : fabs(left - right);
}

static ho_status check_initial(check *c, vectors *v)
{
    double *gradient = ho_alloc((size_t)c->size * sizeof *gradient);
    ho_check_direction(c, NULL, c->direction);
    ho_training_random(c->training, NULL, v->u, c->draws++);
    ho_status status = c->api->initial_jvp(c->system, c->lambda, 1, c->direction, v->jv);
    if (status == HO_OK)
        status = c->api->initial_vjp(c->system, c->lambda, v->u, gradient);
    if (status == HO_OK)
        ho_check_say_plain(c, "initial map: <u, J v> = <J'u, v>",
                           inner_error(c, v->u, v->jv, NULL, NULL, gradient, c->direction), INNER_TOLERANCE);
    free(gradient);
    return status;
}

/* The larger of two figures; NaN, which no tolerance admits, is the largest. */
static double worse(double a, double b)
{
    return isnan(a) || b <= a ? a : b;
}

/* At one step: replay, and the inner product of random tangents of state and lambda. */
static ho_status check_step(check *c, vectors *v, int64_t t, double *replay, double *inner)
{
    const ho_system_api *api = c->api;
    ho_system *s = c->system;
    double *gradient = ho_alloc((size_t)c->size * sizeof *gradient);
    ho_check_direction(c, NULL, c->direction);
    ho_training_random(c->training, NULL, v->u, c->draws++);
    ho_training_random(c->training, NULL, v->v, c->draws++);
    ho_status status = api->jvp(s, t, c->lambda, v->state, v->replay, 1, v->v, c->direction, v->jv);
    if (status == HO_OK)
        status = api->vjp(s, t, c->lambda, v->state, v->u, v->ju, gradient);
    if (status == HO_OK) {
        *inner = worse(*inner, inner_error(c, v->u, v->jv, v->ju, v->v, gradient, c->direction));
        double apart;
        api->axpby(s, 1.0, v->next, -1.0, v->replay);
        api->dot(s, v->replay, v->replay, &apart);
        *replay = worse(*replay, sqrt(apart));
    }
    free(gradient);
    return status;
}

/* <u, Phi_t(s + h v, lambda + h d)>, for differences of one step: how training goes on does not matter to them. */
typedef struct ray {
    check *c;
    vectors *v;
    int64_t t;
    uint64_t branches;
    bool crossed;
} ray;

static ho_status along_step(void *self, double h, double *value)
{
    ray *r = self;
    check *c = r->c;
    vectors *v = r->v;
    uint64_t branches = 0;
    ho_check_move(c, h, c->direction, c->moved, false);
    c->api->copy(c->system, v->state, v->replay);
    c->api->axpby(c->system, h, v->v, 1.0, v->replay);
    ho_training_branches(c->training, &branches);
    ho_status status = c->api->step(c->system, r->t, c->moved, v->replay, v->ju);
    ho_training_branches(c->training, NULL);
    c->api->dot(c->system, v->u, v->ju, value);
    if (h == 0)
        r->branches = branches;
    r->crossed = r->crossed || branches != r->branches;
    if (branches != r->branches || !isfinite(*value))
        *value = NAN;
    return status;
}

/* What differences of single steps came to. */
typedef struct local {
    double figure; /* the largest of those judged */
    int judged, kinked;
    bool wrong;
} local;

/* The state is moved in proportion to its entries, so that none changes its sign. Leaves alone what the trajectory
 * needs.
 */
static ho_status check_slope(check *c, vectors *v, int64_t t, local *found)
{
    ray r = {.c = c, .v = v, .t = t};
    double base, exact, jj, uu, ss;
    ho_slope slope;
    ho_check_direction(c, NULL, c->direction);
    ho_training_random(c->training, NULL, v->u, c->draws++);
    ho_training_random(c->training, v->state, v->v, c->draws++);
    ho_status status = c->api->jvp(c->system, t, c->lambda, v->state, v->replay, 1, v->v, c->direction, v->jv);
    if (status != HO_OK || (status = along_step(&r, 0.0, &base)) != HO_OK)
        return status;
    c->api->dot(c->system, v->u, v->jv, &exact);
    c->api->norms(c->system, v->jv, &jj);
    c->api->norms(c->system, v->u, &uu);
    c->api->norms(c->system, v->next, &ss);
    const double scale = jj > 0 ? jj : 1.0, room = ho_check_room(c, c->direction, -1, false);
    double first = fmin(ho_check_room(c, c->direction, 1, false), FIRST_STEP);
    status = ho_slope_of(along_step, &r, first, room >= first, scale, 1e-2 * DIFFERENCE_TOLERANCE, &slope);
    if (status == HO_OK && !(fabs(slope.value - exact) <= DIFFERENCE_TOLERANCE * scale)) {
        ho_slope closer;
        first *= CLOSER;
        status = ho_slope_of(along_step, &r, first, room >= first, scale, 1e-2 * DIFFERENCE_TOLERANCE, &closer);
        slope = ho_slope_join(slope, closer);
    }
    if (status != HO_OK)
        return status;
    const double off = fabs(slope.value - exact), figure = off / scale;
    const bool good = figure <= DIFFERENCE_TOLERANCE;
    const bool wrong = !good && off > HO_SLOPE_TRUST * (slope.error + DBL_EPSILON * uu * ss / slope.step);
    found->judged += good || wrong;
    found->kinked += !good && !wrong && r.crossed;
    found->wrong = found->wrong || wrong;
    if (good || wrong)
        found->figure = worse(found->figure, figure);
    return HO_OK;
}

static void say_steps(check *c, int looked, double replay, double inner, const local *found)
{
    char what[80];
    snprintf(what, sizeof what, "replay at %d steps: step = jvp's next state", looked);
    ho_check_say_plain(c, what, replay, REPLAY_TOLERANCE);
    snprintf(what, sizeof what, "step at %d steps: <u, J v> = <J'u, v>", looked);
    ho_check_say_plain(c, what, inner, INNER_TOLERANCE);
    snprintf(what, sizeof what, "step at %d of %d steps: differences", found->judged, looked);
    ho_verdict verdict = found->wrong ? HO_WRONG : found->judged ? HO_GOOD : found->kinked ? HO_KINKED : HO_NOISE;
    ho_check_say(c, verdict, what, found->judged ? found->figure : NAN, DIFFERENCE_TOLERANCE,
                 found->wrong    ? "the derivative of a single step is wrong"
                 : found->judged ? NULL
                                 : "no step could be judged by differences");
}

ho_status ho_check_steps(check *c)
{
    vectors v = {0};
    local found = {0};
    double replay = 0, inner = 0;
    int64_t every = c->steps > 8 ? c->steps / 8 : 1;
    int looked = 0;
    ho_status status = vectors_new(c, &v);
    if (status == HO_OK)
        status = check_initial(c, &v);
    if (status == HO_OK)
        status = c->api->initial(c->system, c->lambda, v.state);
    for (int64_t t = 1; t <= c->steps && status == HO_OK; t++) {
        status = c->api->step(c->system, t, c->lambda, v.state, v.next);
        if (status == HO_OK && (t == 1 || t == c->steps || t % every == 0)) {
            status = check_step(c, &v, t, &replay, &inner);
            if (status == HO_OK)
                status = check_slope(c, &v, t, &found);
            looked++;
        }
        ho_vector *next = v.next;
        v.next = v.state;
        v.state = next;
        if (status == HO_OK)
            status = c->api->poll(c->system);
    }
    if (status == HO_OK)
        say_steps(c, looked, replay, inner, &found);
    vectors_free(c, &v);
    return status;
}
