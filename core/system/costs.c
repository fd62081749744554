#include "system/costs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exec/threads.h"
#include "system/internal.h"
#include "system/mode.h"

/* ---- counted ----------------------------------------------------------------------------------------------------- */

/* Operations per second of one core: a rule of thumb, and the same everywhere, so that a choice by it is too. In f64
 * half as many. */
#define PRODUCT_RATE 60e9
#define ENTRY_RATE   2e9
#define UNBOUNDED    1000 /* updates that training without an end is taken for */

static ho_graph_cost count_program(const ho_training *training, const ho_program *program)
{
    return ho_graph_count(training->ground.graph, program->inputs, program->input_count, program->outputs,
                          program->output_count);
}

static double count_seconds(const ho_training *training, const ho_program *program)
{
    const ho_ground *ground = &training->ground;
    const ho_graph_cost cost = count_program(training, program);
    const double seconds = cost.product_flops / PRODUCT_RATE + cost.entries / ENTRY_RATE;
    return ground->problem->precision == HO_F64 ? 2.0 * seconds : seconds;
}

/* The step or its derivative; `columns` only of a JVP. */
static ho_status count_call(ho_training *training, ho_how how, ho_way way, int64_t columns, ho_call_cost *cost,
                            ho_error *error)
{
    const ho_program *program = ho_program_of_step(training, how, way, columns);
    if (!program)
        return ho_take_error(training, HO_FAILED, "planning a step", error);
    *cost = (ho_call_cost){.seconds = count_seconds(training, program), .bytes = (int64_t)ho_plan_bytes(program->plan)};
    return HO_OK;
}

/* From the costs of one and of two columns: what comes with each, and the rest. */
static void split_columns(const ho_call_cost *one, const ho_call_cost *two, ho_mode_costs *costs)
{
    const double more = two->seconds - one->seconds;
    costs->jvp_column.seconds = more < 0 ? 0 : more > one->seconds ? one->seconds : more;
    costs->jvp.seconds = one->seconds - costs->jvp_column.seconds;
}

ho_status ho_costs_count(ho_training *training, ho_mode_costs *costs, ho_error *error)
{
    const ho_problem *problem = training->ground.problem;
    const int64_t every = problem->update_every > 0 ? problem->update_every : 1,
                  steps = problem->steps > 0 ? problem->steps : UNBOUNDED * every;
    const ho_system_api *api = training->system.api;
    ho_call_cost one = {0}, two = {0};
    *costs = (ho_mode_costs){.struct_size = (uint32_t)sizeof *costs,
                             .steps = steps,
                             .hypergradients = problem->update_every > 0 && every < steps ? steps / every : 1,
                             .directions = api->directions(&training->system),
                             .state_bytes = ho_training_state_bytes(training),
                             .residual_bytes = api->residuals_bytes(&training->system),
                             .memory = ho_memory_limit()};
    if (count_call(training, HO_VALUE, HO_PLAIN, 0, &costs->step, error) ||
        count_call(training, HO_JVP, HO_PLAIN, 1, &one, error) ||
        count_call(training, HO_JVP, HO_PLAIN, 2, &two, error) ||
        count_call(training, HO_VJP, HO_PLAIN, 0, &costs->vjp, error) ||
        count_call(training, HO_VALUE, HO_KEEPING, 0, &costs->linearize, error) ||
        count_call(training, HO_VALUE, HO_KEPT, 0, &costs->residual_step, error) ||
        count_call(training, HO_VJP, HO_KEPT, 0, &costs->residual_vjp, error))
        return error->status;
    split_columns(&one, &two, costs);
    costs->jvp_column.bytes = two.bytes > one.bytes ? two.bytes - one.bytes : 0;
    costs->jvp.bytes = one.bytes > costs->jvp_column.bytes ? one.bytes - costs->jvp_column.bytes : 0;
    return HO_OK;
}

