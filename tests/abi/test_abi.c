/* Plugins as files: the sound one, and each way of not being one. HOTOOL_TEST_PLUGINS is the folder of plugins/ built.
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin_files.h"

static const ho_place here = {"x.yaml", 5, 12};

TestSuite(abi, .init = setup, .fini = teardown);

/* Expects "PATH: MESSAGE". */
static void refused(const char *path, const char *message)
{
    char due[8192];
    snprintf(due, sizeof due, "%s: %s", path, message);
    error = (ho_error){0};
    cr_assert_null(ho_registry_load(registry, path, &error));
    cr_assert_eq(error.status, HO_INVALID);
    cr_assert_str_eq(error.text, due);
}

/* Expects a message that starts with the path and holds `part`. */
static void refused_with(const char *path, const char *part)
{
    error = (ho_error){0};
    cr_assert_null(ho_registry_load(registry, path, &error), "%s is loaded", path);
    cr_assert_eq(error.status, HO_INVALID);
    cr_assert_eq(strncmp(error.text, path, strlen(path)), 0, "%s", error.text);
    cr_assert(strstr(error.text, part), "\"%s\" lacks \"%s\"", error.text, part);
}

/* ---- loading ---- */

Test(abi, a_sound_plugin_loads_once)
{
    const ho_loaded *good = ho_registry_load(registry, built("good"), &error);
    cr_assert_not_null(good, "%s", error.text);
    cr_assert_str_eq(good->plugin.name, "good");
    cr_assert_eq(good->plugin.kind, HO_DYNAMICS);
    cr_assert_eq(good->hyper_count, 1u);
    cr_assert_str_eq(good->hypers[0].name, "rate");
    cr_assert_str_eq(good->hypers[0].shape, "");
    cr_assert_str_eq(good->plugin.doc, "");
    cr_assert_not_null(good->calls.dynamics.step);
    cr_assert_eq(ho_registry_load(registry, built("good"), &error), good);
    ho_registry_free(registry);
    registry = ho_registry_new(NULL, &error);
    cr_assert_not_null(ho_registry_load(registry, built("good"), &error), "a second registry loads it too");
}

Test(abi, a_plugin_of_an_older_layout_reads_as_a_present_one)
{
    const ho_loaded *older = ho_registry_load(registry, built("older_struct"), &error);
    cr_assert_not_null(older, "%s", error.text);
    cr_assert_null(older->plugin.create);
    cr_assert_null(older->plugin.destroy);
    cr_assert_eq(older->option_count, 2u);
    cr_assert_str_eq(older->options[1].name, "order");
    cr_assert_str_eq(older->options[1].initial, "3");
    cr_assert_str_eq(older->options[1].doc, "");
    cr_assert_float_eq(older->options[1].most, 0, 0);
    ho_instance *instance = ho_instance_new(older, NULL, NULL, NULL, (ho_place){0}, &error);
    double number;
    cr_assert(ho_instance_number(instance, "epsilon", &number));
    cr_assert_float_eq(number, 0.25, 0);
    ho_instance_free(instance);
}

Test(abi, another_major_is_named)
{
    refused(built("bad_major"), "needs plugin ABI 2, this hotool offers 0.1; rebuild it with this hotool's SDK");
    refused(built("major_one"), "needs plugin ABI 1, this hotool offers 0.1; rebuild it with this hotool's SDK");
}

Test(abi, a_major_that_belies_its_symbol_is_named)
{
    refused(built("lying_major"), "needs plugin ABI 3.4, this hotool offers 0.1; rebuild it with this hotool's SDK");
}

Test(abi, a_newer_minor_is_named)
{
    refused(built("newer_minor"), "needs plugin ABI 0.2, this hotool offers 0.1; rebuild it with this hotool's SDK");
}

Test(abi, before_the_freeze_an_older_minor_is_refused_too)
{
    refused(built("older_minor"), "needs plugin ABI 0.0, this hotool offers 0.1; rebuild it with this hotool's SDK");
}

