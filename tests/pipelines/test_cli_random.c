/* Random small pipelines against a loop that shares nothing with hotool: softmax regression under each optimizer, in
 * long double, with central differences of its validation error. The data have what real data have: features that are
 * 0 in all of training, twice the same, constant, or that cancel by symmetry. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli_support.h"

TestSuite(random_pipelines, .init = cli_enter, .fini = cli_leave, .timeout = 120);

enum { MOST = 12, WIDTH = 3, MOST_CLASSES = 3, WEIGHTS = (WIDTH + 1) * MOST_CLASSES };

typedef struct points {
    int count;
    double x[MOST][WIDTH];
    int64_t y[MOST];
} points;

typedef struct problem {
    points training, validation;
    int classes, steps, dynamics;
    double rate, rho, epsilon, scale;
    double absolute; /* strength of the absolute values; 0: the penalty is of squares only */
} problem;

enum { ADAM, RMSPROP, MOMENTUM, SGD, ADAMW, ADAGRAD, NESTEROV, LION };

static const char *const dynamics_names[] = {"adam",  "rmsprop", "momentum", "sgd",
                                             "adamw", "adagrad", "nesterov", "lion"};

#define DECAY 0.05 /* of the weights, where the dynamics have one */

static uint64_t random_state;

static double uniform(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 33) / 2147483648.0;
}

static int one_of(int count)
{
    return (int)(uniform() * count);
}

static points random_points(int count, int classes)
{
    points p = {.count = count};
    for (int i = 0; i < count; i++) {
        p.y[i] = i % classes;
        for (int j = 0; j < WIDTH; j++)
            p.x[i][j] = 2 * uniform() - 1 + (j == i % classes);
    }
    return p;
}