/* Of the training without derivatives that measures the effect of rounding, and of the error with its gradient. */
static ho_status count_beside(ho_training *training, const ho_mode_costs *costs, int64_t *bytes, ho_error *error)
{
    const ho_program *value = ho_program_get(training, HO_ERROR, HO_VALUE, 0);
    const ho_program *gradient = value ? ho_program_get(training, HO_ERROR, HO_VJP, 0) : NULL;
    if (!gradient)
        return ho_take_error(training, HO_FAILED, "planning the validation error", error);
    *bytes = costs->step.bytes + 2 * costs->state_bytes +
             (int64_t)(ho_plan_bytes(value->plan) + ho_plan_bytes(gradient->plan));
    return HO_OK;
}

ho_status ho_costs_step(ho_training *training, double *product_flops, double *entries, ho_error *error)
{
    const ho_program *program = ho_program_get(training, HO_STEP, HO_VALUE, 0);
    if (!program)
        return ho_take_error(training, HO_FAILED, "planning a step", error);
    const ho_graph_cost cost = count_program(training, program);
    *product_flops = cost.product_flops;
    *entries = cost.entries;
    return HO_OK;
}

/* ---- measured ---------------------------------------------------------------------------------------------------- */

/* The vectors of a trial; tangents, before and after a step, of one and of two columns. */
enum { STATE, NEXT, ADJOINT, BY_STATE, ONE, NEXT_ONE, TWO, NEXT_TWO, VECTORS };

/* Steps take turns, so that each call loads a batch, as in a training. */
enum { TURNS = 2 };

typedef struct trial {
    ho_system *system;
    const double *lambda;
    double *directions, *gradient; /* two directions; lambda_size entries */
    ho_vector *v[VECTORS];
    int64_t turns;
    ho_residuals *residuals[TURNS]; /* of steps 1 and 2 */
} trial;

/* One call, of this step. */
typedef ho_status (*trial_call)(const trial *t, int64_t step);

static ho_status try_step(const trial *t, int64_t step)
{
    return t->system->api->step(t->system, step, t->lambda, t->v[STATE], t->v[NEXT]);
}

static ho_status try_jvp(const trial *t, int64_t step, int64_t columns, int from, int to)
{
    return t->system->api->jvp(t->system, step, t->lambda, t->v[STATE], t->v[NEXT], columns, t->v[from], t->directions,
                               t->v[to]);
}

static ho_status try_one_column(const trial *t, int64_t step)
{
    return try_jvp(t, step, 1, ONE, NEXT_ONE);
}

static ho_status try_two_columns(const trial *t, int64_t step)
{
    return try_jvp(t, step, 2, TWO, NEXT_TWO);
}

static ho_status try_vjp(const trial *t, int64_t step)
{
    return t->system->api->vjp(t->system, step, t->lambda, t->v[STATE], t->v[ADJOINT], t->v[BY_STATE], t->gradient);
}

static ho_status try_linearize(const trial *t, int64_t step)
{
    return t->system->api->linearize(t->system, step, t->lambda, t->v[STATE], t->v[NEXT], t->residuals[step - 1]);
}

static ho_status try_residual_step(const trial *t, int64_t step)
{
    return t->system->api->residual_step(t->system, t->residuals[step - 1], step, t->lambda, t->v[STATE], t->v[NEXT]);
}