Test(abi, a_shared_object_without_the_symbol_is_no_plugin)
{
    refused(built("no_symbol"), "is a shared object, but not a hotool plugin: it exports no hotool_plugin_v0");
}

Test(abi, a_function_is_no_descriptor)
{
    refused(built("function_symbol"), "its symbol hotool_plugin_v0 is not data: it must be of type ho_plugin");
}

Test(abi, an_undefined_function_keeps_the_loaders_words)
{
    refused_with(built("undefined_symbol"), "nobody_provides_this");
}

Test(abi, a_descriptor_longer_than_its_object_is_refused)
{
    refused(built("overlong_struct"), "its descriptor says that it is 4000 bytes long, which cannot be");
}

Test(abi, a_damaged_table_is_refused)
{
    refused_with(built("bad_table"), "its table of options is damaged: 1 rows of 3 bytes");
}

/* ---- several plugins in one file ---- */

Test(abi, a_bundle_gives_all_of_its_plugins)
{
    const ho_loaded *slow = ho_registry_load(registry, built("bundle"), &error);
    cr_assert_not_null(slow, "%s", error.text);
    const ho_loaded *fast = slow->next, *weight = fast ? fast->next : NULL;
    cr_assert(weight && !weight->next);
    cr_expect_str_eq(slow->plugin.name, "slow");
    cr_expect_str_eq(fast->plugin.name, "fast");
    cr_expect(weight->plugin.kind == HO_PENALTY && strcmp(weight->plugin.name, "slow") == 0);
    cr_expect_eq(ho_loaded_find(slow, HO_PENALTY, "slow"), weight);
    cr_expect_eq(ho_loaded_find(slow, 0, "fast"), fast);
    cr_expect_null(ho_loaded_find(slow, HO_PENALTY, "fast"));
    for (const ho_loaded *l = slow; l; l = l->next) {
        snprintf(text, sizeof text, "plugin \"%s\" (%.2000s)", l->plugin.name, built("bundle"));
        cr_expect_str_eq(l->title, text);
        cr_expect_not_null(strstr(l->real_path, "/bundle.so"));
    }
    char *list = ho_loaded_list(slow);
    cr_expect_str_eq(list, "dynamics \"slow\", dynamics \"fast\" and penalty \"slow\"");
    free(list);
    cr_expect_eq(ho_registry_load(registry, built("bundle"), &error), slow, "one file once");
}

Test(abi, bundles_that_are_wrong_are_refused)
{
    refused(built("bundle_1"), "it has the dynamics \"slow\" twice");
    refused(built("bundle_2"), "plugin 2 of 3, \"fast\": it has no table of calls");
    refused(built("bundle_3"), "plugin 2 of 3: its descriptor is NULL");
    refused(built("bundle_4"), "plugin 2 of 3: is a bundle, and so must not be in one");
    refused(built("bundle_5"),
            "plugin 2 of 3: needs plugin ABI 7.0, this hotool offers 0.1; rebuild it with this hotool's SDK");
    refused(built("bundle_6"),
            "its table of plugins is damaged: 3 rows of 8 bytes (1 to 1000 rows of 8 bytes) at NULL");
    refused(built("bundle_7"),
            "its table of plugins is damaged: 0 rows of 8 bytes (1 to 1000 rows of 8 bytes) at an address");
    refused(built("bundle_8"),
            "its table of plugins is damaged: 3 rows of 4 bytes (1 to 1000 rows of 8 bytes) at an address");
    refused(built("bundle_9"), "a bundle has no options, hyperparameters, create or destroy of its own");
    refused(built("bundle_10"), "its table of calls says that it is 0 bytes long, a bundle has 24");
}

/* ---- extensions ---- */

/* `create` of this plugin asks hotool for an extension that there is and for two that there are not. */
Test(abi, a_plugin_asks_hotool_by_name)
{
    const ho_loaded *loaded = ho_registry_load(registry, built("bundle"), &error);
    cr_assert_not_null(loaded, "%s", error.text);
    ho_instance *instance = ho_instance_new(loaded, NULL, NULL, NULL, here, &error);
    cr_assert_not_null(instance, "%s", error.text);
    ho_instance_free(instance);
}

