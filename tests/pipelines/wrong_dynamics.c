/* Momentum whose value is right and whose derivative is wrong, in the way that its option says: what `hotool check`
 * must find. x - stop(x) is 0 with the derivative of x. */
#include <hotool/plugin.h>

#include <string.h>

typedef struct wrong {
    const char *fault;
} wrong;

static const ho_option options[] = {
    {.name = "fault",
     .type = HO_CHOICE,
     .initial = "scale",
     .choices = "none|scale|sign|rate|late",
     .doc = "scale: off by 1e-3; sign: the other sign; rate: only by "
            "the learning rate, by 1e-3; late: by 1e-3 from step 41 on"},
};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "momentum", .initial = 0.9, .domain = HO_UNIT, .doc = "fraction of the last step that is kept"},
};

static const ho_slot slots[] = {{.name = "velocity", .doc = "last step"}};

static ho_status create(ho_setup *u, void **self)
{
    wrong *dynamics = ho_setup_alloc(u, sizeof(wrong));
    if (!dynamics)
        return HO_FAILED;
    dynamics->fault = ho_option_string(u, "fault");
    *self = dynamics;
    return HO_OK;
}

static ho_status step(void *self, ho_trace *x)
{
    const wrong *dynamics = self;
    const char *const fault = dynamics->fault;
    ho_let(x, "own", "momentum * velocity - learning_rate * g");
    if (!strcmp(fault, "scale"))
        ho_let(x, "velocity", "own + 1e-3*(own - stop(own))");
    else if (!strcmp(fault, "sign"))
        ho_let(x, "velocity", "2*stop(own) - own");
    else if (!strcmp(fault, "rate"))
        ho_let(x, "velocity", "own - 1e-3*g*(learning_rate - stop(learning_rate))");
    else if (!strcmp(fault, "late"))
        ho_let(x, "velocity", "own + select(40.5 < t, 1e-3, 0)*(own - stop(own))");
    else
        ho_let(x, "velocity", "own");
    ho_let(x, "w", "w + velocity");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .slots = HO_TABLE(slots),
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "wrong",
    .version = "1.0.0",
    .doc = "momentum with wrong derivatives",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
    .create = create,
};
