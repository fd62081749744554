/* Results as tables on stdout. */
#ifndef HOTOOL_TABLES_H
#define HOTOOL_TABLES_H

#include "record/record.h"

/* One run, before and after, or a line for each row of several; nothing where nothing was trained. `folder`: where the
 * results are. */
void ho_print_results(const ho_record *record, const char *folder);

#endif
