/* What a result owes to the machine: kept beside it. */
#ifndef HO_RUN_MACHINE_H
#define HO_RUN_MACHINE_H

#include "base/json.h"

/* Members "machine" {cpu, cores, system} and "versions" {openblas, compiler}. */
void ho_machine_json(ho_json *json);
/* How many processors there are to run on; at least 1. */
int ho_machine_cores(void);

#endif
