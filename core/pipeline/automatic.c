/* The mode `auto`: which of the installed modes takes a run's hypergradients. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "pipeline/internal.h"

/* The memory that modes may use: the pipeline's, or half of the machine's. */
static int64_t memory_of(const ho_pipeline *p)
{
    return p->memory > 0 ? p->memory : ho_memory_limit() / 2;
}

ho_status ho_pipeline_choice(const ho_pipeline *p, ho_training *training, ho_mode_choice *choice, ho_error *error)
{
    *choice = (ho_mode_choice){.memory = memory_of(p), .onward = ho_stream_never_ends(p)};
    return ho_mode_choose(training, p->registry, choice, error);
}

static char *describe_offer(const ho_mode_offer *offer, const char *format, double training)
{
    return ho_format(format, offer->instance->loaded->plugin.name, offer->cost.seconds / training,
                     (double)offer->cost.bytes / 0x1p20);
}

/* "reverse, 2.9 trainings in 48 MiB (not forward 43 in 23 MiB)" */
static const char *reason(ho_arena *arena, const ho_mode_choice *choice)
{
    const double training = (double)choice->costs.steps * choice->costs.step.seconds;
    char **others = ho_alloc((choice->count + 1) * sizeof *others),
         *chosen = describe_offer(&choice->offers[choice->best], "%s, %.3g trainings in %.3g MiB", training);
    size_t length = 0;
    for (size_t i = 0; i < choice->count; i++)
        if (i != choice->best)
            others[length++] = describe_offer(&choice->offers[i], "%s %.3g in %.3g MiB", training);
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
    ho_mode_choice choice;
    if (ho_pipeline_choice(p, training, &choice, error) == HO_OK) {
        p->mode_reason = reason(p->arena, &choice);
        p->mode = choice.offers[choice.best].instance;
        choice.offers[choice.best].instance = NULL;
    } else {
        ho_error_place(error, p->mode_place);
    }
    ho_mode_choice_free(&choice);
    return error->status;
}

ho_training *ho_pipeline_training(ho_pipeline *p, ho_error *error)
{
    ho_training *training = ho_training_new(&p->problem, error);
    const bool open = training && !p->mode && p->mode_automatic && ho_training_lambda_size(training) > 0;
    if (!training || ((!open || choose_mode(p, training, error) == HO_OK) && ho_stream_suits(p, error) == HO_OK))
        return training;
    ho_training_free(training);
    return NULL;
}
