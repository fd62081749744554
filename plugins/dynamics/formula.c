/* An optimizer whose slots, hyperparameters and step stand in the pipeline. */
#include <hotool/formulas.h>
#include <hotool/plugin.h>

static const ho_option slot_fields[] = {
    {.name = "initial",
     .type = HO_STRING,
     .doc = "a formula over w, the initial weights, and the hyperparameters; 0 if there is none"},
    {.name = "doc", .type = HO_STRING, .initial = "slot of a formula", .doc = "a description, in one line"},
};

static const ho_option options[] = {
    HO_FORMULA_HYPERS,
    {.name = "slots",
     .type = HO_ROWS,
     .doc = "state kept between steps, in the shape of the weights: names, each with its initial value",
     .fields = HO_TABLE(slot_fields)},
    HO_FORMULA_LINES("formulas", "the lines of a step, NAME = FORMULA; w and every slot must be bound"),
    {.name = "granularity",
     .type = HO_CHOICE,
     .initial = "whole",
     .doc = "whole: w, g and the slots are flat vectors over all weights; tensor: one weight tensor at a time",
     .choices = "whole|tensor"},
};

typedef struct formula {
    ho_formulas step;
    ho_dynamics_calls calls;
} formula;

static ho_status step(void *self, ho_trace *x)
{
    const formula *f = self;
    return ho_formulas_trace(x, &f->step);
}

static ho_status read_slots(ho_setup *u, const formula *f, ho_table *slots)
{
    const int64_t count = ho_option_count(u, "slots");
    ho_slot *rows = ho_setup_alloc(u, (uint64_t)count * sizeof *rows);
    if (!rows)
        return HO_FAILED;
    for (int64_t i = 0; i < count; i++) {
        ho_setup *row = ho_option_row(u, "slots", i);
        if (!row)
            return HO_FAILED;
        const char *name = ho_option_row_name(u, "slots", i);
        rows[i] = (ho_slot){name, ho_option_string(row, "doc"), ho_option_string(row, "initial")};
        if (!ho_formulas_bind(&f->step, name))
            return ho_setup_fail_at(u, name, "no line of formulas binds the slot \"%s\"", name);
    }
    *slots = (ho_table){rows, (uint32_t)count, (uint32_t)sizeof *rows};
    return HO_OK;
}

static ho_status create(ho_setup *u, void **self)
{
    formula *f = ho_setup_alloc(u, sizeof *f);
    ho_plugin own = {.calls = f ? &f->calls : NULL};
    if (!f || ho_formula_hypers_read(u, &own.hypers))
        return HO_FAILED;
    ho_status status = ho_formulas_read(u, "formulas", NULL, &f->step);
    if (status != HO_OK)
        return status;
    if (!ho_formulas_bind(&f->step, "w"))
        return ho_setup_fail(u, "formulas", "no line binds w, the weights");
    f->calls = (ho_dynamics_calls){
        .struct_size = sizeof f->calls,
        .granularity = strcmp(ho_option_string(u, "granularity"), "tensor") == 0 ? HO_PER_TENSOR : HO_WHOLE,
        .step = step,
    };
    status = read_slots(u, f, &f->calls.slots);
    *self = f;
    return status != HO_OK ? status : ho_setup_describe(u, &own);
}

/* What a use of the plugin replaces by its own. */
static const ho_dynamics_calls calls = {.struct_size = sizeof(ho_dynamics_calls), .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "formula",
    .version = "1.0.0",
    .doc = "an optimizer written in the pipeline: its slots, hyperparameters and the formulas of a step",
    .details = "In scope of the formulas are w; g, the gradient of the objective at w; the slots; the hyperparameters; "
               "and t, the number of the step, from 1. A name may be bound again, and later lines see its new value. "
               "This is Nesterov's momentum:\n\n"
               "  dynamics:\n    plugin: formula\n    hyperparameters:\n      learning_rate: {default: 0.01, domain: "
               "nonnegative}\n      momentum: {default: 0.9, domain: decay}\n    slots: [v]\n    formulas: |\n      v "
               "= momentum*v - learning_rate*grad(w + momentum*v)\n      w = w + v\n\n"
               "The hyperparameters are set and tuned like those of any plugin (`learning_rate: 0.1` beside them, "
               "`dynamics.learning_rate` among those tuned), and the outer optimizer may be a formula as well. "
               "Mistakes are reported at their line and column. sdk/FORMULAS.md describes the language, and how steps "
               "that divide by a root of gradients, as Adam's do, are kept free of noise.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
    .describes = 1,
};
