/* Options from a pipeline's settings to a plugin's hands, and what is said of wrong ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/descriptor.h"
#include "host/instance.h"

/* ---- a data reader whose create is whatever the test wants ---- */

static ho_status (*body)(ho_setup *u, void **self);
static int destroyed;

static ho_status create(ho_setup *u, void **self)
{
    return body ? body(u, self) : HO_OK;
}

static void destroy(void *self)
{
    cr_assert_not_null(self);
    destroyed++;
}

static ho_status read_nothing(void *self, ho_data *d)
{
    (void)self;
    (void)d;
    return HO_OK;
}

static const ho_data_calls calls = {.struct_size = sizeof calls, .read = read_nothing};
static const ho_option options[] = {
    {.name = "rate", .type = HO_REAL, .initial = "0.5", .least = 0, .most = 1},
    {.name = "count", .type = HO_INTEGER, .initial = "3", .least = 1, .most = 10},
    {.name = "shuffle", .type = HO_BOOLEAN, .initial = "true"},
    {.name = "title", .type = HO_STRING},
    {.name = "file", .type = HO_PATH},
    {.name = "reduce", .type = HO_CHOICE, .initial = "sum", .choices = "sum|mean|none"},
    {.name = "widths", .type = HO_REALS, .initial = "[1, 2.5,3]"},
    {.name = "names", .type = HO_STRINGS},
    {.name = "free", .type = HO_REAL},
    {.name = "memory", .type = HO_BYTES, .initial = "2kB", .least = 1024, .most = 1048576},
};
static const ho_plugin plugin = {HO_PLUGIN_HEAD(HO_DATA), .name = "probe",  .options = HO_TABLE(options),
                                 .calls = &calls,         .create = create, .destroy = destroy};

static const ho_option needed[] = {{.name = "inputs", .type = HO_STRING, .required = 1, .doc = "where they are"}};
static const ho_plugin demanding = {HO_PLUGIN_HEAD(HO_DATA), .name = "demanding", .options = HO_TABLE(needed),
                                    .calls = &calls};

static ho_error error;
static ho_arena *arena;
static ho_loaded loaded, loaded_demanding;
static ho_tree *settings;
static const char *const reserved[] = {"plugin", "split", NULL};

static void setup(void)
{
    error = (ho_error){0};
    arena = ho_arena_new();
    body = NULL;
    settings = ho_tree_new(arena, HO_TREE_MAP, (ho_place){"x.yaml", 2, 3});
    cr_assert_eq(ho_descriptor_read(&plugin, 0, "probe.so", arena, &loaded, &error), HO_OK, "%s", error.text);
    cr_assert_eq(ho_descriptor_read(&demanding, 0, "demanding.so", arena, &loaded_demanding, &error), HO_OK);
}

static void teardown(void)
{
    ho_arena_free(arena);
}

TestSuite(host_options, .init = setup, .fini = teardown);

/* Adds `key: text` on a line of its own; text NULL: a list, returned to be filled. */
static ho_tree *put(const char *key, const char *text)
{
    int line = 3 + (int)settings->count;
    ho_tree *node = ho_tree_new(arena, text ? HO_TREE_SCALAR : HO_TREE_LIST, (ho_place){"x.yaml", line, 11});
    node->text = text;
    node->key = key;
    node->key_place = (ho_place){"x.yaml", line, 3};
    ho_tree_append(settings, node);
    return node;
}

static void add(ho_tree *list, const char *text)
{
    ho_tree *item = ho_tree_new(arena, HO_TREE_SCALAR, (ho_place){"x.yaml", 9, 20 + (int)list->count});
    item->text = text;
    ho_tree_append(list, item);
}

static ho_instance *make(void)
{
    return ho_instance_new(&loaded, NULL, settings, reserved, (ho_place){"x.yaml", 1, 1}, &error);
}

static void refused(const char *message)
{
    cr_assert_null(make());
    cr_assert_eq(error.status, HO_INVALID);
    cr_assert_str_eq(error.text, message);
}

/* ---- good values ---- */

