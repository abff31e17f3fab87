// The transforms of Winograd's minimal filtering along both axes, F(4x4, 3x3); conv/winograd/__init__.py derives it.
//
//   conv2d            Y = A^T [ sum over c of (G w G^T) * (B^T d B) ] A
//   conv2d_weight     w = G^T [ sum over blocks of (A Y A^T) * (B^T d B) ] G
//
// Y is a block of 4 x 4 outputs, or of their gradients, and d its window, 6 x 6 pixels of the image.
// At each of the 36 points the sum over c, or over blocks, is a matrix product, which cuBLAS computes between the two
// kernels of a call: one takes both factors to their points, and one brings the products back.
//
//   factors     windows (36, C, blocks) and weights (36, O, C/g)
//   outputs     products (36, O, blocks) -> y, with the bias
//   factors_of_weight, weights         the same for conv2d_weight: windows and gradients (36, O, blocks) -> weight
//
// blocks counts (image, block down, block across). A call may take only some of them: `blocks`, from block `first` on.
// F(4x4, 3x3), and not F(2x2, 3x3): it needs 4 times fewer products than the sum of taps where the smaller needs 2.25
// times fewer, and holds 2.25 numbers a pixel at its points where the smaller holds 4. Its rounding is that of the CPU's
// winograd2d (conv/winograd/matrices.py). In TF32 every factor has a rounding error of 5e-4, and the matrices would
// enlarge it.
//
// Threads. One for each window, kernel or block: it holds the 36 numbers in registers. Neighbouring threads have
// neighbouring blocks, so at every point they write, or read, neighbouring numbers.
//
// Memory. The image is read once (windows overlap in the cache) and 2.25 times as much written for cuBLAS; of the
// products 2.25 times the output are read, and the output is written once. Unfolding would write 9 times the image.
#include "four.h"
#include "window.h"

enum { OUTPUTS = 4, TAPS = 3, POINTS = 6 };

// Evaluation at t = 0, P, -P, Q, -Q and infinity, as in conv/winograd/matrices.py.
constexpr float P = 5 / 8.0f, Q = 3 / 2.0f, P2 = P * P, Q2 = Q * Q;
// SCALE makes G exact in float32; the weight is divided by it, once for each axis.
constexpr float SCALE = 25 * 9 * 119 / 32768.0f;
constexpr float AT_0 = SCALE / (P2 * Q2), AT_P = SCALE / (2 * P2 * (P2 - Q2)), AT_Q = SCALE / (2 * Q2 * (Q2 - P2));
__device__ constexpr float B_T[POINTS][POINTS] = {{P2 * Q2, 0, -P2 - Q2, 0, 1, 0}, {0, -P * Q2, -Q2, P, 1, 0},
                                                  {0, P * Q2, -Q2, -P, 1, 0}, {0, -Q * P2, -P2, Q, 1, 0},
                                                  {0, Q * P2, -P2, -Q, 1, 0}, {0, P2 * Q2, 0, -P2 - Q2, 0, 1}};
__device__ constexpr float SCALED_G[POINTS][TAPS] = {
    {AT_0, 0, 0},               {AT_P, P * AT_P, P2 * AT_P},   {AT_P, -P * AT_P, P2 * AT_P},
    {AT_Q, Q * AT_Q, Q2 * AT_Q}, {AT_Q, -Q * AT_Q, Q2 * AT_Q}, {0, 0, SCALE}};
__device__ constexpr float A_T[OUTPUTS][POINTS] = {{1, 1, 1, 1, 1, 0}, {0, P, -P, Q, -Q, 0},
                                                   {0, P2, P2, Q2, Q2, 0}, {0, P * P2, -P * P2, Q * Q2, -Q * Q2, 1}};

// out = M in M^T with M (ROWS, COLUMNS) given as a function of row and column. All loops are unrolled, so M is known
// when the code is compiled: what is 0 in it costs nothing.
template <int ROWS, int COLUMNS, class Matrix>
__device__ __forceinline__ void both_sides(Matrix matrix, const float (&in)[COLUMNS][COLUMNS],
                                           float (&out)[ROWS][ROWS]) {
  float half[ROWS][COLUMNS];
#pragma unroll
  for (int i = 0; i < ROWS; i++)
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) {
      half[i][j] = 0.0f;
#pragma unroll
      for (int k = 0; k < COLUMNS; k++)
        if (matrix(i, k) != 0.0f) half[i][j] += matrix(i, k) * in[k][j];
    }
