/*
 * `hotool check`: proof that the hypergradients of a pipeline are right, in f64.
 *
 * Replay: `step` and `jvp` give the same next state, bit for bit. Inner products: <u, J v> = <J'u, v> for steps along
 * the trajectory, for the initial map, and for random tangents. Modes agree with each other; where there are very many
 * directions, along a few random ones. Central differences along random directions, for each hyperparameter by itself,
 * with the step swept.
 */
#include "check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "system/gradient.h"

#define REPLAY_TOLERANCE     0.0
#define INNER_TOLERANCE      1e-10
#define MODES_TOLERANCE      1e-10
#define DIFFERENCE_TOLERANCE 1e-6
#define SMALLEST_POWER       9   /* of ten, of a difference's step */
#define DIRECTIONS           2   /* random directions for each hyperparameter */
#define MOST_FORWARD         256 /* beyond so many directions, modes are compared along fewer: */
#define FEW_FORWARD          8

typedef struct check {
    ho_pipeline *pipeline;
    ho_training *training;
    ho_system *system;
    const ho_system_api *api;
    int64_t size;  /* of lambda */
    int64_t steps; /* T */
    double *lambda, *gradient, *direction, *moved;
    uint64_t draws;
    int failed;
    int tried, crossed; /* differences of one hyperparameter: all, and those across a kink */
} check;

static void verdict(check *c, const char *what, double figure, double tolerance)
{
    bool good = figure <= tolerance; /* false for NaN */
    printf("  %-58s %10.3g   (at most %.0e)  %s\n", what, figure, tolerance, good ? "ok" : "FAILED");
    fflush(stdout);
    c->failed += !good;
}

/* Standard normal entries for one hyperparameter (NULL: all), then projected onto the free subspace. */
static void random_direction(check *c, const ho_hyperparameter *only, double *d)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(c->training, &count);
    memset(d, 0, (size_t)c->size * sizeof *d);
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned || (only && h != only))
            continue;
        for (int64_t j = 0; j < h->count; j++)
            d[h->offset + j] = ho_normal_number(c->pipeline->problem.seed, ho_stream("check"), c->draws++);
    }
    ho_training_free_gradient(c->training, d);
    double sum = 0;
    for (int64_t i = 0; i < c->size; i++)
        sum += d[i] * d[i];
    for (int64_t i = 0; i < c->size && sum > 0; i++)
        d[i] /= sqrt(sum);
}

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static double relative(double a, double b)
{
    double scale = fmax(fabs(a), fabs(b));
    return scale > 0 ? fabs(a - b) / scale : fabs(a - b);
}

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
    right += dot(gradient, d, c->size);
    c->api->dot(c->system, u, u, &uu);
    c->api->dot(c->system, jv, jv, &jj);
    magnitude = sqrt(uu) * sqrt(jj);
    return magnitude > 0 ? fabs(left - right) / magnitude : fabs(left - right);
}

