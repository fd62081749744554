/*
 * A quadratic model of the validation error around a point, and the step to its least value within the constraints.
 *
 * The curvature is a limited-memory BFGS matrix B, in its direct form (Nocedal and Wright, Numerical Optimization, 2nd
 * edition, section 7.2). The step minimises g p + p B p / 2 over the p for which the point stays within its
 * constraints, by projected gradient steps of the spectral length: a hypergradient costs trainings, and a projection
 * next to nothing (projected quasi-Newton; Schmidt, van den Berg, Friedlander, Murphy, AISTATS 2009).
 */
#ifndef HO_RUN_CURVATURE_H
#define HO_RUN_CURVATURE_H

#include "base/snapshot.h"
#include "hotool/abi.h"

typedef struct ho_curvature ho_curvature;

/* Nothing is known: B = `first` times the identity. */
ho_curvature *ho_curvature_new(int64_t size, double first);
void ho_curvature_free(ho_curvature *c); /* NULL is fine */
/* Forgets all, as if made anew. */
void ho_curvature_forget(ho_curvature *c, double first);
/* Learns from a step s, along which the gradient changed by y; false: the error is not convex along it (s y <= 0), and
 * nothing is learned. */
bool ho_curvature_learn(ho_curvature *c, const double *s, const double *y);
/* Forgets all, for longer steps than those of now. */
void ho_curvature_loosen(ho_curvature *c);
/* Projects a point, in place. */
typedef ho_status (*ho_projection)(void *self, double *u);
/* The step p from u with gradient g. */
ho_status ho_curvature_step(const ho_curvature *c, const double *u, const double *g, ho_projection project, void *self,
                            double *p);
/* Passes all it knows. */
void ho_curvature_pass(ho_curvature *c, ho_snapshot *snapshot);

/* The inner product. */
double ho_dot(const double *a, const double *b, int64_t count);

#endif