static ho_status reads_defaults(ho_setup *u, void **self)
{
    (void)self;
    cr_assert_float_eq(ho_option_real(u, "rate"), 0.5, 0);
    cr_assert_float_eq(ho_option_real(u, "count"), 3, 0);
    cr_assert_eq(ho_option_integer(u, "count"), 3);
    cr_assert_eq(ho_option_boolean(u, "shuffle"), 1);
    cr_assert_null(ho_option_string(u, "title"));
    cr_assert_null(ho_option_string(u, "file"));
    cr_assert_str_eq(ho_option_string(u, "reduce"), "sum");
    cr_assert_eq(ho_option_count(u, "widths"), 3);
    cr_assert_float_eq(ho_option_real_at(u, "widths", 1), 2.5, 0);
    cr_assert_float_eq(ho_option_real_at(u, "widths", 2), 3, 0);
    cr_assert_eq(ho_option_count(u, "names"), 0);
    cr_assert_float_eq(ho_option_real(u, "free"), 0, 0);
    cr_assert_eq(ho_option_integer(u, "memory"), 2000);
    return HO_OK;
}

Test(host_options, defaults_are_read_as_a_pipeline_would_write_them)
{
    body = reads_defaults;
    ho_instance *instance = ho_instance_new(&loaded, "mine", NULL, NULL, (ho_place){0}, &error);
    cr_assert_not_null(instance, "%s", error.text);
    cr_assert_str_eq(instance->name, "mine");
    ho_instance_free(instance);
}

static ho_status reads_settings(ho_setup *u, void **self)
{
    cr_assert_float_eq(ho_option_real(u, "rate"), 1, 0);
    cr_assert_eq(ho_option_integer(u, "count"), 10);
    cr_assert_eq(ho_option_boolean(u, "shuffle"), 0);
    cr_assert_str_eq(ho_option_string(u, "title"), "of mice");
    cr_assert_str_eq(ho_option_string(u, "reduce"), "mean");
    cr_assert_eq(ho_option_count(u, "widths"), 1);
    cr_assert_float_eq(ho_option_real_at(u, "widths", 0), -4, 0);
    cr_assert_eq(ho_option_count(u, "names"), 2);
    cr_assert_str_eq(ho_option_string_at(u, "names", 1), "two");
    cr_assert_eq(ho_option_integer(u, "memory"), 65536);
    *self = ho_setup_alloc(u, 64);
    for (int i = 0; i < 64; i++)
        cr_assert_eq(((char *)*self)[i], 0);
    return HO_OK;
}

Test(host_options, settings_override_and_reserved_keys_are_passed_over)
{
    put("plugin", "probe");
    put("rate", "1");
    put("count", "10");
    put("shuffle", "false");
    put("title", "of mice");
    put("reduce", "mean");
    put("widths", "-4");
    put("split", "half");
    put("memory", "64KiB");
    ho_tree *names = put("names", NULL);
    add(names, "one");
    add(names, "two");
    body = reads_settings;
    ho_instance *instance = make();
    cr_assert_not_null(instance, "%s", error.text);
    double number;
    cr_assert(ho_instance_number(instance, "count", &number));
    cr_assert_float_eq(number, 10, 0);
    cr_assert_not(ho_instance_number(instance, "free", &number), "not given");
    cr_assert_not(ho_instance_number(instance, "title", &number), "not numeric");
    cr_assert_not(ho_instance_number(instance, "nothing", &number));
    ho_instance_free(instance);
    cr_assert_eq(destroyed, 1);
}

/* ---- wrong values ---- */

Test(host_options, an_unknown_key_has_its_place_and_the_nearest_name)
{
    put("rote", "1");
    refused("x.yaml:3:3: unknown key \"rote\" in the data \"probe\"; did you mean \"rate\"?");
}

Test(host_options, a_real_must_be_a_number)
{
    put("rate", "fast");
    refused("x.yaml:3:11: rate: \"fast\" is not a finite number");
}