Test(abi, hotool_asks_a_plugin_by_name)
{
    const ho_loaded *loaded = ho_registry_load(registry, built("bundle"), &error);
    cr_assert_not_null(loaded, "%s", error.text);
    const ho_about *about = ho_loaded_extension(loaded, HO_EXTENSION_ABOUT, sizeof *about);
    cr_assert_not_null(about);
    cr_expect_str_eq(about->license, "MIT");
    cr_expect_null(about->url);
    cr_expect_null(ho_loaded_extension(loaded, "nobody.knows", 8));
    cr_expect_null(ho_loaded_extension(loaded, HO_EXTENSION_ABOUT, sizeof *about + 8), "a shorter table");
    cr_expect_null(ho_loaded_extension(loaded->next, HO_EXTENSION_ABOUT, sizeof *about), "it has no such call");
}

/* ---- files that are no plugins ---- */

Test(abi, a_missing_file_is_called_missing)
{
    refused(made("none.so"), "no such file");
    refused(made("none/x.so"), "no such file");
}

Test(abi, a_folder_is_no_plugin)
{
    mkdir(made("folder.so"), 0700);
    refused(made("folder.so"), "is a folder, not a plugin");
}

Test(abi, a_pipe_is_refused_without_waiting_for_it)
{
    cr_assert_eq(mkfifo(made("pipe.so"), 0600), 0);
    alarm(10);
    refused(made("pipe.so"), "is a pipe, socket or device, not a plugin");
}

Test(abi, other_files_are_named_for_what_they_are)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *message;
    } files[] = {
        {"", 0, "is an empty file, not a plugin"},
        {"hello there\n", 12, "is not a plugin: it is a text file"},
        {"#!/bin/sh\n", 10, "is not a plugin: it is a script"},
        {"!<arch>\nxyz", 11, "is not a plugin: it is a static library (.a), not a shared object"},
        {"\x1f\x8b\x08\x00", 4, "is not a plugin: it is compressed with gzip; unpack it first"},
        {"\x00\x01\x02\x03\x04", 5, "is not a plugin: it is not an ELF shared object"},
        {"\x00\x00\x00\x00\x00", 5, "is not a plugin: it is not an ELF shared object"},
        {"\x7f"
         "ELF",
         4, "is not a plugin: it is an ELF file cut short"},
        {"\x7f"
         "E",
         2, "is not a plugin: it is an ELF file cut short"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        write_file(made("file.so"), files[i].bytes, files[i].size);
        refused(made("file.so"), files[i].message);
    }
}

Test(abi, a_truncated_plugin_is_refused_at_every_length)
{
    uint64_t size;
    uint8_t *bytes = good_bytes(&size);
    size_t tried = 0;
    for (uint64_t length = 0; length < size; length += length < 1024 ? 13 : size / 61) {
        write_file(made("cut.so"), bytes, length);
        refused_with(made("cut.so"), "");
        tried++;
    }
    write_file(made("cut.so"), bytes, size - 1);
    refused_with(made("cut.so"), "is cut short or damaged");
    cr_assert_gt(tried, 100);
    ho_large_free(bytes);
}

Test(abi, a_whole_copy_loads)
{
    uint64_t size;
    uint8_t *bytes = good_bytes(&size);
    write_file(made("copy.so"), bytes, size);
    cr_assert_not_null(ho_registry_load(registry, made("copy.so"), &error), "%s", error.text);
    ho_large_free(bytes);
}

/* Loads the good plugin with one byte of its headers changed. */
static void patched(uint64_t offset, uint8_t byte, const char *part)
{
    uint64_t size;
    uint8_t *bytes = good_bytes(&size);
    bytes[offset] = byte;
    write_file(made("patched.so"), bytes, size);
    ho_large_free(bytes);
    refused_with(made("patched.so"), part);
}

