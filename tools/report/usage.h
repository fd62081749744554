/* What hotool-report says of itself: its help, its manual page and completion read it. */
#ifndef HO_REPORT_USAGE_H
#define HO_REPORT_USAGE_H

#include "flag.h"

extern const char ho_report_about[];
extern const ho_flag ho_report_flags[]; /* ending with one without a name */

#endif
