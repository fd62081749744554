/* A penalty whose formulas stand in the pipeline. */
#include <hotool/formulas.h>
#include <hotool/plugin.h>

static const ho_option options[] = {
    HO_FORMULA_HYPERS,
    HO_FORMULA_LINES("formulas",
                     "lines NAME = FORMULA that bind penalty, one number; the last line may be a formula alone"),
};

static ho_status value(void *self, ho_trace *x)
{
    return ho_formulas_trace(x, self);
}

static const ho_penalty_calls calls = {.struct_size = sizeof(ho_penalty_calls), .value = value};

static ho_status create(ho_setup *u, void **self)
{
    ho_formulas *formulas = ho_setup_alloc(u, sizeof *formulas);
    ho_plugin own = {.calls = &calls};
    if (!formulas || ho_formula_hypers_read(u, &own.hypers))
        return HO_FAILED;
    const ho_status status = ho_formulas_read(u, "formulas", "penalty", formulas);
    *self = formulas;
    if (status == HO_OK && !ho_formulas_bind(formulas, "penalty"))
        return ho_setup_fail(u, "formulas", "no line binds penalty");
    return status != HO_OK ? status : ho_setup_describe(u, &own);
}

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_PENALTY),
    .name = "formula",
    .version = "1.0.0",
    .doc = "a penalty written in the pipeline: its hyperparameters and formulas",
    .details =
        "In scope of the formulas are w, each of the weight tensors in turn, its sizes rows and columns, and the "
        "hyperparameters. A group lasso over the rows, with one strength:\n\n"
        "  objective:\n"
        "    - penalty: formula\n"
        "      name: lasso\n"
        "      hyperparameters: {rho: {default: 0.01, domain: nonnegative}}\n"
        "      formulas: rho*sum(sqrt(sum(w^2, 1)))\n\n"
        "Mistakes are reported at their line and column. sdk/FORMULAS.md describes the language.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
    .describes = 1,
};
