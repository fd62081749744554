/* What every call of a mode goes through: what it hands over is checked, a program is bound to it and run, and what
 * came out is measured. */
#include "system/perform.h"

#include <inttypes.h>

ho_status ho_poll_interrupt(ho_training *training)
{
    if (training->interrupt && *training->interrupt && !training->through)
        return ho_fail(&training->ground.error, HO_INTERRUPTED, "interrupted");
    return HO_OK;
}

/* What a call computes, and what messages name the vectors that it hands over; NULL: none. */
typedef struct form {
    const char *name;
    ho_map map;
    ho_how how;
    ho_way way;
    const char *state, *seed; /* where; tangents, or a cotangent */
    const char *next, *out;   /* the map's result; its tangents, or the cotangent of the state */
} form;

#define STATE "the state"
static const form forms[] = {
    [HO_CALL_INITIAL] = {"initial", HO_INITIAL, HO_VALUE, .next = STATE},
    [HO_CALL_INITIAL_JVP] = {"initial_jvp", HO_INITIAL, HO_JVP, .out = "out"},
    [HO_CALL_INITIAL_VJP] = {"initial_vjp", HO_INITIAL, HO_VJP, .seed = "a"},
    [HO_CALL_RESTART] = {"restart", HO_RESTART, HO_VALUE, .state = STATE, .next = "next"},
    [HO_CALL_STEP] = {"step", HO_STEP, HO_VALUE, .state = STATE, .next = "next"},
    [HO_CALL_JVP] = {"jvp", HO_STEP, HO_JVP, .state = STATE, .seed = "z", .next = "next", .out = "out"},
    [HO_CALL_VJP] = {"vjp", HO_STEP, HO_VJP, .state = STATE, .seed = "a", .out = "out"},
    [HO_CALL_LINEARIZE] = {"linearize", HO_STEP, HO_VALUE, HO_KEEPING, .state = STATE, .next = "next"},
    [HO_CALL_RESIDUAL_STEP] = {"residual_step", HO_STEP, HO_VALUE, HO_KEPT, .state = STATE, .next = "next"},
    [HO_CALL_RESIDUAL_JVP] = {"residual_jvp", HO_STEP, HO_JVP, HO_KEPT, .state = STATE, .seed = "z", .out = "out"},
    [HO_CALL_RESIDUAL_VJP] = {"residual_vjp", HO_STEP, HO_VJP, HO_KEPT, .state = STATE, .seed = "a", .out = "out"},
    [HO_CALL_ERROR] = {"error", HO_ERROR, HO_VALUE, .state = STATE},
    [HO_CALL_ERROR_GRADIENT] = {"error_gradient", HO_ERROR, HO_VJP, .state = STATE, .out = "by_state"},
    [HO_CALL_OBJECTIVE] = {"objective", HO_OBJECTIVE, HO_VALUE, .state = STATE},
};

/* Arrays are there, vectors are of this training and wide enough, and no result is given twice or as an input too. */
static ho_status check(ho_training *training, const form *f, const ho_call *c)
{
    const bool jvp = f->how == HO_JVP, tuned = training->hypers.size > 0;
    const int64_t columns = jvp ? c->columns : 1, steps = training->ground.problem->steps;
    const char *missing = tuned && !c->lambda                         ? "lambda"
                          : tuned && jvp && !c->d                     ? "d"
                          : f->map >= HO_ERROR && !c->value           ? "value"
                          : tuned && f->how == HO_VJP && !c->gradient ? "gradient"
                                                                      : NULL;
    const struct {
        const char *what; /* NULL: not handed over */
        const ho_vector *vector;
        int64_t columns;
    } vectors[] = {
        {f->state, c->state, 1}, {f->seed, c->seed, columns}, {f->next, c->next, 1}, {f->out, c->out, columns}};
    if (columns < 1)
        return ho_refuse(training, "%s: %" PRId64 " columns, expected at least 1", f->name, c->columns);
    if (missing)
        return ho_refuse(training, "%s: %s is missing", f->name, missing);
    for (size_t i = 0; i < 4; i++) {
        if (!vectors[i].what)
            continue;
        if (ho_vector_check(&training->layout, f->name, vectors[i].what, vectors[i].vector, vectors[i].columns))
            return training->ground.error.status;
        for (size_t j = 0; i >= 2 && j < i; j++) /* the results stand last */
            if (vectors[j].what && vectors[j].vector == vectors[i].vector)
                return ho_refuse(training, "%s: the same vector is given as input and as result", f->name);
    }
    if (f->way != HO_PLAIN && ho_residuals_check(training, f->name, c->residuals))
        return training->ground.error.status;
    if (f->way == HO_KEPT && ho_residuals_recognise(training, f->name, c->residuals, c->t, c->lambda, c->state))
        return training->ground.error.status;
    if (f->map == HO_STEP && (c->t < 1 || (steps > 0 && c->t > steps)))
        return ho_refuse(training, "%s: there is no step %" PRId64 " in 1..%" PRId64, f->name, c->t, steps);
    return HO_OK;
}