Test(abi, a_plugin_for_another_machine_is_refused)
{
    patched(EI_CLASS, sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64, "-bit shared object, this hotool is ");
    patched(EI_CLASS, 9, "of an unknown class");
    patched(EI_DATA, 3, "of the other byte order");
    patched(offsetof(ElfW(Ehdr), e_machine), 0xf3, "is a shared object for ELF machine");
    patched(offsetof(ElfW(Ehdr), e_type), ET_REL, "is an object file (.o)");
    patched(offsetof(ElfW(Ehdr), e_type), ET_EXEC, "is a program, not a shared object");
    patched(offsetof(ElfW(Ehdr), e_phentsize), 1, "has no usable program headers");
    patched(offsetof(ElfW(Ehdr), e_phoff) + 6, 0x7f, "its program headers are at byte");
    patched(offsetof(ElfW(Ehdr), e_shoff) + 6, 0x7f, "its section headers are at byte");
    patched(sizeof(ElfW(Ehdr)) + offsetof(ElfW(Phdr), p_filesz) + 6, 0x7f, "one of its segments");
}

/* ---- finding ---- */

static void install(const char *name)
{
    uint64_t size;
    uint8_t *bytes = good_bytes(&size);
    write_file(made(name), bytes, size);
    ho_large_free(bytes);
}

Test(abi, folders_are_searched_in_order)
{
    cr_assert_eq(mkdir(made("first"), 0700), 0);
    cr_assert_eq(mkdir(made("second"), 0700), 0);
    cr_assert_eq(mkdir(made("second/dynamics"), 0700), 0);
    install("second/dynamics/good.so");
    setenv("HOTOOL_PLUGIN_PATH", made("first"), 1);
    ho_registry *two = ho_registry_new(made("second"), &error);
    const ho_loaded *found = ho_registry_find(two, HO_DYNAMICS, "good", here, &error);
    cr_assert_not_null(found, "%s", error.text);
    cr_assert_str_eq(found->path, made("second/dynamics/good.so"));
    install("first/good.so");
    found = ho_registry_find(two, HO_DYNAMICS, "good", here, &error);
    cr_assert_not_null(found, "%s", error.text);
    cr_assert_str_eq(found->path, made("first/good.so"));
    size_t count;
    const ho_loaded **all = ho_registry_list(two, 0, &count, NULL, NULL);
    cr_assert_eq(count, 1u, "the one found first hides the other");
    cr_assert_eq(all[0], found);
    free(all);
    ho_registry_free(two);
}

Test(abi, the_current_folder_is_not_searched)
{
    install("good.so");
    cr_assert_eq(chdir(folder), 0);
    setenv("HOTOOL_PLUGIN_PATH", "::", 1);
    ho_registry *none = ho_registry_new(":", &error);
    cr_assert_null(ho_registry_find(none, HO_DYNAMICS, "good", here, &error));
    cr_assert_str_eq(error.text,
                     "x.yaml:5:12: unknown dynamics \"good\" (known: none in any folder; HOTOOL_PLUGIN_PATH "
                     "names more folders)");
    ho_registry_free(none);
}

Test(abi, a_plugin_is_found_by_its_name_whatever_its_file)
{
    install("renamed.so");
    ho_registry *one = ho_registry_new(folder, &error);
    cr_assert_not_null(ho_registry_find(one, HO_DYNAMICS, "good", here, &error), "%s", error.text);
    cr_assert_null(ho_registry_find(one, HO_DYNAMICS, "renamed", here, &error));
    cr_assert_str_eq(error.text, "x.yaml:5:12: unknown dynamics \"renamed\" (known: good)");
    ho_registry_free(one);
}

