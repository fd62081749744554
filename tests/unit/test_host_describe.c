/* Options of lines and of rows, and instances that describe themselves from them. */
#include <criterion/criterion.h>
#include <string.h>

#include "host/descriptor.h"
#include "host/instance.h"
#include "pipeline/yaml.h"

static ho_status (*body)(ho_setup *u);

static ho_status create(ho_setup *u, void **self)
{
    (void)self;
    return body(u);
}

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    return ho_ok(x);
}

static const ho_option fields[] = {
    {.name = "first", .type = HO_REAL, .initial = "0.5", .least = 0, .most = 1},
    {.name = "words", .type = HO_STRINGS, .initial = "[a, b]"},
    {.name = "note", .type = HO_STRING},
};
static const ho_option options[] = {
    {.name = "lines", .type = HO_LINES},
    {.name = "rows", .type = HO_ROWS, .fields = HO_TABLE(fields)},
};
static const ho_hyper hypers[] = {{.name = "declared", .initial = 1.0}};
static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};
static ho_plugin plugin;

static ho_error error;
static ho_arena *arena;
static ho_loaded loaded;
static ho_instance *instance;

static void setup(void)
{
    error = (ho_error){0};
    arena = ho_arena_new();
    plugin = (ho_plugin){HO_PLUGIN_HEAD(HO_DYNAMICS),
                         .name = "probe",
                         .options = HO_TABLE(options),
                         .hypers = HO_TABLE(hypers),
                         .calls = &calls,
                         .create = create,
                         .describes = 1};
    cr_assert_eq(ho_descriptor_read(&plugin, 0, "probe.so", arena, &loaded, &error), HO_OK, "%s", error.text);
}

static void teardown(void)
{
    ho_instance_free(instance);
    ho_arena_free(arena);
}

TestSuite(describe, .init = setup, .fini = teardown);

static ho_instance *make(const char *yaml, ho_status (*with)(ho_setup *u))
{
    ho_tree *settings = ho_yaml_parse(arena, "x.yaml", yaml, strlen(yaml), &error);
    cr_assert(settings, "%s", error.text);
    body = with;
    return instance = ho_instance_new(&loaded, NULL, settings, NULL, (ho_place){"x.yaml", 1, 1}, &error);
}

static void made(const char *yaml, ho_status (*with)(ho_setup *u))
{
    cr_assert(make(yaml, with), "%s", error.text);
}

static void refused(const char *yaml, ho_status (*with)(ho_setup *u), const char *message)
{
    cr_assert_null(make(yaml, with));
    cr_expect_eq(error.status, HO_INVALID);
    cr_expect_str_eq(error.text, message);
    error = (ho_error){0};
}

