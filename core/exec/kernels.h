/* The builds of kernels.inc.h: each precision for any processor and, on x86-64 (where HO_HAVE_AVX2 is defined), for
 * AVX2 with FMA and for AVX-512. */
#ifndef HO_EXEC_KERNELS_H
#define HO_EXEC_KERNELS_H

#include "exec/plan.h"

extern const ho_arithmetic ho_arithmetic_f32_base, ho_arithmetic_f64_base;
extern const ho_arithmetic ho_arithmetic_f32_avx2, ho_arithmetic_f64_avx2;
extern const ho_arithmetic ho_arithmetic_f32_avx512, ho_arithmetic_f64_avx512;

#endif