#pragma unroll
  for (int i = 0; i < ROWS; i++)
#pragma unroll
    for (int j = 0; j < ROWS; j++) {
      out[i][j] = 0.0f;
#pragma unroll
      for (int k = 0; k < COLUMNS; k++)
        if (matrix(j, k) != 0.0f) out[i][j] += half[i][k] * matrix(j, k);
    }
}

// The pixels of SIDE x SIDE from (top, left) on; 0 outside the image.
template <int SIDE>
__device__ __forceinline__ void read_square(const float *plane, int height, int width, int top, int left,
                                            float (&pixels)[SIDE][SIDE]) {
#pragma unroll
  for (int a = 0; a < SIDE; a++)
#pragma unroll
    for (int b = 0; b < SIDE; b++) {
      const int h = top + a, w = left + b;
      const bool inside = h >= 0 && h < height && w >= 0 && w < width;
      pixels[a][b] = inside ? plane[(long long)h * width + w] : 0.0f;
    }
}

// Which 4 x 4 outputs are those of block number `at`: blocks are counted across, then down, then by images.
struct Block {
  int top, left;
  long long image;
};
__device__ __forceinline__ Block block_of(long long at, const Window &g) {
  const int across = (g.out_width + OUTPUTS - 1) / OUTPUTS, down = (g.out_height + OUTPUTS - 1) / OUTPUTS;
  return {int(at / across % down) * OUTPUTS, int(at % across) * OUTPUTS, at / across / down};
}

// Where a thread's numbers go: columns are cut into parts of `length`, so point p of row r is at ((part, p), r, column).
struct Place {
  long long first, step;  // point 0, and from point to point
};
__device__ __forceinline__ Place place_of(int row, int rows, long long column, long long length) {
  const long long part = column / length, step = rows * length;
  return {part * POINTS * POINTS * step + row * length + column % length, step};
}

// B^T d B of the window of thread (channel, column); column 0 is block `first`. Zeros past the last of the blocks.
__device__ __forceinline__ void transform_window(const float *x, const Window &g, long long thread, long long first,
                                                 long long blocks, long long columns, long long length,
                                                 float *windows) {
  const int channel = thread / columns;
  const long long column = thread % columns;
  const Place place = place_of(channel, g.channels, column, length);
  if (column >= blocks) {
#pragma unroll
    for (int point = 0; point < POINTS * POINTS; point++) windows[place.first + point * place.step] = 0.0f;
    return;
  }
  const Block block = block_of(first + column, g);
  float pixels[POINTS][POINTS], points[POINTS][POINTS];
  const float *plane = x + (block.image * g.channels + channel) * g.height * g.width;
  read_square(plane, g.height, g.width, block.top - g.padding_top, block.left - g.padding_left, pixels);
  both_sides<POINTS, POINTS>([](int i, int k) { return B_T[i][k]; }, pixels, points);
#pragma unroll
  for (int point = 0; point < POINTS * POINTS; point++)
    windows[place.first + point * place.step] = points[point / POINTS][point % POINTS];
}

// The first window_count threads take the windows to their points, the others the kernels. weight is (O, C/g, 3, 3) or,
// if rotated, that of a transposed convolution: (C, O/g, 3, 3), read rotated by 180 degrees, channels swapped.
extern "C" __global__ void factors(const float *__restrict__ x, const float *__restrict__ weight,
                                   float *__restrict__ windows, float *__restrict__ weights, Window g,
                                   int group_channels, int group_filters, int rotated, long long first,
                                   long long blocks, long long window_count, long long threads) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= threads) return;
  if (thread < window_count) {
    transform_window(x, g, thread, first, blocks, blocks, blocks, windows);
    return;
  }
  thread -= window_count;
  const int c = thread % group_channels;
  const long long o = thread / group_channels, group = o / group_filters;
  const long long kernel = rotated ? (group * group_channels + c) * group_filters + o % group_filters : thread;
  float taps[TAPS][TAPS], points[POINTS][POINTS];
