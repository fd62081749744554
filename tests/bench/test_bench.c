/* The benchmarks run and say everything that they are asked for. How fast anything is is not looked at. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipelines/cli_support.h"
#include "pipelines/json_check.h"

TestSuite(bench, .init = cli_enter, .fini = cli_leave);

/* The exit status of a program of the build or the source folder, with its output in the file "out". */
static int run(const char *variable, const char *command)
{
    const int status = system(cli_format("'%s'/%s >out 2>err", cli_environment(variable), command));
    cr_assert(WIFEXITED(status), "%s: %s", command, cli_read("err"));
    return WEXITSTATUS(status);
}

static double row_number(const char *json, int row, const char *key)
{
    return json_number(json, cli_format("rows/%d/%s", row, key));
}

static void expect_row(const char *json, int row, const char *workload, const char *mode, const char *precision,
                       int threads)
{
    static const char *const positive[] = {"steps",
                                           "lambda_size",
                                           "plain_seconds/median",
                                           "hypergradient_seconds/median",
                                           "first_hypergradient_seconds",
                                           "ratio",
                                           "plain_gflops_per_second",
                                           "hypergradient_gflops_per_second",
                                           "gemm_flops_per_second/median",
                                           "plain_gbytes_per_second",
                                           "copy_bytes_per_second/median",
                                           "digits_share",
                                           "first_digits_share",
                                           "held_bytes",
                                           "plain_peak_bytes",
                                           "peak_bytes",
                                           "clock_to_processor",
                                           "hypergradient_norm"};
    const char *where = cli_format("row %d, %s %s", row, workload, mode);
    cr_expect(json_is(json, cli_format("rows/%d/workload", row), workload), "%s", where);
    cr_expect(json_is(json, cli_format("rows/%d/mode", row), mode), "%s", where);
    cr_expect(json_is(json, cli_format("rows/%d/precision", row), precision), "%s", where);
    cr_expect_eq(row_number(json, row, "threads"), threads, "%s", where);
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++) {
        const double number = row_number(json, row, positive[i]);
        cr_expect(isfinite(number) && number > 0, "%s: %s is %g", where, positive[i], number);
    }
    cr_expect_lt(row_number(json, row, "digits_share"), 1, "%s", where);
    cr_expect_geq(row_number(json, row, "hypergradient_flops"), 1.5 * row_number(json, row, "plain_flops"), "%s",
                  where);
    cr_expect_geq(row_number(json, row, "peak_bytes"), row_number(json, row, "plain_peak_bytes"), "%s", where);
    const bool compared = strcmp(workload, "W6") != 0;
    cr_expect_eq(row_number(json, row, "products_alone_seconds/median") > 0, compared, "%s", where);
    cr_expect_eq(isfinite(row_number(json, row, "plain_to_by_hand")), compared && !strcmp(precision, "f32"), "%s",
                 where);
}

/* Beside the rows: what machine.h measures. */
static void expect_machine(const char *json)
{
    static const char *const positive[] = {"checkpointed/seconds",    "checkpointed/seconds_by_count",
                                           "checkpointed/held_bytes", "store_all/grown_to_states",
                                           "start_up/clock_ms",       "start_up/processor_ms"};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        cr_expect_gt(json_number(json, positive[i]), 0, "%s", positive[i]);
    /* Reverse mode holds T + 1 states, with two more beside for the adjoint. */
    cr_expect_eq(json_number(json, "store_all/residual_bytes"), 0);
    cr_expect_float_eq(json_number(json, "store_all/held_to_states"), 101 / 102.0, 1e-9);
    /* From 20 slots 100 steps are reversed with two passes over each, and as many advances fewer as (22 over 1). */
    cr_expect_float_eq(json_number(json, "checkpointed/advances_per_step"), 1.78, 1e-9);
    const double between = json_number(json, "between_processors_ns");
    cr_expect(sysconf(_SC_NPROCESSORS_ONLN) < 2 || between > 0, "%g", between);
}

