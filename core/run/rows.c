#include "run/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures ----------------------------------------------------------------------------------------------------- */

typedef enum figure {
    VALIDATION_ERROR,
    VALIDATION_ACCURACY,
    TEST_LOSS,
    TEST_ACCURACY,
    BEST_EPOCH,
    EVALUATIONS,
    CPU_SECONDS,
    SECONDS,
    PRECISION,
    RECALL,
    F1,
} figure;

/* The validation figures are those that the choice was made by; the test figures are the final training's. */
static double figure_of(const ho_single_result *r, figure which)
{
    if (which == EVALUATIONS)
        return r->count ? (double)r->evaluations : NAN;
    if (which == CPU_SECONDS)
        return r->count ? r->cpu_seconds : NAN;
    if (which == SECONDS)
        return r->count ? r->seconds : NAN;
    if (which == PRECISION || which == RECALL || which == F1) {
        const ho_detection *d = &r->detection;
        double score = which == PRECISION ? d->precision : which == RECALL ? d->recall : d->f1;
        return r->count ? score : NAN;
    }
    double value = NAN;
    for (size_t i = 0; i < r->count; i++) {
        const ho_column *c = &r->columns[i];
        bool last = i + 1 == r->count, validates = !isnan(c->validation_error);
        if (which == VALIDATION_ERROR && validates)
            value = c->validation_error;
        if (which == VALIDATION_ACCURACY && validates)
            value = c->validation.accuracy;
        if (which == BEST_EPOCH && last)
            value = c->best_epoch;
        if (which == TEST_LOSS && last)
            value = c->test.loss;
        if (which == TEST_ACCURACY && last)
            value = c->test.accuracy;
    }
    return value;
}

double ho_validation_error(const ho_single_result *result)
{
    return figure_of(result, VALIDATION_ERROR);
}

static ho_spread spread_of(const double *values, size_t count)
{
    ho_spread s = {NAN, NAN, 0};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            s.count++;
        }
    if (s.count == 0)
        return s;
    s.mean = sum / (double)s.count;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            squares += (values[i] - s.mean) * (values[i] - s.mean);
    if (s.count > 1)
        s.sd = sqrt(squares / (double)(s.count - 1));
    return s;
}

static double *figures(const ho_row *row, figure which)
{
    double *values = ho_alloc((row->count + 1) * sizeof *values);
    for (size_t i = 0; i < row->count; i++)
        values[i] = figure_of(&row->results[i], which);
    return values;
}

static ho_spread spread(const ho_row *row, figure which)
{
    double *values = figures(row, which);
    ho_spread s = spread_of(values, row->count);
    free(values);
    return s;
}

/* Whether some run of the row had labels to find by their weights. */
static bool detects(const ho_row *row)
{
    return spread(row, RECALL).count > 0;
}

/* Values of a hyperparameter; NaN for runs that tune none of that name. */
static double *brief_values(const ho_row *row, const char *name)
{
    double *values = ho_alloc((row->count + 1) * sizeof *values);
    for (size_t i = 0; i < row->count; i++) {
        const ho_single_result *r = &row->results[i];
        values[i] = NAN;
        for (size_t b = 0; r->count && b < r->brief_count; b++)
            if (strcmp(r->briefs[b].name, name) == 0)
                values[i] = r->briefs[b].best;
    }
    return values;
}

static const ho_single_result *first_known(const ho_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->results[i].brief_count)
            return &row->results[i];
    return &row->results[0];
}

/* The first run that did not come through; NULL where all did. */
static const ho_single_result *first_failed(const ho_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->results[i].outcome.status != HO_OK)
            return &row->results[i];
    return NULL;
}