/* The step whose entry of a schedule counts: the initial state is that of the first, and what is not of a step has
 * none, or that of the last. */
static int64_t step_of(const ho_training *training, const form *f, const ho_call *c)
{
    return f->map == HO_STEP ? c->t : f->map == HO_INITIAL ? 1 : training->ground.problem->steps;
}

/* Points the leaves at what the call hands over. */
static ho_status bind_leaves(ho_training *training, const form *f, const ho_call *c, const ho_program *program)
{
    const ho_seeds *seeds = program->seeds;
    if (f->map == HO_STEP) {
        const bool again = f->way == HO_KEPT && f->how == HO_VALUE;
        training->evaluations += again ? 0 : f->how == HO_VALUE ? 1 : f->how == HO_JVP ? 1 + 2 * c->columns : 1 + 2;
        training->taken += f->how != HO_JVP || c->next; /* further tangents of a step come without it */
        training->t = (double)c->t;
        if (program->reads_batch && ho_batch_load(&training->data, c->t, &training->ground.error))
            return training->ground.error.status;
    }
    const int64_t t = step_of(training, f, c);
    ho_hypers_bind(&training->hypers, c->lambda, t);
    if (c->state)
        ho_vector_bind(c->state, training->layout.leaves);
    if (c->seed)
        ho_vector_bind(c->seed, seeds->segments);
    /* Column j of d, for each tuned hyperparameter, into the leading axis of its tangent. */
    for (size_t i = 0; c->d && i < training->hypers.tuned_count; i++) {
        const ho_hyperparameter *h = ho_tuned_hyper(&training->hypers, i);
        const int64_t at = h->offset + ho_hyper_part_at(h, t), count = ho_hyper_part_count(h);
        for (int64_t j = 0; j < c->columns; j++)
            ho_numbers_put(&training->ground, c->d + j * training->hypers.size + at, count,
                           (char *)seeds->tangents[i] + (size_t)(j * count) * ho_number_size(&training->ground));
    }
    return HO_OK;
}

/* Points the program's outputs at where the call wants them: value, next, out, hyperparameters, residuals. */
static void bind_outputs(const ho_training *training, const ho_call *c, ho_program *program)
{
    const bool gives_next = c->next && !(program->way == HO_KEPT && program->how == HO_JVP);
    void **out = program->out;
    if (c->value)
        *out++ = c->value;
    for (size_t i = 0; gives_next && i < training->layout.segments; i++)
        *out++ = c->next->segments[i];
    for (size_t i = 0; c->out && i < training->layout.segments; i++)
        *out++ = c->out->segments[i];
    for (size_t i = 0; c->gradient && i < training->hypers.tuned_count; i++)
        *out++ = training->hypers.tuned[i].cotangent;
    for (size_t i = 0; c->residuals && program->way == HO_KEEPING && i < training->keeping.count; i++)
        *out++ = c->residuals->memory + training->keeping.offsets[i];
}