Test(abi, an_unknown_name_is_answered_with_the_nearest)
{
    install("good.so");
    ho_registry *one = ho_registry_new(folder, &error);
    cr_assert_null(ho_registry_find(one, HO_DYNAMICS, "goood", here, &error));
    cr_assert_str_eq(error.text, "x.yaml:5:12: unknown dynamics \"goood\"; did you mean \"good\"? (known: good)");
    error = (ho_error){0};
    cr_assert_null(ho_registry_find(one, HO_LOSS, "good", here, &error), "a dynamics is no loss");
    cr_assert(strstr(error.text, "unknown loss \"good\""), "%s", error.text);
    error = (ho_error){0};
    cr_assert_null(ho_registry_find(one, HO_LOSS, "../good", here, &error));
    ho_registry_free(one);
}

Test(abi, a_named_file_that_does_not_load_says_why)
{
    write_file(made("good.so"), "text\n", 5);
    ho_registry *one = ho_registry_new(folder, &error);
    cr_assert_null(ho_registry_find(one, HO_DYNAMICS, "good", here, &error));
    snprintf(text, sizeof text, "x.yaml:5:12: %s: is not a plugin: it is a text file", made("good.so"));
    cr_assert_str_eq(error.text, text);
    error = (ho_error){0};
    cr_assert_null(ho_registry_find(one, HO_DYNAMICS, "good", (ho_place){.file = "x.yaml"}, &error));
    cr_assert_eq(strncmp(error.text, "x.yaml: /", 9), 0, "a place without a line: %s", error.text);
    ho_registry_free(one);
}

static size_t complaints;
static char complaint[2048];

static void complain(void *context, const char *message)
{
    cr_assert_eq(context, &complaints);
    cr_assert(strstr(message, ".so: "), "%s", message);
    complaints++;
    snprintf(complaint, sizeof complaint, "%s", message);
}

/* In one folder the same name twice is hardly meant. */
Test(abi, a_name_that_two_files_of_a_folder_have_is_reported)
{
    install("a.so");
    install("b.so");
    ho_registry *one = ho_registry_new(folder, &error);
    size_t count;
    const ho_loaded **all = ho_registry_list(one, HO_DYNAMICS, &count, complain, &complaints);
    cr_assert_eq(count, 1u);
    cr_assert_eq(complaints, 1u);
    cr_expect_not_null(strstr(complaint, "b.so: its dynamics \"good\" is also in "));
    cr_expect_not_null(strstr(complaint, "a.so in the same folder, which is used"));
    free(all);
    ho_registry_free(one);
}

Test(abi, plugins_of_a_bundle_are_found_by_name)
{
    uint64_t size;
    uint8_t *bytes;
    cr_assert_eq(ho_file_read(built("bundle"), 0, &bytes, &size, &error), HO_OK, "%s", error.text);
    write_file(made("slow.so"), bytes, size);
    ho_large_free(bytes);
    ho_registry *one = ho_registry_new(folder, &error);
    for (int i = 0; i < 3; i++) {
        const uint32_t kind = i < 2 ? HO_DYNAMICS : HO_PENALTY;
        const ho_loaded *found = ho_registry_find(one, kind, i == 1 ? "fast" : "slow", here, &error);
        cr_assert_not_null(found, "%s", error.text);
        cr_expect_eq(found->plugin.kind, kind);
    }
    size_t count;
    const ho_loaded **all = ho_registry_list(one, 0, &count, complain, &complaints);
    cr_assert_eq(count, 3u);
    cr_expect_str_eq(all[0]->plugin.name, "fast");
    free(all);
    ho_registry_free(one);
}

Test(abi, a_listing_reports_what_it_skips)
{
    install("good.so");
    write_file(made("text.so"), "text\n", 5);
    write_file(made("notes.txt"), "text\n", 5);
    write_file(made(".hidden.so"), "text\n", 5);
    ho_registry *one = ho_registry_new(folder, &error);
    size_t count;
    const ho_loaded **all = ho_registry_list(one, HO_DYNAMICS, &count, complain, &complaints);
    cr_assert_eq(count, 1u);
    cr_assert_eq(complaints, 1u);
    free(all);
    all = ho_registry_list(one, HO_MODEL, &count, NULL, NULL);
    cr_assert_eq(count, 0u);
    free(all);
    ho_registry_free(one);
}

/* ---- running their code ---- */

