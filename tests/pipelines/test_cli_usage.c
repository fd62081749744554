/* The command line by itself: versions, help, plugins, and what is no command or option. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_support.h"
#include "pipeline/keys.h"

TestSuite(usage, .init = cli_enter, .fini = cli_leave, .timeout = 60);

Test(usage, version_names_release_and_abi)
{
    cli_result r = cli_run("--version", NULL);
    cli_expect_done(r);
    cr_expect(strncmp(r.out, "hotool ", 7) == 0 && strstr(r.out, "plugin ABI 0.1"), "%s", r.out);
    cr_expect_str_empty(r.err);
}

Test(usage, help_lists_every_command_and_exit_status)
{
    cli_result r = cli_run("--help", NULL);
    cli_expect_done(r);
    static const char *const pieces[] = {"pipeline", "hypergradient",      "check",      "plugins",
                                         "usage:",   "HOTOOL_PLUGIN_PATH", "exit status"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        cr_expect(strstr(r.out, pieces[i]), "\"%s\" is missing from: %s", pieces[i], r.out);
}

Test(usage, each_command_has_help_of_its_own)
{
    static const char *const commands[] = {"pipeline", "hypergradient", "check", "plugins"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        cli_result r = cli_run(commands[i], "--help", NULL);
        cli_expect_done(r);
        cr_expect(strstr(r.out, cli_format("usage: hotool %s ", commands[i])), "%s", r.out);
        cr_expect(strstr(r.out, "--help"), "%s", r.out);
        cr_expect_eq(strstr(r.out, "--threads") != NULL, i < 3, "%s: %s", commands[i], r.out);
    }
}

Test(usage, help_comes_as_a_command_too)
{
    const char *overview = cli_run("--help", NULL).out;
    cr_expect_str_eq(cli_run("help", NULL).out, overview);
    cli_result r = cli_run("help", "check", NULL);
    cli_expect_done(r);
    cr_expect_str_eq(r.out, cli_run("check", "--help", NULL).out);
    r = cli_run("help", "report", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "usage: hotool report RUN"), "%s", r.out);
    cli_expect_refused("command", cli_run("help", "chek", NULL), "unknown command \"chek\"", "did you mean \"check\"?",
                       NULL);
    cli_expect_refused("more", cli_run("help", "check", "all", NULL), "unexpected argument \"all\"", NULL);
}

/* Every key of a pipeline, wherever it may stand; or those of one section or name. */
Test(usage, the_keys_of_a_pipeline_are_documented)
{
    cli_result r = cli_run("help", "pipeline", NULL);
    cli_expect_done(r);
    for (size_t i = 0; i < ho_key_count; i++) {
        const char *at = strstr(r.out, cli_format("\n  %s ", ho_keys[i].name));
        cr_expect(at, "%s is missing", ho_keys[i].name);
    }
    for (ho_section s = 1; s < HO_SECTIONS; s++)
        cr_expect(strstr(r.out, cli_format("\n%s\n", ho_key_sections[s].path)), "%s", ho_key_sections[s].path);
    cr_expect(strstr(r.out, "usage: hotool pipeline FILE") && strstr(r.out, "--variant"), "%s", r.out);
    size_t longest = 0;
    for (const char *line = r.out; *line; line += strcspn(line, "\n"), line += *line != '\0')
        longest = strcspn(line, "\n") > longest ? strcspn(line, "\n") : longest;
    cr_expect_leq(longest, 120);
    r = cli_run("help", "pipeline", "split", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "\n  stratified ") && strstr(r.out, "default true"), "%s", r.out);
    cr_expect(strstr(r.out, "integer >= 0, or fraction below 1, or rest") && !strstr(r.out, "patience"), "%s", r.out);
    r = cli_run("help", "pipeline", "every", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "in outer:") && strstr(r.out, "in stop:"), "%s", r.out);
    cr_expect(strstr(r.out, "only with schedule: online"), "%s", r.out);
    cli_expect_refused("key", cli_run("help", "pipeline", "candidate", NULL), "no key \"candidate\"",
                       "did you mean \"candidates\"?", NULL);
}

/* Runs at a time and threads of each share the machine. */
Test(usage, jobs_and_threads_beyond_the_machine_are_warned_of)
{
    cli_pipeline("v.yaml", "steps: 15", "steps: 15\nrepeat: 2");
    const char *cores = cli_format("%ld", sysconf(_SC_NPROCESSORS_ONLN));
    cli_result r = cli_run("pipeline", "v.yaml", "--threads", cores, "--jobs", "2", "--out", "a", NULL);
    cli_expect_done(r);
    cr_expect(
        strstr(r.err, cli_format("warning: --jobs 2 with --threads %s needs more than this machine's %s processors",
                                 cores, cores)),
        "%s", r.err);
    r = cli_run("pipeline", "v.yaml", "--threads", cores, "--out", "b", NULL);
    cli_expect_done(r);
    cr_expect(!strstr(r.err, "warning"), "%s", r.err);
}

