/* Descriptors: what each kind may declare, and what is said of the rest. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "host/descriptor.h"
#include "host/instance.h"

static ho_status traced(void *self, ho_trace *x)
{
    (void)self;
    return ho_ok(x);
}

static ho_error error;
static ho_arena *arena;
static ho_loaded loaded;

/* Sound tables that each test breaks in one place. */
static ho_option option;
static ho_hyper hyper;
static ho_slot slot;
static ho_dynamics_calls dynamics;
static ho_penalty_calls penalty;
static ho_loss_calls loss;
static ho_plugin plugin;

static void reset(void)
{
    error = (ho_error){0};
    option = (ho_option){.name = "order", .type = HO_INTEGER, .initial = "2", .least = 1, .most = 9};
    hyper = (ho_hyper){.name = "rate", .initial = 0.5, .domain = HO_UNIT};
    slot = (ho_slot){.name = "velocity"};
    dynamics = (ho_dynamics_calls){.struct_size = sizeof dynamics, .slots = {&slot, 1, sizeof slot}, .step = traced};
    penalty = (ho_penalty_calls){.struct_size = sizeof penalty, .value = traced};
    loss = (ho_loss_calls){.struct_size = sizeof loss, .per_example = traced};
    plugin = (ho_plugin){HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "probe", .options = {&option, 1, sizeof option},
                         .hypers = {&hyper, 1, sizeof hyper}, .calls = &dynamics};
}

static void setup(void)
{
    arena = ho_arena_new();
    reset();
}

static void teardown(void)
{
    ho_arena_free(arena);
}

TestSuite(host_descriptor, .init = setup, .fini = teardown);

static ho_status read_it(void)
{
    return ho_descriptor_read(&plugin, 0, "probe.so", arena, &loaded, &error);
}

static void accept(void)
{
    cr_assert_eq(read_it(), HO_OK, "%s", error.text);
}

