/*
 * `hotool check`: proof that the hypergradients of a pipeline are right, in f64.
 *
 * Replay: `step` and `jvp` give the same next state, bit for bit. Inner products: <u, J v> = <J'u, v> for steps along
 * the trajectory, for the initial map, and for random tangents; differences of these steps. Exact modes agree with each
 * other; where there are very many directions, along a few random ones. Differences of E along random directions, for
 * each hyperparameter by itself.
 *
 * A long training may be so unstable that neither differences nor modes can agree at its end. What could not be judged
 * there is judged after T/2, T/4, ... steps, at the first of them where it can be: a wrong derivative cannot hide
 * behind an unstable trajectory.
 *
 * Where the validation error is the mean over several trainings, each one's hypergradient is compared with differences.
 */
#include "check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/internal.h"

#define BESIDE       1e-2 /* of lambda's size: how far to go from where nothing could be judged */
#define MOST_FORWARD 256  /* beyond so many directions, modes are compared along FEW_FORWARD */

/* ---- verdicts ---------------------------------------------------------------------------------------------------- */

static const char *const words[] = {[HO_GOOD] = "ok",      [HO_WRONG] = "FAILED", [HO_UNSTABLE] = "unstable",
                                    [HO_KINKED] = "kinks", [HO_NOISE] = "noise",  [HO_OFF] = "approximate"};

bool ho_check_first(const check *c)
{
    return c->steps == c->all_steps && !c->beside;
}

static void write_figure(const check *c, ho_verdict verdict, const char *what, double figure, double tolerance,
                         const char *why)
{
    ho_json_open(c->json, NULL, '{');
    ho_json_string(c->json, "check", what);
    if (c->name)
        ho_json_string(c->json, "training", c->name);
    ho_json_integer(c->json, "steps", c->steps);
    ho_json_boolean(c->json, "beside", c->beside);
    ho_json_real(c->json, "figure", figure);
    ho_json_real(c->json, "tolerance", tolerance);
    ho_json_string(c->json, "verdict", words[verdict]);
    ho_json_string(c->json, "why", verdict != HO_GOOD && why && *why ? why : NULL);
    ho_json_close(c->json, '}');
}

void ho_check_say(check *c, ho_verdict verdict, const char *what, double figure, double tolerance, const char *why)
{
    const bool open = verdict == HO_UNSTABLE || verdict == HO_KINKED;
    if (!ho_check_first(c) && (verdict == HO_OFF || ((open || verdict == HO_NOISE) && !c->last)))
        return;
    char line[240], limit[32] = "";
    if (!ho_check_first(c) && !c->fallen)
        printf("  results that could not be judged, repeated with fewer steps or at nearby hyperparameters:\n");
    c->fallen = c->fallen || !ho_check_first(c);
    if (ho_check_first(c))
        snprintf(line, sizeof line, "%s", what);
    else
        snprintf(line, sizeof line, "%s, T = %lld%s", what, (long long)c->steps, c->beside ? " (beside)" : "");
    if (!isnan(tolerance))
        snprintf(limit, sizeof limit, "(at most %.0e)", tolerance);
    if (isnan(figure) && verdict != HO_WRONG)
        printf("  %-58s %10s   %-15s  %s\n", line, "-", limit, words[verdict]);
    else
        printf("  %-58s %10.3g   %-15s  %s\n", line, figure, limit, words[verdict]);
    if (verdict != HO_GOOD && why && *why)
        printf("    %s\n", why);
    fflush(stdout);
    c->failed += verdict == HO_WRONG;
    if (c->json)
        write_figure(c, verdict, what, figure, tolerance, why);
}

void ho_check_say_plain(check *c, const char *what, double figure, double tolerance)
{
    ho_check_say(c, figure <= tolerance ? HO_GOOD : HO_WRONG, what, figure, tolerance, NULL); /* wrong for NaN */
}

/* ---- what is compared with --------------------------------------------------------------------------------------- */

/* Random orthonormal directions of the free subspace, one after another. */
static double *few_directions(check *c)
{
    size_t size = (size_t)c->size;
    double *few = ho_alloc(FEW_FORWARD * size * sizeof *few);
    for (int k = 0; k < FEW_FORWARD; k++) {
        double *d = few + (size_t)k * size;
        ho_check_direction(c, NULL, d);
        for (int twice = 0; twice < 2; twice++)
            for (int j = 0; j < k; j++) {
                double share = ho_check_dot(d, few + (size_t)j * size, c->size);
                for (size_t i = 0; i < size; i++)
                    d[i] -= share * few[(size_t)j * size + i];
            }
        double length = sqrt(ho_check_dot(d, d, c->size));
        for (size_t i = 0; i < size; i++)
            d[i] /= length;
    }
    return few;
}

/* The pipeline's mode if it is exact, or else the first exact one that is installed; *own: to be freed. */
static ho_status choose_reference(check *c, ho_registry *registry, ho_instance **own, ho_error *error)
{
    c->reference = c->pipeline->mode;
    if (!c->reference->loaded->calls.mode.approximate)
        return HO_OK;
    size_t count;
    const ho_loaded **modes = ho_registry_list(registry, HO_MODE, &count, NULL, NULL);
    for (size_t i = 0; i < count && !*own; i++) {
        ho_error ignored = {0};
        if (!modes[i]->calls.mode.approximate)
            *own = ho_instance_new(modes[i], modes[i]->plugin.name, NULL, NULL, (ho_place){0}, &ignored);
    }
    free(modes);
    c->reference = *own;
    return *own ? HO_OK
                : ho_fail(error, HO_FAILED, "no exact mode is installed to compare \"%s\" with",
                          c->pipeline->mode->loaded->plugin.name);
}