static ho_status try_residual_vjp(const trial *t, int64_t step)
{
    return t->system->api->residual_vjp(t->system, t->residuals[step - 1], step, t->lambda, t->v[STATE], t->v[ADJOINT],
                                        t->v[BY_STATE], t->gradient);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the processor where one thread works, so that other programs do not count; else by the clock. */
static double now(void)
{
    return ho_threads() > 1 ? ho_seconds() : ho_thread_seconds();
}

/* The median of at least three calls, and of as many as take a tenth of a second, after one of each step that is not
 * counted. */
static ho_status time_call(const trial *t, trial_call call, double *seconds)
{
    enum { MOST = 201 };
    double times[MOST], begun = now();
    ho_status status = HO_OK;
    int count = 0;
    for (int64_t step = 1; step <= t->turns && status == HO_OK; step++)
        status = call(t, step);
    while (status == HO_OK && count < MOST && (count < 3 || now() - begun < 0.1)) {
        const double before = now();
        status = call(t, 1 + count % t->turns);
        times[count++] = now() - before;
    }
    qsort(times, (size_t)count, sizeof *times, compare);
    *seconds = count ? times[count / 2] : 0;
    return status;
}

static ho_status measure(trial *t, ho_mode_costs *costs)
{
    ho_system *s = t->system;
    const ho_system_api *api = s->api;
    ho_call_cost one = {0}, two = {0};
    for (int i = 0; i < VECTORS; i++)
        if (!(t->v[i] = api->vector_new(s, i < TWO ? 1 : 2)))
            return HO_FAILED;
    api->zero(s, t->v[ONE]);
    api->zero(s, t->v[TWO]);
    for (int64_t i = 0; i < t->turns; i++)
        if (!(t->residuals[i] = api->residuals_new(s)))
            return HO_FAILED;
    ho_status status = api->initial(s, t->lambda, t->v[STATE]);
    if (status == HO_OK)
        api->copy(s, t->v[STATE], t->v[ADJOINT]); /* numbers of an ordinary size; zeros might be quicker */
    if (status || (status = time_call(t, try_step, &costs->step.seconds)) ||
        (status = time_call(t, try_one_column, &one.seconds)) ||
        (status = time_call(t, try_two_columns, &two.seconds)) ||
        (status = time_call(t, try_vjp, &costs->vjp.seconds)) ||
        (status = time_call(t, try_linearize, &costs->linearize.seconds)) ||
        (status = time_call(t, try_residual_step, &costs->residual_step.seconds)) ||
        (status = time_call(t, try_residual_vjp, &costs->residual_vjp.seconds)))
        return status;
    split_columns(&one, &two, costs);
    return HO_OK;
}

ho_status ho_costs_measure(ho_training *training, const double *lambda, ho_mode_costs *costs, ho_error *error)
{
    const size_t size = (size_t)training->hypers.size;
    ho_system *s = ho_training_system(training);
    const int64_t evaluations = training->evaluations;
    trial t = {.system = s,
               .lambda = lambda,
               .directions = ho_alloc(2 * size * sizeof(double)),
               .gradient = ho_alloc(size * sizeof(double)),
               .turns = ho_training_repeats(training) && costs->steps > 1 ? TURNS : 1};
    for (int64_t i = 0; i < 2 && i < costs->directions; i++)
        s->api->direction(s, i, t.directions + (size_t)i * size);
    const ho_status status = measure(&t, costs);
    for (int i = 0; i < VECTORS; i++)
        s->api->vector_free(s, t.v[i]);
    for (int i = 0; i < TURNS; i++)
        s->api->residuals_free(s, t.residuals[i]);
    free(t.directions);
    free(t.gradient);
    training->evaluations = evaluations;
    return status == HO_OK ? HO_OK : ho_take_error(training, status, "measuring a step", error);
}

/* ---- offers ------------------------------------------------------------------------------------------------------ */

static ho_call_cost estimate(const ho_instance *instance, const ho_mode_costs *costs)
{
    return instance->loaded->calls.mode.estimate(instance->self, costs);
}

/* An instance with "memory" set to the budget; NULL: the mode has no such option. */
static ho_instance *within_budget(const ho_loaded *mode, int64_t memory, ho_error *error)
{
    const uint32_t i = ho_option_index(mode, "memory");
    if (i == mode->option_count || mode->options[i].type != HO_BYTES)
        return NULL;
    ho_arena *arena = ho_arena_new();
    ho_tree *settings = ho_tree_new(arena, HO_TREE_MAP, (ho_place){0});
    ho_tree_put_text(arena, settings, "memory", (ho_place){0}, ho_arena_format(arena, "%" PRId64, memory));
    ho_instance *instance = ho_instance_new(mode, NULL, settings, NULL, (ho_place){0}, error);
    ho_arena_free(arena);
    return instance;
}

/* No instance: the mode goes back too far. */
static ho_status make_offer(const ho_loaded *mode, const ho_mode_choice *choice, ho_mode_offer *offer, ho_error *error)
{
    const ho_mode_costs *costs = &choice->costs;
    const int64_t memory = choice->memory;
    *offer = (ho_mode_offer){.instance = ho_instance_new(mode, NULL, NULL, NULL, (ho_place){0}, error)};
    if (!offer->instance)
        return error->status;
    if (choice->onward && ho_mode_steps_back(offer->instance) == HO_ALL_STEPS) {
        ho_instance_free(offer->instance);
        offer->instance = NULL;
        return HO_OK;
    }
    offer->cost = estimate(offer->instance, costs);
    if (offer->cost.bytes <= memory)
        return HO_OK;
    /* Plans take their share of the budget first. */
    const int64_t vectors = memory - costs->step.bytes - costs->vjp.bytes;
    ho_instance *smaller = vectors > 0 ? within_budget(mode, vectors, error) : NULL;
    if (!smaller)
        return error->status;
    ho_instance_free(offer->instance);
    offer->instance = smaller;
    offer->cost = estimate(smaller, costs);
    return HO_OK;
}

static bool can_be_chosen(const ho_loaded *mode)
{
    return mode->calls.mode.estimate && !mode->calls.mode.approximate;
}

static ho_status make_offers(ho_mode_choice *choice, ho_registry *registry, ho_error *error)
{
    size_t modes;
    const ho_loaded **all = ho_registry_list(registry, HO_MODE, &modes, NULL, NULL);
    choice->offers = ho_alloc((modes + 1) * sizeof *choice->offers);
    for (size_t i = 0; i < modes && error->status == HO_OK; i++)
        if (can_be_chosen(all[i]) && make_offer(all[i], choice, &choice->offers[choice->count], error) == HO_OK)
            choice->count += choice->offers[choice->count].instance != NULL;
    free(all);
    return error->status;
}

#define MEBIBYTES(bytes) ((double)(bytes) / 0x1p20)

ho_status ho_mode_best(const ho_mode_offer *offers, size_t count, int64_t memory, size_t *best, ho_error *error)
{
    const ho_mode_offer *fastest = NULL, *smallest = NULL;
    for (const ho_mode_offer *offer = offers; offer < offers + count; offer++) {
        const bool fits = offer->cost.bytes <= memory;
        if (fits && (!fastest || offer->cost.seconds < fastest->cost.seconds ||
                     (offer->cost.seconds == fastest->cost.seconds && offer->cost.bytes < fastest->cost.bytes)))
            fastest = offer;
        if (!smallest || offer->cost.bytes < smallest->cost.bytes)
            smallest = offer;
    }
    if (!smallest)
        return ho_fail(error, HO_INVALID,
                       "no installed mode says what it costs, so `auto` cannot choose one; name a mode");
    if (!fastest)
        return ho_fail(error, HO_INVALID, "no mode fits into %.4g MiB; the least is %.4g MiB, by the mode \"%s\"",
                       MEBIBYTES(memory), MEBIBYTES(smallest->cost.bytes), smallest->instance->loaded->plugin.name);
    *best = (size_t)(fastest - offers);
    return HO_OK;
}

ho_status ho_mode_choose(ho_training *training, ho_registry *registry, ho_mode_choice *choice, ho_error *error)
{
    if (ho_costs_count(training, &choice->costs, error) == HO_OK &&
        count_beside(training, &choice->costs, &choice->beside, error) == HO_OK &&
        make_offers(choice, registry, error) == HO_OK)
        ho_mode_best(choice->offers, choice->count, choice->memory, &choice->best, error);
    return error->status;
}

void ho_mode_choice_free(ho_mode_choice *choice)
{
    for (size_t i = 0; i < choice->count; i++)
        ho_instance_free(choice->offers[i].instance);
    free(choice->offers);
}
