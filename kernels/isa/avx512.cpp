// The kernels of the avx512 path (see isa/kernel_table.h for what may be in this file).
#define SLUICE_ISA avx512
#include "kernels/simd/vec_avx512.h"
//
#include "kernels/isa/table.inl"
