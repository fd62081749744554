/* l2 with a strength for each column of w, whose derivative is wrong by the strength of the first column alone, by
 * 1e-3: what `hotool check` must find. */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "rho", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "strength of each column", .shape = "columns"},
};

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    ho_set(x, "column", ho_range(x, ho_size(x, "columns")));
    ho_let(x, "off", "select(column < 0.5, 1e-3, 0) * (rho - stop(rho))");
    ho_let(x, "penalty", "sum((rho + off) * w^2)");
    return ho_ok(x);
}

static const ho_penalty_calls calls = {
    .struct_size = sizeof(ho_penalty_calls),
    .value = value,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_PENALTY),       .name = "wrong_l2",         .version = "1.0.0",
    .doc = "l2 with one wrong entry", .hypers = HO_TABLE(hypers), .calls = &calls,
};
