/* `hotool check PLUGIN.so`: every plugin of ours passes, and what is wrong with one is found by the check for it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"

TestSuite(proof, .init = cli_enter, .fini = cli_leave, .timeout = 170);

/* The file of a plugin made for tests. */
static const char *wrong(const char *name)
{
    return cli_format("%s/%s.so", cli_environment("HOTOOL_TEST_PLUGINS"), name);
}

static const char *line_of(const char *out, const char *check)
{
    const char *at = strstr(out, cli_format("\n  %s ", check));
    cr_assert(at, "no check %s in: %s", check, out);
    return cli_format("%.*s", (int)strcspn(at + 1, "\n"), at + 1);
}

static const char *const kinds[] = {"dynamics", "models", "losses", "penalties", "modes", "data", "constraints"};

/* Options of readers, files that are there in every test or made for this one; and formulas. */
static const char *const given[][4] = {
    {"data/npy.so", "inputs=x.npy", "labels=y.npy"},
    {"data/idx.so", "inputs=x.gz", "labels=y.gz"},
    {"data/lines.so", "file=x.csv", "classes=2"},
    {"data/cifar10.so", "inputs=c.bin", "scale=0.5"},
    {"dynamics/formula.so", "hyperparameters={rate: {default: 0.1, domain: nonnegative}, keep: {default: 0.9}}",
     "slots=m", "formulas=[m = keep*m + g, w = w - rate*m]"},
    {"losses/formula.so", "targets_are=labels",
     "formulas=[\"z = outputs - stop(maximum_keep(outputs, 1))\", \"log(sum(exp(z), 1)) - sum(targets*z, 1)\"]"},
    {"penalties/formula.so", "hyperparameters={rho: {default: 0.1, domain: nonnegative, shape: \"|columns\"}}",
     "formulas=sum(rho*w^2)"},
};

static cli_result check(const char *kind, const char *folder, const char *file)
{
    const char *path = cli_format("%s/%s", folder, file), *name = cli_format("%s/%s", kind, file);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (strcmp(name, given[i][0]) == 0)
            return cli_run("check", path, "--set", given[i][1], "--set", given[i][2], given[i][3] ? "--set" : NULL,
                           given[i][3], NULL);
    return cli_run("check", path, NULL);
}

/* Whatever is built, so that a new plugin cannot be forgotten. */
Test(proof, every_plugin_of_ours_passes)
{
    int checked = 0;
    cli_idx_blobs("x.gz", "y.gz");
    cli_cifar_blobs("c.bin", 12);
    cli_write("x.csv", "# x,y,label\n1,2,0\n0.5 -1 1\n\n3;4;1\n0,0,0\n");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *folder = cli_format("%s/%s", cli_environment("HOTOOL_PLUGIN_PATH"), kinds[i]);
        DIR *entries = opendir(folder);
        cr_assert(entries, "%s", folder);
        for (const struct dirent *entry; (entry = readdir(entries));) {
            if (!strstr(entry->d_name, ".so") || strstr(entry->d_name, ".so.p"))
                continue;
            const cli_result result = check(kinds[i], folder, entry->d_name);
            cr_expect_eq(result.status, 0, "%s: %s%s", entry->d_name, result.out, result.err);
            const bool bare = strncmp(entry->d_name, "timit", 5) == 0 || strncmp(entry->d_name, "generated", 9) == 0 ||
                              strncmp(entry->d_name, "drifting", 8) == 0;
            cr_expect(bare || !strstr(result.out, " skipped "), "%s: %s", entry->d_name, result.out);
            checked++;
        }
        closedir(entries);
    }
    cr_expect_geq(checked, 20);
}

Test(proof, each_plugin_of_a_bundle_is_checked)
{
    cli_result r = cli_run("check", wrong("bundle"), NULL);
    cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
    const char *slow = strstr(r.out, "\n  dynamics slow 1\n"), *fast = strstr(r.out, "\n  dynamics fast 1\n");
    cr_expect(slow && fast > slow && strstr(fast, "\n  penalty slow 1\n"), "%s", r.out);
    r = cli_run("check", cli_format("%s:fast", wrong("bundle")), "--only", "shapes", NULL);
    cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
    cr_expect(strstr(r.out, "dynamics fast 1\n  shapes ") && strstr(r.out, "  3 checks, 0 failed\n"), "%s", r.out);
    cr_expect(!strstr(r.out, "slow"), "%s", r.out);
    r = cli_run("check", cli_format("%s:slow", wrong("bundle")), "--only", "load", NULL);
    cr_expect(strstr(r.out, "dynamics slow 1\n") && strstr(r.out, "penalty slow 1\n"), "%s", r.out);
    r = cli_run("check", cli_format("%s:fst", wrong("bundle")), NULL);
    cr_expect_eq(r.status, 2);
    cr_expect(
        strstr(r.err,
               "the file holds the dynamics \"slow\", dynamics \"fast\" and penalty \"slow\", but no plugin \"fst\""),
        "%s", r.out);
}