Test(bench, every_workload_has_its_row)
{
    static const char *const rows[][2] = {{"W1", "reverse"}, {"W2", "reverse"},  {"W2", "forward"},
                                          {"W2", "forward"}, {"W2b", "reverse"}, {"W3", "reverse"},
                                          {"W4", "reverse"}, {"W5", "reverse"},  {"W6", "reverse"}};
    enum { ROWS = sizeof rows / sizeof *rows };
    cr_assert_eq(run("HOTOOL_BENCH", cli_format("bench_workloads --quick --precision f32 --threads 1 --json bench.json "
                                                "--hotool '%s'",
                                                cli_environment("HOTOOL_BIN"))),
                 0, "%s", cli_read("err"));
    const char *json = cli_read("bench.json"), *table = cli_read("out");
    cr_assert(json_valid(json, strlen(json)));
    for (int i = 0; i < ROWS; i++) {
        expect_row(json, i, rows[i][0], rows[i][1], "f32", 1);
        cr_expect(strstr(table, cli_format("\n%s f32, 1 thread, %s", rows[i][0], rows[i][1])) != NULL);
    }
    cr_expect(json_at(json, cli_format("rows/%d", ROWS)) == NULL);
    expect_machine(json);
    /* The same training by other modes: the same error. */
    cr_expect_float_eq(row_number(json, 1, "validation_error"), row_number(json, 2, "validation_error"), 1e-4);
    cr_expect_float_eq(row_number(json, 1, "hypergradient_norm") / row_number(json, 2, "hypergradient_norm"), 1, 1e-3);
    cr_expect_eq(row_number(json, 3, "hypergradient_every"), 1);
    /* Products of softmax: 2 a step, 2 x 50 x 2048 x 10 operations each; and W L of the penalty, 2 x 2048 x 10 x 10. */
    cr_expect_float_eq(row_number(json, 0, "plain_flops") / (20 * (2 * 2048e3 + 4096e2)), 1, 0.2, "%g",
                       row_number(json, 0, "plain_flops"));
}

Test(bench, precisions_threads_and_modes)
{
    cr_assert_eq(run("HOTOOL_BENCH", "bench_workloads --quick --json bench.json W5"), 0, "%s", cli_read("err"));
    const char *json = cli_read("bench.json");
    expect_row(json, 0, "W5", "reverse", "f32", 1);
    expect_row(json, 1, "W5", "reverse", "f32", 2);
    expect_row(json, 2, "W5", "reverse", "f64", 1);
    expect_row(json, 3, "W5", "reverse", "f64", 2);
    cr_expect(json_at(json, "rows/4") == NULL);
    cr_expect_eq(run("HOTOOL_BENCH", "bench_workloads --quick --threads 1 --precision f64 --json bench.json "
                                     "--mode checkpointed --slots 5 W5"),
                 0);
    expect_row(cli_read("bench.json"), 0, "W5", "checkpointed", "f64", 1);
    cr_expect_float_eq(row_number(cli_read("bench.json"), 0, "hypergradient_norm"),
                       row_number(json, 2, "hypergradient_norm"), 0);
    cr_expect_lt(row_number(cli_read("bench.json"), 0, "held_bytes"), row_number(json, 2, "held_bytes"));
}

Test(bench, every_mode_has_its_rows)
{
    static const char *const names[] = {"reverse ", "checkpointed", "forward", "truncated", "implicit"};
    cr_assert_eq(run("HOTOOL_BENCH", "bench_modes --quick --csv errors.csv"), 0, "%s", cli_read("err"));
    const char *growth = cli_read("out"), *same = strstr(growth, "\nW1: ");
    cr_assert(same);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *row = strstr(growth, cli_format("\n%s", names[i])), *again;
        cr_expect(row && row < same, "%s", names[i]);
        cr_expect((again = strstr(same, cli_format("\n%s", names[i]))) != NULL, "%s", names[i]);
    }
    cr_expect(strstr(same, "\nW3: ") && strstr(same, "\nW4: "));
    cr_expect(strstr(same, "\nsplit, rates ahead, 10 ") > strstr(same, "\nW4: "));
    /* The error falls with K, and is drawn. */
    double rho, before, after;
    cr_assert_eq(sscanf(cli_read("errors.csv"), "%lf,50,%lf\n%*f,100,%lf", &rho, &before, &after), 3);
    cr_expect(after < before && before < 1, "%g, then %g", before, after);
    cr_expect_eq(system(cli_format("gnuplot -e \"csv='errors.csv'; out='errors.svg'\" '%s'/truncated.gp",
                                   cli_environment("HOTOOL_BENCH_SOURCE"))),
                 0);
    cr_expect_eq(run("HOTOOL_BENCH", "bench_modes W1"), 2);
}

