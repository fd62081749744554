/*
 * The table: the workloads in f32 and f64, with one and two threads.
 *
 *     bench_workloads [--quick] [--rounds N] [--steps N] [--json FILE] [--precision f32|f64] [--threads N]
 *                     [--hotool PROGRAM] [--mode MODE [--OPTION VALUE]...] [NAME]...
 *
 * NAME is W1 to W6 or W2b; OPTION one of the mode's own, such as --store state. --quick: one round of few steps.
 * --steps: T instead of the workload's. Without a NAME, what machine.h measures follows; start-up with --hotool.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "machine.h"
#include "measure.h"

/* What a workload is measured with, unless the command line says otherwise. */
typedef struct way {
    const char *workload, *mode;
    int64_t every;
    bool only_f32; /* where f64 would take long to say the same */
} way;

static const way ways[] = {
    {"W1", "reverse", 0, false}, {"W2", "reverse", 0, false}, {"W2", "forward", 0, false},
    {"W2", "forward", 10, true}, {"W2b", "reverse", 0, true}, {"W3", "reverse", 0, false},
    {"W4", "reverse", 0, false}, {"W5", "reverse", 0, false}, {"W6", "reverse", 0, false},
};
enum { WAYS = sizeof ways / sizeof *ways };

typedef struct request {
    bool quick, wanted[WORKLOADS], some;
    int rounds, steps, threads, precision; /* steps 0: as usual; threads and precision (1: f32, 2: f64): 0: both */
    const char *json, *hotool, *mode, *options[MOST_OPTIONS][2];
} request;

static _Noreturn void refuse(const char *what, const char *word)
{
    fprintf(stderr, "bench_workloads: %s \"%s\"\n", what, word);
    exit(2);
}

static int whole(const char *option, const char *word, int most)
{
    char *end;
    const long value = strtol(word, &end, 10);
    if (*end || value < 1 || value > most)
        refuse(option, word);
    return (int)value;
}

static void read_option(request *r, const char *name, const char *value, size_t *options)
{
    if (!value)
        refuse("no value for", name);
    if (!strcmp(name, "--rounds"))
        r->rounds = whole("--rounds takes 1 to 25, not", value, MOST_ROUNDS);
    else if (!strcmp(name, "--steps"))
        r->steps = whole("--steps takes 1 to 1000000, not", value, 1000000);
    else if (!strcmp(name, "--hotool"))
        r->hotool = value;
    else if (!strcmp(name, "--threads"))
        r->threads = whole("--threads takes 1 to 8, not", value, 8);
    else if (!strcmp(name, "--precision"))
        r->precision = !strcmp(value, "f32") ? 1 : !strcmp(value, "f64") ? 2 : (refuse("no such precision", value), 0);
    else if (!strcmp(name, "--json"))
        r->json = value;
    else if (!strcmp(name, "--mode"))
        r->mode = value;
    else if (!r->mode || *options == MOST_OPTIONS)
        refuse("unknown option", name);
    else {
        r->options[*options][0] = name + 2;
        r->options[(*options)++][1] = value;
    }
}

