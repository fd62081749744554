/* `hotool check PLUGIN.so`: the conformance kit for whoever writes a plugin. */
#ifndef HO_PROOF_PROOF_H
#define HO_PROOF_PROOF_H

#include <stdio.h>

#include "base/json.h"
#include "host/registry.h"

typedef struct ho_proof_request {
    const char *path;        /* of the shared object */
    const char *name;        /* of the plugin in it; NULL: all there are */
    const char *const *sets; /* "OPTION=VALUE", as a pipeline would give it; hyperparameters by their name too */
    size_t set_count;
    const char *only;              /* the check to run; NULL: all */
    uint64_t seed;                 /* of every random number */
    unsigned limit;                /* seconds for each check */
    bool in_process;               /* no child processes, no limit: for debuggers */
    ho_json *json;                 /* gets an object with the verdicts too; or NULL */
    const volatile int *interrupt; /* set by a signal handler; may be NULL */
} ho_proof_request;

/* Runs the checks for the plugin's kind, each in a child process, and prints a table of them; one table for each plugin
 * of a bundle. HO_FAILED where one failed; HO_INVALID where there is no such file, plugin or check. */
ho_status ho_prove(const ho_proof_request *request, ho_registry *registry, ho_error *error);

/* The derivative of which the graph is wanted. */
typedef enum ho_which_derivative { HO_NO_DERIVATIVE, HO_TANGENTS, HO_COTANGENTS } ho_which_derivative;

typedef struct ho_plugin_graph {
    const char *path;        /* of the shared object */
    const char *const *sets; /* as above */
    size_t set_count;
    ho_which_derivative derivative;
    bool dot; /* for Graphviz; else one node a line */
} ho_plugin_graph;

/* Traces the plugin once, at small sizes that the first line tells, and prints its graph: what a step, a forward pass,
 * a loss or a penalty computes from the names in scope, or its JVP (tangents) or VJP (cotangents) by all of them that
 * derivatives are taken by. HO_INVALID where the plugin is not traced, or refuses. */
ho_status ho_plugin_graph_print(const ho_plugin_graph *what, ho_registry *registry, FILE *out, ho_error *error);

/* Prints the names of all checks, and what each looks at. */
void ho_prove_help(void);

#endif
