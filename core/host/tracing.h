/* The host's side of a trace: runs a traced callback of an instance over a graph. */
#ifndef HO_HOST_TRACING_H
#define HO_HOST_TRACING_H

#include "graph/formula.h"
#include "graph/graph.h"
#include "host/instance.h"

/* A size by its symbol. Lists of them end with the symbol NULL; a list that is NULL is empty. */
typedef struct ho_named_size {
    const char *symbol;
    int64_t size; /* 0: there is such a size, but not here */
} ho_named_size;

/* The size of that name; 0: none. */
int64_t ho_size_find(const ho_named_size *sizes, const char *symbol);

/* To see what a plugin does about errors: calls that can fail are counted, and number `fail_at` fails (0: none). */
typedef struct ho_trace_watch {
    uint32_t calls, fail_at;
    bool refused; /* the plugin refused by itself, with ho_trace_fail */
} ho_trace_watch;

/* What a callback may use beside names in scope. Zero-initialise what does not apply. */
typedef struct ho_trace_env {
    ho_graph *graph;
    ho_scope *scope;              /* filled by the caller; the callback binds into it */
    const ho_named_size *sizes;   /* constants in the scope, unless the caller has bound their names */
    const ho_named_size *targets; /* more sizes: targets by name, which are not in scope by themselves */
    ho_gradient_fn gradient;      /* grad(p); NULL: not available here, and why in gradient_reason */
    const char *gradient_reason;
    /* While a model declares its weights: declare one, and draw numbers. Poison after an error. Otherwise NULL. */
    ho_node (*weight)(void *context, const char *name, ho_node initial);
    ho_node (*normal)(void *context, const char *name, ho_shape shape);
    void *context;
    struct ho_trace_watch *watch; /* NULL: none */
} ho_trace_env;

/* Binds the instance's numeric options as constants. */
void ho_bind_options(ho_scope *scope, ho_graph *graph, const ho_instance *instance);

/* Puts the instance's numeric options and the sizes into the scope, calls `callback` with a trace over env, and gives
 * its status: the graph's error if one was recorded; an error made up for a callback that returned failure without
 * saying why. Errors name plugin, file and line. `callback_name` ("step") is for messages and the fatal-signal handler.
 */
ho_status ho_trace_call(const ho_instance *instance, const char *callback_name,
                        ho_status (*callback)(void *self, ho_trace *x), const ho_trace_env *env);

/* The value that a callback had to bind, with the shape it must have (NULL: any): poison and an error naming plugin,
 * callback, name, and both shapes otherwise. */
ho_node ho_trace_result(const ho_instance *instance, const char *callback_name, const ho_trace_env *env,
                        const char *name, const ho_shape *shape);

#endif
