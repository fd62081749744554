/* --json: stdout is one JSON value, whatever else is told. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(json, .init = cli_enter, .fini = cli_leave, .timeout = 240);

static const char *expect_json(cli_result r)
{
    cr_expect_eq(r.status, 0, "%s", r.err);
    cr_assert(json_valid(r.out, strlen(r.out)), "no JSON: %s", r.out);
    cr_expect_eq(r.out[strlen(r.out) - 1], '\n');
    return r.out;
}

Test(json, of_a_run_is_its_record)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--out", "r", "--json", NULL);
    cr_expect_str_eq(expect_json(r), cli_read("r/result.json"));
    cr_expect(strstr(r.err, "blobs: data: npy"), "people are told as always, elsewhere: %s", r.err);
    r = cli_run("pipeline", "base.yaml", "--set", "repeat=2", "--out", "s", "--json", "--quiet", NULL);
    cr_expect_str_eq(expect_json(r), cli_read("s/result.json"));
    cr_expect_str_empty(r.err);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "repeat=2", "--out", "t", "--task", "1/1", NULL));
    cr_expect_str_eq(expect_json(cli_run("gather", "t", "--json", NULL)), cli_read("t/result.json"));
}

Test(json, of_a_hypergradient_has_its_entries)
{
    const char *alone = expect_json(cli_run("hypergradient", "base.yaml", "--json", NULL));
    const char *out = expect_json(cli_run("hypergradient", "base.yaml", "--json", "--out", "g", NULL));
    cr_expect_str_eq(out, cli_read("g/hypergradient.json"));
    cr_expect_eq(json_number(out, "gradient/mtl.rho"), *cli_array("g/mtl.rho.npy", 1));
    const double *A = cli_array("g/mtl.A.npy", CLASSES * CLASSES);
    double least = INFINITY;
    for (int i = 0; i < CLASSES * CLASSES; i++)
        least = fmin(least, A[i]);
    cr_expect_eq(json_number(out, "gradient/mtl.A/min"), least);
    cr_expect_eq(json_number(alone, "E"), json_number(out, "E"));
    cr_expect_eq(json_number(alone, "gradient/mtl.rho"), json_number(out, "gradient/mtl.rho"));
}

Test(json, of_a_plan_has_the_modes)
{
    const char *plan = expect_json(cli_run("plan", "base.yaml", "--json", NULL));
    cr_expect_eq(json_number(plan, "weights"), FEATURES * CLASSES + CLASSES);
    cr_expect_eq(json_number(plan, "entries"), CLASSES * CLASSES + 1);
    cr_expect_eq(json_number(plan, "steps"), 15);
    int chosen = 0, modes = 0;
    for (; json_at(plan, cli_format("modes/%d", modes)); modes++)
        chosen += strncmp(json_at(plan, cli_format("modes/%d/auto", modes)), "true", 4) == 0;
    cr_expect(modes > 2 && chosen == 1, "%s", plan);
}

Test(json, of_a_check_has_every_figure)
{
    cli_result r = cli_run("check", "base.yaml", "--set", "steps=4", "--json", NULL);
    const char *checks = expect_json(r);
    int count = 0;
    for (; json_at(checks, cli_format("checks/%d", count)); count++) {
        const char *name = json_at(checks, cli_format("checks/%d/check", count)) + 1;
        cr_expect(strstr(r.err, cli_format("  %.*s", (int)strcspn(name, "\""), name)), "%s", r.err);
    }
    cr_expect_gt(count, 5);
    cr_expect(json_is(checks, "checks/0/verdict", "ok") && json_number(checks, "failed") == 0);
    r = cli_run("check", "base.yaml", "--set", "steps=4", "--set",
                cli_format("dynamics={plugin: wrong, path: %s/wrong_dynamics.so, fault: scale}",
                           cli_environment("HOTOOL_PIPELINE_PLUGINS")),
                "--json", NULL);
    cr_expect_eq(r.status, 1);
    cr_assert(json_valid(r.out, strlen(r.out)), "%s", r.out);
    cr_expect_gt(json_number(r.out, "failed"), 0);
}

Test(json, of_plugins_documents_them)
{
    const char *adam = expect_json(cli_run("plugins", "adam", "--json", NULL));
    cr_expect(json_is(adam, "0/kind", "dynamics") && json_is(adam, "0/hyperparameters/1/name", "beta1"), "%s", adam);
    cr_expect_eq(json_number(adam, "0/hyperparameters/1/default"), 0.9);
    const char *path = json_at(adam, "0/path");
    const char *proof = expect_json(cli_run("check", cli_format("%.*s", (int)strcspn(path + 1, "\""), path + 1),
                                            "--only", "shapes", "--json", NULL));
    cr_expect(json_is(proof, "checks/2/check", "shapes") && json_is(proof, "checks/2/verdict", "ok"), "%s", proof);
    cr_expect(json_at(expect_json(cli_run("plugins", "--json", NULL)), "20"));
}

Test(json, of_what_is_refused_is_nothing)
{
    cli_expect_refused("no file", cli_run("pipeline", "nowhere.yaml", "--json", NULL), "nowhere.yaml", NULL);
    cli_expect_refused("no plugin", cli_run("plugins", "adm", "--json", NULL), "did you mean \"adam\"?", NULL);
}