static ho_status check_initial(check *c, vectors *v)
{
    double *gradient = ho_alloc((size_t)c->size * sizeof *gradient);
    random_direction(c, NULL, c->direction);
    ho_training_random(c->training, v->u, c->draws++);
    ho_status status = c->api->initial_jvp(c->system, c->lambda, 1, c->direction, v->jv);
    if (status == HO_OK)
        status = c->api->initial_vjp(c->system, c->lambda, v->u, gradient);
    if (status == HO_OK)
        verdict(c, "initial map: <u, J v> = <J'u, v>", inner_error(c, v->u, v->jv, NULL, NULL, gradient, c->direction),
                INNER_TOLERANCE);
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
    random_direction(c, NULL, c->direction);
    ho_training_random(c->training, v->u, c->draws++);
    ho_training_random(c->training, v->v, c->draws++);
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

static ho_status check_steps(check *c)
{
    vectors v = {0};
    double replay = 0, inner = 0;
    int64_t every = c->steps > 8 ? c->steps / 8 : 1, looked = 0;
    ho_status status = vectors_new(c, &v);
    if (status == HO_OK)
        status = check_initial(c, &v);
    if (status == HO_OK)
        status = c->api->initial(c->system, c->lambda, v.state);
    for (int64_t t = 1; t <= c->steps && status == HO_OK; t++) {
        status = c->api->step(c->system, t, c->lambda, v.state, v.next);
        if (status == HO_OK && (t == 1 || t == c->steps || t % every == 0)) {
            status = check_step(c, &v, t, &replay, &inner);
            looked++;
        }
        ho_vector *next = v.next;
        v.next = v.state;
        v.state = next;
        if (status == HO_OK)
            status = c->api->poll(c->system);
    }
    if (status == HO_OK) {
        char what[80];
        snprintf(what, sizeof what, "replay at %lld steps: step = jvp's next state", (long long)looked);
        verdict(c, what, replay, REPLAY_TOLERANCE);
        snprintf(what, sizeof what, "step at %lld steps: <u, J v> = <J'u, v>", (long long)looked);
        verdict(c, what, inner, INNER_TOLERANCE);
    }
    vectors_free(c, &v);
    return status;
}

/* Random orthonormal directions of the free subspace, one after another. */
static double *few_directions(check *c)
{
    size_t size = (size_t)c->size;
    double *few = ho_alloc(FEW_FORWARD * size * sizeof *few);
    for (int k = 0; k < FEW_FORWARD; k++) {
        double *d = few + (size_t)k * size;
        random_direction(c, NULL, d);
        for (int twice = 0; twice < 2; twice++)
            for (int j = 0; j < k; j++) {
                double share = dot(d, few + (size_t)j * size, c->size);
                for (size_t i = 0; i < size; i++)
                    d[i] -= share * few[(size_t)j * size + i];
            }
        double length = sqrt(dot(d, d, c->size));
        for (size_t i = 0; i < size; i++)
            d[i] /= length;
    }
    return few;
}

/* How far another mode's hypergradient is from the pipeline's own, against its size: as a whole, or where only a few
 * directions were asked for, along these. */
static double apart(const check *c, const double *other, const double *few)
{
    double sum = 0, size = 0;
    for (int k = 0; few && k < FEW_FORWARD; k++) {
        const double *d = few + (size_t)k * (size_t)c->size;
        double own = dot(c->gradient, d, c->size), difference = dot(other, d, c->size) - own;
        sum += difference * difference;
        size += own * own;
    }
    for (int64_t j = 0; !few && j < c->size; j++) {
        sum += (other[j] - c->gradient[j]) * (other[j] - c->gradient[j]);
        size += c->gradient[j] * c->gradient[j];
    }
    return size > 0 ? sqrt(sum / size) : sqrt(sum);
}

/* Every installed mode against the pipeline's own. */
static ho_status check_modes(check *c, ho_registry *registry, ho_error *error)
{
    size_t count;
    const ho_loaded **modes = ho_registry_list(registry, HO_MODE, &count, NULL, NULL);
    double *other = ho_alloc((size_t)c->size * sizeof *other);
    double value, *few = NULL;
    ho_status status =
        ho_hypergradient(c->training, c->pipeline->mode, c->steps, c->lambda, &value, c->gradient, NULL, error);
    if (status == HO_OK)
        printf("  E = %.12g, norm of the hypergradient %.6g (%s)\n", value,
               sqrt(dot(c->gradient, c->gradient, c->size)), c->pipeline->mode->loaded->plugin.name);
    if (c->api->directions(c->system) > MOST_FORWARD)
        few = few_directions(c);
    for (size_t i = 0; i < count && status == HO_OK; i++) {
        const char *name = modes[i]->plugin.name;
        if (modes[i] == c->pipeline->mode->loaded)
            continue;
        ho_error own = {0};
        ho_instance *mode = ho_instance_new(modes[i], name, NULL, NULL, (ho_place){0}, &own);
        if (!mode) {
            printf("  mode %s: left out, it does not go without options: %s\n", name, own.text);
            continue;
        }
        double other_value = NAN;
        ho_training_restrict_directions(c->training, few, FEW_FORWARD);
        status = ho_hypergradient(c->training, mode, c->steps, c->lambda, &other_value, other, NULL, error);
        ho_training_restrict_directions(c->training, NULL, 0);
        ho_instance_free(mode);
        if (status != HO_OK)
            break;
        char what[80];
        snprintf(what, sizeof what, "mode %s: E", name);
        verdict(c, what, relative(other_value, value), MODES_TOLERANCE);
        if (few)
            snprintf(what, sizeof what, "mode %s: hypergradient along %d directions", name, FEW_FORWARD);
        else
            snprintf(what, sizeof what, "mode %s: hypergradient", name);
        verdict(c, what, apart(c, other, few), MODES_TOLERANCE);
    }
    free(few);
    free(other);
    free(modes);
    return status;
}

/* The step that serves best is not known beforehand: truncation asks for a small one, rounding for a large one. One
 * across a kink (of relu, abs, ...) says nothing: it is skipped, and where all are, *best stays INFINITY. */
static ho_status difference(check *c, double scale, double exact, double *best, ho_error *error)
{
    *best = INFINITY;
    for (int power = 2; power <= (isinf(*best) ? SMALLEST_POWER : 6); power++) {
        double h = scale * pow(10.0, -power), side[2];
        uint64_t branches[2] = {0, 0};
        for (int k = 0; k < 2; k++) {
            for (int64_t i = 0; i < c->size; i++)
                c->moved[i] = c->lambda[i] + (k == 0 ? h : -h) * c->direction[i];
            ho_error own = {0};
            ho_training_branches(c->training, &branches[k]);
            ho_status status = ho_train(c->training, c->steps, c->moved, NULL, &side[k], &own);
            ho_training_branches(c->training, NULL);
            if (status == HO_DIVERGED)
                side[k] = NAN; /* too far: a smaller h will do */
            else if (status != HO_OK)
                return ho_fail(error, status, "%s", own.text);
        }
        double numeric = branches[0] == branches[1] ? (side[0] - side[1]) / (2 * h) : NAN;
        c->tried++;
        c->crossed += branches[0] != branches[1];
        if (fabs(numeric - exact) < fabs(*best - exact) || isinf(*best))
            *best = isnan(numeric) ? *best : numeric;
        if (fabs(*best - exact) < 1e-2 * DIFFERENCE_TOLERANCE * fabs(exact))
            break; /* close enough: each training costs */
    }
    return HO_OK;
}

static ho_status check_differences(check *c, ho_error *error)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(c->training, &count);
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        double apart = 0, size = 0, largest = 0;
        c->tried = c->crossed = 0;
        for (int64_t j = 0; j < h->count; j++)
            largest = fmax(largest, fabs(c->lambda[h->offset + j]));
        double own_norm = sqrt(dot(c->gradient + h->offset, c->gradient + h->offset, h->count));
        for (int k = 0; k < (h->count == 1 ? 1 : DIRECTIONS); k++) {
            random_direction(c, h, c->direction);
            double exact = dot(c->gradient, c->direction, c->size), numeric;
            ho_status status = difference(c, largest > 0 ? largest : 1.0, exact, &numeric, error);
            if (status != HO_OK)
                return status;
            apart += (numeric - exact) * (numeric - exact);
            size += exact * exact;
        }
        char what[160], kinks[64] = "";
        if (c->crossed)
            snprintf(kinks, sizeof kinks, " (%d of %d cross a kink)", c->crossed, c->tried);
        snprintf(what, sizeof what, "central differences: %s%s", h->name, kinks);
        /* Directions may be nearly orthogonal to the gradient; a small share of its norm keeps the quotient meaningful.
         */
        double scale = fmax(sqrt(size), 1e-3 * own_norm);
        verdict(c, what, scale > 0 ? sqrt(apart) / scale : sqrt(apart), DIFFERENCE_TOLERANCE);
    }
    return HO_OK;
}

