#include "measure.h"

#include <cblas.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "by_hand.h"
#include "ceilings.h"
#include "digits_share.h"
#include "exec/profile.h"
#include "system/gradient.h"
#include "system/mode.h"

/* What is measured over and over. */
enum { PLAIN, GRADIENT, BY_HAND, PRODUCTS, PRODUCT_RATE, COPY_RATE, MEASURED };

typedef struct measuring {
    const bench_row *row;
    bench b;
    posed q;
    ho_training *training;
    const ho_instance *mode;
    double *lambda, *gradient;
    int64_t steps;
    figures *f;
    double clock, processor; /* seconds in all */
    double taken[MEASURED][MOST_ROUNDS], digits[MOST_ROUNDS];
} measuring;

static int by_size(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static spread spread_of(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return (spread){(values[count / 2] + values[(count - 1) / 2]) / 2, values[0], values[count - 1]};
}

static void train(measuring *m)
{
    double value;
    must(&m->b, ho_train(m->training, m->steps, m->lambda, NULL, &value, &m->b.error) == HO_OK);
}

/* Forward over the steps with a hypergradient now and then, as real-time updates ask for it. */
static void gradients_on_the_way(measuring *m)
{
    ho_mode_run run = {0};
    ho_error *error = &m->b.error;
    must(&m->b, ho_mode_start(&run, m->training, m->mode, m->lambda, error) == HO_OK);
    for (int64_t t = 0, next; t < m->steps; t = next) {
        next = t + m->row->every < m->steps ? t + m->row->every : m->steps;
        must(&m->b, ho_mode_advance(&run, t, next, m->lambda, error) == HO_OK);
        must(&m->b, ho_mode_hypergradient(&run, m->lambda, &m->f->error, m->gradient, error) == HO_OK);
    }
    m->f->held = (double)ho_mode_bytes(&run);
    ho_mode_end(&run);
}

static void take_gradient(measuring *m)
{
    ho_gradient_cost cost = {0};
    if (m->row->every > 0) {
        gradients_on_the_way(m);
        return;
    }
    must(&m->b, ho_hypergradient(m->training, m->mode, m->steps, m->lambda, &m->f->error, m->gradient, &cost,
                                 &m->b.error) == HO_OK);
    m->f->held = (double)cost.bytes;
    m->f->residuals = (double)cost.residual_bytes;
}

static bool has_loop_by_hand(const bench_row *row)
{
    return !row->alone && !row->f64 && !row->w.convolutions;
}

static void train_by_hand(measuring *m)
{
    const workload *w = &m->row->w;
    float interaction[100], *ones = ho_alloc((size_t)w->examples * sizeof *ones);
    for (int i = 0; i < 100; i++)
        interaction[i] = i % 11 ? -0.02f : 0.2f;
    for (int64_t i = 0; i < w->examples; i++)
        ones[i] = 1;
    const by_hand p = {.examples = w->examples,
                       .features = w->features,
                       .classes = w->classes,
                       .reals = w->reals,
                       .width = w->width,
                       .layers = w->layers,
                       .batch = w->batch,
                       .steps = w->steps,
                       .adam = !strcmp(w->dynamics, "adam"),
                       .rate = 1e-3f,
                       .momentum = 0.5f,
                       .rho = 1e-4f,
                       .second = 1e-2f,
                       .x = m->q.training.x32,
                       .weights = w->weighted ? ones : NULL,
                       .interaction = w->layers || !w->penalty ? NULL : interaction,
                       .labels = m->q.training.targets[0].values,
                       .reals_wanted = m->q.training.targets[w->reals ? 1 : 0].values};
    const double squares = by_hand_train(&p);
    free(ones);
    if (!isfinite(squares) || squares <= 0) {
        fprintf(stderr, "bench: the loop written by hand gave %g\n", squares);
        exit(1);
    }
}

static double timed(measuring *m, void (*what)(measuring *))
{
    const double clock = ho_seconds(), processor = ho_cpu_seconds(), begun = seconds_with(m->row->threads);
    what(m);
    const double took = seconds_with(m->row->threads) - begun;
    m->clock += ho_seconds() - clock;
    m->processor += ho_cpu_seconds() - processor;
    return took;
}

static void one_round(measuring *m, int round)
{
    m->taken[PLAIN][round] = timed(m, train);
    int64_t now, peak;
    ho_memory_held(&now, &peak);
    m->f->plain_peak = round ? m->f->plain_peak : (double)peak;
    const double before = digits_seconds(), begun = ho_seconds();
    m->taken[GRADIENT][round] = timed(m, take_gradient);
    m->digits[round] = (digits_seconds() - before) / (ho_seconds() - begun);
    m->f->first = round ? m->f->first : m->taken[GRADIENT][round];
    ho_memory_held(&now, &peak);
    m->f->peak = round ? m->f->peak : (double)peak;
}

/* What hotool is compared with: there the threads are the BLAS's own, which has one beneath hotool's. */
static void one_round_of_others(measuring *m, int round, ceilings *top)
{
    openblas_set_num_threads(m->row->threads);
    if (has_loop_by_hand(m->row))
        m->taken[BY_HAND][round] = timed(m, train_by_hand);
    if (!m->row->alone) {
        if (round == 0) /* memory is only taken after the peak is known */
            ceilings_open(top, &m->row->w, m->row->f64, m->row->threads);
        m->taken[PRODUCT_RATE][round] = ceilings_product(top);
        m->taken[COPY_RATE][round] = ceilings_copy(top);
        if (!m->row->w.convolutions)
            m->taken[PRODUCTS][round] = (double)m->row->w.steps * ceilings_step_products(top);
    }
    openblas_set_num_threads(1);
}

/* Operations in products of all plans that have been freed. */
static double flops_so_far(void)
{
    size_t count;
    double flops = 0;
    ho_profile_row *rows = ho_profile_rows(&count);
    for (size_t i = 0; i < count; i++)
        flops += rows[i].flops;
    free(rows);
    return flops;
}

/* The operations of one of both, counted while it runs once more with so many steps. */
static double operations(measuring *m, void (*what)(measuring *), int64_t steps)
{
    const double before = flops_so_far();
    m->training = ho_training_new(&m->q.problem, &m->b.error);
    must(&m->b, m->training != NULL);
    m->steps = steps;
    what(m);
    ho_training_free(m->training);
    return flops_so_far() - before;
}

/* They grow by the same from step to step, so that two short runs tell those of a long one. */
static double operations_of_all(measuring *m, void (*what)(measuring *))
{
    const workload *w = &m->row->w;
    if (m->row->every || w->steps <= 2 * w->few)
        return operations(m, what, w->steps);
    const double some = operations(m, what, w->few), twice = operations(m, what, 2 * w->few);
    return some + (twice - some) * (double)(w->steps - w->few) / (double)w->few;
}

static void count_operations(measuring *m)
{
    const double held = m->f->held, residuals = m->f->residuals, error = m->f->error;
    ho_profile_enable(true);
    m->f->plain_flops = operations_of_all(m, train);
    m->f->gradient_flops = operations_of_all(m, take_gradient);
    m->f->held = held;
    m->f->residuals = residuals;
    m->f->error = error;
}

static void open_row(measuring *m)
{
    const bench_row *row = m->row;
    m->b = bench_open();
    ho_exec_threads(row->threads);
    workload_pose(&m->b, &m->q, &row->w, row->f64);
    ho_tree *options = ho_tree_new(m->b.arena, HO_TREE_MAP, (ho_place){0});
    for (int i = 0; i < MOST_OPTIONS && row->options[i][0]; i++)
        set(options, row->options[i][0], scalar(&m->b, row->options[i][1]));
    m->mode = make(&m->b, HO_MODE, row->mode, row->mode, options);
    m->training = ho_training_new(&m->q.problem, &m->b.error);
    must(&m->b, m->training != NULL);
    const size_t size = (size_t)ho_training_lambda_size(m->training);
    m->lambda = ho_alloc(size * sizeof *m->lambda);
    m->gradient = ho_alloc(size * sizeof *m->gradient);
    ho_training_lambda_initial(m->training, m->lambda);
    m->f->directions = (double)size;
    m->f->state = (double)ho_training_state_bytes(m->training);
    const workload *w = &row->w;
    const double number = row->f64 ? sizeof(double) : sizeof(float);
    const double batch = (double)((w->batch ? w->batch : w->examples) * (w->features + 1 + w->reals));
    m->f->plain_bytes = (double)w->steps * (batch * number + 2 * m->f->state);
}

static void measure_here(measuring *m)
{
    const int rounds = m->row->rounds;
    open_row(m);
    ceilings top;
    for (int r = 0; r < rounds; r++) {
        one_round(m, r);
        one_round_of_others(m, r, &top);
    }
    if (!m->row->alone)
        ceilings_close(&top);
    ho_training_free(m->training);
    figures *f = m->f;
    f->later = rounds > 1 ? spread_of(m->taken[GRADIENT] + 1, rounds - 1).median : f->first;
    spread *const kept[] = {&f->plain, &f->gradient, &f->by_hand, &f->products, &f->product_rate, &f->copy_rate};
    for (int i = 0; i < MEASURED; i++)
        *kept[i] = spread_of(m->taken[i], rounds);
    f->waited = m->clock / m->processor;
    f->first_digits = m->digits[0];
    f->digits = rounds > 1 ? spread_of(m->digits + 1, rounds - 1).median : m->digits[0];
    for (int64_t i = 0; i < (int64_t)f->directions; i++)
        f->norm += m->gradient[i] * m->gradient[i];
    f->norm = sqrt(f->norm);
    if (!m->row->alone)
        count_operations(m);
}

void measure_apart(bool (*send)(void *context, FILE *out), bool (*receive)(void *context, FILE *in), void *context,
                   const char *what)
{
    int ends[2], status = 0;
    fflush(NULL);
    if (pipe(ends)) {
        perror("bench");
        exit(1);
    }
    const pid_t child = fork();
    if (child == 0) {
        FILE *out = fdopen(ends[1], "w");
        _exit(out && send(context, out) && fclose(out) == 0 ? 0 : 1);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    const bool whole = child > 0 && in && receive(context, in);
    if (in)
        fclose(in);
    if (child < 0 || waitpid(child, &status, 0) < 0 || status || !whole) {
        fprintf(stderr, "bench: %s: no figures\n", what);
        exit(1);
    }
}

/* The figures, and the hypergradient if it is wanted. */
static bool send_figures(void *measured, FILE *out)
{
    measuring *m = measured;
    measure_here(m);
    const size_t size = m->row->answer ? (size_t)m->f->directions : 0;
    return fwrite(m->f, sizeof *m->f, 1, out) == 1 && fwrite(m->gradient, sizeof(double), size, out) == size;
}

static bool receive_figures(void *measured, FILE *in)
{
    const measuring *m = measured;
    const bool whole = fread(m->f, sizeof *m->f, 1, in) == 1;
    const size_t size = whole && m->row->answer ? (size_t)m->f->directions : 0;
    return whole && fread(m->row->answer, sizeof(double), size, in) == size;
}

void measure(const bench_row *row, figures *f)
{
    measuring *m = ho_alloc(sizeof *m);
    m->row = row;
    m->f = f;
    m->steps = row->w.steps;
    *f = (figures){0};
    char *what = ho_format("%s, mode %s", row->w.name, row->mode);
    measure_apart(send_figures, receive_figures, m, what);
    free(what);
    free(m);
}
