/* The adjoint equation at a fixed point, x = b + x A with A = dPhi/ds, and what solves it. */
#ifndef MODES_EQUATION_H
#define MODES_EQUATION_H

#include <hotool/plugin.h>

enum { CG, NEUMANN, FIXED_POINT, BICGSTAB, GMRES };

typedef struct solver {
    const char *name; /* as the pipeline gives it */
    int64_t method, iterations, restart;
    double tolerance; /* of ||b - x (I - A)|| / ||b|| */
} solver;

/* Everything is borrowed; vectors have one column. */
typedef struct equation {
    ho_system *system;
    const ho_system_api *api;
    const solver *how;
    int64_t t;
    const double *lambda;
    const ho_vector *state;
    ho_residuals *residuals; /* of that step from that state */
    const double *still;     /* lambda_size zeros: the tangent of a lambda that does not move */
    double *unwanted;        /* lambda_size entries */
    const ho_vector *b;
    ho_vector *x, *spare;
    ho_vector **basis; /* equation_vectors(how) */
    double *numbers;   /* equation_numbers(how) */
    int64_t done;      /* products with A */
} equation;

int64_t equation_vectors(const solver *how);
int64_t equation_numbers(const solver *how);
/* Writes x; whether it solves the equation is for the caller to see. */
ho_status equation_solve(equation *e);

#endif
