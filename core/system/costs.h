/*
 * What hypergradients will cost: counted before anything runs, or measured; and the mode that is best at that price.
 */
#ifndef HO_SYSTEM_COSTS_H
#define HO_SYSTEM_COSTS_H

#include "host/registry.h"
#include "system/training.h"

/* What steps and their derivatives cost. Seconds are a rule of thumb from the operations that the graphs hold, the same
 * on every machine; bytes are those of the plans. Training without an end is taken for 1,000 updates. */
ho_status ho_costs_count(ho_training *training, ho_mode_costs *costs, ho_error *error);
/* Replaces the seconds by those of calls at the initial state: each the median of at least three, and of as many as
 * take a tenth of a second; of the processor with one thread, else by the clock. */
ho_status ho_costs_measure(ho_training *training, const double *lambda, ho_mode_costs *costs, ho_error *error);
/* The operations of one step: multiplications and additions in matrix products, and entries of everything else. */
ho_status ho_costs_step(ho_training *training, double *product_flops, double *entries, ho_error *error);

/* A mode that could be used: an installed one that is exact and knows its cost. */
typedef struct ho_mode_offer {
    ho_instance *instance; /* with its defaults; or with "memory" set to the budget, if the defaults exceed it */
    ho_call_cost cost;
} ho_mode_offer;

typedef struct ho_mode_choice {
    int64_t memory;      /* the budget in bytes */
    bool onward;         /* only modes that do not go back over all steps */
    ho_mode_costs costs; /* counted */
    int64_t beside;      /* bytes that a hypergradient takes whatever the mode */
    ho_mode_offer *offers;
    size_t count, best;
} ho_mode_choice;

/* Counts what steps cost, and chooses among the installed modes by that. `choice` comes with its memory and
 * `onward`, else zeroed; after an error too, it is freed with ho_mode_choice_free(). */
ho_status ho_mode_choose(ho_training *training, ho_registry *registry, ho_mode_choice *choice, ho_error *error);
void ho_mode_choice_free(ho_mode_choice *choice);

/* The offer that takes the least time within the budget; of equal ones, the one that needs the least memory. None fits:
 * HO_INVALID, with the one that needs the least. */
ho_status ho_mode_best(const ho_mode_offer *offers, size_t count, int64_t memory, size_t *best, ho_error *error);

#endif