Test(abi, a_sound_step_is_traced)
{
    cr_assert_eq(trace("good"), HO_OK, "%s", error.text);
}

Test(abi, a_failing_trace_names_the_plugins_line_and_the_shapes)
{
    cr_assert_eq(trace("failing_trace"), HO_INVALID);
    cr_assert(strstr(error.text,
                     "failing_trace.c:9: plugin \"failing_trace\": matmul: (50, 10) @ (20, 3): the inner sizes "
                     "10 and 20 differ"),
              "%s", error.text);
}

Test(abi, a_silent_failure_is_given_words)
{
    cr_assert_eq(trace("returns_failure_silently"), HO_INVALID);
    cr_assert_str_eq(error.text, "plugin \"returns_failure_silently\": step returned 1 without saying why");
}

/* ---- plugins of every kind, and the SDK from outside ---- */

Test(abi, plugins_of_every_kind_load)
{
    static const char *const kinds[] = {"dynamics", "model", "loss", "penalty", "mode", "data", "constraint"};
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        snprintf(text, sizeof text, "../kinds/probe_%s", kinds[i]);
        const ho_loaded *probe = ho_registry_load(registry, built(text), &error);
        cr_assert_not_null(probe, "%s", error.text);
        cr_assert_eq(probe->plugin.kind, i + 1);
        cr_assert_eq(probe->plugin.abi_minor, 1u);
        cr_assert_eq(probe->plugin.struct_size, 120u);
        cr_assert_str_eq(probe->plugin.doc, "a probe");
    }
    const ho_loaded *dynamics = ho_registry_load(registry, built("../kinds/probe_dynamics"), &error);
    cr_assert_eq(dynamics->option_count, 4u);
    cr_assert_str_eq(dynamics->options[2].choices, "plain|fancy");
    cr_assert_eq(dynamics->hyper_count, 2u);
    cr_assert_eq(dynamics->hypers[1].domain, HO_DECAY);
    cr_assert_eq(dynamics->slot_count, 1u);
    cr_assert_str_eq(dynamics->slots[0].initial, "0*w");
    cr_assert_str_eq(dynamics->plugin.details, "more words");
}

/* Runs a command line of sh; what it printed is shown where it fails. */
static void expect_success(const char *command)
{
    char whole[8192];
    snprintf(whole, sizeof whole, "{ %s; } >'%s' 2>&1", command, made("log"));
    int status = system(whole);
    uint8_t *log = NULL;
    uint64_t size;
    ho_file_read(made("log"), 0, &log, &size, &error);
    cr_assert_eq(status, 0, "%s: %s", command, log ? (const char *)log : error.text);
    ho_large_free(log);
}

Test(abi, plugins_of_every_kind_run, .timeout = 60)
{
    const char *plugins = getenv("HOTOOL_TEST_PLUGINS");
    snprintf(text, sizeof text,
             "HOTOOL_PLUGIN_PATH='%s/../kinds:%s/../../../plugins' '%s' pipeline '%s/../tests/abi/kinds/run.yaml' "
             "--quiet --out '%s/run'",
             plugins, plugins, getenv("HOTOOL_BIN"), getenv("HOTOOL_CONFIGS"), folder);
    expect_success(text);
}

static void run_script(const char *name)
{
    snprintf(text, sizeof text, "sh '%s/../tests/abi/%s'", getenv("HOTOOL_CONFIGS"), name);
    expect_success(text);
}

Test(abi, every_member_of_every_struct_has_its_place_asserted)
{
    run_script("layout.sh");
}

Test(abi, an_installation_may_be_moved, .timeout = 300)
{
    run_script("installed.sh");
}

Test(abi, new_projects_build_and_pass_with_an_installation_alone, .timeout = 600)
{
    run_script("new.sh");
}

Test(abi, examples_build_and_pass_with_an_installation_alone, .timeout = 300)
{
    run_script("examples.sh");
}

Test(abi, what_the_guide_shows_works_with_an_installation_alone, .timeout = 300)
{
    run_script("guide.sh");
}
