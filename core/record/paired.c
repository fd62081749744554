#include "record/paired.h"

#include <math.h>
#include <string.h>

bool ho_paired_alike(const ho_row *first, const ho_row *second, ho_figure figure)
{
    const char *a = first->criterion, *b = second->criterion;
    return ho_figure_forms[figure].from != HO_OF_CHOICE || a == b || (a && b && strcmp(a, b) == 0);
}

/* The run of `second` that belongs to run i of `first`; the count of runs: none. */
static size_t partner_of(const ho_row *first, size_t i, const ho_row *second, ho_figure figure)
{
    size_t runs = second->figures[figure].values.count, k = 0;
    if (i >= first->seeds.count || second->seeds.count == 0)
        return first->seeds.count == second->seeds.count && first->figures[figure].values.count == runs ? i : runs;
    while (k < second->seeds.count && second->seeds.items[k] != first->seeds.items[i])
        k++;
    return k < second->seeds.count && k < runs ? k : runs;
}

/* First minus second in run i of the first; NaN: unknown. */
static double difference(const ho_row *first, size_t i, const ho_row *second, ho_figure figure)
{
    const ho_reals *own = &first->figures[figure].values, *others = &second->figures[figure].values;
    size_t k = partner_of(first, i, second, figure);
    return k < others->count ? own->items[i] - others->items[k] : (double)NAN;
}

ho_paired ho_paired_of(const ho_row *first, const ho_row *second, ho_figure figure)
{
    ho_paired p = {.mean = NAN, .sd = NAN};
    size_t runs = ho_paired_alike(first, second, figure) ? first->figures[figure].values.count : 0;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < runs; i++) {
        double d = difference(first, i, second, figure);
        if (!isfinite(d))
            continue;
        p.pairs++;
        p.better += d * ho_figure_forms[figure].better > 0;
        sum += d;
    }
    if (p.pairs > 0)
        p.mean = sum / (double)p.pairs;
    for (size_t i = 0; i < runs; i++) {
        double d = difference(first, i, second, figure);
        if (isfinite(d))
            squares += (d - p.mean) * (d - p.mean);
    }
    if (p.pairs > 1)
        p.sd = sqrt(squares / (double)(p.pairs - 1));
    return p;
}

/* Splits that the row shares with some other row in either of the figures that decide. */
static size_t shared(const ho_row *rows, size_t count, size_t row)
{
    size_t most = 0;
    for (size_t r = 0; r < count; r++) {
        if (r == row)
            continue;
        size_t by_error = ho_paired_of(&rows[row], &rows[r], HO_VALIDATION_ERROR).pairs;
        size_t by_test = ho_paired_of(&rows[row], &rows[r], HO_TEST_ACCURACY).pairs;
        size_t pairs = by_error > by_test ? by_error : by_test;
        most = pairs > most ? pairs : most;
    }
    return most;
}

size_t ho_paired_reference(const ho_row *rows, size_t count)
{
    size_t best = count, most = 2;
    for (size_t r = 0; r < count; r++) {
        size_t pairs = shared(rows, count, r);
        double own = rows[r].figures[HO_VALIDATION_ERROR].mean;
        bool less = best < count && own < rows[best].figures[HO_VALIDATION_ERROR].mean;
        if (pairs > most || (pairs == most && (best == count || less))) {
            best = r;
            most = pairs;
        }
    }
    return best;
}
