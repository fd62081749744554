/* Results as tables on stdout. */
#ifndef HO_RUN_TABLES_H
#define HO_RUN_TABLES_H

#include "run/record.h"

/* One run, before and after; `folder`: where its results are. */
void ho_print_run(const ho_record *record, const char *folder);
/* A line for each row of several runs. */
void ho_print_rows(const ho_record *record, const char *folder);

#endif
