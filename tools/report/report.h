/* Makes a page of a run: one self-contained HTML file from a run folder. */
#ifndef HO_REPORT_REPORT_H
#define HO_REPORT_REPORT_H

#include "base/error.h"

/* Writes the report of a run folder to `out` (NULL: report.html in the folder). The learned relations go to the folder
 * as relations.dot and relations.svg (relations-VARIANT.* if there are several), the training examples with the lowest
 * weights as contact_sheet.png (contact_sheet-VARIANT.png likewise). Graphviz (neato) and gnuplot draw, as child
 * processes. HO_INVALID if the folder is missing, incomplete or of another format: nothing is written then. Where a
 * program is missing or fails, its figure's place says so, the page is written, and the result is HO_FAILED. */
ho_status ho_report_write(const char *run_folder, const char *out, ho_error *error);

#endif
