/* The mode `auto`: which of the installed modes takes a run's hypergradients. */
#include <stdlib.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "system/costs.h"

int64_t ho_pipeline_hypergradients(const ho_pipeline *p, int64_t *steps)
{
    const int64_t every = p->online ? p->update_every : 1;
    *steps = p->problem.steps > 0 ? p->problem.steps : 1000 * every;
    return p->online && every < *steps ? *steps / every : 1;
}

int64_t ho_pipeline_memory(const ho_pipeline *p)
{
    return p->memory > 0 ? p->memory : ho_memory_limit() / 2;
}

static char *describe_offer(const ho_mode_offer *offer, const char *format, double training)
{
    return ho_format(format, offer->mode->plugin.name, offer->cost.seconds / training,
                     (double)offer->cost.bytes / 0x1p20);
}

/* "reverse, 2.9 trainings in 48 MiB (not forward 43 in 23 MiB)" */
static const char *reason(ho_arena *arena, const ho_mode_offer *offers, size_t count, size_t best, double training)
{
    char **others = ho_alloc((count + 1) * sizeof *others),
         *chosen = describe_offer(&offers[best], "%s, %.3g trainings in %.3g MiB", training);
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        if (i != best)
            others[length++] = describe_offer(&offers[i], "%s %.3g in %.3g MiB", training);
    char *list = ho_join((const char *const *)others, length);
    const char *text = ho_arena_format(arena, length ? "%s (not %s)" : "%s", chosen, list);
    for (size_t i = 0; i < length; i++)
        free(others[i]);
    free(list);
    free(others);
    free(chosen);
    return text;
}

static ho_status choose_mode(ho_pipeline *p, ho_training *training, ho_error *error)
{
    const int64_t memory = ho_pipeline_memory(p);
    int64_t steps;
    const int64_t hypergradients = ho_pipeline_hypergradients(p, &steps);
    ho_mode_costs costs;
    size_t count = 0, best;
    ho_mode_offer *offers = NULL;
    if (ho_costs_count(training, steps, hypergradients, &costs, error) == HO_OK)
        offers = ho_mode_offers(p->registry, &costs, memory, &count, error);
    if (offers && ho_mode_best(offers, count, memory, &best, error) == HO_OK) {
        p->mode_reason = reason(p->arena, offers, count, best, (double)steps * costs.step.seconds);
        p->mode = offers[best].instance;
        offers[best].instance = NULL;
    }
    ho_mode_offers_free(offers, count);
    if (error->status != HO_OK)
        ho_error_place(error, p->mode_place);
    return error->status;
}

ho_training *ho_pipeline_training(ho_pipeline *p, ho_error *error)
{
    ho_training *training = ho_training_new(&p->problem, error);
    if (!training || p->mode || !p->mode_automatic || ho_training_lambda_size(training) == 0 ||
        choose_mode(p, training, error) == HO_OK)
        return training;
    ho_training_free(training);
    return NULL;
}