Test(usage, wrong_command_lines_are_refused_with_the_nearest_right_thing)
{
    cli_expect_refused("no arguments", cli_run(NULL), "which command", "hotool --help", NULL);
    cli_expect_refused("command", cli_run("pipelin", "base.yaml", NULL), "unknown command \"pipelin\"",
                       "did you mean \"pipeline\"?", NULL);
    cli_expect_refused("far command", cli_run("frobnicate", NULL), "unknown command \"frobnicate\"", NULL);
    cli_expect_refused("option", cli_run("pipeline", "base.yaml", "--quite", NULL), "unknown option \"--quite\"",
                       "did you mean \"--quiet\"?", NULL);
    cli_expect_refused("another command's option", cli_run("check", "base.yaml", "--out", "x", NULL),
                       "unknown option \"--out\"", NULL);
    cli_expect_refused("short option", cli_run("pipeline", "-q", "base.yaml", NULL), "unknown option \"-q\"", NULL);
    cli_expect_refused("no file", cli_run("pipeline", "--quiet", NULL), "which FILE", NULL);
    cli_expect_refused("two files", cli_run("check", "base.yaml", "b.yaml", NULL), "\"b.yaml\"", NULL);
    cli_expect_refused("no value", cli_run("pipeline", "base.yaml", "--mode", NULL), "--mode needs a MODE", NULL);
    cli_expect_refused("value for a switch", cli_run("pipeline", "base.yaml", "--quiet=1", NULL),
                       "--quiet takes no value", NULL);
    cli_expect_refused("threads", cli_run("pipeline", "base.yaml", "--threads", "0", NULL), "--threads 0", "1 to 1024",
                       NULL);
    cli_expect_refused("threads", cli_run("pipeline", "base.yaml", "--threads=two", NULL), "--threads two", NULL);
    cli_expect_refused("precision", cli_run("pipeline", "base.yaml", "--precision", "f16", NULL), "\"f16\"",
                       "neither f32 nor f64", NULL);
    cli_expect_refused("set", cli_run("pipeline", "base.yaml", "--set", "steps", NULL), "--set steps", "KEY=VALUE",
                       NULL);
    cli_expect_refused("set's key", cli_run("pipeline", "base.yaml", "--set", "stepz=3", NULL), "stepz",
                       "did you mean \"steps\"?", NULL);
    cli_expect_refused("set's value", cli_run("pipeline", "base.yaml", "--set", "steps=many", NULL), "many", NULL);
    cli_expect_refused("mode", cli_run("hypergradient", "base.yaml", "--mode", "revers", NULL),
                       "did you mean \"reverse\"?", NULL);
}

Test(usage, plugins_are_listed_by_kind)
{
    cli_result r = cli_run("plugins", NULL);
    cli_expect_done(r);
    static const char *const names[] = {"adam",
                                        "momentum",
                                        "rmsprop",
                                        "adamw",
                                        "adagrad",
                                        "nesterov",
                                        "lion",
                                        "sgd",
                                        "softmax",
                                        "cross_entropy",
                                        "squared_error",
                                        "huber",
                                        "l2",
                                        "task_interaction",
                                        "l1",
                                        "elastic_net",
                                        "forward",
                                        "reverse",
                                        "checkpointed",
                                        "truncated",
                                        "implicit",
                                        "cifar10",
                                        "generated",
                                        "idx",
                                        "npy",
                                        "box",
                                        "nonnegative",
                                        "nonnegative_sum",
                                        "capped_sum",
                                        "simplex",
                                        "shared_trunk",
                                        "timit",
                                        "generated_frames"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(strstr(r.out, cli_format("\n  %s ", names[i])), "%s is missing from: %s", names[i], r.out);
    cr_expect(strstr(r.out, "dynamics\n") && strstr(r.out, "penalties\n"), "%s", r.out);
}

Test(usage, a_plugin_is_documented_by_its_tables)
{
    cli_result r = cli_run("plugins", "adam", NULL);
    cli_expect_done(r);
    static const char *const pieces[] = {"dynamics adam", "learning_rate", "default 0.001",
                                         "epsilon",       "first moment",  "from /"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        cr_expect(strstr(r.out, pieces[i]), "\"%s\" is missing from: %s", pieces[i], r.out);
    r = cli_run("plugins", "task_interaction", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "shape columns columns; symmetric; zero diagonal"), "%s", r.out);
    cr_expect(strstr(r.out, "shape scalar or columns"), "%s", r.out);
    cli_expect_refused("misspelt plugin", cli_run("plugins", "adm", NULL), "no plugin \"adm\"",
                       "did you mean \"adam\"?", NULL);
}

/* `hotool report` is a program of its own, which lies beside hotool. */
Test(usage, the_report_is_found_beside_hotool_and_its_absence_is_told)
{
    cli_result r = cli_run("report", "--help", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "usage: hotool report RUN"), "%s", r.out);
    cli_expect_refused("report", cli_run("report", "--bogus", NULL), "report: unknown option \"--bogus\"", NULL);
    cli_expect_refused("report", cli_run("report", "nowhere", NULL), "nowhere: no such folder", NULL);
    cli_expect_refused("report", cli_run("report", NULL), "which RUN?", NULL);
    cr_assert_eq(system("cp \"$HOTOOL_BIN\" alone"), 0);
    setenv("HOTOOL_BIN", "./alone", 1);
    setenv("PATH", "/nowhere", 1);
    r = cli_run("report", "r", NULL);
    cr_expect_eq(r.status, 1);
    cr_expect(strstr(r.err, "report needs the program hotool-report, which is neither in /") &&
                  strstr(r.err, "/work nor in PATH"),
              "%s", r.err);
}

/* Its paths are relative to the current folder. */
Test(usage, a_pipeline_comes_from_standard_input)
{
    cli_write("stdin", cli_read("base.yaml"));
    cli_expect_done(cli_run("pipeline", "-", "--out", "r", NULL));
    cr_expect(cli_exists("r/result.json"));
    cli_write("stdin", "name: x\nstepz: 3\n");
    cli_expect_refused("a bad one", cli_run("check", "-", NULL), "standard input:2:1: ", "\"stepz\"", NULL);
    cli_write("stdin", cli_read("base.yaml"));
    cli_expect_refused("no variant", cli_run("pipeline", "-", "--variant", "x", NULL), "standard input: no variant",
                       NULL);
}
