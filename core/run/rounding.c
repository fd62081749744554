#include "run/rounding.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

ho_rounding ho_rounding_of(const ho_training *training)
{
    const ho_digits *d = ho_training_digits(training);
    const ho_growth *g = &d->growth;
    return (ho_rounding){.known = !isnan(d->fewest),
                         .left = d->fewest,
                         .hyper = d->hyper,
                         .grew = g->weight,
                         .growth = g->weight ? g->factor : (double)NAN,
                         .from = g->from < g->to ? g->from : g->to,
                         .to = g->from < g->to ? g->to : g->from};
}

bool ho_rounding_is_total(const ho_training *training)
{
    return ho_training_digits(training)->most <= 0; /* false for NaN */
}

char *ho_rounding_warning(const ho_training *training)
{
    const ho_rounding r = ho_rounding_of(training);
    const bool few = r.left < HO_FEW_DIGITS;
    const bool single = ho_training_digits(training)->roundoff > 1e-10;
    if (!r.known || !(few || (r.grew && ho_training_digits(training)->amplification > HO_MUCH_GROWTH)))
        return NULL;
    char *growth = r.grew && r.growth > 10
                       ? ho_format("a change of %s grows %.2g-fold from step %" PRId64 " to step %" PRId64, r.grew,
                                   r.growth, r.from, r.to)
                       : NULL;
    char *what = !few ? ho_format("the training is unstable: %s; the hypergradient is that of this trajectory only, "
                                  "and a small change leads to another",
                                  growth)
                 : growth ? ho_format("rounding leaves about %.1f digits of the hypergradient by %s: %s, and so do "
                                      "rounding errors",
                                      r.left, r.hyper, growth)
                          : ho_format("rounding leaves about %.1f digits of the hypergradient by %s: it is a small "
                                      "difference of large terms",
                                      r.left, r.hyper);
    char *text = ho_format(
        "%s; %sfewer steps, a smaller learning rate, another epsilon or online updates with warm_restart may help",
        what, few && single ? "precision f64 (8.7 digits more), " : "");
    free(growth);
    free(what);
    return text;
}

void ho_rounding_pass(ho_rounding *r, ho_snapshot *snapshot, ho_arena *arena)
{
    HO_SNAPSHOT(snapshot, r->known);
    HO_SNAPSHOT(snapshot, r->left);
    HO_SNAPSHOT(snapshot, r->growth);
    HO_SNAPSHOT(snapshot, r->from);
    HO_SNAPSHOT(snapshot, r->to);
    ho_snapshot_text(snapshot, &r->hyper, arena);
    ho_snapshot_text(snapshot, &r->grew, arena);
}
