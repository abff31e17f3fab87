// The weight gradient of a convolution with a 3 x 3 kernel at stride 1, on tensor cores in TF32. Each part of the image and
// of the gradient comes to shared memory once and serves all nine taps.
//
//   weight[a, b, o, c] = sum over outputs (i, j) of grad[o, i, j] * x[c, i + a - p, j + b - p]
//
// The result is short and its sums are very long. So the outputs are cut into tiles of 4 x 16, and a block sums one part
// of the tiles for 64 filters and 32 channels. It leaves its sums in partial (parts, 3, 3, O, C). The host adds the parts
// in their order, so the same input gives the same bits.
//
// Threads. 128 = 4 warps. Each has all 64 filters and 8 channels of its own, at all taps: 9 x 4 tensor core tiles of
// 16 x 8, which are 144 numbers a thread. Filters are the rows of the product, channels its columns; it sums over
// outputs, 8 at a time.
//
// Memory. x is read 1.7 times for every 64 filters, grad once for every 32 channels. In shared memory grad lies filter by
// filter, and x pixel by pixel with 8 channels each, so a tap is a constant distance and lanes read different banks.
#include "four.h"
#include "tensor_core.h"
#include "window.h"

enum { FILTERS = 64, CHANNELS = 32, GROUP = 8, DOWN = 4, ACROSS = 16, THREADS = 128 };
enum { OUTPUTS = DOWN * ACROSS, HALO_ACROSS = ACROSS + 2, HALO = (DOWN + 2) * HALO_ACROSS };

// 2: room for two blocks on a multiprocessor, that is at most 255 registers a thread
extern "C" __global__ void __launch_bounds__(THREADS, 2)
weight_gradient3x3(const float *__restrict__ x, const float *__restrict__ grad, float *__restrict__ partial, Window g,
                   int filters, int tiles, int tiles_a_part) {
  alignas(16) __shared__ float grads[FILTERS][OUTPUTS + 4];
  alignas(16) __shared__ float pixels[CHANNELS / GROUP][HALO][GROUP];
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32, row = lane / 4, column = lane % 4;
  const int channel_tiles = (g.channels + CHANNELS - 1) / CHANNELS;
  const int first_filter = blockIdx.x / channel_tiles * FILTERS, first_channel = blockIdx.x % channel_tiles * CHANNELS;
  const int across = (g.out_width + ACROSS - 1) / ACROSS, down = (g.out_height + DOWN - 1) / DOWN;
  const int plane = g.height * g.width, positions = g.out_height * g.out_width;
  float sums[9][4][4] = {};

  const int last = min((int(blockIdx.y) + 1) * tiles_a_part, tiles);
  for (int tile = blockIdx.y * tiles_a_part; tile < last; tile++) {
    const int left = tile % across * ACROSS, top = tile / across % down * DOWN, image = tile / across / down;
    __syncthreads();  // before the last tile is overwritten
    {
      const int output = thread % OUTPUTS, i = top + output / ACROSS, j = left + output % ACROSS;
      const bool inside = i < g.out_height && j < g.out_width;
      const int first = thread / OUTPUTS, left_over = inside ? filters - first_filter - first : 0;
      const float *from = grad + ((long long)image * filters + first_filter + first) * positions + (i * g.out_width + j);
#pragma unroll 8
      for (int o = 0; o < FILTERS; o += THREADS / OUTPUTS) {
        grads[first + o][output] = to_tf32(o < left_over ? *from : 0.0f);
        from += THREADS / OUTPUTS * positions;
      }
    }
    if (thread < HALO) {
      const int h = top + thread / HALO_ACROSS - g.padding_top, w = left + thread % HALO_ACROSS - g.padding_left;
      const bool inside = h >= 0 && h < g.height && w >= 0 && w < g.width;
      const int left_over = inside ? g.channels - first_channel : 0;
      const float *from = x + ((long long)image * g.channels + first_channel) * plane + (h * g.width + w);
#pragma unroll 4
      for (int c = 0; c < CHANNELS; c += 4) {
        Four four;  // stored at once: one by one, lanes would meet in four banks
#pragma unroll
        for (int k = 0; k < 4; k++, from += plane) four.at[k] = to_tf32(c + k < left_over ? *from : 0.0f);
        *(Four *)&pixels[c / GROUP][thread][c % GROUP] = four;
      }
    }
    __syncthreads();

#pragma unroll 1
    for (int first = 0; first < OUTPUTS; first += 8) {
      float a[4][4];
#pragma unroll
      for (int m = 0; m < 4; m++)  // matrices: 8 filters x 4 windows; the next 8 filters; the next 4 windows; both
        load_matrix(a[m], &grads[m * 16 + lane / 8 % 2 * 8 + lane % 8][first + lane / 16 * 4]);
      const float *seen = pixels[warp][first / ACROSS * HALO_ACROSS + first % ACROSS + column] + row;
#pragma unroll
      for (int tap = 0; tap < 9; tap++) {
        const int shift = (tap / 3 * HALO_ACROSS + tap % 3) * GROUP;
        const float b[2] = {seen[shift], seen[shift + 4 * GROUP]};
#pragma unroll
        for (int m = 0; m < 4; m++) mma_m16n8k8_tf32(sums[tap][m], a[m], b);
      }
    }
  }

  const int c = first_channel + warp * GROUP + column * 2;
  float *out = partial + (blockIdx.y * 9ll * filters + first_filter + row) * g.channels + c;
#pragma unroll
  for (int tap = 0; tap < 9; tap++, out += (long long)filters * g.channels)
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
      for (int q = 0; q < 4; q++)
        if (first_filter + m * 16 + row + q / 2 * 8 < filters && c + q % 2 < g.channels)
          out[(m * 16 + q / 2 * 8) * g.channels + q % 2] = sums[tap][m][q];
}
