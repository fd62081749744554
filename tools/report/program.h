/* Programs that draw, as child processes. */
#ifndef HO_REPORT_PROGRAM_H
#define HO_REPORT_PROGRAM_H

#include "base/error.h"

/* Runs a program, without a shell, with `input` as its standard input. Returns its standard output; free(). If there is
 * no such program, the error names `package`, its Debian package. */
ho_status ho_run_drawing(char *const *arguments, const char *package, const char *input, char **output,
                         ho_error *error);

#endif
