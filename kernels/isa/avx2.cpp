// The kernels of the avx2 path (see isa/kernel_table.h for what may be in this file).
#define SLUICE_ISA avx2
#include "kernels/simd/vec_avx2.h"
//
#include "kernels/isa/table.inl"
