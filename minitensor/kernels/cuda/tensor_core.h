// The instructions around the tensor cores, and the number format they read. On the CPU tests/sim/cuda_cpu.h has the same.
#ifdef __CUDACC__
// float32 rounded to the 10 bits of mantissa of TF32, ties away from zero
__device__ __forceinline__ float to_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits);
}

// d (16 x 8) += a (16 x 8) b (8 x 8), spread over the 32 lanes of a warp. With row = lane / 4 and column = lane % 4, a
// lane holds a at (row, column), (row + 8, column), (row, column + 4), (row + 8, column + 4), b at (column, row) and
// (column + 4, row), and d at (row, 2 column), (row, 2 column + 1) and the same 8 rows below. PTX manual, 9.7.14.
__device__ __forceinline__ void mma_m16n8k8_tf32(float *d, const float *a, const float *b) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
        "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}

// Four 8 x 4 matrices from shared memory in one instruction. Lane l gives the address of row l % 8 of matrix l / 8, 16
// bytes, and receives of each matrix the number at (lane / 4, lane % 4). PTX manual, ldmatrix.
__device__ __forceinline__ void load_matrix(float *d, const void *row) {
  unsigned bits[4], address = (unsigned)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(bits[0]), "=r"(bits[1]), "=r"(bits[2]), "=r"(bits[3]) : "r"(address) : "memory");
  for (int i = 0; i < 4; i++) d[i] = __uint_as_float(bits[i]);
}

// Start to copy 16 bytes from global to shared memory. The thread goes on; wait_for_copies waits for its own copies.
__device__ __forceinline__ void start_copy(void *shared, const void *global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"((unsigned)__cvta_generic_to_shared(shared)), "l"(global)
               : "memory");
}
__device__ __forceinline__ void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }
#endif
