/* Relations between tasks: the strongest entries of a square matrix as a graph. */
#ifndef HO_REPORT_RELATIONS_H
#define HO_REPORT_RELATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* An undirected graph in DOT of the strongest edges of a matrix (size, size), at most `most`; free(). */
char *ho_relations_dot(const double *matrix, int64_t size, const char *const *names, size_t most);
/* How many edges a graph of this size should show. */
size_t ho_relations_most(int64_t size);
/* The graph, drawn by Graphviz; free(). */
ho_status ho_relations_svg(const char *dot, char **svg, ho_error *error);
/* How well the entries of `matrix` separate the pairs that are related in `planted` from the others. NaN: undefined. */
double ho_relations_auc(const double *matrix, const double *planted, int64_t size);

#endif