Test(host_options, a_number_must_lie_in_its_range)
{
    put("rate", "1.5");
    refused("x.yaml:3:11: rate: 1.5 is outside its range, 0 to 1");
}

Test(host_options, a_range_includes_integers)
{
    put("count", "0");
    refused("x.yaml:3:11: count: 0 is outside its range, 1 to 10");
}

Test(host_options, an_integer_must_be_whole)
{
    put("count", "2.5");
    refused("x.yaml:3:11: count: \"2.5\" is not an integer");
}

Test(host_options, an_amount_of_memory_has_a_known_unit)
{
    put("memory", "64 pages");
    refused("x.yaml:3:11: memory: \"64 pages\" is not an amount of memory such as 4096, 64MiB or 1.5GB");
}

Test(host_options, a_range_includes_amounts_of_memory)
{
    put("memory", "2MiB");
    refused("x.yaml:3:11: memory: 2097152 is outside its range, 1024 to 1048576");
}

Test(host_options, a_boolean_is_true_or_false)
{
    put("shuffle", "yes");
    refused("x.yaml:3:11: shuffle: \"yes\" is neither true nor false");
}

Test(host_options, a_choice_is_one_of_its_words)
{
    put("reduce", "maen");
    refused("x.yaml:3:11: reduce: \"maen\" is not one of its choices; did you mean \"mean\"? (known: sum, mean, none)");
}

Test(host_options, each_entry_of_a_list_is_checked_at_its_own_place)
{
    ho_tree *widths = put("widths", NULL);
    add(widths, "1");
    add(widths, "wide");
    refused("x.yaml:9:21: widths: \"wide\" is not a finite number");
}

Test(host_options, a_single_value_is_no_list)
{
    put("rate", NULL);
    refused("x.yaml:3:11: rate: expected a number, got a list");
}

Test(host_options, a_path_must_name_a_file)
{
    put("file", "no/such.npy");
    refused("x.yaml:3:11: file: there is no file or folder no/such.npy that can be read");
}

Test(host_options, a_path_may_name_a_folder)
{
    put("file", "/");
    ho_instance *instance = ho_instance_new(&loaded, "x", settings, reserved, (ho_place){"x.yaml", 1, 1}, &error);
    cr_assert_not_null(instance, "%s", error.text);
    ho_instance_free(instance);
}

Test(host_options, a_required_option_must_be_given)
{
    cr_assert_null(ho_instance_new(&loaded_demanding, NULL, settings, reserved, (ho_place){"x.yaml", 1, 1}, &error));
    cr_assert_str_eq(error.text, "x.yaml:2:3: the data \"demanding\" needs \"inputs\": where they are");
}

Test(host_options, settings_must_be_a_map)
{
    settings = ho_tree_new(arena, HO_TREE_LIST, (ho_place){"x.yaml", 2, 3});
    cr_assert_null(make());
    cr_assert_eq(strncmp(error.text, "x.yaml:2:3: probe: expected a map, got a list", 45), 0, "%s", error.text);
}

/* ---- paths ---- */

Test(host_options, paths_are_relative_to_the_pipelines_folder)
{
    char folder[] = "/tmp/hotool-options-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char *pipeline = ho_arena_format(arena, "%s/x.yaml", folder);
    char *file = ho_arena_format(arena, "%s/x.npy", folder);
    put("file", "x.npy")->place = (ho_place){pipeline, 3, 11};
    bool exist = true;
    char *missing = NULL;
    cr_assert_eq(ho_settings_paths_exist(&loaded, settings, reserved, &exist, &missing, &error), HO_OK);
    cr_assert_not(exist);
    cr_assert_str_eq(missing, file);
    free(missing);
    fclose(fopen(file, "w"));
    cr_assert_eq(ho_settings_paths_exist(&loaded, settings, reserved, &exist, &missing, &error), HO_OK);
    cr_assert(exist);
    cr_assert_null(missing);
    ho_instance *instance = make();
    cr_assert_not_null(instance, "%s", error.text);
    ho_instance_free(instance);
    unlink(file);
    rmdir(folder);
}

