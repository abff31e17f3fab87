// Numbers that one instruction moves together: 16 bytes at a multiple of 16, and 8 at a multiple of 8.
struct alignas(16) Four {
  float at[4];
};

// Write up to four numbers of a row of `width` from `column` on. Where rows are whole Fours they go at once: one by one,
// neighbouring threads would write 16 bytes apart.
__device__ __forceinline__ void write_four(float *row, int column, int width, const Four &four) {
  if (width % 4 == 0) {
    *(Four *)(row + column) = four;
    return;
  }
#pragma unroll
  for (int k = 0; k < 4; k++)
    if (column + k < width) row[column + k] = four.at[k];
}

struct alignas(8) Two {
  float at[2];
};
