/* Plans in several threads: the same bits for every number of them. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/rng.h"
#include "exec/plan.h"

enum { LEAVES = 8, OUTPUTS = 22 };

/* Steps of every kind that workers share, each large enough for that. */
typedef struct work {
    ho_graph *graph;
    ho_node in[LEAVES], out[OUTPUTS];
    size_t count;
} work;

static void add(work *w, ho_node node)
{
    w->out[w->count++] = node;
}

static ho_node leaf(work *w, int i, int64_t rows, int64_t columns)
{
    return w->in[i] = ho_node_leaf(w->graph, "leaf", ho_shape_of(2, (int64_t[]){rows, columns}));
}

static ho_node transposed_product(work *w, ho_node a, ho_node b)
{
    return ho_node_matmul(w->graph, ho_node_transpose(w->graph, a), b);
}

/* Products with many columns: split by panels, and by rows; sums of two; a batch with one left factor. */
static ho_node add_wide(work *w)
{
    ho_graph *g = w->graph;
    const ho_node x = leaf(w, 0, 700, 83), y = leaf(w, 1, 83, 300), z = leaf(w, 2, 300, 37);
    const ho_node hidden = ho_node_unary(g, HO_OP_TANH, ho_node_matmul(g, x, y));
    add(w, hidden);
    add(w, transposed_product(w, x, hidden));
    const ho_node few = ho_node_matmul(g, hidden, z);
    add(w, few);
    add(w, ho_node_matmul(g, few, ho_node_transpose(g, z)));
    const ho_node three = ho_node_reshape(g, y, ho_shape_of(3, (int64_t[]){3, 83, 100}));
    add(w, ho_node_matmul(g,
                          ho_node_expand(g, ho_node_reshape(g, x, ho_shape_of(3, (int64_t[]){1, 700, 83})),
                                         ho_shape_of(3, (int64_t[]){3, 700, 83})),
                          three));
    add(w, ho_node_binary(g, HO_OP_ADD, transposed_product(w, x, hidden),
                          ho_node_matmul(g, y, ho_node_matmul(g, ho_node_transpose(g, hidden), hidden))));
    return hidden;
}

/* Products with few columns: along (by rows, and by parts of k), down (in one part and in several; with panels that
 * overlap) and across (by rows, and by parts). */
static void add_narrow(work *w, ho_node hidden)
{
    ho_graph *g = w->graph;
    const ho_node thin = leaf(w, 3, 300, 10), tall = leaf(w, 4, 90, 2050), slim = leaf(w, 5, 2050, 9);
    const ho_node answers = ho_node_matmul(g, hidden, thin);
    add(w, answers);
    add(w, transposed_product(w, hidden, answers));
    const ho_node along = ho_node_matmul(g, tall, slim);
    add(w, along);
    add(w, transposed_product(w, tall, along));
    add(w, transposed_product(w, leaf(w, 7, 2050, 40), slim));
    add(w, transposed_product(w, slim, slim));
}

/* Elementwise steps with sums: of all, of lines that are longer and shorter than a block, and over rows that are long
 * and short, of one matrix and of several. */
static void add_sums(work *w, ho_node hidden)
{
    ho_graph *g = w->graph;
    const ho_node square = ho_node_binary(g, HO_OP_MUL, hidden, ho_node_unary(g, HO_OP_EXP, hidden));
    add(w, square);
    const ho_node lines = ho_node_reduce(g, HO_OP_SUM, square, 1, 1);
    add(w, lines);
    add(w, ho_node_unary(g, HO_OP_EXP, lines)); /* by the first worker alone, right after all of them */
    add(w, ho_node_reduce(g, HO_OP_MAXIMUM, square, 1, 1));
    const ho_node flat = ho_node_reshape(g, square, ho_shape_of(2, (int64_t[]){3, 70000}));
    add(w, ho_node_reduce(g, HO_OP_SUM, flat, 1, 1));
    add(w, ho_node_reduce(g, HO_OP_SUM, ho_node_reshape(g, square, ho_shape_of(1, (int64_t[]){210000})), 1, 1));
    add(w, ho_node_reduce(g, HO_OP_SUM, square, 2, 1));
    static const int64_t shapes[][3] = {{3, 7000, 10}, {3000, 14, 5}, {20, 15, 700}};
    for (int i = 0; i < 3; i++)
        add(w, ho_node_reduce(g, i ? HO_OP_SUM : HO_OP_MAXIMUM, ho_node_reshape(g, square, ho_shape_of(3, shapes[i])),
                              2, 1));
}

/* A matrix that is read twice goes by blocks of its rows, with sums of rows and over them. */
static void add_row_blocks(work *w)
{
    ho_graph *g = w->graph;
    const ho_node x = leaf(w, 6, 2500, 210);
    const ho_node weights = ho_node_slice(g, w->in[3], 2, 0, 210);
    const ho_node e = ho_node_unary(g, HO_OP_EXP, ho_node_matmul(g, x, weights));
    const ho_node sums = ho_node_reduce(g, HO_OP_SUM, e, 1, 1);
    const ho_node column = ho_node_reshape(g, sums, ho_shape_of(2, (int64_t[]){2500, 1}));
    const ho_node share = ho_node_binary_broadcast(g, HO_OP_DIV, e, column);
    add(w, transposed_product(w, x, share));
    add(w, ho_node_reduce(g, HO_OP_SUM, share, 2, 1));
    add(w, sums);
}