static request read_arguments(char **arguments)
{
    request r = {.rounds = 3};
    size_t options = 0;
    for (char **a = arguments; *a; a++) {
        if (!strcmp(*a, "--quick")) {
            r.quick = true;
            r.rounds = 1;
        } else if (!strncmp(*a, "--", 2)) {
            read_option(&r, a[0], a[1], &options);
            a++;
        } else {
            const workload *known = workload_named(*a);
            if (!known)
                refuse("no such workload", *a);
            r.some = r.wanted[known - workloads] = true;
        }
    }
    return r;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void print_head(void)
{
    printf("%-30s %9s %5s %9s %5s %9s %6s %6s %8s %6s %6s %7s %6s %6s %6s %8s %8s\n", "", "plain s", "+- %", "gradient",
           "+- %", "first", "ratio", "hand", "GFLOP/s", "GEMM%", "alone%", "GB/s", "copy%", "digit%", "1st d%",
           "held MB", "peak MB");
}

/* Half the way from the least to the most, in percent of the median. */
static double around(const spread *s)
{
    return 50 * (s->most - s->least) / s->median;
}

static void print_row(const bench_row *row, const figures *f)
{
    char name[64], hand[16] = "-", alone[16] = "-";
    snprintf(name, sizeof name, "%s %s, %d thread%s, %s%s", row->w.name, row->f64 ? "f64" : "f32", row->threads,
             row->threads > 1 ? "s" : "", row->mode, row->every ? " *" : "");
    if (f->by_hand.median > 0)
        snprintf(hand, sizeof hand, "%.2f", f->plain.median / f->by_hand.median);
    if (f->products.median > 0)
        snprintf(alone, sizeof alone, "%.0f", 100 * f->products.median / f->plain.median);
    const double rate = f->plain_flops / f->plain.median, moved = f->plain_bytes / f->plain.median;
    printf("%-30s %9.4f %5.1f %9.4f %5.1f %9.4f %6.2f %6s %8.1f %6.0f %6s %7.1f %6.0f %6.2f %6.1f %8.1f %8.1f\n", name,
           f->plain.median, around(&f->plain), f->gradient.median, around(&f->gradient), f->first,
           f->gradient.median / f->plain.median, hand, 1e-9 * rate, 100 * rate / f->product_rate.median, alone,
           1e-9 * moved, 100 * moved / f->copy_rate.median, 100 * f->digits, 100 * f->first_digits, 1e-6 * f->held,
           1e-6 * f->peak);
    fflush(stdout);
}

static void json_spread(ho_json *json, const char *key, const spread *s)
{
    ho_json_open(json, key, '{');
    ho_json_real(json, "median", s->median);
    ho_json_real(json, "least", s->least);
    ho_json_real(json, "most", s->most);
    ho_json_close(json, '}');
}

static void json_row(ho_json *json, const bench_row *row, const figures *f)
{
    ho_json_open(json, NULL, '{');
    ho_json_string(json, "workload", row->w.name);
    ho_json_string(json, "precision", row->f64 ? "f64" : "f32");
    ho_json_integer(json, "threads", row->threads);
    ho_json_string(json, "mode", row->mode);
    ho_json_integer(json, "hypergradient_every", row->every ? row->every : row->w.steps);
    ho_json_integer(json, "steps", row->w.steps);
    ho_json_real(json, "lambda_size", f->directions);
    json_spread(json, "plain_seconds", &f->plain);
    json_spread(json, "hypergradient_seconds", &f->gradient);
    ho_json_real(json, "first_hypergradient_seconds", f->first);
    ho_json_real(json, "ratio", f->gradient.median / f->plain.median);
    if (f->by_hand.median > 0) {
        json_spread(json, "by_hand_seconds", &f->by_hand);
        ho_json_real(json, "plain_to_by_hand", f->plain.median / f->by_hand.median);
    }
    json_spread(json, "products_alone_seconds", &f->products);
    ho_json_real(json, "plain_flops", f->plain_flops);
    ho_json_real(json, "hypergradient_flops", f->gradient_flops);
    ho_json_real(json, "plain_gflops_per_second", 1e-9 * f->plain_flops / f->plain.median);
    ho_json_real(json, "hypergradient_gflops_per_second", 1e-9 * f->gradient_flops / f->gradient.median);
    json_spread(json, "gemm_flops_per_second", &f->product_rate);
    ho_json_real(json, "plain_gbytes_per_second", 1e-9 * f->plain_bytes / f->plain.median);
    json_spread(json, "copy_bytes_per_second", &f->copy_rate);
    ho_json_real(json, "digits_share", f->digits);
    ho_json_real(json, "first_digits_share", f->first_digits);
    ho_json_real(json, "state_bytes", f->state);
    ho_json_real(json, "held_bytes", f->held);
    ho_json_real(json, "residual_bytes", f->residuals);
    ho_json_real(json, "plain_peak_bytes", f->plain_peak);
    ho_json_real(json, "peak_bytes", f->peak);
    ho_json_real(json, "clock_to_processor", f->waited);
    ho_json_real(json, "validation_error", f->error);
    ho_json_real(json, "hypergradient_norm", f->norm);
    ho_json_close(json, '}');
}

/* ---- all rows ---------------------------------------------------------------------------------------------------- */

/* The sums that the lines below the table come from. */
typedef struct totals {
    double waited, one; /* of rows with one thread */
    double product[2][2], copy[2], rows[2][2], copies[2];
} totals;

static void measure_row(const request *r, bench_row *row, ho_json *json, totals *all)
{
    figures f;
    row->rounds = r->rounds;
    row->w.steps = r->steps ? r->steps : r->quick ? row->w.few : row->w.steps;
    if (r->quick && row->w.width > 512) /* as telling, and quick */
        row->w.width = 512;
    memcpy(row->options, r->options, sizeof r->options);
    measure(row, &f);
    print_row(row, &f);
    json_row(json, row, &f);
    const int several = row->threads > 1;
    if (!several) {
        all->waited += f.waited;
        all->one++;
    }
    all->product[several][row->f64] += f.product_rate.median;
    all->rows[several][row->f64]++;
    all->copy[several] += f.copy_rate.median;
    all->copies[several]++;
}

static void measure_way(const request *r, const way *w, ho_json *json, totals *all)
{
    for (int precision = 1; precision <= 2; precision++)
        for (int threads = r->threads ? r->threads : 1; threads <= (r->threads ? r->threads : 2); threads++) {
            if (r->precision ? r->precision != precision : w->only_f32 && precision == 2)
                continue;
            bench_row row = {.w = *workload_named(w->workload),
                             .mode = r->mode ? r->mode : w->mode,
                             .every = w->every,
                             .f64 = precision == 2,
                             .threads = threads};
            if (r->quick && row.every)
                row.every = 1;
            measure_row(r, &row, json, all);
        }
}

static void print_foot(const totals *all)
{
    static const char *const precisions[] = {"f32", "f64"};
    printf("* a hypergradient every 10 steps\n");
    for (int several = 0; several < 2; several++) {
        if (!all->copies[several])
            continue;
        printf("ceilings, %s:", several ? "several threads" : "1 thread");
        for (int p = 0; p < 2; p++)
            if (all->rows[several][p] > 0)
                printf(" GEMM %s %.1f GFLOP/s,", precisions[p],
                       1e-9 * all->product[several][p] / all->rows[several][p]);
        printf(" copy %.1f GB/s\n", 1e-9 * all->copy[several] / all->copies[several]);
    }
    if (all->one > 0)
        printf("with 1 thread, a second of the processor took %.2f s by the clock (1: a quiet machine)\n",
               all->waited / all->one);
}

static void write_json(ho_json *json, const char *path)
{
    ho_error error = {0};
    if (path && ho_file_write(path, json->text, json->length, &error) != HO_OK) {
        fprintf(stderr, "bench_workloads: %s\n", error.text);
        exit(1);
    }
    ho_json_free(json);
}

int main(int count, char **arguments)
{
    const request r = read_arguments(arguments + (count > 0));
    ho_json json = {.pretty = true};
    totals all = {0};
    ho_json_open(&json, NULL, '{');
    ho_json_boolean(&json, "quick", r.quick);
    ho_json_integer(&json, "rounds", r.rounds);
    ho_json_open(&json, "rows", '[');
    print_head();
    const way *before = NULL;
    for (const way *w = ways; w < ways + WAYS; w++) {
        const bool wanted = !r.some || r.wanted[workload_named(w->workload) - workloads];
        /* With a mode of the command line there is one way for each workload. */
        if (!wanted || (r.mode && before && before->workload == w->workload))
            continue;
        measure_way(&r, w, &json, &all);
        before = w;
    }
    ho_json_close(&json, ']');
    print_foot(&all);
    if (!r.some && !r.mode) {
        measure_processors(&json);
        measure_checkpointed(r.quick, &json);
        if (r.hotool)
            measure_start_up(r.hotool, r.quick, &json);
    }
    ho_json_close(&json, '}');
    ho_json_end(&json);
    write_json(&json, r.json);
    return 0;
}