static size_t runs_done(const ho_row *row)
{
    size_t done = 0;
    for (size_t i = 0; i < row->count; i++)
        done += row->results[i].outcome.status == HO_OK;
    return done;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void json_values(ho_json *json, const char *key, const double *values, size_t count)
{
    ho_spread s = spread_of(values, count);
    ho_json_open(json, key, '{');
    ho_json_real(json, "mean", s.mean);
    ho_json_real(json, "sd", s.sd);
    ho_json_reals(json, "values", values, count);
    ho_json_close(json, '}');
}

static void json_figure(ho_json *json, const char *key, const ho_row *row, figure which)
{
    double *values = figures(row, which);
    json_values(json, key, values, row->count);
    free(values);
}

static void json_brief(ho_json *json, const ho_row *row, const ho_brief *b)
{
    double *values = brief_values(row, b->name);
    if (b->rank == 0) {
        json_values(json, b->name, values, row->count);
    } else {
        ho_json_open(json, b->name, '{');
        ho_json_open(json, "shape", '[');
        for (int32_t d = 0; d < b->rank; d++)
            ho_json_integer(json, NULL, b->dims[d]);
        ho_json_close(json, ']');
        json_values(json, "sum", values, row->count);
        ho_json_close(json, '}');
    }
    free(values);
}

void ho_row_json(ho_json *json, const ho_row *row)
{
    const ho_single_result *known = first_known(row), *failed = first_failed(row);
    ho_json_open(json, NULL, '{');
    ho_json_string(json, "variant", row->variant);
    ho_json_string(json, "strategy", row->strategy);
    ho_json_integer(json, "runs", (int64_t)runs_done(row));
    ho_json_string(json, "outcome", ho_outcome_name(failed ? failed->outcome.status : HO_OK));
    ho_json_string(json, "message", failed ? failed->outcome.text : NULL);
    json_figure(json, "validation_error", row, VALIDATION_ERROR);
    json_figure(json, "validation_accuracy", row, VALIDATION_ACCURACY);
    json_figure(json, "test_loss", row, TEST_LOSS);
    json_figure(json, "test_accuracy", row, TEST_ACCURACY);
    json_figure(json, "best_epoch", row, BEST_EPOCH);
    json_figure(json, "gradient_evaluations", row, EVALUATIONS);
    json_figure(json, "cpu_seconds", row, CPU_SECONDS);
    json_figure(json, "seconds", row, SECONDS);
    if (detects(row)) {
        json_figure(json, "precision", row, PRECISION);
        json_figure(json, "recall", row, RECALL);
        json_figure(json, "f1", row, F1);
    }
    ho_json_open(json, "hyperparameters", '{');
    for (size_t i = 0; i < known->brief_count; i++)
        json_brief(json, row, &known->briefs[i]);
    ho_json_close(json, '}');
    ho_json_open(json, "folders", '[');
    for (size_t i = 0; i < row->count; i++)
        ho_json_string(json, NULL, row->folders[i]);
    ho_json_close(json, ']');
    if (row->chosen) {
        ho_json_open(json, "chosen", '[');
        for (size_t i = 0; i < row->count; i++)
            ho_json_string(json, NULL, row->chosen[i]);
        ho_json_close(json, ']');
    }
    ho_json_close(json, '}');
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static void print_number(double value, bool percent)
{
    if (isnan(value))
        printf("%16s", "-");
    else if (percent)
        printf("%15.2f%%", 100 * value);
    else
        printf("%16.6g", value);
}

static void print_line(const char *name, const ho_single_result *r, size_t offset, bool percent)
{
    bool any = false;
    for (size_t i = 0; i < r->count; i++)
        any = any || !isnan(*(const double *)((const char *)&r->columns[i] + offset));
    if (!any)
        return;
    printf("  %-24s", name);
    for (size_t i = 0; i < r->count; i++)
        print_number(*(const double *)((const char *)&r->columns[i] + offset), percent);
    putchar('\n');
}

static void print_heading(const ho_pipeline *p)
{
    long long replaced = 0;
    for (int64_t i = 0; p->noise && i < p->training.count; i++)
        replaced += p->noise[i] != 0;
    printf("\n%s on %s: %lld training", p->name, p->data_label, (long long)p->training.count);
    if (replaced)
        printf(" (%lld labels replaced)", replaced);
    printf(", %lld validation, %lld test examples; %s", (long long)p->validation.count, (long long)p->test.count,
           p->problem.dynamics->loaded->plugin.name);
    if (p->problem.steps > 0)
        printf(", T = %lld", (long long)p->problem.steps);
    else
        printf(", T unbounded");
}

void ho_table_single(const ho_pipeline *p, const ho_single_result *r)
{
    print_heading(p);
    if (p->outer && p->strategy == HO_STRATEGY_HYPERGRADIENT)
        printf(", %s%s\n", p->mode->loaded->plugin.name, p->online ? " online" : "");
    else
        printf(", %s\n", p->strategy == HO_STRATEGY_HYPERGRADIENT ? "no tuning" : ho_strategy_name(p));
    printf("  %-24s", "hyperparameters");
    for (size_t i = 0; i < r->count; i++)
        printf("%16s", r->columns[i].title);
    putchar('\n');
    print_line("validation error", r, offsetof(ho_column, validation_error), false);
    print_line("validation accuracy", r, offsetof(ho_column, validation.accuracy), true);
    print_line("test loss", r, offsetof(ho_column, test.loss), false);
    print_line("test accuracy", r, offsetof(ho_column, test.accuracy), true);
    print_line("best epoch", r, offsetof(ho_column, best_epoch), false);
    for (size_t i = 0; i < r->brief_count; i++) {
        const ho_brief *b = &r->briefs[i];
        char name[128];
        snprintf(name, sizeof name, b->rank == 0 ? "%s" : "%s (sum)", b->name);
        printf("  %-24s", name);
        for (size_t c = 0; c < r->count; c++)
            print_number(strcmp(r->columns[c].title, "initial") == 0 ? b->initial : b->best, false);
        putchar('\n');
    }
    if (r->count > 0 && isnan(r->detection.precision) && !isnan(r->detection.recall))
        printf("  replaced labels found: none\n");
    else if (r->count > 0 && !isnan(r->detection.recall))
        printf("  replaced labels found: precision %.3f, recall %.3f, F1 %.3f\n", r->detection.precision,
               r->detection.recall, r->detection.f1);
    printf("  ");
    if (p->online)
        printf("%lld updates; ", (long long)r->done);
    else if (r->done > 0 && p->strategy == HO_STRATEGY_HYPERGRADIENT)
        printf("%lld outer iterations, best after %lld steps; ", (long long)r->done, (long long)r->best_iteration - 1);
    else if (r->done > 0)
        printf("%lld candidates, the best was number %lld; ", (long long)r->done, (long long)r->best_iteration);
    printf("%.1f s in all, %.1f s of processor time; results in %s\n", r->seconds, r->cpu_seconds, r->folder);
}

/* "0.945 +- 0.012", in a column of its own width. */
static void print_spread(ho_spread s, double factor, int digits, int width)
{
    char text[64];
    if (s.count == 0)
        snprintf(text, sizeof text, "-");
    else if (digits && factor * fabs(s.mean) >= 1e6) /* it would fill the line digit by digit */
        snprintf(text, sizeof text, "%.3g", factor * s.mean);
    else if (isnan(s.sd))
        snprintf(text, sizeof text, "%.*f", digits, factor * s.mean);
    else
        snprintf(text, sizeof text, "%.*f +- %.*f", digits, factor * s.mean, digits, factor * s.sd);
    printf("%*s", width, text);
}

static void print_briefs(const ho_row *row)
{
    const ho_single_result *known = first_known(row);
    for (size_t i = 0; i < known->brief_count; i++) {
        const ho_brief *b = &known->briefs[i];
        double *values = brief_values(row, b->name);
        ho_spread s = spread_of(values, row->count);
        printf("%s%s%s ", i ? ", " : "", b->name, b->rank ? " (sum)" : "");
        if (s.count)
            printf("%.4g", s.mean);
        else
            putchar('-');
        if (s.sd > 1e-9 * fabs(s.mean)) /* what is left of rounding is no spread */
            printf(" +- %.2g", s.sd);
        free(values);
    }
}

/* Which variants a choice fell on: "; chosen: DH-1000 x 2, DH-1500". */
static void print_chosen(const ho_row *row)
{
    const char *before = "; chosen: ";
    for (size_t i = 0; row->chosen && i < row->count; i++) {
        size_t same = 0, first = i;
        for (size_t j = row->count; j-- > 0;)
            if (strcmp(row->chosen[j], row->chosen[i]) == 0) {
                first = j;
                same++;
            }
        if (first != i)
            continue;
        printf("%s%s", before, row->chosen[i]);
        if (same > 1)
            printf(" x %zu", same);
        before = ", ";
    }
}

/* What a reader of the means has to know: how many runs did not come through. */
static void print_missing(const ho_row *row)
{
    size_t done = runs_done(row);
    if (done < row->count)
        printf("  [%zu of %zu runs %s]", row->count - done, row->count,
               ho_outcome_name(first_failed(row)->outcome.status));
}

/* The columns of the final table; those that no row has a figure for are left out. */
static const struct {
    figure which;
    const char *title;
    int width, digits;
    bool percent, means_only;
} columns[] = {
    {VALIDATION_ERROR, "validation error", 17, 3, false, false},
    {VALIDATION_ACCURACY, "validation acc. %", 18, 2, true, false},
    {TEST_ACCURACY, "test accuracy %", 17, 2, true, false},
    {PRECISION, "precision", 17, 3, false, false},
    {RECALL, "recall", 17, 3, false, false},
    {F1, "F1", 17, 3, false, false},
    {BEST_EPOCH, "best epoch", 15, 1, false, false},
    {EVALUATIONS, "gradients", 11, 0, false, true},
    {CPU_SECONDS, "CPU s", 9, 1, false, true},
    {SECONDS, "seconds", 9, 1, false, true},
};
#define COLUMNS (sizeof columns / sizeof *columns)

static bool any_row(const ho_row *rows, size_t count, figure which)
{
    for (size_t i = 0; i < count; i++)
        if (spread(&rows[i], which).count)
            return true;
    return false;
}

void ho_table_rows(const ho_pipeline *like, const ho_row *rows, size_t count, int64_t repeat)
{
    size_t widest = 6;
    bool shown[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++)
        shown[c] = any_row(rows, count, columns[c].which);
    for (size_t i = 0; i < count; i++)
        widest = strlen(rows[i].variant) > widest ? strlen(rows[i].variant) : widest;
    print_heading(like);
    if (repeat > 1)
        printf("; mean +- sd of %lld splits and seeds", (long long)repeat);
    printf("\n  %-*s  %-13s", (int)widest, "method", "strategy");
    for (size_t c = 0; c < COLUMNS; c++)
        if (shown[c])
            printf("%*s", columns[c].width, columns[c].title);
    printf("  tuned hyperparameters\n");
    for (size_t i = 0; i < count; i++) {
        const ho_row *row = &rows[i];
        printf("  %-*s  %-13s", (int)widest, row->variant, row->strategy);
        for (size_t c = 0; c < COLUMNS; c++) {
            ho_spread s = spread(row, columns[c].which);
            if (columns[c].means_only)
                s.sd = NAN;
            if (shown[c])
                print_spread(s, columns[c].percent ? 100 : 1, columns[c].digits, columns[c].width);
        }
        printf("  ");
        print_briefs(row);
        print_chosen(row);
        print_missing(row);
        putchar('\n');
    }
}