static work make(ho_error *error)
{
    work w = {.graph = ho_graph_new(error)};
    const ho_node hidden = add_wide(&w);
    add_narrow(&w, hidden);
    add_sums(&w, hidden);
    cr_assert(error->status == HO_OK && w.count == OUTPUTS, "%s", error->text);
    return w;
}

/* By itself: steps of other results that come between are in no block. */
static work make_row_blocks(ho_error *error)
{
    work w = {.graph = ho_graph_new(error)};
    for (int i = 0; i < LEAVES; i++)
        leaf(&w, i, 300, 10);
    add_row_blocks(&w);
    cr_assert(error->status == HO_OK, "%s", error->text);
    return w;
}

static void free_all(void **values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(values[i]);
}

static size_t bytes_of(const work *w, ho_node node, ho_precision precision)
{
    const ho_shape *shape = &ho_graph_at(w->graph, node)->shape;
    return (size_t)ho_shape_count(shape) * (shape->rank == 0 || precision == HO_F64 ? sizeof(double) : sizeof(float));
}

static void make_inputs(const work *w, ho_precision precision, uint64_t seed, void **in)
{
    for (uint64_t i = 0; i < LEAVES; i++) {
        in[i] = ho_alloc(bytes_of(w, w->in[i], precision));
        for (uint64_t j = 0; j < (uint64_t)ho_shape_count(&ho_graph_at(w->graph, w->in[i])->shape); j++)
            if (precision == HO_F32)
                ((float *)in[i])[j] = (float)(0.1 * ho_normal_number(i + 1, seed, j));
            else
                ((double *)in[i])[j] = 0.1 * ho_normal_number(i + 1, seed, j);
    }
}

/* The outputs of a plan that was made for `threads` and runs with them, twice; before that with other inputs, so that
 * what should have been written anew is not there already. */
static void outputs_of(const work *w, ho_precision precision, int threads, void *const *in, void **out)
{
    ho_error error = {0};
    ho_exec_threads(threads);
    ho_plan *plan = ho_plan_new(w->graph, precision, w->in, LEAVES, w->out, w->count, &error);
    cr_assert(plan != NULL, "%s", error.text);
    cr_expect(plan->threads == threads);
    for (size_t i = 0; i < w->count; i++)
        out[i] = ho_alloc(bytes_of(w, w->out[i], precision));
    void *others[LEAVES];
    make_inputs(w, precision, 2, others);
    for (int i = 0; i < 2; i++) {
        ho_plan_run(plan, (const void *const *)others, out);
        ho_plan_run(plan, (const void *const *)in, out);
    }
    free_all(others, LEAVES);
    ho_plan_free(plan);
}

static void expect_same(const work *w, ho_precision precision, int threads, void *const *a, void *const *b)
{
    for (size_t i = 0; i < w->count; i++)
        cr_expect(memcmp(a[i], b[i], bytes_of(w, w->out[i], precision)) == 0, "f%d, %d threads: output %zu",
                  precision == HO_F32 ? 32 : 64, threads, i);
}

static void check_work(work *w, ho_precision precision)
{
    void *in[LEAVES], *one[OUTPUTS], *several[OUTPUTS];
    make_inputs(w, precision, 1, in);
    outputs_of(w, precision, 1, in, one);
    for (int threads = 2; threads <= 5; threads++) {
        outputs_of(w, precision, threads, in, several);
        expect_same(w, precision, threads, one, several);
        free_all(several, w->count);
    }
    free_all(one, w->count);
    free_all(in, LEAVES);
    ho_graph_free(w->graph);
}

static void check_precision(ho_precision precision)
{
    ho_error error = {0};
    work all = make(&error), row_blocks = make_row_blocks(&error);
    check_work(&all, precision);
    check_work(&row_blocks, precision);
}

Test(threads, rows_of_a_block_are_shared)
{
    ho_error error = {0};
    work w = make_row_blocks(&error);
    ho_plan *plan = ho_plan_new(w.graph, HO_F32, w.in, LEAVES, w.out, w.count, &error);
    cr_assert(plan != NULL, "%s", error.text);
    int by_rows = 0;
    for (size_t i = 0; i < plan->step_count; i++)
        by_rows += plan->steps[i].by_rows;
    cr_expect_gt(by_rows, 1);
    cr_expect_lt(by_rows, (int)plan->step_count, "sums over rows need those of all workers");
    ho_plan_free(plan);
    ho_graph_free(w.graph);
}

Test(threads, bits_do_not_depend_on_their_number)
{
    check_precision(HO_F32);
    check_precision(HO_F64);
}

Test(threads, bits_do_not_depend_on_their_number_without_avx512)
{
    setenv("HOTOOL_KERNELS", "avx2", 1);
    check_precision(HO_F32);
}

