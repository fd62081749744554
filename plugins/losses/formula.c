/* A loss whose formulas stand in the pipeline. */
#include <hotool/formulas.h>
#include <hotool/plugin.h>

static const ho_option options[] = {
    HO_FORMULA_HYPERS,
    HO_FORMULA_LINES(
        "formulas",
        "lines NAME = FORMULA that bind loss, one number per example; the last line may be a formula alone"),
    {.name = "targets_are",
     .type = HO_CHOICE,
     .initial = "any",
     .doc = "the targets that the loss is for: labels, which are one-hot in targets, reals, or any",
     .choices = "any|labels|reals"},
};

typedef struct formula {
    ho_formulas formulas;
    ho_loss_calls calls;
} formula;

static ho_status per_example(void *self, ho_trace *x)
{
    const formula *f = self;
    return ho_formulas_trace(x, &f->formulas);
}

/* What a use of the plugin replaces by its own. */
static const ho_loss_calls calls = {.struct_size = sizeof(ho_loss_calls), .per_example = per_example};

static ho_status create(ho_setup *u, void **self)
{
    formula *f = ho_setup_alloc(u, sizeof *f);
    ho_plugin own = {.calls = f ? &f->calls : NULL};
    if (!f || ho_formula_hypers_read(u, &own.hypers))
        return HO_FAILED;
    const ho_status status = ho_formulas_read(u, "formulas", "loss", &f->formulas);
    if (status != HO_OK)
        return status;
    if (!ho_formulas_bind(&f->formulas, "loss"))
        return ho_setup_fail(u, "formulas", "no line binds loss");
    const char *targets = ho_option_string(u, "targets_are");
    f->calls = calls;
    f->calls.targets = strcmp(targets, "labels") == 0  ? HO_TARGET_LABELS
                       : strcmp(targets, "reals") == 0 ? HO_TARGET_REALS
                                                       : HO_TARGET_ANY;
    *self = f;
    return ho_setup_describe(u, &own);
}

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_LOSS),
    .name = "formula",
    .version = "1.0.0",
    .doc = "a loss written in the pipeline: its hyperparameters and formulas",
    .details =
        "In scope of the formulas are outputs and targets (examples, outputs; one-hot for labels), for labels also "
        "labels "
        "(examples), the hyperparameters, and the sizes features and examples. The loss has the shape (examples). A "
        "hinge loss:\n\n"
        "  objective:\n"
        "    - loss: formula\n"
        "      hyperparameters: {margin: {default: 1, domain: nonnegative}}\n"
        "      formulas: |\n"
        "        right = sum_keep(targets*outputs, 1)\n"
        "        loss = sum(max(outputs - right + margin, 0), 1) - margin\n\n"
        "Mistakes are reported at their line and column. sdk/FORMULAS.md describes the language.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
    .describes = 1,
};
