#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "grid.h"
#include "record/paired.h"

static void print_heading(const ho_record *r)
{
    char *source = ho_plain(r->data.source);
    printf("\n%s on %s", r->pipeline, source);
    free(source);
    if (r->data.choice > 1)
        printf(", source %lld of %lld", (long long)r->data.choice, (long long)r->data.choices);
    if (r->data.training)
        printf(": %lld training", (long long)r->data.training);
    else
        printf(": a stream of training");
    if (r->data.replaced)
        printf(" (%lld labels replaced)", (long long)r->data.replaced);
    printf(", %lld validation, %lld test examples; %s", (long long)r->data.validation, (long long)r->data.test,
           r->dynamics);
    if (r->steps > 0)
        printf(", T = %lld", (long long)r->steps);
    else
        printf(", T unbounded");
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

static const char *const titles[HO_COLUMNS] = {[HO_INITIAL] = "initial", [HO_TUNED] = "tuned", [HO_FINAL] = "final"};

static void print_number(double value, bool percent)
{
    if (isnan(value))
        printf("%16s", "-");
    else if (percent)
        printf("%15.2f%%", 100 * value);
    else
        printf("%16.6g", value);
}

/* A figure in every column; nothing where none has it. */
static void print_line(const char *name, const ho_result *r, size_t offset, bool percent)
{
    double values[HO_COLUMNS];
    bool any = false;
    for (size_t i = 0; i < HO_COLUMNS; i++) {
        memcpy(&values[i], (const char *)&r->columns[i] + offset, sizeof *values);
        any = any || (r->columns[i].known && !isnan(values[i]));
    }
    if (!any)
        return;
    printf("  %-24s", name);
    for (size_t i = 0; i < HO_COLUMNS; i++)
        if (r->columns[i].known)
            print_number(values[i], percent);
    putchar('\n');
}

static void print_hypers(const ho_result *r)
{
    for (size_t k = 0; k < r->best.count; k++) {
        const ho_summary *best = &r->best.items[k], *initial = &r->initial.items[k];
        char name[128];
        snprintf(name, sizeof name, best->shape.rank == 0 ? "%s" : "%s (sum)", best->name);
        printf("  %-24s", name);
        for (size_t i = 0; i < HO_COLUMNS; i++)
            if (r->columns[i].known)
                print_number(i == HO_INITIAL ? initial->value : best->value, false);
        putchar('\n');
    }
}

static void print_detection(const ho_detection *d)
{
    if (isnan(d->precision) && !isnan(d->recall))
        printf("  replaced labels found: none\n");
    else if (!isnan(d->recall))
        printf("  replaced labels found: precision %.3f, recall %.3f, F1 %.3f\n", d->precision, d->recall, d->f1);
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* Of descent with steps of its own. */
static void print_ending(const ho_result *r)
{
    printf("%lld outer iteration%s", (long long)r->outer_iterations, plural(r->outer_iterations));
    if (r->halvings > 0)
        printf(", %lld of them rejected", (long long)r->halvings);
    if (r->best_iteration == 1)
        printf(", none better than the start: %s;\n  ", r->ended);
    else
        printf(", the best is number %lld: %s;\n  ", (long long)r->best_iteration, r->ended);
}

static void print_run(const ho_record *record, const char *folder)
{
    const ho_result *r = &record->result;
    const char *strategy = record->rows.items[0].strategy;
    bool online = strcmp(strategy, "online") == 0, steps = strcmp(strategy, "hypergradient") == 0;
    print_heading(record);
    if (online || steps)
        printf(", %s%s\n", record->mode, online ? " online" : "");
    else
        printf(", %s\n", strcmp(strategy, "none") == 0 ? "no tuning" : strategy);
    if (record->rows.items[0].criterion)
        printf("  validation error and accuracy: means over %s\n", record->rows.items[0].criterion);
    printf("  %-24s", "hyperparameters");
    for (size_t i = 0; i < HO_COLUMNS; i++)
        if (r->columns[i].known)
            printf("%16s", titles[i]);
    putchar('\n');
    print_line("validation error", r, offsetof(ho_column, validation_error), false);
    print_line("validation accuracy", r, offsetof(ho_column, validation_accuracy), true);
    print_line("test loss", r, offsetof(ho_column, test_loss), false);
    print_line("test accuracy", r, offsetof(ho_column, test_accuracy), true);
    print_line("best epoch", r, offsetof(ho_column, best_epoch), false);
    print_hypers(r);
    print_detection(&r->detection);
    printf("  ");
    if (online)
        printf("%lld updates; ", (long long)r->outer_iterations);
    else if (r->outer_iterations > 0 && r->ended)
        print_ending(r);
    else if (r->outer_iterations > 0 && steps && r->best_iteration == 1)
        printf("%lld outer iteration%s, none better than the start; ", (long long)r->outer_iterations,
               plural(r->outer_iterations));
    else if (r->outer_iterations > 0 && steps)
        printf("%lld outer iteration%s, best after %lld step%s; ", (long long)r->outer_iterations,
               plural(r->outer_iterations), (long long)r->best_iteration - 1, plural(r->best_iteration - 1));
    else if (r->outer_iterations > 0)
        printf("%lld candidates, the best was number %lld; ", (long long)r->outer_iterations,
               (long long)r->best_iteration);
    printf("%.1f s in all, %.1f s of processor time; results in %s\n", r->seconds, r->cpu_seconds, folder);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* The order of the columns. Those that no row has a figure for are left out. */
static const ho_figure columns[] = {
    HO_VALIDATION_ERROR, HO_VALIDATION_ACCURACY, HO_TEST_ACCURACY, HO_PRECISION, HO_RECALL, HO_F1,
    HO_BEST_EPOCH,       HO_EVALUATIONS,         HO_CPU_SECONDS,   HO_SECONDS};
#define COLUMNS (sizeof columns / sizeof *columns)

static bool any_row_has(const ho_record *record, ho_figure which)
{
    bool any = false;
    for (size_t i = 0; i < record->rows.count; i++)
        any = any || !isnan(record->rows.items[i].figures[which].mean);
    return any;
}

/* "0.945 +- 0.012". */
static void put_figure(ho_grid *grid, const ho_statistic *s, const ho_figure_form *form)
{
    double factor = form->print == HO_PERCENT ? 100 : 1, mean = factor * s->mean, sd = factor * s->sd;
    if (isnan(mean))
        ho_grid_put(grid, "-");
    else if (form->digits && fabs(mean) >= 1e6) /* it would fill the line digit by digit */
        ho_grid_put(grid, "%.3g", mean);
    else if (isnan(sd) || form->print == HO_MEAN_ONLY)
        ho_grid_put(grid, "%.*f", form->digits, mean);
    else
        ho_grid_put(grid, "%.*f +- %.*f", form->digits, mean, form->digits, sd);
}

static void print_row_hypers(const ho_row *row, FILE *out)
{
    for (size_t i = 0; i < row->hypers.count; i++) {
        const ho_row_hyper *h = &row->hypers.items[i];
        fprintf(out, "%s%s%s ", i ? ", " : "", h->name, h->shape.rank ? " (sum)" : "");
        if (isnan(h->value.mean))
            fputc('-', out);
        else
            fprintf(out, "%.4g", h->value.mean);
        if (h->value.sd > 1e-9 * fabs(h->value.mean)) /* what is left of rounding is no spread */
            fprintf(out, " +- %.2g", h->value.sd);
    }
}

/* Which variants a choice fell on: "; chosen: DH-1000 x 2, DH-1500". */
static void print_chosen(const ho_texts *chosen, FILE *out)
{
    const char *before = "; chosen: ";
    for (size_t i = 0; chosen->items && i < chosen->count; i++) {
        size_t same = 0, first = i;
        for (size_t j = chosen->count; j-- > 0;)
            if (strcmp(chosen->items[j], chosen->items[i]) == 0) {
                first = j;
                same++;
            }
        if (first != i)
            continue;
        fprintf(out, "%s%s", before, chosen->items[i]);
        if (same > 1)
            fprintf(out, " x %zu", same);
        before = ", ";
    }
}

static void put_row(ho_grid *grid, const ho_record *record, const ho_row *row)
{
    ho_grid_put(grid, "%s", row->variant);
    ho_grid_put(grid, "%s%s%s", row->strategy, row->criterion ? ", " : "", row->criterion ? row->criterion : "");
    for (size_t c = 0; c < COLUMNS; c++)
        if (any_row_has(record, columns[c]))
            put_figure(grid, &row->figures[columns[c]], &ho_figure_forms[columns[c]]);
    char *text;
    size_t size, done = (size_t)row->runs, runs = row->folders.count;
    FILE *out = ho_text_open(&text, &size);
    print_row_hypers(row, out);
    print_chosen(&row->chosen, out);
    if (done < runs)
        fprintf(out, "  [%zu of %zu runs %s]", runs - done, runs, ho_outcome_name(row->outcome.status));
    ho_text_close(out);
    ho_grid_put(grid, "%s", text);
    free(text);
}

static void print_table(const ho_record *record)
{
    char shape[2 + COLUMNS + 2] = "ll";
    size_t count = 2;
    for (size_t c = 0; c < COLUMNS; c++)
        if (any_row_has(record, columns[c]))
            shape[count++] = 'r';
    shape[count] = 'w';
    ho_grid *grid = ho_grid_new(shape);
    ho_grid_put(grid, "method");
    ho_grid_put(grid, "strategy");
    for (size_t c = 0; c < COLUMNS; c++)
        if (any_row_has(record, columns[c]))
            ho_grid_put(grid, "%s", ho_figure_forms[columns[c]].title);
    ho_grid_put(grid, "tuned hyperparameters");
    for (size_t i = 0; i < record->rows.count; i++)
        put_row(grid, record, &record->rows.items[i]);
    ho_grid_print(grid, ho_terminal_width());
    ho_grid_free(grid);
}

/* ---- paired differences ------------------------------------------------------------------------------------------ */

/* Figures that say which method is better, in the order of the columns. */
static bool is_compared(const ho_record *record, ho_figure which)
{
    return ho_figure_forms[which].better != 0 && any_row_has(record, which);
}

/* "-0.048 +- 0.030" and "4 of 5". */
static void put_difference(ho_grid *grid, const ho_row *row, const ho_row *reference, ho_figure which)
{
    const ho_figure_form *form = &ho_figure_forms[which];
    const ho_paired p = ho_paired_of(row, reference, which);
    const double factor = form->print == HO_PERCENT ? 100 : 1;
    if (p.pairs > 1)
        ho_grid_put(grid, "%+.*f +- %.*f", form->digits, factor * p.mean, form->digits, factor * p.sd);
    else if (p.pairs == 1)
        ho_grid_put(grid, "%+.*f", form->digits, factor * p.mean);
    else
        ho_grid_put(grid, "-");
    if (p.pairs > 0)
        ho_grid_put(grid, "%zu of %zu", p.better, p.pairs);
    else
        ho_grid_put(grid, "%s", "");
}

/* Every row against one, on the splits that they share. */
static void print_paired(const ho_record *record)
{
    const ho_row *rows = record->rows.items;
    const size_t reference = ho_paired_reference(rows, record->rows.count);
    if (reference == record->rows.count)
        return;
    printf("\n  minus %s (least validation error), on the same splits; better: on how many of them\n",
           rows[reference].variant);
    char shape[1 + 2 * COLUMNS + 1] = "l";
    size_t count = 1;
    for (size_t c = 0; c < COLUMNS; c++)
        if (is_compared(record, columns[c]))
            shape[count] = shape[count + 1] = 'r', count += 2;
    ho_grid *grid = ho_grid_new(shape);
    ho_grid_put(grid, "method");
    for (size_t c = 0; c < COLUMNS; c++)
        if (is_compared(record, columns[c])) {
            ho_grid_put(grid, "%s", ho_figure_forms[columns[c]].title);
            ho_grid_put(grid, "better");
        }
    for (size_t i = 0; i < record->rows.count; i++) {
        if (i == reference)
            continue;
        ho_grid_put(grid, "%s", rows[i].variant);
        for (size_t c = 0; c < COLUMNS; c++)
            if (is_compared(record, columns[c]))
                put_difference(grid, &rows[i], &rows[reference], columns[c]);
    }
    ho_grid_print(grid, ho_terminal_width());
    ho_grid_free(grid);
}

static void print_rows(const ho_record *record, const char *folder)
{
    print_heading(record);
    if (record->repeat > 1)
        printf("; mean +- sd of %lld splits and seeds", (long long)record->repeat);
    putchar('\n');
    print_table(record);
    print_paired(record);
    printf("  results in %s\n", folder);
}

void ho_print_results(const ho_record *record, const char *folder)
{
    char *plain = ho_plain(folder);
    if (record->kind == HO_RECORD_RUNS)
        print_rows(record, plain);
    else if (!isnan(ho_figure_of(&record->result, HO_SECONDS)))
        print_run(record, plain);
    free(plain);
}
