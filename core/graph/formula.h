/* Formulas over named nodes: `w - rate * m / sqrt(v + epsilon^2)`. The grammar is in sdk/FORMULAS.md. */
#ifndef HO_GRAPH_FORMULA_H
#define HO_GRAPH_FORMULA_H

#include "base/tree.h"
#include "graph/graph.h"

/* Names in scope. Rebinding a name hides the earlier value. */
typedef struct ho_scope ho_scope;
ho_scope *ho_scope_new(void);
void ho_scope_free(ho_scope *scope);
void ho_scope_bind(ho_scope *scope, const char *name, ho_node value);
bool ho_scope_find(const ho_scope *scope, const char *name, ho_node *value);
/* The nearest bound name, or NULL; valid until the next bind. */
const char *ho_scope_nearest(const ho_scope *scope, const char *name);

/* grad(p), which formulas can call beside the built-in functions. NULL: there is no objective. */
typedef ho_node (*ho_gradient_fn)(void *context, ho_node point);

/* A formula. Where it comes from a file of settings, `written` is the scalar there whose text it is, or the end of
 * whose text: then it points into that text. NULL: it is the plugin's own. */
typedef struct ho_formula_text {
    const char *text;
    const ho_tree *written;
    bool rule; /* one of the host's own, of derivatives: its nodes come from what is current */
} ho_formula_text;

/* The formula's value. Errors are recorded in the graph with the place and the nearest name or function:
 * `adam.c:9: plugin "adam": formula "beta*m": column 1: unknown name "beta"; did you mean "beta1"?`, or
 * `run.yaml:7:13: plugin "formula": unknown name "beta"; did you mean "beta1"?`. Nodes carry such a place each.
 * Nesting deeper than 200 is refused. */
ho_node ho_formula(ho_graph *graph, const ho_scope *scope, ho_gradient_fn gradient, void *context,
                   ho_formula_text formula);

#endif