Test(host_options, looking_for_paths_checks_the_other_options_too)
{
    put("rate", "3");
    bool exist;
    char *missing;
    cr_assert_eq(ho_settings_paths_exist(&loaded, settings, reserved, &exist, &missing, &error), HO_INVALID);
    cr_assert_str_eq(error.text, "x.yaml:3:11: rate: 3 is outside its range, 0 to 1");
}

/* ---- plugins that ask wrongly or refuse ---- */

static ho_status asks_undeclared(ho_setup *u, void **self)
{
    *self = u;
    cr_assert_float_eq(ho_option_real(u, "nothing"), 0, 0);
    return HO_OK;
}

Test(host_options, asking_for_an_undeclared_option_refuses_the_instance)
{
    body = asks_undeclared;
    refused("x.yaml:1:1: plugin \"probe\" asks for the option \"nothing\", which it does not declare");
    cr_assert_eq(destroyed, 1, "what create made is destroyed");
}

static ho_status asks_other_type(ho_setup *u, void **self)
{
    (void)self;
    cr_assert_eq(ho_option_integer(u, "rate"), 0);
    cr_assert_null(ho_option_string(u, "rate"));
    return HO_OK;
}

Test(host_options, asking_by_another_type_refuses_the_instance)
{
    body = asks_other_type;
    refused("x.yaml:1:1: plugin \"probe\" reads its option \"rate\" as another type than it declares");
}

static ho_status asks_beyond(ho_setup *u, void **self)
{
    (void)self;
    cr_assert_float_eq(ho_option_real_at(u, "widths", 3), 0, 0);
    cr_assert_str_eq(ho_option_string_at(u, "names", -1), "");
    return HO_OK;
}

Test(host_options, asking_beyond_a_list_refuses_the_instance)
{
    body = asks_beyond;
    refused("x.yaml:1:1: plugin \"probe\" asks for entry 3 of its option \"widths\", which has 3");
}

static ho_status asks_null(ho_setup *u, void **self)
{
    (void)self;
    cr_assert_float_eq(ho_option_real(u, NULL), 0, 0);
    cr_assert_null(ho_option_string(u, NULL));
    return HO_OK;
}

Test(host_options, asking_without_a_name_refuses_the_instance)
{
    body = asks_null;
    refused("x.yaml:1:1: plugin \"probe\" asks for an option without a name");
}

static ho_status asks_for_too_much(ho_setup *u, void **self)
{
    *self = ho_setup_alloc(u, UINT64_MAX);
    cr_assert_null(*self);
    return HO_OK;
}

Test(host_options, a_senseless_amount_of_memory_refuses_the_instance)
{
    body = asks_for_too_much;
    cr_assert_null(make());
    cr_assert(strstr(error.text, "asks for 18446744073709551615 bytes"), "%s", error.text);
}

static ho_status refuses(ho_setup *u, void **self)
{
    (void)self;
    return ho_setup_fail(u, "count", "%d is odd", 3);
}

Test(host_options, a_plugins_refusal_stands_at_the_option)
{
    put("count", "3");
    body = refuses;
    refused("x.yaml:3:11: plugin \"probe\": count: 3 is odd");
}

static ho_status refuses_silently(ho_setup *u, void **self)
{
    (void)u;
    *self = u;
    return HO_FAILED;
}

Test(host_options, a_silent_refusal_is_given_words)
{
    body = refuses_silently;
    refused("x.yaml:1:1: plugin \"probe\" refuses to be set up, without saying why (create returned 1)");
    cr_assert_eq(destroyed, 0, "a create that fails has kept nothing");
}

static ho_status refuses_after_freeing(ho_setup *u, void **self)
{
    *self = u; /* what it had made, and has freed again */
    return ho_setup_fail(u, "count", "too many");
}

Test(host_options, what_a_failed_create_left_is_not_destroyed)
{
    put("count", "3");
    body = refuses_after_freeing;
    refused("x.yaml:3:11: plugin \"probe\": count: too many");
    cr_assert_eq(destroyed, 0);
}
