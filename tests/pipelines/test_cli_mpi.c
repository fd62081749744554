/* Forward mode over the processes of an MPI, as mpiexec starts them. Without an MPI every test is skipped. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli_support.h"
#include "json_check.h"

static void enter(void)
{
    cli_enter();
    if (!getenv("HOTOOL_MPIEXEC"))
        cli_skip("hotool was built without an MPI, or with sanitizers");
    /* Of OpenMPI: more processes than cores, and root's. */
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
    setenv("OMPI_MCA_btl_base_warn_component_unused", "0", 1);
}

TestSuite(mpi, .init = enter, .fini = cli_leave, .timeout = 120);

/* The exit status of so many processes of hotool; what they print is in the files "out" and "err". */
static int run(int processes, const char *arguments)
{
    return cli_shell(cli_format("$HOTOOL_MPIEXEC -n %d \"$HOTOOL\" %s >out 2>err", processes, arguments));
}

static int count(const char *text, const char *part)
{
    int found = 0;
    while ((text = strstr(text, part))) {
        text += strlen(part);
        found++;
    }
    return found;
}

static bool same_gradient(const char *a, const char *b)
{
    const double *A = cli_array(cli_format("%s/mtl.A.npy", a), CLASSES * CLASSES);
    return memcmp(A, cli_array(cli_format("%s/mtl.A.npy", b), CLASSES * CLASSES), sizeof *A * CLASSES * CLASSES) == 0 &&
           *cli_array(cli_format("%s/mtl.rho.npy", a), 1) == *cli_array(cli_format("%s/mtl.rho.npy", b), 1);
}

/* Seven tangents in chunks of two: each number of processes shares them in another way. */
Test(mpi, any_number_of_processes_gives_the_bits_of_one)
{
    double bytes[5];
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", "hypergradient={mode: forward, columns_at_once: 2}",
                            "--out", "one", NULL));
    for (int n = 1; n <= 4; n++) {
        const char *out = cli_format("g%d", n);
        cr_assert_eq(run(n, cli_format("hypergradient base.yaml --set 'hypergradient={mode: forward_mpi, "
                                       "columns_at_once: 2}' --out %s",
                                       out)),
                     0, "%s", cli_read("err"));
        cr_expect(same_gradient("one", out), "%d processes", n);
        cr_expect_eq(count(cli_read("out"), "E = "), 1, "%s", cli_read("out"));
        bytes[n] = json_number(cli_read(cli_format("%s/hypergradient.json", out)), "trajectory_bytes");
    }
    /* The chunks of the first: 4, 2, 2, 1. */
    cr_expect(bytes[4] < bytes[3] && bytes[3] == bytes[2] && bytes[2] < bytes[1]);
}

/* The name of the folder apart, one process writes and says what the only one does. */
Test(mpi, one_process_writes_and_prints_for_all)
{
    cr_assert_eq(run(3, "pipeline base.yaml --mode forward_mpi --out three"), 0, "%s", cli_read("err"));
    cr_expect_eq(count(cli_read("out"), "blobs on npy"), 1, "%s", cli_read("out"));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "hypergradient={mode: forward, columns_at_once: 4}",
                            "--out", "one", NULL));
    const double *A = cli_array("one/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
    cr_expect_eq(
        memcmp(A, cli_array("three/hyperparameters/mtl.A.npy", CLASSES * CLASSES), sizeof *A * CLASSES * CLASSES), 0);
    cr_expect_eq(count(cli_read("three/metrics.jsonl"), "\n"), count(cli_read("one/metrics.jsonl"), "\n"));
    cr_expect_eq(run(2, "pipeline base.yaml --mode forward_mpi --set repeat=2 --out two"), 0, "%s", cli_read("err"));
    cr_expect(cli_exists("two/1/result.json") && cli_exists("two/2/result.json"));
    cr_expect_eq(
        run(2,
            "pipeline base.yaml --mode forward_mpi --set "
            "'outer={plugin: adam, learning_rate: 0.001, schedule: online, every: 5, iterations: null}' --out online"),
        0, "%s", cli_read("err"));
    cr_expect_eq(count(cli_read("online/metrics.jsonl"), "\"update\""),
                 count(cli_read("online/metrics.jsonl"), "tangent_norms"));
}

/* What only the first can find out, it says alone; and none is left waiting for it. */
Test(mpi, an_error_of_one_ends_all_with_one_message)
{
    cr_assert_eq(run(3, "pipeline base.yaml --mode forward_mpi --out once"), 0, "%s", cli_read("err"));
    cr_expect_neq(run(3, "pipeline base.yaml --mode forward_mpi --out once"), 0);
    cr_expect_eq(count(cli_read("err"), "hotool: "), 1, "%s", cli_read("err"));
    cr_expect(strstr(cli_read("err"), "hotool: once: is not empty"), "%s", cli_read("err"));
    cr_expect_neq(run(3, "hypergradient base.yaml --mode forward_mpi --set dynamics/learning_rate=1e200"), 0);
    cr_expect_eq(count(cli_read("err"), "hotool: "), 1, "%s", cli_read("err"));
}

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

/* Whether a process is there that can still do something. */
static bool alive(const char *pid)
{
    return cli_shell(cli_format("grep -q '^State:.[^ZX]' /proc/%s/status 2>/dev/null", pid)) == 0;
}

/* Each process writes its number into a file before it becomes hotool. */
Test(mpi, where_one_is_killed_all_end)
{
    cli_write("rank.sh", "echo $$ >pid.$$\nexec \"$HOTOOL_BIN\" pipeline base.yaml --mode forward_mpi --out long --set "
                         "steps=100000000 --quiet\n");
    cr_assert_eq(cli_shell("($HOTOOL_MPIEXEC -n 3 sh ./rank.sh >out 2>err; echo $? >status) &"), 0);
    for (int i = 0; i < 600 && !cli_exists("long/pipeline.yaml"); i++)
        rest();
    cr_assert(cli_exists("long/pipeline.yaml"), "%s", cli_read("err"));
    cli_shell("cat pid.* >pids; kill -KILL $(tail -n 1 pids)");
    for (int i = 0; i < 600 && !cli_exists("status"); i++)
        rest();
    cr_assert(cli_exists("status"));
    cr_expect_neq(atoi(cli_read("status")), 0);
    const char *pids = cli_read("pids");
    cr_expect_eq(count(pids, "\n"), 3);
    for (const char *p = pids; *p; p += strcspn(p, "\n") + 1) {
        const char *pid = cli_format("%.*s", (int)strcspn(p, "\n"), p);
        for (int i = 0; i < 200 && alive(pid); i++)
            rest();
        cr_expect(!alive(pid), "process %s goes on", pid);
    }
}

Test(mpi, alone_it_says_that_it_is)
{
    cli_result r = cli_run("hypergradient", "base.yaml", "--mode", "forward_mpi", NULL);
    cli_expect_done(r);
    cr_expect_eq(count(r.err, "warning: forward_mpi: mpiexec has not started this process"), 1, "%s", r.err);
    cr_expect_eq(count(r.err, "\n"), 1, "%s", r.err);
}
