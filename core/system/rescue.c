/* Adjoints that overflow though nothing comes of them: while no weight has received a gradient, no step is held to be
 * noise, and reverse mode multiplies the adjoint by up to learning_rate*h/epsilon in each (sdk/FORMULAS.md). */
#include "system/internal.h"

void ho_rescue_follow(ho_training *training, bool begins, ho_vector *out)
{
    ho_rescue *r = &training->rescue;
    if (begins)
        r->shrunk = false;
    for (size_t i = 0; r->shrunk && i < training->hypers.tuned_count; i++)
        r->spoiled |= ho_hypers_cotangent_norm(&training->hypers, i) != 0.0;
    if (out)
        r->shrunk |= ho_vector_shrink(out);
}

void ho_training_rescue(ho_training *training, bool on)
{
    training->rescue = (ho_rescue){.on = on};
}

bool ho_training_rescued(const ho_training *training)
{
    return !training->rescue.spoiled;
}