ho_status ho_check(ho_pipeline *pipeline, ho_registry *registry, const volatile int *interrupt, ho_error *error)
{
    check c = {.pipeline = pipeline, .steps = pipeline->problem.steps};
    if (ho_needs_steps(pipeline, "checking", error) == HO_OK)
        c.training = ho_pipeline_training(pipeline, error);
    if (!c.training)
        return error->status;
    c.system = ho_training_system(c.training);
    c.api = c.system->api;
    ho_training_interrupt(c.training, interrupt);
    c.size = ho_training_lambda_size(c.training);
    size_t bytes = (size_t)c.size * sizeof(double);
    c.lambda = ho_alloc(bytes);
    c.gradient = ho_alloc(bytes);
    c.direction = ho_alloc(bytes);
    c.moved = ho_alloc(bytes);
    ho_training_lambda_initial(c.training, c.lambda);

    ho_status status = HO_OK;
    if (c.size == 0)
        status =
            ho_fail(error, HO_INVALID, "%s: no hyperparameter is tuned: there is nothing to check", pipeline->file);
    if (status == HO_OK) {
        ho_announce_data(pipeline);
        printf("f64, T = %lld, %lld tuned entries in %lld free directions\n", (long long)c.steps, (long long)c.size,
               (long long)c.api->directions(c.system));
        status = check_steps(&c);
        if (status != HO_OK)
            ho_take_error(c.training, status, "a check of single steps", error);
    }
    if (status == HO_OK)
        status = check_modes(&c, registry, error);
    if (status == HO_OK)
        status = check_differences(&c, error);
    if (status == HO_OK && c.failed > 0)
        status = ho_fail(error, HO_FAILED, "%s: %d of the checks failed", pipeline->file, c.failed);
    free(c.lambda);
    free(c.gradient);
    free(c.direction);
    free(c.moved);
    ho_training_free(c.training);
    return status;
}
