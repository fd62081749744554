/*
 * A workload for others to compute (peers.py): hotool's own figures, and the problem with hotool's answer as files.
 *
 *     bench_peers FOLDER NAME f32|f64 MODE STEPS ROUNDS       one thread; STEPS 0: the workload's, -1: few
 *
 * Writes into FOLDER, all as .npy in f64 but for the inputs: x and validation_x; labels, reals and validation_labels;
 * rows (the training examples of each step), start (all weights in one), lambda, hypergradient. Prints a JSON that says
 * what these are.
 */
#include <string.h>

#include "base/json.h"
#include "base/npy.h"
#include "measure.h"
#include "system/batch.h"
#include "system/training.h"

typedef struct peers {
    bench b;
    posed q;
    workload w;
    const char *folder;
    ho_training *training;
    double *lambda;
} peers;

static void write_numbers(peers *p, const char *name, int64_t rows, int64_t columns, const double *values)
{
    const int64_t dims[] = {rows, columns};
    const char *path = ho_arena_format(p->b.arena, "%s/%s.npy", p->folder, name);
    must(&p->b, ho_npy_write_f64(path, columns ? 2 : 1, dims, values, &p->b.error) == HO_OK);
}

static void write_examples(peers *p, const char *prefix, const ho_examples *e)
{
    const char *name = ho_arena_format(p->b.arena, "%sx", prefix);
    const int64_t dims[] = {e->count, e->features};
    if (e->x64)
        write_numbers(p, name, e->count, e->features, e->x64);
    else
        must(&p->b, ho_npy_write_f32(ho_arena_format(p->b.arena, "%s/%s.npy", p->folder, name), 2, dims, e->x32,
                                     &p->b.error) == HO_OK);
    write_numbers(p, ho_arena_format(p->b.arena, "%slabels", prefix), e->count, 0, e->targets[0].values);
    if (p->w.reals)
        write_numbers(p, ho_arena_format(p->b.arena, "%sreals", prefix), e->count, p->w.reals, e->targets[1].values);
}

static void write_rows(peers *p)
{
    const workload *w = &p->w;
    double *rows = ho_alloc((size_t)(w->steps * w->batch + 1) * sizeof *rows);
    for (int64_t k = 0; k < w->steps * w->batch; k++)
        rows[k] = (double)ho_batch_example(p->q.problem.seed, w->examples, w->batch, k / w->batch + 1, k % w->batch);
    if (w->batch)
        write_numbers(p, "rows", w->steps, w->batch, rows);
    free(rows);
}

/* The initial weights one after another, and in the JSON their names and shapes. */
static void write_start(peers *p, ho_json *json)
{
    ho_system *s = ho_training_system(p->training);
    ho_vector *state = s->api->vector_new(s, 1);
    must(&p->b, state && s->api->initial(s, p->lambda, state) == HO_OK);
    size_t count;
    const ho_weight_tensor *weights = ho_training_weights(p->training, &count);
    const int64_t size = weights[count - 1].offset + weights[count - 1].count;
    double *values = ho_alloc((size_t)size * sizeof *values);
    ho_json_open(json, "weights", '[');
    for (size_t i = 0; i < count; i++) {
        ho_training_weight_get(p->training, state, i, values + weights[i].offset);
        ho_json_open(json, NULL, '{');
        ho_json_string(json, "name", weights[i].name);
        ho_json_open(json, "shape", '[');
        for (int axis = 0; axis < weights[i].shape.rank; axis++)
            ho_json_integer(json, NULL, weights[i].shape.dims[axis]);
        ho_json_close(json, ']');
        ho_json_close(json, '}');
    }
    ho_json_close(json, ']');
    write_numbers(p, "start", size, 0, values);
    free(values);
    s->api->vector_free(s, state);
}

/* What is tuned, and where it lies in lambda and in the hypergradient. */
static void json_hypers(const peers *p, ho_json *json)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(p->training, &count);
    ho_json_open(json, "tuned", '{');
    for (size_t i = 0; i < count; i++) {
        if (!hypers[i].tuned)
            continue;
        ho_json_open(json, hypers[i].name, '[');
        ho_json_integer(json, NULL, hypers[i].offset);
        ho_json_integer(json, NULL, hypers[i].count);
        ho_json_close(json, ']');
    }
    ho_json_close(json, '}');
}

static void write_problem(peers *p, bool f64, ho_json *json)
{
    p->b = bench_open();
    workload_pose(&p->b, &p->q, &p->w, f64);
    p->training = ho_training_new(&p->q.problem, &p->b.error);
    must(&p->b, p->training != NULL);
    const int64_t size = ho_training_lambda_size(p->training);
    p->lambda = ho_alloc((size_t)size * sizeof *p->lambda);
    ho_training_lambda_initial(p->training, p->lambda);
    write_numbers(p, "lambda", size, 0, p->lambda);
    write_examples(p, "", &p->q.training);
    write_examples(p, "validation_", &p->q.validation);
    write_rows(p);
    write_start(p, json);
    json_hypers(p, json);
}

int main(int count, char **arguments)
{
    const workload *w = count == 7 ? workload_named(arguments[2]) : NULL;
    const long rounds = w ? strtol(arguments[6], NULL, 10) : 0;
    if (!w || w->convolutions || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: bench_peers FOLDER W1|W2|W2b|W3|W4|W5 f32|f64 MODE STEPS ROUNDS\n");
        return 2;
    }
    peers p = {.w = *w, .folder = arguments[1]};
    const long steps = strtol(arguments[5], NULL, 10);
    p.w.steps = steps > 0 ? steps : steps < 0 ? w->few : w->steps;
    const bool f64 = !strcmp(arguments[3], "f64");
    double *gradient = ho_alloc((size_t)(w->examples + MOST_TUNED * w->classes * w->classes) * sizeof *gradient);
    const bench_row row = {.w = p.w,
                           .mode = arguments[4],
                           .f64 = f64,
                           .threads = 1,
                           .rounds = (int)rounds,
                           .alone = true,
                           .answer = gradient};
    figures f;
    measure(&row, &f);
    ho_json json = {.pretty = true};
    ho_json_open(&json, NULL, '{');
    ho_json_string(&json, "dynamics", w->dynamics);
    ho_json_string(&json, "penalty", w->penalty);
    ho_json_boolean(&json, "each_layer", w->each_layer);
    ho_json_integer(&json, "steps", p.w.steps);
    write_problem(&p, f64, &json);
    write_numbers(&p, "hypergradient", (int64_t)f.directions, 0, gradient);
    ho_json_open(&json, "figures", '{');
    ho_json_real(&json, "first", f.first);
    ho_json_real(&json, "later", f.later);
    ho_json_real(&json, "peak", f.peak);
    ho_json_real(&json, "error", f.error);
    ho_json_close(&json, '}');
    ho_json_close(&json, '}');
    ho_json_end(&json);
    fputs(json.text, stdout);
    ho_json_free(&json);
    ho_training_free(p.training);
    return 0;
}
