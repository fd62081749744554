#ifndef PLAN_DUMP_H
#define PLAN_DUMP_H

#include "exec/exec.h"

void ho_plan_dump(const ho_plan *plan, FILE *out);

#endif
