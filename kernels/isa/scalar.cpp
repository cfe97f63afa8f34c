// The kernels of the scalar path (see isa/kernel_table.h for what may be in this file).
#define SLUICE_ISA scalar
#include "kernels/simd/vec_scalar.h"
//
#include "kernels/isa/table.inl"
