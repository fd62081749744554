/*
 * Forward mode over 1 to 4 processes of an MPI: what each of them takes, against what the shares of its tangents say.
 *
 *     bench_ranks [--quick]       MPIEXEC=... for another mpiexec than the one that was found
 *
 * It starts itself by mpiexec. Processes that wait for one another are at work meanwhile (most MPIs look again and
 * again), so what they take inside the MPI is left out: the times are those of steps and tangents.
 */
#include <math.h>
#include <mpi.h>
#include <string.h>

#include "base/clock.h"
#include "exec/threads.h"
#include "system/gradient.h"
#include "workloads.h"

enum { MOST_PROCESSES = 4, ROUNDS = 3, STEPS = 100, QUICK_STEPS = 2 };

typedef struct trial {
    const char *workload;
    const char *at_once;
} trial;

static const trial trials[] = {{"W1", "4"}, {"W4", "1"}};
enum { TRIALS = sizeof trials / sizeof *trials };

/* Of the process that takes longest; bytes, of the one that holds most. */
typedef struct figures {
    double plain, gradient, clock, bytes, directions;
} figures;

/* ---- one of the processes ---------------------------------------------------------------------------------------- */

static double inside; /* seconds of the processor that calls of the MPI have taken */

/* The mode's calls arrive here: a program's own functions stand before a library's. */
int MPI_Allgather(const void *sent, int sent_count, MPI_Datatype sent_type, void *received, int count,
                  MPI_Datatype type, MPI_Comm comm)
{
    const double begun = ho_thread_seconds();
    const int status = PMPI_Allgather(sent, sent_count, sent_type, received, count, type, comm);
    inside += ho_thread_seconds() - begun;
    return status;
}

int MPI_Allreduce(const void *sent, void *received, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    const double begun = ho_thread_seconds();
    const int status = PMPI_Allreduce(sent, received, count, type, op, comm);
    inside += ho_thread_seconds() - begun;
    return status;
}

static void measure_share(const trial *r, bool quick, int rounds, figures *f)
{
    workload w = *workload_named(r->workload);
    w.steps = quick ? QUICK_STEPS : STEPS;
    bench b = bench_open();
    posed q;
    workload_pose(&b, &q, &w, true);
    ho_tree *options = ho_tree_new(b.arena, HO_TREE_MAP, (ho_place){0});
    set(options, "columns_at_once", scalar(&b, r->at_once));
    const ho_instance *mode = make(&b, HO_MODE, "forward_mpi", "forward_mpi", options);
    ho_training *training = ho_training_new(&q.problem, &b.error);
    must(&b, training != NULL);
    ho_system *system = ho_training_system(training);
    double *lambda = ho_alloc(2 * (size_t)ho_training_lambda_size(training) * sizeof *lambda),
           *gradient = lambda + ho_training_lambda_size(training), value;
    ho_training_lambda_initial(training, lambda);
    *f = (figures){.plain = INFINITY,
                   .gradient = INFINITY,
                   .clock = INFINITY,
                   .directions = (double)system->api->directions(system)};
    for (int i = 0; i < rounds; i++) {
        ho_gradient_cost cost = {0};
        double begun = ho_thread_seconds();
        must(&b, ho_train(training, w.steps, lambda, NULL, &value, &b.error) == HO_OK);
        f->plain = fmin(f->plain, ho_thread_seconds() - begun);
        const double clock = ho_seconds();
        begun = ho_thread_seconds();
        inside = 0;
        must(&b, ho_hypergradient(training, mode, w.steps, lambda, &value, gradient, &cost, &b.error) == HO_OK);
        f->gradient = fmin(f->gradient, ho_thread_seconds() - begun - inside);
        f->clock = fmin(f->clock, ho_seconds() - clock);
        f->bytes = (double)cost.bytes;
    }
    ho_training_free(training);
    free(lambda);
}

static int be_one_of_them(const trial *r, bool quick)
{
    figures f, most;
    ho_exec_threads(1);
    measure_share(r, quick, quick ? 1 : 2, &f);
    MPI_Reduce(&f, &most, sizeof f / sizeof(double), MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    printf("%.17g %.17g %.17g %.17g %.17g\n", most.plain, most.gradient, most.clock, most.bytes, most.directions);
    return 0;
}

/* ---- the one that starts them ------------------------------------------------------------------------------------ */

static void run(const char *self, int processes, int number, bool quick, figures *least)
{
    const char *mpiexec = getenv("MPIEXEC");
    char command[1000];
    figures f;
    snprintf(command, sizeof command, "'%s' -n %d '%s' --share %d%s", mpiexec ? mpiexec : FOUND_MPIEXEC, processes,
             self, number, quick ? " --quick" : "");
    FILE *out = popen(command, "r");
    const bool read =
        out && fscanf(out, "%lf %lf %lf %lf %lf", &f.plain, &f.gradient, &f.clock, &f.bytes, &f.directions) == 5;
    if (!out || pclose(out) != 0 || !read) {
        fprintf(stderr, "bench: %s: no figures\n", command);
        exit(1);
    }
    least->plain = fmin(least->plain, f.plain);
    least->gradient = fmin(least->gradient, f.gradient);
    least->clock = fmin(least->clock, f.clock);
    least->bytes = f.bytes;
    least->directions = f.directions;
}

static void print(const trial *r, bool quick, const figures *f)
{
    const double m = f[0].directions;
    double plain = INFINITY;
    for (int n = 1; n <= MOST_PROCESSES; n++)
        plain = fmin(plain, f[n - 1].plain);
    printf("\n%s, T = %d, m = %.0f, f64, %s at once: each process\n%-12s %10s %10s %10s %22s %10s %10s\n", r->workload,
           quick ? QUICK_STEPS : STEPS, m, r->at_once, "processes", "seconds", "trainings", "speed-up",
           "(1 + 2m)/(1 + 2m/n)", "MB", "clock, s");
    for (int n = 1; n <= MOST_PROCESSES; n++) {
        const figures *p = f + n - 1;
        printf("%-12d %10.4g %10.2f %10.2f %22.2f %10.2f %10.3g\n", n, p->gradient, p->gradient / plain,
               f[0].gradient / p->gradient, (1 + 2 * m) / (1 + 2 * m / n), 1e-6 * p->bytes, p->clock);
    }
}

int main(int count, char **arguments)
{
    const char *const last = arguments[count - 1];
    const bool quick = count > 1 && !strcmp(last, "--quick");
    const int own = count - quick;
    if (own == 3 && !strcmp(arguments[1], "--share"))
        return be_one_of_them(trials + atoi(arguments[2]), quick);
    if (own != 1) {
        fprintf(stderr, "usage: bench_ranks [--quick]\n");
        return 2;
    }
    /* Of OpenMPI: more processes than processors, and root's. */
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 0);
    setenv("OMPI_MCA_btl_base_warn_component_unused", "0", 0);
    figures f[TRIALS][MOST_PROCESSES];
    for (int k = 0; k < TRIALS * MOST_PROCESSES; k++)
        f[k / MOST_PROCESSES][k % MOST_PROCESSES] =
            (figures){.plain = INFINITY, .gradient = INFINITY, .clock = INFINITY};
    for (int round = 0; round < (quick ? 1 : ROUNDS); round++)
        for (int k = 0; k < TRIALS * MOST_PROCESSES; k++)
            run(arguments[0], k % MOST_PROCESSES + 1, k / MOST_PROCESSES, quick,
                &f[k / MOST_PROCESSES][k % MOST_PROCESSES]);
    for (int k = 0; k < TRIALS; k++)
        print(trials + k, quick, f[k]);
    return 0;
}