static ho_status nothing(ho_setup *u)
{
    (void)u;
    return HO_OK;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static ho_status reads_lines(ho_setup *u)
{
    cr_assert_eq(ho_option_count(u, "lines"), 3);
    cr_expect_str_eq(ho_option_string_at(u, "lines", 0), "a = b");
    cr_expect_str_eq(ho_option_string_at(u, "lines", 1), "c");
    cr_expect_str_eq(ho_option_string_at(u, "lines", 2), "d e");
    return ho_setup_fail_at(u, ho_option_string_at(u, "lines", 2) + 2, "no %s", "e");
}

Test(describe, lines_are_those_of_a_text)
{
    refused("lines: |\n  # words\n  a = b  \n\n    c\n  d e\n", reads_lines, "x.yaml:6:5: plugin \"probe\": no e");
}

Test(describe, lines_are_those_of_a_list_of_texts)
{
    refused("lines: [\"a = b\\n\\n c\", d e]", reads_lines, "x.yaml:1:26: plugin \"probe\": no e");
}

static ho_status reads_no_lines(ho_setup *u)
{
    cr_expect_eq(ho_option_count(u, "lines"), 0);
    return HO_OK;
}

Test(describe, no_lines)
{
    made("lines: |\n  # nothing\n\n", reads_no_lines);
    refused("lines: {a: b}", nothing, "x.yaml:1:8: lines: expected text, got a map");
}

static ho_status fails_elsewhere(ho_setup *u)
{
    return ho_setup_fail_at(u, "some text", "that is not the pipeline's");
}

Test(describe, a_text_of_the_plugins_own_has_the_plugins_place)
{
    refused("lines: a", fails_elsewhere, "x.yaml:1:1: plugin \"probe\": that is not the pipeline's");
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static ho_status reads_rows(ho_setup *u)
{
    static const char *const names[] = {"full", "short", "none"};
    static const double firsts[] = {0.25, 1, 0.5};
    cr_assert_eq(ho_option_count(u, "rows"), 3);
    for (int64_t i = 0; i < 3; i++) {
        ho_setup *row = ho_option_row(u, "rows", i);
        cr_assert_str_eq(ho_option_row_name(u, "rows", i), names[i]);
        cr_expect_eq(ho_option_real(row, "first"), firsts[i]);
        cr_expect_eq(ho_option_count(row, "words"), i ? 2 : 1);
        cr_expect_str_eq(ho_option_string_at(row, "words", 0), i ? "a" : "w");
        cr_expect_eq(ho_option_string(row, "note") != NULL, i == 0);
    }
    return ho_setup_fail(ho_option_row(u, "rows", 0), "first", "too small");
}

Test(describe, rows_have_fields_defaults_and_places)
{
    refused("rows:\n  full: {first: 0.25, words: w, note: n}\n  short: 1\n  none:\n", reads_rows,
            "x.yaml:2:17: plugin \"probe\": first: too small");
}

static ho_status refuses_a_row(ho_setup *u)
{
    return ho_setup_fail(ho_option_row(u, "rows", 1), NULL, "not this one");
}

Test(describe, rows_may_be_names_alone)
{
    refused("rows: [one, two]", refuses_a_row, "x.yaml:1:13: plugin \"probe\": not this one");
}

Test(describe, fields_are_checked_as_options_are)
{
    refused("rows: {a: 2}", nothing, "x.yaml:1:11: first: 2 is outside its range, 0 to 1");
    refused("rows: {a: {frist: 1}}", nothing,
            "x.yaml:1:12: unknown key \"frist\" in \"a\" of rows; did you mean \"first\"?");
    refused("rows: [[a]]", nothing, "x.yaml:1:8: rows: expected text, got a list");
}

static ho_status beyond(ho_setup *u)
{
    cr_expect_null(ho_option_row(u, "rows", 1));
    return HO_OK;
}

static ho_status rows_of_lines(ho_setup *u)
{
    cr_expect_null(ho_option_row(u, "lines", 0));
    return HO_OK;
}

static ho_status undeclared_field(ho_setup *u)
{
    ho_option_real(ho_option_row(u, "rows", 0), "lines");
    return HO_OK;
}

Test(describe, mistakes_of_the_plugin_refuse_the_instance)
{
    refused("rows: [a]", beyond, "x.yaml:1:1: plugin \"probe\" asks for entry 1 of its option \"rows\", which has 1");
    refused("lines: a", rows_of_lines,
            "x.yaml:1:1: plugin \"probe\" reads its option \"lines\" as another type than it declares");
    refused("rows: [a]", undeclared_field,
            "x.yaml:1:1: plugin \"probe\" asks for the option \"lines\", which it does not declare");
}

/* ---- descriptions ------------------------------------------------------------------------------------------------ */

/* One hyperparameter for each row, and a slot. */
static ho_status describes(ho_setup *u)
{
    static const ho_slot slots[] = {{.name = "s"}};
    static ho_dynamics_calls own_calls = {
        .struct_size = sizeof own_calls, .granularity = HO_PER_TENSOR, .slots = HO_TABLE(slots), .step = step};
    const int64_t count = ho_option_count(u, "rows");
    ho_hyper *own = ho_setup_alloc(u, (uint64_t)count * sizeof *own);
    for (int64_t i = 0; i < count; i++)
        own[i] = (ho_hyper){.name = ho_option_row_name(u, "rows", i),
                            .initial = ho_option_real(ho_option_row(u, "rows", i), "first"),
                            .domain = HO_POSITIVE};
    const ho_plugin described = {.hypers = {own, (uint32_t)count, sizeof *own}, .calls = &own_calls};
    return ho_setup_describe(u, &described);
}

Test(describe, an_instance_has_what_it_says_of_itself)
{
    made("rows: {a: 0.25, b: 0.5}\na: 3\n", describes);
    const ho_loaded *own = instance->loaded;
    cr_assert_eq(own->hyper_count, 2);
    cr_expect_str_eq(own->hypers[1].name, "b");
    cr_expect_eq(own->hypers[1].initial, 0.5);
    cr_expect_eq(own->slot_count, 1);
    cr_expect_eq(own->calls.dynamics.granularity, HO_PER_TENSOR);
    cr_expect_eq(own->option_count, loaded.option_count);
    cr_expect_eq(loaded.hyper_count, 1); /* the plugin itself is as it was */
    cr_expect_eq(ho_instance_written(instance, own->hypers[0].name)->place.column, 8);
}

Test(describe, what_is_wrong_has_its_place_in_the_pipeline)
{
    refused("rows: {a: 0.25, b: 0}", describes,
            "x.yaml:1:17: hyperparameter \"b\": its default 0 is outside its domain, 1e-12 to inf");
    refused("rows: [a, s]", describes, "x.yaml:1:1: the name \"s\" is declared twice");
    refused("rows: [a, g]", describes, "x.yaml:1:11: the name \"g\" is the host's in a dynamics; give yours another");
    refused("rows: [a, b c]", describes,
            "x.yaml:1:11: \"b c\" is not a valid name (a letter or '_', then letters, digits, '_'; at most 64)");
}

Test(describe, keys_are_checked_against_the_description)
{
    refused("rows: [a_rate]\ndeclared: 1\n", describes,
            "x.yaml:2:1: unknown key \"declared\" in the dynamics \"probe\"");
    refused("rows: [a_rate]\na_rat: 1\n", describes,
            "x.yaml:2:1: unknown key \"a_rat\" in the dynamics \"probe\"; did you mean \"a_rate\"?");
    made("declared: 1\n", nothing); /* described nothing: it has what the plugin declares */
}

static ho_status describes_nothing(ho_setup *u)
{
    return ho_setup_describe(u, NULL);
}

static ho_status describes_without_calls(ho_setup *u)
{
    return ho_setup_describe(u, &(ho_plugin){.calls = NULL});
}

Test(describe, descriptions_are_checked)
{
    refused("lines: a", describes_nothing, "x.yaml:1:1: plugin \"probe\" describes an instance with NULL");
    refused("lines: a", describes_without_calls, "x.yaml:1:1: it has no table of calls");
    plugin.describes = 0;
    cr_assert_eq(ho_descriptor_read(&plugin, 0, "probe.so", arena, &loaded, &error), HO_OK);
    refused("rows: [a]", describes, "x.yaml:1:1: plugin \"probe\" describes an instance, but does not set `describes`");
}

/* `count` times a text, after a beginning. */
static const char *many(const char *first, const char *item, int count, const char *last)
{
    const size_t length = strlen(item);
    char *text = ho_arena_alloc(arena, strlen(first) + (size_t)count * length + strlen(last) + 1), *at = text;
    at = stpcpy(at, first);
    for (int i = 0; i < count; i++)
        at = stpcpy(at, item);
    stpcpy(at, last);
    return text;
}

Test(describe, there_are_limits)
{
    made(many("lines: |\n", "  a\n", 9999, ""), nothing);
    refused(many("lines: |\n", "  a\n", 10000, ""), nothing, "x.yaml:1:8: lines: more than 10000 lines");
    refused(many("rows: [", "a, ", 1001, "]"), describes, "x.yaml:1:1: 1001 hyperparameters; the most is 1000");
}

/* ---- declarations ------------------------------------------------------------------------------------------------ */

static void badly_declared(ho_option option, const char *message)
{
    ho_loaded other;
    plugin.options = (ho_table){&option, 1, sizeof option};
    cr_expect_eq(ho_descriptor_read(&plugin, 0, "probe.so", arena, &other, &error), HO_INVALID);
    cr_expect_str_eq(error.text, message);
    error = (ho_error){0};
}

Test(describe, fields_must_be_well_declared)
{
    static const ho_option nested[] = {{.name = "in", .type = HO_ROWS, .fields = HO_TABLE(fields)}};
    static const ho_option twice[] = {{.name = "a", .type = HO_REAL}, {.name = "a", .type = HO_REAL}};
    static const ho_option unfit[] = {{.name = "a", .type = HO_REAL, .initial = "x"}};
    badly_declared((ho_option){.name = "r", .type = HO_ROWS}, "probe.so: option \"r\" has rows without fields");
    badly_declared((ho_option){.name = "r", .type = HO_ROWS, .fields = HO_TABLE(nested)},
                   "probe.so: option \"in\" is of the unknown type 11");
    badly_declared((ho_option){.name = "r", .type = HO_ROWS, .fields = HO_TABLE(twice)},
                   "probe.so: option \"r\" has two fields \"a\"");
    badly_declared((ho_option){.name = "r", .type = HO_ROWS, .fields = HO_TABLE(unfit)},
                   "probe.so: a: \"x\" is not a finite number");
}
