#include "run/choice.h"

#include <math.h>
#include <stdlib.h>

static size_t best_of(const ho_choice *choice, const ho_row *rows, size_t run)
{
    size_t best = choice->members[0];
    for (size_t k = 1; k < choice->count; k++) {
        double least = ho_validation_error(&rows[best].results[run]);
        double own = ho_validation_error(&rows[choice->members[k]].results[run]);
        if (own < least || (isnan(least) && !isnan(own)))
            best = choice->members[k];
    }
    return best;
}

ho_row ho_choice_row(const ho_choice *choice, const ho_row *rows)
{
    size_t count = rows[choice->members[0]].count;
    ho_single_result *results = ho_alloc(count * sizeof *results);
    const char **folders = ho_alloc(count * sizeof *folders), **chosen = ho_alloc(count * sizeof *chosen);
    for (size_t i = 0; i < count; i++) {
        const ho_row *best = &rows[best_of(choice, rows, i)];
        results[i] = best->results[i];
        folders[i] = best->folders[i];
        chosen[i] = best->variant;
        results[i].evaluations = 0;
        results[i].seconds = results[i].cpu_seconds = 0;
        for (size_t k = 0; k < choice->count; k++) {
            const ho_single_result *member = &rows[choice->members[k]].results[i];
            results[i].evaluations += member->evaluations;
            results[i].seconds += member->seconds;
            results[i].cpu_seconds += member->cpu_seconds;
        }
    }
    return (ho_row){choice->name, "choice", results, count, folders, chosen};
}

void ho_choice_free(ho_row *row)
{
    free((void *)row->results);
    free((void *)row->folders);
    free((void *)row->chosen);
}