/* Breaks the sound tables by `change` and expects this one message, then mends them. */
#define REFUSED(change, message)                            \
    do {                                                    \
        change;                                             \
        cr_expect_eq(read_it(), HO_INVALID, "%s", #change); \
        cr_expect_str_eq(error.text, "probe.so: " message); \
        reset();                                            \
    } while (0)

Test(host_descriptor, a_sound_one_is_copied)
{
    accept();
    cr_assert_eq(loaded.option_count, 1u);
    cr_assert_eq(loaded.hyper_count, 1u);
    cr_assert_eq(loaded.slot_count, 1u);
    cr_assert_neq((const void *)loaded.options, (const void *)&option);
    cr_assert_str_eq(loaded.slots[0].name, "velocity");
    cr_assert_str_eq(loaded.slots[0].doc, "");
    cr_assert_null(loaded.slots[0].initial);
    cr_assert_eq(loaded.calls.dynamics.step, traced);
}

Test(host_descriptor, the_head_is_checked)
{
    REFUSED(plugin.struct_size = 8, "its descriptor says that it is 8 bytes long, which cannot be");
    REFUSED(plugin.struct_size = sizeof plugin + 8,
            "its descriptor says that it is 128 bytes long, in ABI 0.1 it has 120");
    REFUSED(plugin.struct_size = 20, "its descriptor says that it is 20 bytes long, which cannot be");
    REFUSED(dynamics.struct_size = 28, "its table of calls says that it is 28 bytes long, a dynamics has 32");
    REFUSED(plugin.kind = 0, "is a plugin of the unknown kind 0");
    REFUSED(plugin.kind = 9, "is a plugin of the unknown kind 9");
    REFUSED(plugin.name = NULL, "its plugin has no valid name (a small letter, then small letters, digits and '_')");
    REFUSED(plugin.name = "Adam", "its plugin has no valid name (a small letter, then small letters, digits and '_')");
    REFUSED(plugin.name = "a-b", "its plugin has no valid name (a small letter, then small letters, digits and '_')");
    REFUSED(plugin.calls = NULL, "it has no table of calls");
    REFUSED(dynamics.struct_size = 0, "its table of calls says that it is 0 bytes long, a dynamics has 32");
    REFUSED(dynamics.struct_size = 400, "its table of calls says that it is 400 bytes long, a dynamics has 32");
    REFUSED(dynamics.step = NULL, "the dynamics \"probe\" lacks its call \"step\"");
    REFUSED(dynamics.struct_size = 24, "the dynamics \"probe\" lacks its call \"step\"");
    REFUSED(dynamics.granularity = 2, "its granularity 2 is unknown");
    REFUSED((plugin.kind = HO_LOSS, plugin.calls = &loss, loss.targets = 3),
            "it asks for the unknown kind 3 of targets");
}

Test(host_descriptor, tables_are_checked)
{
    REFUSED(plugin.options.rows = NULL,
            "its table of options is damaged: 1 rows of 72 bytes (at most 1000 rows of 72 bytes) at NULL");
    REFUSED(
        plugin.options.count = 4000000000u,
        "its table of options is damaged: 4000000000 rows of 72 bytes (at most 1000 rows of 72 bytes) at an address");
    REFUSED(plugin.hypers.row_size = 0,
            "its table of hyperparameters is damaged: 1 rows of 0 bytes (at most 1000 rows of 48 bytes) at an address");
    REFUSED(dynamics.slots.row_size = 32,
            "its table of slots is damaged: 1 rows of 32 bytes (at most 1000 rows of 24 bytes) at an address");
}

Test(host_descriptor, options_are_checked)
{
    REFUSED(option.name = "", "option 1 has no valid name (letters, digits and '_')");
    REFUSED(option.type = 0, "option \"order\" is of the unknown type 0");
    REFUSED(option.type = 12, "option \"order\" is of the unknown type 12");
    REFUSED(option.least = 10, "option \"order\" has the empty range 10 to 9");
    REFUSED(option.most = NAN, "option \"order\" has the empty range 1 to nan");
    REFUSED(option.initial = "10", "order: 10 is outside its range, 1 to 9");
    REFUSED(option.initial = "two", "order: \"two\" is not an integer");
    REFUSED(option.required = 1, "option \"order\" is required (1) and has a default too");
    REFUSED(option.type = HO_CHOICE, "option \"order\" is a choice without choices");
    REFUSED((option.type = HO_CHOICE, option.choices = "a||b"),
            "option \"order\" has an empty word among its choices \"a||b\"");
    REFUSED((option.type = HO_CHOICE, option.choices = "one|two"),
            "order: \"2\" is not one of its choices (known: one, two)");
}

Test(host_descriptor, hyperparameters_are_checked)
{
    REFUSED(hyper.name = NULL, "hyperparameter 1 has no valid name (letters, digits and '_')");
    REFUSED(hyper.domain = 5, "hyperparameter \"rate\" has the unknown domain 5");
    REFUSED(hyper.initial = 1.5, "hyperparameter \"rate\": its default 1.5 is outside its domain, 0 to 1");
    REFUSED((hyper.domain = HO_ANY, hyper.initial = INFINITY),
            "hyperparameter \"rate\": its default inf is outside its domain, -inf to inf");
    REFUSED(hyper.structure = 4, "hyperparameter \"rate\" has the unknown structure 4");
    REFUSED(hyper.structure = HO_SYMMETRIC, "hyperparameter \"rate\" has a structure, so it must have two equal sizes");
    REFUSED((hyper.structure = HO_SYMMETRIC, hyper.shape = "features outputs"),
            "hyperparameter \"rate\" has a structure, so its shape \"features outputs\" must be of two equal sizes");
    REFUSED(hyper.shape = "feature",
            "hyperparameter \"rate\": its shape \"feature\" has the unknown size \"feature\"; did you mean "
            "\"features\"?");
    REFUSED(hyper.shape = "columns", "hyperparameter \"rate\": its shape \"columns\" has the unknown size \"columns\"");
    REFUSED(hyper.shape = "steps tensors outputs outputs outputs",
            "hyperparameter \"rate\": its shape \"steps tensors outputs outputs outputs\" has more than 4 sizes");
    REFUSED(hyper.shape = "1 1 1 1 1", "hyperparameter \"rate\": its shape \"1 1 1 1 1\" has more than 4 sizes");
    REFUSED(hyper.shape = "outputs steps", "hyperparameter \"rate\": its shape \"outputs steps\" has \"steps\" behind "
                                           "another size: steps come first, then tensors");
    REFUSED(hyper.shape = "tensors steps", "hyperparameter \"rate\": its shape \"tensors steps\" has \"steps\" behind "
                                           "another size: steps come first, then tensors");
    REFUSED(hyper.shape = "2", "hyperparameter \"rate\": its shape \"2\" has the unknown size \"2\"");
    hyper.shape = "order|weights|steps tensors|1 features";
    accept();
    dynamics.granularity = HO_PER_TENSOR;
    hyper.shape = "rows columns|1 rows";
    accept();
    reset();
    REFUSED((hyper.structure = HO_ZERO_DIAGONAL, hyper.shape = "outputs outputs", hyper.domain = HO_POSITIVE),
            "hyperparameter \"rate\" has a zero diagonal outside its domain");
    hyper.shape = "|outputs outputs";
    hyper.structure = HO_SYMMETRIC | HO_ZERO_DIAGONAL;
    accept();
    hyper.structure = HO_SYMMETRIC;
    hyper.domain = HO_POSITIVE;
    accept();
    plugin.kind = HO_PENALTY;
    plugin.calls = &penalty;
    hyper.shape = "columns columns|";
    accept();
}

Test(host_descriptor, a_name_means_one_thing)
{
    REFUSED(slot.name = "rate", "the name \"rate\" is declared twice");
    REFUSED(option.name = "rate", "the name \"rate\" is declared twice");
    REFUSED(slot.name = "g", "the name \"g\" is the host's in a dynamics; give yours another");
    REFUSED(hyper.name = "w", "the name \"w\" is the host's in a dynamics; give yours another");
    plugin.kind = HO_LOSS;
    plugin.calls = &loss;
    hyper.name = "g";
    accept();
}

Test(host_descriptor, only_traced_kinds_have_hyperparameters)
{
    ho_constraint_calls calls = {.struct_size = sizeof calls};
    REFUSED((plugin.kind = HO_CONSTRAINT, plugin.calls = &calls),
            "a constraint has no hyperparameters, this one declares 1");
    REFUSED((plugin.kind = HO_CONSTRAINT, plugin.calls = &calls, plugin.hypers.count = 0),
            "the constraint \"probe\" lacks its call \"fits\"");
}

static ho_status begin(void *self, ho_system *s, const double *lambda, void **run)
{
    (void)self, (void)s, (void)lambda, (void)run;
    return HO_FAILED;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    (void)run, (void)t0, (void)t1, (void)lambda;
    return HO_FAILED;
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    (void)run, (void)lambda, (void)value, (void)gradient;
    return HO_FAILED;
}

static const ho_vector *state(void *run)
{
    (void)run;
    return NULL;
}

static ho_status forget(void *run)
{
    (void)run;
    return HO_FAILED;
}

static int64_t bytes(void *run)
{
    (void)run;
    return 0;
}

Test(host_descriptor, a_mode_has_every_call)
{
    ho_mode_calls calls = {.struct_size = sizeof calls,
                           .start = begin,
                           .advance = advance,
                           .state = state,
                           .hypergradient = hypergradient,
                           .forget = forget,
                           .bytes = bytes};
    plugin = (ho_plugin){HO_PLUGIN_HEAD(HO_MODE), .name = "probe", .calls = &calls};
    cr_expect_eq(read_it(), HO_INVALID);
    cr_expect_str_eq(error.text, "probe.so: the mode \"probe\" lacks its call \"end\"");
}

Test(host_descriptor, domains_have_bounds)
{
    double lower, upper;
    cr_assert(ho_domain_bounds(HO_DECAY, &lower, &upper));
    cr_assert_float_eq(lower, 0, 0);
    cr_assert_float_eq(upper, 1 - 1e-6, 0);
    cr_assert(ho_domain_bounds(HO_ANY, &lower, &upper));
    cr_assert_eq(lower, -INFINITY);
    cr_assert_not(ho_domain_bounds(5, &lower, &upper));
}

/* ---- the calls of constraints ---- */

static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t size)
{
    (void)self;
    if (h->rank == 1)
        return HO_OK;
    memset(reason, h->rank == 0 ? 'x' : 0, size); /* no end: the host puts one */
    return HO_INVALID;
}