/* Where products with many columns are the BLAS's. */
Test(threads, bits_do_not_depend_on_their_number_without_avx2)
{
    setenv("HOTOOL_KERNELS", "base", 1);
    check_precision(HO_F32);
    check_precision(HO_F64);
}

/* ---- the pool ---------------------------------------------------------------------------------------------------- */

typedef struct user {
    const work *w;
    void *const *in;
    void *out[OUTPUTS];
} user;

static void *use(void *of)
{
    user *u = of;
    outputs_of(u->w, HO_F32, 3, u->in, u->out);
    return NULL;
}

/* The pool serves one of them at a time; the others work alone. */
Test(threads, several_threads_may_run_plans)
{
    ho_error error = {0};
    work w = make(&error);
    void *in[LEAVES], *alone[OUTPUTS];
    make_inputs(&w, HO_F32, 1, in);
    outputs_of(&w, HO_F32, 1, in, alone);
    user users[3];
    pthread_t threads[3];
    ho_exec_threads(3);
    for (int i = 0; i < 3; i++) {
        users[i] = (user){.w = &w, .in = in};
        cr_assert(pthread_create(&threads[i], NULL, use, &users[i]) == 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        expect_same(&w, HO_F32, 3, alone, users[i].out);
        free_all(users[i].out, OUTPUTS);
    }
    free_all(alone, OUTPUTS);
    free_all(in, LEAVES);
    ho_graph_free(w.graph);
}

/* A fork has none of the threads, and makes its own. */
Test(threads, a_fork_has_a_pool_of_its_own)
{
    ho_error error = {0};
    work w = make(&error);
    void *in[LEAVES], *before[OUTPUTS], *after[OUTPUTS];
    make_inputs(&w, HO_F32, 1, in);
    outputs_of(&w, HO_F32, 2, in, before);
    const pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        bool same = true;
        outputs_of(&w, HO_F32, 3, in, after);
        for (size_t i = 0; i < w.count; i++)
            same = same && memcmp(before[i], after[i], bytes_of(&w, w.out[i], HO_F32)) == 0;
        _exit(same ? 0 : 1);
    }
    int status = -1;
    cr_expect(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    free_all(before, OUTPUTS);
    free_all(in, LEAVES);
    ho_graph_free(w.graph);
}

/* How many workers a task had. */
static void count_workers(void *most, int32_t index, int32_t count)
{
    if (index == 0)
        *(int32_t *)most = count;
    ho_worker_wait(&(ho_worker){.index = index, .count = count});
}

/* Whether a small task of two is shared by so many; soon after others like it, or some time after. Other programs may
 * come between. */
static bool small_task_has(int32_t workers, long pause)
{
    for (int tries = 0; tries < 500; tries++) {
        int32_t had = 0;
        nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        for (int i = 0; i < (pause ? 1 : 1000) && had != workers; i++)
            ho_threads_run(2, true, count_workers, &had);
        if (had == workers)
            return true;
    }
    return false;
}

Test(threads, small_tasks_are_shared_by_those_who_are_awake)
{
    cr_expect(small_task_has(2, 0));
    cr_expect(small_task_has(1, 10000000));
    cr_expect(small_task_has(2, 0));
}

/* Worker `slow` takes a while, and the others no time. */
typedef struct uneven {
    int32_t slow, workers;
} uneven;

static void take_a_while(void *context, int32_t index, int32_t count)
{
    uneven *u = context;
    if (index == 0)
        u->workers = count;
    if (index == u->slow)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* How many tasks go without the others before they have a share again. */
static int count_alone(uneven *u)
{
    for (int i = 0;; i++) {
        ho_threads_run(2, false, take_a_while, u);
        if (u->workers == 2 || i > 1000)
            return i;
    }
}

/* As where another program has their processor: the first worker waits longer than it would work. */
Test(threads, tasks_go_on_without_workers_that_come_late)
{
    uneven late = {.slow = 1}, in_time = {.slow = 0};
    ho_exec_threads(2);
    cr_expect_eq(count_alone(&late), 0);
    cr_expect_eq(count_alone(&late), 1);
    cr_expect_eq(count_alone(&late), 2);
    cr_expect_eq(count_alone(&in_time), 4);
    cr_expect_eq(count_alone(&late), 0, "who comes in time has a share at once");
    cr_expect_eq(count_alone(&late), 1);
    ho_exec_threads(2);
    cr_expect_eq(count_alone(&in_time), 0);
}

/* A plan of a few microseconds wakes nobody. */
Test(threads, small_plans_run_alone)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const ho_node x = ho_node_leaf(g, "x", ho_shape_of(2, (int64_t[]){32, 32}));
    const ho_node y = ho_node_matmul(g, ho_node_unary(g, HO_OP_TANH, x), x);
    ho_exec_threads(4);
    ho_plan *plan = ho_plan_new(g, HO_F32, &x, 1, &y, 1, &error);
    cr_assert(plan != NULL, "%s", error.text);
    cr_expect(plan->threads == 1);
    ho_plan_free(plan);
    ho_graph_free(g);
}