Test(bench, processes_of_an_mpi_have_their_rows)
{
    if (!getenv("HOTOOL_MPIEXEC"))
        cli_skip("hotool was built without an MPI");
    cr_assert_eq(run("HOTOOL_BENCH", "bench_ranks --quick"), 0, "%s", cli_read("err"));
    const char *out = cli_read("out"), *second = strstr(out, "\nW4, ");
    cr_assert(strstr(out, "\nW1, ") && second, "%s", out);
    double seconds, trainings, speed_up, expected, before = INFINITY;
    for (int n = 1; n <= 4; n++) {
        const char *row = strstr(out, cli_format("\n%d  ", n));
        double bytes;
        cr_assert_eq(sscanf(row + 2, "%lf %lf %lf %lf %lf", &seconds, &trainings, &speed_up, &expected, &bytes), 5,
                     "%s", row);
        cr_expect(seconds > 0 && row < second && bytes < before, "%s", row);
        cr_expect_float_eq(expected, 93 / (1 + 92.0 / n), 0.01);
        before = bytes;
    }
    cr_expect_eq(run("HOTOOL_BENCH", "bench_ranks W1"), 2);
}

/* Of processes so large that huge pages touched in part matter little. */
Test(bench, plans_are_compared_with_what_is_taken)
{
    cr_assert_eq(run("HOTOOL_BENCH", "bench_plan --quick W3 W6"), 0, "%s", cli_read("err"));
    const char *row = strchr(cli_read("out"), '\n');
    int rows = 0;
    for (; row && row[1]; row = strchr(row + 1, '\n'), rows++) {
        char workload[8], mode[32];
        double planned, took, planned_mb, peak_mb;
        cr_assert_eq(
            sscanf(row, "%7s %31s %lf %lf %*f %lf %lf", workload, mode, &planned, &took, &planned_mb, &peak_mb), 6,
            "%s", row);
        cr_expect(planned > 0 && took > 0, "%s", row);
        cr_expect(planned_mb > 0.75 * peak_mb && planned_mb < 1.25 * peak_mb, "%s", row);
    }
    cr_expect_eq(rows, 2 + 3, "%s", cli_read("out"));
    cr_expect_eq(run("HOTOOL_BENCH", "bench_plan W7"), 2);
}

