/* Arithmetic in f64; compiled once as it is and once more with -mavx2 -mfma. */
#define REAL        double
#define REAL_IS_F32 0
#include "exec/kernels.inc.h"
