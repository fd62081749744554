/* What is measured beside the rows of the table: the way to the first step, a schedule's promise, the processors. */
#ifndef MACHINE_H
#define MACHINE_H

#include "base/json.h"

/* How long a process of this program takes from its start to its end, which has loaded the plugins of the folders and
 * made one step with its hypergradient. Prints a line and adds to the JSON, as the others do. */
void measure_start_up(const char *hotool, bool quick, ho_json *json);

/* Checkpointed mode with 20 slots, T = 3000, against the advances of its schedule at the price of a plain step, and the
 * steps back at that of reverse mode; and the memory of that, which stores all states, against T + 2 of them. */
void measure_checkpointed(bool quick, ho_json *json);

/* How long a word takes from one processor to another and back: some 60 ns where they share a cache, several times that
 * where they do not. With two threads, what one has written the other reads at that price. */
void measure_processors(ho_json *json);

#endif