Test(bench, wrong_arguments_are_refused)
{
    static const char *const wrong[] = {"W7",       "--steps 0",       "--rounds 0", "--rounds 26",
                                        "--rounds", "--precision f16", "--slots 5"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_eq(run("HOTOOL_BENCH", cli_format("bench_workloads %s", wrong[i])), 2, "%s", wrong[i]);
    cr_expect_eq(run("HOTOOL_BENCH", "bench_workloads --quick --threads 1 --mode sideways W5"), 1);
    cr_expect(strstr(cli_read("err"), "unknown mode \"sideways\"") != NULL, "%s", cli_read("err"));
}

Test(bench, python_computes_the_same)
{
    if (system("/usr/bin/python3 -c 'import numpy, torch' 2>err"))
        cli_skip("python3-torch and python3-numpy are not installed");
    const char *program =
        cli_format("peers.py --quick --json peers.json '%s'/bench_peers", cli_environment("HOTOOL_BENCH"));
    cr_assert_eq(run("HOTOOL_BENCH_SOURCE", cli_format("%s W1 W2 W3 W4 W5", program)), 0, "%s", cli_read("err"));
    const char *json = cli_read("peers.json");
    for (int row = 0; row < 16; row++) {
        const char *by = cli_format("%d/by", row);
        const bool ours = json_is(json, by, "hotool, reverse") || json_is(json, by, "hotool, forward");
        cr_expect(json_number(json, cli_format("%d/peak", row)) > 0, "row %d", row);
        cr_expect(ours || json_number(json, cli_format("%d/differ_f64", row)) < 1e-8, "row %d", row);
    }
    cr_expect(json_at(json, "16") == NULL);
    cr_expect_eq(run("HOTOOL_BENCH_SOURCE", cli_format("%s W6", program)), 2);
}

Test(bench, python_without_packages_is_told_of)
{
    const char *command =
        cli_format("/usr/bin/python3 -S '%s'/peers.py bench_peers 2>err", cli_environment("HOTOOL_BENCH_SOURCE"));
    cr_expect_eq(WEXITSTATUS(system(command)), 1);
    cr_expect(strstr(cli_read("err"), "apt-get install python3-torch python3-numpy") != NULL, "%s", cli_read("err"));
}

Test(bench, curves_are_measured_and_drawn)
{
    cr_assert_eq(run("HOTOOL_BENCH", "bench_curves --quick --csv curves.csv"), 0, "%s", cli_read("err"));
    int lines = 0;
    for (const char *p = cli_read("curves.csv"); *p; p++)
        lines += *p == '\n';
    cr_expect_eq(lines, 1 + 7 * 5, "%d lines", lines);
    cr_expect(strstr(cli_read("out"), "each hyperparameter more") != NULL);
    const int status = system(cli_format("gnuplot -e \"csv='curves.csv'; out='curves.svg'\" '%s'/curves.gp",
                                         cli_environment("HOTOOL_BENCH_SOURCE")));
    cr_expect_eq(status, 0);
    cr_expect(strstr(cli_read("curves.svg"), "hyperparameters m") != NULL);
}

Test(bench, runs_whose_instructions_are_counted)
{
    cr_expect_eq(run("HOTOOL_BENCH", "bench_counted W5 forward"), 0, "%s", cli_read("err"));
    cr_expect_eq(run("HOTOOL_BENCH", "bench_counted W5"), 2);
}

Test(bench, counts_are_compared)
{
    cli_write("old", "# tools\nW1 reverse plain 1000\nW1 reverse hypergradient 3000\nW1 reverse digits 30\n");
    cli_write("same", "# tools\nW1 reverse plain 1009\nW1 reverse hypergradient 2980\nW1 reverse digits 30\n");
    cr_expect_eq(run("HOTOOL_BENCH_SOURCE", "instructions compare old same"), 0);
    cr_expect(strstr(cli_read("out"), "instructions: as recorded") != NULL, "%s", cli_read("out"));
    cr_expect(strstr(cli_read("out"), "1.01 % of the hypergradient") != NULL, "%s", cli_read("out"));
    cli_write("more", "# tools\nW1 reverse plain 1011\nW1 reverse hypergradient 3000\nW1 reverse digits 30\n");
    cr_expect_eq(run("HOTOOL_BENCH_SOURCE", "instructions compare old more"), 1);
    cr_expect(strstr(cli_read("out"), "MORE") != NULL, "%s", cli_read("out"));
    cli_write("less", "# new\nW1 reverse plain 900\nW1 reverse hypergradient 3000\nW1 reverse digits 30\n");
    cr_expect_eq(run("HOTOOL_BENCH_SOURCE", "instructions compare old less"), 0);
    cr_expect(strstr(cli_read("out"), "fewer than recorded") != NULL, "%s", cli_read("out"));
    cr_expect(strstr(cli_read("out"), "other tools") != NULL, "%s", cli_read("out"));
    cli_write("gone", "# tools\nW1 reverse plain 1000\nW1 reverse hypergradient 3000\n");
    cr_expect_eq(run("HOTOOL_BENCH_SOURCE", "instructions compare old gone"), 1);
    cli_write("new", "# tools\nW1 reverse plain 1000\nW1 reverse hypergradient 3000\nW1 reverse digits 30\n"
                     "W9 reverse plain 1\n");
    cr_expect_eq(run("HOTOOL_BENCH_SOURCE", "instructions compare old new"), 1);
}
