#include "run/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/trainer.h"

static ho_statistic statistic_of(const double *values, size_t count)
{
    ho_statistic s = {NAN, NAN, {values, count}};
    double sum = 0, squares = 0;
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            known++;
        }
    if (known == 0)
        return s;
    s.mean = sum / (double)known;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            squares += (values[i] - s.mean) * (values[i] - s.mean);
    if (known > 1)
        s.sd = sqrt(squares / (double)(known - 1));
    return s;
}

static ho_statistic figure(const ho_runs *runs, ho_figure which, ho_arena *arena)
{
    double *values = ho_arena_alloc(arena, runs->count * sizeof *values);
    for (size_t i = 0; i < runs->count; i++)
        values[i] = ho_figure_of(&runs->results[i], which);
    return statistic_of(values, runs->count);
}

/* The values of a hyperparameter; NaN for runs without results, and for those that tune none of this name. */
static ho_statistic hyper(const ho_runs *runs, const char *name, ho_arena *arena)
{
    double *values = ho_arena_alloc(arena, runs->count * sizeof *values);
    for (size_t i = 0; i < runs->count; i++) {
        const ho_result *r = &runs->results[i];
        bool measured = !isnan(ho_figure_of(r, HO_SECONDS));
        values[i] = NAN;
        for (size_t k = 0; measured && k < r->best.count; k++)
            if (strcmp(r->best.items[k].name, name) == 0)
                values[i] = r->best.items[k].value;
    }
    return statistic_of(values, runs->count);
}

ho_row ho_row_of(const ho_runs *runs, ho_arena *arena)
{
    ho_row row = {.variant = runs->variant,
                  .strategy = runs->strategy,
                  .criterion = runs->criterion,
                  .folders = {runs->folders, runs->count},
                  .chosen = {runs->chosen, runs->count}};
    const ho_summaries *known = &runs->results[0].best;
    for (size_t i = runs->count; i-- > 0;) {
        const ho_result *r = &runs->results[i];
        row.runs += r->outcome.status == HO_OK;
        if (r->outcome.status != HO_OK)
            row.outcome = r->outcome;
        if (r->best.count)
            known = &r->best;
    }
    int64_t *seeds = ho_arena_alloc(arena, runs->count * sizeof *seeds);
    for (size_t i = 0; i < runs->count; i++)
        seeds[i] = runs->results[i].seed;
    row.seeds = (ho_integers){seeds, runs->count};
    for (size_t f = 0; f < HO_FIGURES; f++)
        row.figures[f] = figure(runs, (ho_figure)f, arena);
    row.hypers.count = known->count;
    row.hypers.items = ho_arena_alloc(arena, (known->count + 1) * sizeof *row.hypers.items);
    for (size_t k = 0; k < known->count; k++) {
        const ho_summary *s = &known->items[k];
        row.hypers.items[k] = (ho_row_hyper){s->name, s->shape, hyper(runs, s->name, arena)};
        if (s->scale && !row.scales.items)
            row.scales.items = ho_arena_alloc(arena, known->count * sizeof *row.scales.items);
        if (s->scale)
            row.scales.items[row.scales.count++] = (ho_row_scale){.name = s->name, .scale = s->scale};
    }
    return row;
}

static const ho_runs *best_of(const ho_runs *variants, const size_t *members, size_t count, size_t run)
{
    const ho_runs *best = &variants[members[0]];
    for (size_t k = 1; k < count; k++) {
        double least = ho_figure_of(&best->results[run], HO_VALIDATION_ERROR);
        double own = ho_figure_of(&variants[members[k]].results[run], HO_VALIDATION_ERROR);
        if (!isnan(own) && ho_is_better(own, least))
            best = &variants[members[k]];
    }
    return best;
}

ho_row ho_row_of_choice(const char *name, const ho_runs *variants, const size_t *members, size_t count, ho_arena *arena)
{
    size_t runs = variants[members[0]].count;
    ho_result *results = ho_alloc(runs * sizeof *results);
    const char **folders = ho_arena_alloc(arena, runs * sizeof *folders);
    const char **chosen = ho_arena_alloc(arena, runs * sizeof *chosen);
    for (size_t i = 0; i < runs; i++) {
        const ho_runs *best = best_of(variants, members, count, i);
        results[i] = best->results[i];
        folders[i] = best->folders[i];
        chosen[i] = best->variant;
        results[i].evaluations = 0;
        results[i].seconds = results[i].cpu_seconds = 0;
        for (size_t k = 0; k < count; k++) {
            const ho_result *member = &variants[members[k]].results[i];
            results[i].evaluations += member->evaluations;
            results[i].seconds += member->seconds;
            results[i].cpu_seconds += member->cpu_seconds;
        }
    }
    ho_row row =
        ho_row_of(&(ho_runs){name, "choice", results, folders, chosen, runs, variants[members[0]].criterion}, arena);
    free(results);
    return row;
}
