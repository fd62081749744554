/* Forward mode over the processes of an MPI: each carries the state and a share of the tangents. */
#include "tangents.h"

#include <inttypes.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define EVERY 8 /* steps between two looks at how the others are doing */

typedef struct settings {
    int64_t columns_at_once;
} settings;

/* ---- the processes ----------------------------------------------------------------------------------------------- */

/* What a process is about to do: the others must be about to do the same. */
enum { STARTS = 1, STEPS, ASKS, MEASURES, LEAVES };

typedef struct word {
    int64_t what, t, status;
    uint64_t lambda; /* a fingerprint */
} word;

/* The process's own, as the MPI is: it begins with the first instance and ends with the process. */
static struct team {
    bool on;     /* started by mpiexec */
    bool parted; /* somebody has left: nothing is agreed on any more */
    int rank, size;
    pid_t process; /* a child of it has no part in the MPI */
    word *words;   /* of each process */
} team = {.size = 1};

static void say(word own)
{
    MPI_Allgather(&own, sizeof own, MPI_BYTE, team.words, sizeof own, MPI_BYTE, MPI_COMM_WORLD);
    for (int i = 0; i < team.size; i++)
        team.parted = team.parted || team.words[i].what == LEAVES;
}

/* Runs whenever the process exits. Those that still work hear of it at their next look. */
static void leave(void)
{
    if (getpid() != team.process)
        return;
    if (!team.parted)
        say((word){.what = LEAVES});
    MPI_Finalize();
}

/* A process that mpiexec has not started would wait for others, or end itself: it does without the MPI. */
static bool launched(void)
{
    static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE", "PMIX_RANK"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (getenv(marks[i]))
            return true;
    return false;
}

static ho_status join(ho_setup *u)
{
    if (team.on || !launched())
        return HO_OK;
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &team.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &team.size);
    team.process = getpid();
    team.words = calloc((size_t)team.size, sizeof *team.words);
    if (!team.words || atexit(leave) != 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    team.on = true;
    ho_setup_join(u, team.rank == 0);
    return HO_OK;
}

/* ---- agreement --------------------------------------------------------------------------------------------------- */

typedef struct mpi_run {
    tangents t;
    double *direction;
    int64_t at;      /* the step it has reached */
    uint64_t lambda; /* a fingerprint of what it last worked with */
} mpi_run;

#define report(r, ...) ((r)->t.api->fail((r)->t.system, HO_HERE, __VA_ARGS__))

/* One process says what is wrong: the one with the trouble, or else the first. The others only stop. */
static ho_status stop(const mpi_run *r, int culprit, const char *why)
{
    if (team.rank > 0)
        return HO_INTERRUPTED;
    return report(r, "process %d of %d %s", culprit, team.size, why);
}

static bool same(const word *a, const word *b)
{
    return a->what == b->what && a->t == b->t && a->lambda == b->lambda;
}

/* Every bit of each number spreads over all of it. */
static uint64_t fingerprint(const double *lambda, int64_t count)
{
    uint64_t mixed = 0;
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, lambda + i, sizeof bits);
        mixed = (mixed ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
        mixed ^= mixed >> 29;
    }
    return mixed;
}

/* All processes are about to do the same, and it goes well with all; else none goes on. */
static ho_status agree(const mpi_run *r, int64_t what, ho_status own)
{
    if (!team.on)
        return own;
    if (team.parted)
        return own != HO_OK ? own : stop(r, team.size - 1, "has ended before");
    say((word){what, r->at, own, r->lambda});
    ho_status worst = own;
    for (int i = 0; i < team.size; i++) {
        const word *w = team.words + i;
        if (w->what == LEAVES)
            return own != HO_OK ? own : stop(r, i, "has ended, and says why");
        if (worst == HO_OK && w->status == HO_FAILED)
            return stop(r, i, "has failed, and says why");
        if (worst == HO_OK)
            worst = (ho_status)w->status;
    }
    for (int i = 1; worst == HO_OK && i < team.size; i++)
        if (!same(team.words + i, team.words))
            return stop(r, i,
                        "does something else than the first, or with other hyperparameters: does a time in "
                        "seconds end something, or have some tangents no digit left?");
    return worst;
}

/* Each entry is one process's own, and 0 in all others, so that a union of bits puts them together exactly. */
static void unite(double *values, int64_t count)
{
    if (team.on && count > 0)
        MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_INT64_T, MPI_BOR, MPI_COMM_WORLD);
}

/* ---- the mode ---------------------------------------------------------------------------------------------------- */

static void end(void *run)
{
    mpi_run *r = run;
    if (!r)
        return;
    ho_system *s = r->t.system;
    tangents_free(&r->t);
    s->api->free_memory(s, r->direction);
    s->api->free_memory(s, r);
}