Test(proof, crashes_exits_and_exceptions_are_found_by_the_check)
{
    static const struct {
        const char *name, *check, *verdict, *text;
    } rows[] = {
        {"crashing", "shapes", "crashed", "crashed in its step (SIGSEGV"},
        {"aborting", "shapes", "crashed", "crashed in its step (SIGABRT"},
        {"throwing", "shapes", "crashed", "crashed in its step (SIGABRT"},
        {"exiting", "shapes", "ended", "ended the program in its step (it called exit)"},
        {"endless", "shapes", "timed out", "is still in its step after 1 s"},
        {"crashing_load", "load", "crashed", "crashed while it was loaded (SIGSEGV"},
        {"exiting_load", "load", "ended", "ended the program while it was loaded (it called exit)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const cli_result result = cli_run("check", wrong(rows[i].name), "--limit", "1", NULL);
        cr_expect_eq(result.status, 1, "%s: %s%s", rows[i].name, result.out, result.err);
        cr_expect(strstr(line_of(result.out, rows[i].check), rows[i].verdict), "%s: %s", rows[i].name, result.out);
        cr_expect(strstr(result.out, rows[i].text), "%s: %s", rows[i].name, result.out);
        cr_expect(strstr(result.out, " checks, "), "%s: the table has no end: %s", rows[i].name, result.out);
    }
}

Test(proof, bad_files_cost_their_own_rows_of_a_listing)
{
    setenv("HOTOOL_PLUGIN_PATH",
           cli_format("%s:%s", cli_environment("HOTOOL_TEST_PLUGINS"), cli_environment("HOTOOL_PLUGIN_PATH")), 1);
    const cli_result result = cli_run("plugins", NULL);
    cli_expect_done(result);
    cr_expect(strstr(result.out, "  adam "), "%s", result.out);
    cr_expect(strstr(result.err, "crashing_load.so: crashes while it is loaded"), "%s", result.err);
    cr_expect(strstr(result.err, "exiting_load.so: ends the program while it is loaded"), "%s", result.err);
    cli_pipeline("misspelt.yaml", "{plugin: momentum", "{plugin: momentun");
    cli_expect_refused("a misspelt name", cli_run("hypergradient", "misspelt.yaml", NULL),
                       "unknown dynamics \"momentun\"", "did you mean \"momentum\"?", NULL);
}

/* No seed may find fault with what is right. */
Test(proof, other_seeds_pass_too)
{
    static const char *const files[] = {"dynamics/adam", "models/shared_trunk", "penalties/task_interaction"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (int seed = 7; seed <= 10; seed += 3) {
            const cli_result result =
                cli_run("check", cli_format("%s/%s.so", cli_environment("HOTOOL_PLUGIN_PATH"), files[i]), "--seed",
                        cli_format("%d", seed), NULL);
            cr_expect_eq(result.status, 0, "%s, seed %d: %s", files[i], seed, result.out);
        }
}

/* Neither the kit's search nor a projection goes beyond what a double holds. */
Test(proof, sums_near_the_largest_number_are_projected_onto)
{
    static const char *const totals[] = {"total=1e308", "total=1.7976931348623157e308"};
    for (size_t i = 0; i < 2; i++) {
        const cli_result result =
            cli_run("check", cli_format("%s/constraints/simplex.so", cli_environment("HOTOOL_PLUGIN_PATH")), "--set",
                    totals[i], NULL);
        cr_expect_eq(result.status, 0, "%s: %s", totals[i], result.out);
    }
}

Test(proof, what_is_no_plugin_is_refused)
{
    cli_write("text.so", "hello\n");
    cli_expect_refused("a missing file", cli_run("check", "none.so", NULL), "none.so: no such file", NULL);
    cli_expect_refused("a text", cli_run("check", "text.so", NULL), "text.so: is not a plugin: it is a text file",
                       NULL);
    cli_expect_refused("no such check", cli_run("check", wrong("good"), "--only", "shape", NULL), "--only shape",
                       "did you mean \"shapes\"?", NULL);
    cli_expect_refused("--mode", cli_run("check", wrong("good"), "--mode", "reverse", NULL), "--mode is for pipelines",
                       NULL);
    cli_expect_refused("--seed of a pipeline", cli_run("check", "base.yaml", "--seed", "2", NULL), "are for plugins",
                       NULL);
}
