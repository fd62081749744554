/* Ends the program, crashes it or never comes back, in its step or while it is loaded: as ENDING says. */
#include <hotool/plugin.h>

#include <stdlib.h>

static volatile uintptr_t nowhere = 64;
static volatile int forever = 1;

static void do_it(void)
{
#if ENDING == 0
    exit(0);
#elif ENDING == 1
    while (forever)
        continue;
#else
    *(volatile int *)nowhere = 1;
#endif
}

#ifdef LOADING
__attribute__((constructor)) static void loaded(void)
{
    do_it();
}
#endif

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
#ifndef LOADING
    do_it();
#endif
    ho_let(x, "w", "w - g");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "ending", .version = "1",
                                              .doc = "ends", .calls = &calls};