static ho_status project(void *self, const ho_constrained *h, double *values)
{
    (void)self;
    for (int64_t i = 0; i < h->count; i++)
        values[i] = 1 / values[i];
    return values[0] == 4 ? HO_FAILED : HO_OK;
}

Test(host_descriptor, constraints_are_called_with_care)
{
    ho_constraint_calls calls = {.struct_size = sizeof calls, .fits = fits, .project = project};
    plugin = (ho_plugin){HO_PLUGIN_HEAD(HO_CONSTRAINT), .name = "inverse", .calls = &calls};
    accept();
    ho_instance *instance = ho_instance_new(&loaded, NULL, NULL, NULL, (ho_place){"x.yaml", 8, 5}, &error);
    cr_assert_not_null(instance, "%s", error.text);
    ho_constrained h = {.struct_size = sizeof h, .rank = 1, .dims = {2}, .count = 2, .name = "mtl.A"};
    cr_assert_eq(ho_constraint_fits(instance, &h, &error), HO_OK);
    double values[2] = {2, 5};
    cr_assert_eq(ho_constraint_project(instance, &h, values, &error), HO_OK);
    cr_assert_float_eq(values[1], 0.2, 0);
    values[1] = 0;
    cr_assert_eq(ho_constraint_project(instance, &h, values, &error), HO_FAILED);
    cr_assert_str_eq(error.text, "x.yaml:8:5: constraint \"inverse\" projects entry 1 of mtl.A to infinity");
    error = (ho_error){0};
    values[0] = 0.25;
    cr_assert_eq(ho_constraint_project(instance, &h, values, &error), HO_FAILED);
    cr_assert_str_eq(error.text, "x.yaml:8:5: constraint \"inverse\" cannot project mtl.A (project returned 1)");
    error = (ho_error){0};
    h.rank = 2;
    cr_assert_eq(ho_constraint_fits(instance, &h, &error), HO_INVALID);
    cr_assert_str_eq(error.text, "x.yaml:8:5: constraint \"inverse\" does not fit mtl.A: the plugin does not say why");
    error = (ho_error){0};
    h.rank = 0;
    cr_assert_eq(ho_constraint_fits(instance, &h, &error), HO_INVALID);
    cr_assert(strstr(error.text, "does not fit mtl.A: xxx"), "%s", error.text);
    ho_instance_free(instance);
}