static ho_status prepare(mpi_run *r, const settings *set, ho_system *s, const double *lambda)
{
    r->t = tangents_of(s);
    const ho_status status = tangents_start(&r->t, lambda, set->columns_at_once, team.rank, team.size);
    if (status != HO_OK)
        return status;
    if (r->t.count > INT32_MAX)
        return report(r, "there are %" PRId64 " directions; MPI counts to %d", r->t.count, INT32_MAX);
    r->direction = s->api->alloc(s, (uint64_t)(r->t.lambda_size + 1) * sizeof(double));
    return r->direction ? HO_OK : HO_FAILED;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    if (team.on && getpid() != team.process)
        return s->api->fail(s, HO_HERE, "this process was started by another one, not by mpiexec");
    mpi_run *r = s->api->alloc(s, sizeof(mpi_run));
    if (!r)
        return HO_FAILED;
    const ho_status status = agree(r, STARTS, prepare(r, self, s, lambda));
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

/* A process that fails says so at once; the others hear of it at their next look. */
static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    mpi_run *r = run;
    ho_status status = HO_OK;
    r->lambda = fingerprint(lambda, r->t.lambda_size);
    for (int64_t t = t0 + 1; t <= t1 && status == HO_OK; t++) {
        status = tangents_step(&r->t, t, lambda);
        r->at = t;
        if (status != HO_OK || t == t1 || (t - t0) % EVERY == 0)
            status = agree(r, STEPS, status);
    }
    return status;
}

/* Every process has the products of all; then each sums them up in the same order. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    mpi_run *r = run;
    const ho_status status = agree(r, ASKS, tangents_products(&r->t, lambda, value, gradient));
    if (status != HO_OK)
        return status;
    unite(r->t.products, r->t.count);
    tangents_sum(&r->t, r->direction, gradient);
    if (!team.on)
        r->t.api->tell(r->t.system, HO_TELL_WARNING,
                       "forward_mpi: mpiexec has not started this process, which carries all tangents alone: "
                       "mpiexec -n 4 hotool ...");
    return HO_OK;
}

static const ho_vector *state(void *run)
{
    return ((const mpi_run *)run)->t.state;
}

static ho_status forget(void *run)
{
    tangents_forget(&((mpi_run *)run)->t);
    return HO_OK;
}

/* Of this process. */
static int64_t bytes(void *run)
{
    return ((const mpi_run *)run)->t.bytes;
}

static ho_status tangent_norms(void *run, double *norms)
{
    mpi_run *r = run;
    memset(norms, 0, (size_t)r->t.count * sizeof *norms);
    tangents_norms(&r->t, norms);
    const ho_status status = agree(r, MEASURES, HO_OK);
    if (status == HO_OK)
        unite(norms, r->t.count);
    return status;
}

static const ho_option options[] = {
    {.name = "columns_at_once",
     .type = HO_INTEGER,
     .initial = "4",
     .doc = "how many tangents are propagated through a step together; processes take turns at such chunks",
     .least = 1.0,
     .most = 65536.0},
};

static ho_status create(ho_setup *u, void **self)
{
    settings *set = ho_setup_alloc(u, sizeof *set);
    if (!set)
        return HO_FAILED;
    set->columns_at_once = ho_option_integer(u, "columns_at_once");
    *self = set;
    return join(u);
}

/* Of this process, which has the most chunks if any has more than the others. */
static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    const int64_t width = ((const settings *)self)->columns_at_once, chunks = (c->directions + width - 1) / width,
                  most = (chunks + team.size - 1) / team.size * width;
    return tangents_cost(c, c->directions < most ? c->directions : most, width);
}

/* Each step is taken once, with its tangents. */
static int64_t steps_back(void *self)
{
    (void)self;
    return 0;
}

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .end = end,
    .tangent_norms = tangent_norms,
    .estimate = estimate,
    .steps_back = steps_back,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "forward_mpi",
    .version = "1.0.0",
    .doc = "forward mode whose tangents are shared among the processes of an MPI",
    .details =
        "mpiexec -n 4 hotool pipeline FILE --mode forward_mpi\n\n"
        "As forward; of the chunks of columns_at_once tangents, process i of n carries those with numbers i, i + n, "
        "... and all of them train. So each needs about m/n of the memory of m tangents, and a hypergradient the time "
        "of 1 + 2 m/n steps for each of training, instead of 1 + 2 m. The numbers are the same, to the last bit, for "
        "every n, and those of forward with the same columns_at_once. The first process writes the results and prints "
        "them. Where one fails or is killed, all end; --resume begins the training that was under way again. Every "
        "process reads the data by itself, so that a stream must not be a pipe. Variants and repetitions run one after "
        "another. Every process "
        "should have cores of its own, or --threads and OPENBLAS_NUM_THREADS of 1.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
