// Interpolation, and its gradient: Y = A X B^T on every plane X, where A (OH, H) and B (OW, W) are mostly zeros.
//
//   y[i, j] = sum over h of A[i, h] sum over w of B[j, w] x[h, w]
//
// Each row of A and B is zero outside a short band: two numbers for bilinear enlargement, four for bicubic, twice the
// factor for their gradients, whose matrices are A^T and B^T. So one kernel serves all modes in both directions. As two
// dense matrix products, the same would cost W + H multiplications a result instead of the area of a band.
//
// Threads. bands: one for each row of a matrix, which finds the first and last number of its band, so that the CPU
// need not know them. resample: one for each result (plane, i, j), j fastest; all sums in a fixed order.
//
// Memory. x is read once (neighbouring results share their pixels through the cache) and y written once; the
// matrices stay in the cache.

// ends (rows, 2): the first column of each row that is not zero, and the column after the last
extern "C" __global__ void bands(const float *__restrict__ matrix, int *__restrict__ ends, int columns,
                                 long long rows) {
  long long row = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (row >= rows) return;
  int first = 0, last = 0;
  for (int column = columns - 1; column >= 0; column--) {
    if (matrix[row * columns + column] == 0.0f) continue;
    first = column;
    if (last == 0) last = column + 1;
  }
  ends[2 * row] = first;
  ends[2 * row + 1] = last;
}

extern "C" __global__ void interpolate(const float *__restrict__ x, const float *__restrict__ matrix_h,
                                    const float *__restrict__ matrix_w, const int *__restrict__ bands_h,
                                    const int *__restrict__ bands_w, float *__restrict__ y, int height, int width,
                                    int out_height, int out_width, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  int j = thread % out_width;
  long long rest = thread / out_width;
  int i = rest % out_height;
  const float *plane = x + rest / out_height * height * width;
  const float *weights_h = matrix_h + (long long)i * height, *weights_w = matrix_w + (long long)j * width;
  float sum = 0.0f;
  for (int h = bands_h[2 * i]; h < bands_h[2 * i + 1]; h++) {
    if (weights_h[h] == 0.0f) continue;  // so that an infinite pixel reaches only the results that see it
    float along_row = 0.0f;
    for (int w = bands_w[2 * j]; w < bands_w[2 * j + 1]; w++)
      if (weights_w[w] != 0.0f) along_row += weights_w[w] * plane[(long long)h * width + w];
    sum += weights_h[h] * along_row;
  }
  y[thread] = sum;
}
