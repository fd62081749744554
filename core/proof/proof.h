/* `hotool check PLUGIN.so`: the conformance kit for whoever writes a plugin. */
#ifndef HO_PROOF_PROOF_H
#define HO_PROOF_PROOF_H

#include "host/registry.h"

typedef struct ho_proof_request {
    const char *path;        /* of the shared object */
    const char *const *sets; /* "OPTION=VALUE", as a pipeline would give it; hyperparameters by their name too */
    size_t set_count;
    const char *only;              /* the check to run; NULL: all */
    uint64_t seed;                 /* of every random number */
    unsigned limit;                /* seconds for each check */
    bool in_process;               /* no child processes, no limit: for debuggers */
    const volatile int *interrupt; /* set by a signal handler; may be NULL */
} ho_proof_request;

/* Runs the checks for the plugin's kind, each in a child process, and prints a table of them. HO_FAILED where one
 * failed; HO_INVALID where there is no such file or check. */
ho_status ho_prove(const ho_proof_request *request, ho_registry *registry, ho_error *error);

/* Prints the names of all checks, and what each looks at. */
void ho_prove_help(void);

#endif