#pragma unroll
  for (int tap = 0; tap < TAPS * TAPS; tap++) {
    const float w = weight[kernel * TAPS * TAPS + (rotated ? TAPS * TAPS - 1 - tap : tap)];
    taps[tap / TAPS][tap % TAPS] = w / SCALE / SCALE;
  }
  both_sides<POINTS, TAPS>([](int i, int k) { return SCALED_G[i][k]; }, taps, points);
#pragma unroll
  for (int point = 0; point < POINTS * POINTS; point++)
    weights[point * (threads - window_count) + thread] = points[point / POINTS][point % POINTS];
}

// Thread (filter, column): y = sum + bias, then max(., 0) if relu. Column 0 is block `first`. bias (O,) may be null: 0
extern "C" __global__ void outputs(const float *__restrict__ products, const float *__restrict__ bias,
                                   float *__restrict__ y, Window g, int filters, int relu, long long first,
                                   long long blocks, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const int filter = thread / blocks;
  const Block block = block_of(first + thread % blocks, g);
  float points[POINTS][POINTS], pixels[OUTPUTS][OUTPUTS];
#pragma unroll
  for (int point = 0; point < POINTS * POINTS; point++)
    points[point / POINTS][point % POINTS] = products[point * count + thread];
  both_sides<OUTPUTS, POINTS>([](int i, int k) { return A_T[i][k]; }, points, pixels);
  const float offset = bias ? bias[filter] : 0.0f;
  float *plane = y + (block.image * filters + filter) * g.out_height * g.out_width;
#pragma unroll
  for (int a = 0; a < OUTPUTS; a++) {
    const int i = block.top + a;
    if (i >= g.out_height) break;
    float *row = plane + (long long)i * g.out_width;
    Four four;
#pragma unroll
    for (int b = 0; b < OUTPUTS; b++) {
      four.at[b] = pixels[a][b] + offset;
      if (relu && four.at[b] <= 0.0f) four.at[b] = 0.0f;  // NaN stays NaN
    }
    write_four(row, block.left, g.out_width, four);
  }
}

// The first window_count threads take the windows of x to their points, the others the blocks of grad (N, O, OH, OW).
// Both are cut into parts of `length` columns, so that cuBLAS has a product for each part and point; the columns past the
// last block are zeros.
extern "C" __global__ void factors_of_weight(const float *__restrict__ x, const float *__restrict__ grad,
                                             float *__restrict__ windows, float *__restrict__ grads, Window g,
                                             int filters, long long first, long long blocks, long long columns,
                                             long long length, long long window_count, long long threads) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= threads) return;
  if (thread < window_count) {
    transform_window(x, g, thread, first, blocks, columns, length, windows);
    return;
  }
  thread -= window_count;
  const int filter = thread / columns;
  const long long column = thread % columns;
  const Place place = place_of(filter, filters, column, length);
  if (column >= blocks) {
#pragma unroll
    for (int point = 0; point < POINTS * POINTS; point++) grads[place.first + point * place.step] = 0.0f;
    return;
  }
  const Block block = block_of(first + column, g);
  float pixels[OUTPUTS][OUTPUTS], points[POINTS][POINTS];
  const float *plane = grad + (block.image * filters + filter) * g.out_height * g.out_width;
  read_square(plane, g.out_height, g.out_width, block.top, block.left, pixels);
  both_sides<POINTS, OUTPUTS>([](int i, int k) { return A_T[k][i]; }, pixels, points);
#pragma unroll
  for (int point = 0; point < POINTS * POINTS; point++)
    grads[place.first + point * place.step] = points[point / POINTS][point % POINTS];
}

// Thread (filter, channel), for each kernel of weight (O, C/g, 3, 3): the sum over parts, in their order, back to taps
extern "C" __global__ void weights(const float *__restrict__ products, float *__restrict__ weight, int parts,
                                   long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  float points[POINTS][POINTS] = {}, taps[TAPS][TAPS];
  for (int part = 0; part < parts; part++)
#pragma unroll
    for (int point = 0; point < POINTS * POINTS; point++)
      points[point / POINTS][point % POINTS] += products[(part * POINTS * POINTS + point) * count + thread];
  both_sides<TAPS, POINTS>([](int i, int k) { return SCALED_G[k][i]; }, points, taps);
#pragma unroll
  for (int tap = 0; tap < TAPS * TAPS; tap++)
    weight[thread * TAPS * TAPS + tap] = taps[tap / TAPS][tap % TAPS] / SCALE / SCALE;
}