/* ---- shorter and shorter ----------------------------------------------------------------------------------------- */

static bool all_settled(const check *c)
{
    bool settled = c->modes_settled;
    for (size_t i = 0; i < c->hyper_count; i++)
        settled = settled && (!c->hypers[i].tuned || c->settled[i]);
    return settled;
}

/* Over T steps, T/2, T/4, ..., 1, until nothing is open. */
static ho_status check_shorter(check *c, ho_registry *registry, ho_error *error)
{
    for (c->steps = c->all_steps; c->steps > 0 && !all_settled(c); c->steps /= 2) {
        c->last = c->beside && c->steps == 1;
        if (ho_check_reference(c, error) != HO_OK)
            return error->status;
        if (ho_check_first(c))
            printf("  E = %.12g, norm of the hypergradient %.6g (%s)\n", c->value,
                   sqrt(ho_check_dot(c->gradient, c->gradient, c->size)), c->reference->loaded->plugin.name);
        if ((!c->modes_settled && ho_check_modes(c, registry, error) != HO_OK) ||
            ho_check_differences(c, error) != HO_OK)
            return error->status;
    }
    return HO_OK;
}

/* What is open at lambda over any number of steps, because it lies on a kink or by misfortune, is asked beside it. */
static ho_status check_gradients(check *c, ho_registry *registry, ho_error *error)
{
    if (check_shorter(c, registry, error) != HO_OK || all_settled(c))
        return error->status;
    double *beside = ho_alloc((size_t)c->size * sizeof *beside);
    ho_check_direction(c, NULL, c->direction);
    ho_check_move(c, fmin(BESIDE, ho_check_room(c, c->direction, 1, false)), c->direction, beside, false);
    memcpy(c->lambda, beside, (size_t)c->size * sizeof *beside);
    free(beside);
    c->beside = true;
    return check_shorter(c, registry, error);
}

/* The first training says how large everything is, and all of its steps are looked at; the others, of a criterion that
 * is a mean, are the same programs over other examples or from other weights, and their hypergradients are. */
static ho_status check_training(check *c, bool first, ho_registry *registry, ho_error *error)
{
    if (first)
        printf("f64, T = %lld, %lld tuned entries in %lld free directions\n", (long long)c->all_steps,
               (long long)c->size, (long long)c->api->directions(c->system));
    if (c->name)
        printf("%s%s\n", c->name, first ? "" : ": its hypergradient");
    const ho_status status = first ? ho_check_steps(c) : HO_OK;
    if (status != HO_OK)
        return ho_take_error(c->training, status, "a check of single steps", error);
    if (c->api->directions(c->system) > MOST_FORWARD)
        c->few = few_directions(c);
    c->modes_settled = !first;
    ho_instance *own = NULL;
    if (choose_reference(c, registry, &own, error) == HO_OK)
        check_gradients(c, registry, error);
    ho_instance_free(own);
    return error->status;
}

static void check_close(check *c)
{
    double *const arrays[] = {c->lambda, c->gradient, c->direction, c->moved, c->shaken_entries, c->few};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    free(c->settled);
    free(c->name);
    ho_training_free(c->training);
}

/* Training k of the criterion; its `problem` must live as long as the check. */
static ho_status check_open(check *c, int64_t k, ho_problem *problem, const volatile int *interrupt, ho_error *error)
{
    ho_pipeline *p = c->pipeline;
    *problem = ho_pipeline_problem(p, k);
    c->training = k ? ho_training_new(problem, error) : ho_pipeline_training(p, error);
    if (!c->training)
        return HO_FAILED; /* which `error` tells of */
    c->name = ho_pipeline_training_name(p, k);
    c->system = ho_training_system(c->training);
    c->api = c->system->api;
    ho_training_interrupt(c->training, interrupt);
    c->hypers = ho_training_hypers(c->training, &c->hyper_count);
    c->size = ho_training_lambda_size(c->training);
    double **const arrays[] = {&c->lambda, &c->gradient, &c->direction, &c->moved, &c->shaken_entries};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = ho_alloc((size_t)c->size * sizeof(double));
    c->settled = ho_alloc((c->hyper_count + 1) * sizeof *c->settled);
    ho_training_lambda_initial(c->training, c->lambda);
    if (c->size == 0)
        return ho_fail(error, HO_INVALID, "%s: no hyperparameter is tuned: there is nothing to check", p->file);
    if (k == 0)
        ho_announce_data(p);
    return HO_OK;
}

ho_status ho_check(ho_pipeline *pipeline, ho_registry *registry, ho_json *json, const volatile int *interrupt,
                   ho_error *error)
{
    const int64_t steps = pipeline->problem.steps;
    int failed = 0;
    if (ho_needs_steps(pipeline, "checking", error) != HO_OK || ho_needs_repeats(pipeline, "checking", error) != HO_OK)
        return error->status;
    if (json) {
        ho_json_open(json, NULL, '{');
        ho_json_open(json, "checks", '[');
    }
    for (int64_t k = 0; k < ho_pipeline_trainings(pipeline) && error->status == HO_OK; k++) {
        check c = {.json = json, .pipeline = pipeline, .steps = steps, .all_steps = steps, .failed = failed};
        ho_problem problem;
        if (check_open(&c, k, &problem, interrupt, error) == HO_OK)
            check_training(&c, k == 0, registry, error);
        failed = c.failed;
        check_close(&c);
    }
    if (json) {
        ho_json_close(json, ']');
        ho_json_integer(json, "failed", failed);
        ho_json_close(json, '}');
    }
    if (error->status == HO_OK && failed > 0)
        ho_fail(error, HO_FAILED, "%s: %d of the checks failed", pipeline->file, failed);
    return error->status;
}
