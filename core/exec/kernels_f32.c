/* Arithmetic in f32; compiled once as it is and once more with -mavx2 -mfma. */
#define REAL        float
#define REAL_IS_F32 1
#include "exec/kernels.inc.h"