static problem random_problem(uint64_t seed)
{
    static const double rhos[] = {0.001, 0.01, 0.1, 1}, rates[] = {0.002, 0.02, 0.05}, scales[] = {1, 1, 1e-3, 1e-7};
    static const int steps[] = {1, 7, 25};
    random_state = seed * 0x9e3779b97f4a7c15u;
    uniform();
    problem p = {.classes = 2 + one_of(2), .steps = steps[one_of(3)], .dynamics = one_of(4)};
    p.rho = rhos[one_of(4)];
    p.rate = rates[one_of(3)];
    p.epsilon = one_of(3) ? 1e-5 : 1e-3;
    p.scale = scales[one_of(4)];
    p.training = random_points(p.classes * 2, p.classes);
    p.validation = random_points(7, p.classes);
    points *t = &p.training;
    const bool dead = one_of(2), twice = one_of(3) == 0, constant = one_of(3) == 0, symmetric = one_of(3) == 0;
    for (int i = 0; i < t->count; i++) {
        if (dead)
            t->x[i][WIDTH - 1] = 0;
        if (twice)
            t->x[i][1] = t->x[i][0];
        if (constant)
            t->x[i][0] = 0.5;
    }
    for (int i = 0; symmetric && i < t->count; i++) {
        for (int j = 0; j < WIDTH; j++)
            t->x[t->count + i][j] = -t->x[i][j];
        t->y[t->count + i] = p.classes - 1 - t->y[i];
    }
    t->count *= symmetric ? 2 : 1;
    return p;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

/* The mean cross-entropy of weights w, (WIDTH + 1) x MOST_CLASSES with the offsets last, and its gradient. */
static long double cross_entropy(const points *p, int classes, const long double *w, long double *gradient)
{
    long double mean = 0;
    memset(gradient, 0, WEIGHTS * sizeof *gradient);
    for (int i = 0; i < p->count; i++) {
        long double z[MOST_CLASSES] = {0}, sum = 0;
        for (int c = 0; c < classes; c++) {
            z[c] = w[WIDTH * MOST_CLASSES + c];
            for (int j = 0; j < WIDTH; j++)
                z[c] += (long double)p->x[i][j] * w[j * MOST_CLASSES + c];
            sum += expl(z[c]);
        }
        mean += (logl(sum) - z[p->y[i]]) / p->count;
        for (int c = 0; c < classes; c++) {
            const long double d = (expl(z[c]) / sum - (c == p->y[i])) / p->count;
            gradient[WIDTH * MOST_CLASSES + c] += d;
            for (int j = 0; j < WIDTH; j++)
                gradient[j * MOST_CLASSES + c] += (long double)p->x[i][j] * d;
        }
    }
    return mean;
}

static long double sign(long double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* What step t adds to the weight w, whose gradient is g. */
static long double move(const problem *p, int t, long double rate, long double w, long double g, long double *m,
                        long double *v)
{
    const long double epsilon = p->epsilon, before = *m, decay = p->dynamics == RMSPROP ? 0.9L : 0.999L;
    const long double corrected = rate * sqrtl(1 - powl(decay, t)) / (1 - powl(0.9L, t));
    *v = p->dynamics == ADAGRAD ? *v + g * g : decay * *v + (1 - decay) * g * g;
    *m = 0.9L * before + 0.1L * g;
    const long double root = sqrtl(*v + epsilon * epsilon);
    switch (p->dynamics) {
    case ADAM:
        return -corrected * *m / root;
    case ADAMW:
        return -corrected * *m / root - rate * DECAY * w;
    case RMSPROP:
    case ADAGRAD:
        return -rate * g / root;
    case MOMENTUM:
        return *m = 0.9L * before - rate * g;
    case NESTEROV:
        *m = 0.9L * before - rate * g;
        return 0.9L * *m - rate * g;
    case LION:
        *m = 0.99L * before + 0.01L * g;
        return -rate * (sign(0.9L * before + 0.1L * g) + DECAY * w);
    default:
        return -rate * g;
    }
}

static long double validation_error(const problem *p, long double rate, long double rho)
{
    long double w[WEIGHTS] = {0}, m[WEIGHTS] = {0}, v[WEIGHTS] = {0}, g[WEIGHTS];
    for (int t = 1; t <= p->steps; t++) {
        cross_entropy(&p->training, p->classes, w, g);
        for (int i = 0; i < WEIGHTS; i++) {
            if (i < WIDTH * MOST_CLASSES)
                g[i] += 2 * rho * w[i] + p->absolute * sign(w[i]);
            w[i] += move(p, t, rate, w[i], p->scale * g[i], &m[i], &v[i]);
        }
    }
    return cross_entropy(&p->validation, p->classes, w, g);
}

/* By the rate and by rho; false where two step sizes do not agree. */
static bool differences(const problem *p, double slope[2])
{
    for (int i = 0; i < 2; i++) {
        long double at[2];
        for (int k = 0; k < 2; k++) {
            const long double size = k ? 1e-5L : 1e-4L, dr = i ? 0 : size * p->rate, dh = i ? size * p->rho : 0;
            at[k] = (validation_error(p, p->rate + dr, p->rho + dh) - validation_error(p, p->rate - dr, p->rho - dh)) /
                    (2 * (dr + dh));
        }
        slope[i] = (double)at[1];
        if (fabsl(at[0] - at[1]) > 1e-6L * fmaxl(fabsl(at[1]), 1e-9L))
            return false;
    }
    return true;
}

/* ---- hotool ------------------------------------------------------------------------------------------------------ */

static void write_points(const char *inputs, const char *labels, const points *p)
{
    const char *form = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }";
    cli_npy(inputs, cli_format(form, "<f8", cli_format("%d, %d", p->count, WIDTH)), p->x,
            (size_t)p->count * sizeof *p->x);
    cli_npy(labels, cli_format(form, "<i8", cli_format("%d,", p->count)), p->y, (size_t)p->count * sizeof *p->y);
}

static void write_problem(const problem *p)
{
    write_points("tx.npy", "ty.npy", &p->training);
    write_points("vx.npy", "vy.npy", &p->validation);
    const bool rooted = p->dynamics < 2 || p->dynamics == ADAMW || p->dynamics == ADAGRAD;
    const bool decays = p->dynamics == ADAMW || p->dynamics == LION;
    const char *epsilon = rooted ? cli_format(", epsilon: %g", p->epsilon) : "";
    const char *penalty = p->absolute > 0 ? cli_format("elastic_net, name: l2, l1: %g", p->absolute) : "l2, name: l2";
    cli_write("p.yaml", cli_format("{name: p, model: softmax, steps: %d, dynamics: {plugin: %s%s%s},\n"
                                   " data: {train: {plugin: npy, inputs: tx.npy, labels: ty.npy},\n"
                                   "        validation: {plugin: npy, inputs: vx.npy, labels: vy.npy}},\n"
                                   " objective: [{loss: cross_entropy, reduce: mean, name: fit, weight: %g},\n"
                                   "             {penalty: %s, weight: %g}],\n"
                                   " validation: {loss: cross_entropy},\n"
                                   " hyperparameters: {l2.%s: {init: %g, constraint: nonnegative},\n"
                                   "                   dynamics.learning_rate: {init: %g}},\n"
                                   " hypergradient: {mode: reverse}}\n",
                                   p->steps, dynamics_names[p->dynamics], epsilon,
                                   decays ? cli_format(", weight_decay: %g", DECAY) : "", p->scale, penalty, p->scale,
                                   p->absolute > 0 ? "l2" : "rho", p->rho, p->rate));
}

static void compare(int number, const problem *p, const double right[2])
{
    const char *const names[] = {"dynamics.learning_rate", p->absolute > 0 ? "l2.l2" : "l2.rho"};
    static const char *const modes[] = {"reverse", "forward"}, *const precisions[] = {"f64", "f32"};
    for (int k = 0; k < 4; k++) {
        const char *out = cli_format("out%d_%d", number, k);
        cli_expect_done(cli_run("hypergradient", "p.yaml", "--mode", modes[k / 2], "--precision", precisions[k % 2],
                                "--out", out, NULL));
        for (int i = 0; i < 2; i++) {
            const double got = *cli_array(cli_format("%s/%s.npy", out, names[i]), 1);
            const double allowed = k % 2 ? 1e-3 * fabs(right[i]) + 1e-7 : 1e-6 * fabs(right[i]) + 1e-15;
            cr_expect(fabs(got - right[i]) <= allowed, "problem %d: %s, %s, %s: %.10g, not %.10g:\n%s", number,
                      modes[k / 2], precisions[k % 2], names[i], got, right[i], cli_read("p.yaml"));
        }
    }
}

Test(random_pipelines, as_a_loop_and_differences_say)
{
    enum { PROBLEMS = 60 };
    int judged = 0;
    for (int i = 0; i < PROBLEMS; i++) {
        const problem p = random_problem((uint64_t)i + 1);
        double right[2];
        if (!differences(&p, right))
            continue;
        judged++;
        write_problem(&p);
        compare(i, &p, right);
    }
    cr_expect(judged >= PROBLEMS / 2, "only %d problems have slopes that differences agree on", judged);
    fprintf(stderr, "%d of %d problems judged\n", judged, PROBLEMS);
}

/* The same for the other dynamics, under an elastic net. Classes are of different sizes, so that no gradient cancels:
 * Lion takes steps of full length by the sign of whatever rounding leaves of one that does. */
Test(random_pipelines, of_other_dynamics_and_penalties)
{
    enum { PROBLEMS = 24 };
    static const double strengths[] = {0, 0.001, 0.01, 0.1};
    int judged[8] = {0};
    for (int i = 0; i < PROBLEMS; i++) {
        problem p = random_problem((uint64_t)i + 1001);
        double right[2];
        p.dynamics = ADAMW + i % 4;
        p.absolute = strengths[one_of(4)];
        p.training = random_points(p.classes * 2 + 1, p.classes);
        for (int k = 0; k < p.training.count && i % 8 < 4; k++)
            p.training.x[k][WIDTH - 1] = 0;
        if (!differences(&p, right))
            continue;
        judged[p.dynamics]++;
        write_problem(&p);
        compare(i, &p, right);
    }
    for (int k = ADAMW; k <= LION; k++) {
        cr_expect(judged[k] >= PROBLEMS / 8, "only %d problems with %s have slopes that differences agree on",
                  judged[k], dynamics_names[k]);
        fprintf(stderr, "%s: %d of %d problems judged\n", dynamics_names[k], judged[k], PROBLEMS / 4);
    }
}
