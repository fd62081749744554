/* Several plugins in one shared object, and what they are asked for by name. WRONG: one way of being no sound bundle.
 */
#include <hotool/plugin.h>
#include <string.h>

#ifndef WRONG
#define WRONG 0
#endif

static const ho_hyper hypers[] = {{.name = "rate", .initial = 0.1, .domain = HO_NONNEGATIVE, .doc = "step size"}};

static const void *about(const char *name)
{
    static const ho_about about = {.struct_size = sizeof about, .author = "A. Nonymous", .license = "MIT"};
    return strcmp(name, HO_EXTENSION_ABOUT) == 0 ? &about : NULL;
}

/* Refuses to work for another host. */
static ho_status create(ho_setup *u, void **self)
{
    const ho_host *host = ho_extension(u, HO_EXTENSION_HOST);
    if (!host || host->struct_size < sizeof *host || strcmp(host->name, "hotool") != 0)
        return ho_setup_fail(u, NULL, "needs hotool");
    if (ho_extension(u, "nobody.knows") || ho_extension(u, NULL))
        return ho_setup_fail(u, NULL, "hotool knows too much");
    *self = NULL;
    return HO_OK;
}

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "w - rate*g");
    return ho_ok(x);
}

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "penalty", "sum(w^2)");
    return ho_ok(x);
}

static const ho_dynamics_calls dynamics = {.struct_size = sizeof dynamics, .step = step};
static const ho_penalty_calls penalty = {.struct_size = sizeof penalty, .value = value};

static const ho_plugin slow = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "slow",     .version = "1",   .doc = "a descent",
                               .hypers = HO_TABLE(hypers),  .calls = &dynamics, .create = create, .extension = about};
static const ho_plugin fast = {HO_PLUGIN_HEAD(HO_DYNAMICS),
                               .name = WRONG == 1 ? "slow" : "fast",
                               .version = "1",
                               .doc = "another descent",
                               .hypers = HO_TABLE(hypers),
                               .calls = WRONG == 2 ? NULL : (const void *)&dynamics};
/* A name may serve once for each kind. */
static const ho_plugin weight = {HO_PLUGIN_HEAD(HO_PENALTY), .name = "slow", .version = "1", .doc = "a penalty",
                                 .calls = &penalty};
static const ho_plugin old = {.struct_size = sizeof old, .abi_major = 7, .kind = HO_LOSS, .name = "old"};

static const ho_plugin *const plugins[] = {&slow,
                                           WRONG == 3   ? NULL
                                           : WRONG == 4 ? &HO_PLUGIN_SYMBOL
                                           : WRONG == 5 ? &old
                                                        : &fast,
                                           &weight};

static const ho_bundle_calls bundle = {.struct_size = sizeof bundle,
                                       .plugins = {WRONG == 6 ? NULL : (const void *)plugins,
                                                   WRONG == 7 ? 0 : sizeof plugins / sizeof *plugins,
                                                   WRONG == 8 ? 4 : sizeof *plugins}};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_BUNDLE),
                                              .name = "pair",
                                              .version = "1",
                                              .doc = "three plugins",
                                              .calls = WRONG == 10 ? NULL : (const void *)&bundle,
                                              .create = WRONG == 9 ? create : NULL};
