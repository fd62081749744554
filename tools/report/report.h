/* A page that shows a run: one self-contained HTML file made from a run folder. */
#ifndef HO_REPORT_REPORT_H
#define HO_REPORT_REPORT_H

#include "base/error.h"

/* Reads the folder of a run (format 1) and writes its report to `out` (NULL: report.html in the folder), with the
 * learned relations as relations.dot and relations.svg into the folder (relations-VARIANT.* where several rows have
 * some), and the pictures of the training examples with the lowest weights as contact_sheet.png
 * (contact_sheet-VARIANT.png likewise). Graphviz (neato) and gnuplot draw, as child processes. HO_INVALID for a folder
 * that is missing, incomplete or of another format, HO_FAILED where a program is missing or fails: nothing is written
 * then. */
ho_status ho_report_write(const char *run_folder, const char *out, ho_error *error);

#endif