/* Adds the branches of what has just run to the fingerprint. The leaves are still bound. */
static ho_status note_branches(ho_training *training, ho_map map)
{
    ho_ground *ground = &training->ground;
    ho_program *program = ho_program_get(training, map, HO_BRANCHES, 0);
    if (!program)
        return ground->error.status;
    const int64_t count = ho_shape_count(&ho_graph_at(ground->graph, program->outputs[0])->shape);
    if (!program->out[0])
        program->out[0] = ho_ground_block(ground, count, ho_number_size(ground), "branches", &ground->error);
    if (!program->out[0] || ho_program_run(training, program, NULL))
        return ground->error.status;
    for (int64_t i = 0; i < count; i++) {
        double branch;
        ho_numbers_get(ground, (const char *)program->out[0] + (size_t)i * ho_number_size(ground), 1, &branch);
        *training->branches = ho_mixed(*training->branches, branch);
    }
    return HO_OK;
}

/* What the estimate of digits is made from. Every call passes here, whatever the mode does with it. */
static void measure(ho_training *training, const form *f, const ho_call *c)
{
    if (f->how == HO_JVP)
        ho_meter_tangents(&training->meter, c->t, c->state, c->out, c->d);
    else if (f->how == HO_VJP && f->map == HO_ERROR)
        ho_meter_error(&training->meter, c->out);
    else if (f->how == HO_VJP)
        ho_meter_adjoint(&training->meter, c->t, c->state, c->seed);
}

/* Takes the shadow's step beside one of a mode, and has their distance measured. */
static ho_status step_shadow(ho_training *training, const ho_call *c)
{
    const ho_shadow *shadow = &training->meter.shadow;
    if (shadow->stage == HO_SHADOW_RUNS && c->t == shadow->t + 1) {
        const ho_call own = {.t = c->t, .lambda = c->lambda, .state = shadow->state, .next = shadow->next};
        const int64_t evaluations = training->evaluations;
        ho_program *program = ho_program_get(training, HO_STEP, HO_VALUE, 0);
        if (!program)
            return training->ground.error.status;
        const ho_status status = bind_leaves(training, &forms[HO_CALL_STEP], &own, program);
        bind_outputs(training, &own, program);
        training->evaluations = evaluations;
        if (status || ho_program_run(training, program, NULL))
            return training->ground.error.status;
    }
    return ho_meter_step(&training->meter, c->t, c->next, &training->ground.error);
}

/* What the initial map is where training starts from a state: a constant. */
static ho_status start_again(ho_training *training, const form *f, const ho_call *c)
{
    if (f->how == HO_VALUE)
        ho_vector_copy(training->start, c->next);
    else if (f->how == HO_JVP)
        ho_vector_zero(c->out);
    measure(training, f, c);
    return HO_OK;
}

ho_status ho_perform(ho_training *training, ho_call_form which, const ho_call *c)
{
    const form *f = &forms[which];
    if (check(training, f, c) || (f->map == HO_STEP && ho_poll_interrupt(training)))
        return training->ground.error.status;
    if (f->map == HO_INITIAL && training->start)
        return start_again(training, f, c);
    /* While results are examined, everything is computed from the state, so that the first bad node is found. */
    const bool plain = !c->residuals || training->examine || (f->way == HO_KEPT && !c->residuals->kept);
    const int64_t columns = f->how == HO_JVP ? c->columns : 0;
    ho_program *program = plain ? ho_program_get(training, f->map, f->how, columns)
                                : ho_program_of_step(training, f->how, f->way, columns);
    if (!program)
        return training->ground.error.status;
    if (bind_leaves(training, f, c, program))
        return training->ground.error.status;
    bind_outputs(training, c, program);
    ho_status status = ho_program_run(training, program, c->residuals);
    if (c->residuals && f->way == HO_KEEPING) {
        c->residuals->kept = !plain;
        ho_residuals_sign(training, c->residuals, c->t, c->lambda, c->state);
    }
    if (status == HO_OK)
        measure(training, f, c);
    if (status == HO_OK && c->gradient)
        ho_hypers_collect(&training->hypers, step_of(training, f, c), c->gradient);
    if (status == HO_OK && training->rescue.on && f->how == HO_VJP)
        ho_rescue_follow(training, f->map == HO_ERROR, c->out);
    if (status == HO_OK && f->how == HO_VALUE && f->way != HO_KEPT && f->map != HO_OBJECTIVE && training->branches)
        status = note_branches(training, f->map);
    if (status == HO_OK && f->map == HO_STEP && f->next && !training->examine)
        status = step_shadow(training, c);
    return status;
}
