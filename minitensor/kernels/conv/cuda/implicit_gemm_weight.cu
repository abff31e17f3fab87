// The weight gradient of a convolution as a product whose columns are never written down, on tensor cores in TF32.
//
//   weight[t, o, c] = sum over windows p of grad[o, p] * x[c, the pixel that tap t of window p sees]
//
// p counts the windows of all images: a short result, (KH KW, O, C), of very long sums. So the windows are split: each
// block sums one part of them for a tile of 64 filters by 64 channels of one tap, and leaves it in partial (parts,
// KH KW, O, C). The host adds the parts, in their order, so that the same input gives the same bits.
//
// Threads. 128 = 4 warps, 2 down (filters) by 2 across (channels), of 32 x 32 results each: 2 x 4 tensor core tiles of
// 16 x 8. A step takes 32 windows, one for each lane: it works out once which pixel its window sees, and fetches
// it for 16 channels, with the window's grad for 16 filters, into registers while the tensor cores still work on
// the step before. Rows in shared memory are padded by 4, so that the lanes of a warp read from 32 different banks.
//
// Memory. x and grad are read KH KW times for every 64 filters and 64 channels, mostly from the caches, as the blocks
// of all taps walk over the same windows at the same time; partial is small.
#include "tensor_core.h"
#include "window.h"

enum { FILTERS = 64, CHANNELS = 64, WINDOWS = 32, THREADS = 128, FETCHED = FILTERS * WINDOWS / THREADS };

// 3: room for three blocks on a multiprocessor, that is at most 168 registers a thread
extern "C" __global__ void __launch_bounds__(THREADS, 3)
weight_gradient(const float *__restrict__ x, const float *__restrict__ grad, float *__restrict__ partial, Window g,
                int filters, int windows, int steps_a_part) {
  __shared__ float grads[FILTERS][WINDOWS + 4], pixels[CHANNELS][WINDOWS + 4];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int channel_tiles = (g.channels + CHANNELS - 1) / CHANNELS;
  const int first_filter = blockIdx.x / channel_tiles * FILTERS, first_channel = blockIdx.x % channel_tiles * CHANNELS;
  const int tap = blockIdx.y, taps = gridDim.y, part = blockIdx.z;
  const int positions = g.out_height * g.out_width;
  const long long plane = (long long)g.height * g.width;
  float next_grads[FETCHED], next_pixels[FETCHED];
  float sums[2][4][4] = {};

  auto fetch = [&](int step) {
    const long long p = (long long)step * WINDOWS + lane;
    const bool exists = p < windows;
    const int n = exists ? (int)p / positions : 0, at = exists ? (int)p % positions : 0;
    const int h = pixel_of(at / g.out_width, tap / g.kernel_width, g.stride_down, g.padding_top, g.dilation_down);
    const int w = pixel_of(at % g.out_width, tap % g.kernel_width, g.stride_across, g.padding_left, g.dilation_across);
    const bool inside = exists && h >= 0 && h < g.height && w >= 0 && w < g.width;
    const float *seen = x + n * g.channels * plane + (long long)h * g.width + w;
    const float *own = grad + (long long)n * filters * positions + at;
#pragma unroll
    for (int k = 0; k < FETCHED; k++) {
      const int c = first_channel + warp + k * (THREADS / 32), o = first_filter + warp + k * (THREADS / 32);
      next_pixels[k] = inside && c < g.channels ? seen[c * plane] : 0.0f;
      next_grads[k] = exists && o < filters ? own[(long long)o * positions] : 0.0f;
    }
  };

  const int warp_filter = warp % 2 * 32, warp_channel = warp / 2 * 32, row = lane / 4, column = lane % 4;
  const int first_step = part * steps_a_part;
  const int last_step = min(first_step + steps_a_part, (windows + WINDOWS - 1) / WINDOWS);
  fetch(first_step);
  for (int step = first_step; step < last_step; step++) {
#pragma unroll
    for (int k = 0; k < FETCHED; k++) {
      pixels[warp + k * (THREADS / 32)][lane] = to_tf32(next_pixels[k]);
      grads[warp + k * (THREADS / 32)][lane] = to_tf32(next_grads[k]);
    }
    __syncthreads();
    if (step + 1 < last_step) fetch(step + 1);
#pragma unroll
    for (int p = 0; p < WINDOWS; p += 8) {
      float a[2][4], b[4][2];
#pragma unroll
      for (int m = 0; m < 2; m++) {
        const int filter = warp_filter + m * 16 + row;
        a[m][0] = grads[filter][p + column];
        a[m][1] = grads[filter + 8][p + column];
        a[m][2] = grads[filter][p + column + 4];
        a[m][3] = grads[filter + 8][p + column + 4];
      }
#pragma unroll
      for (int n = 0; n < 4; n++) {
        b[n][0] = pixels[warp_channel + n * 8 + row][p + column];
        b[n][1] = pixels[warp_channel + n * 8 + row][p + column + 4];
      }
#pragma unroll
      for (int m = 0; m < 2; m++)
#pragma unroll
        for (int n = 0; n < 4; n++) mma_m16n8k8_tf32(sums[m][n], a[m], b[n]);
    }
    __syncthreads();  // before the tiles are overwritten
  }

  float *out = partial + ((long long)part * taps + tap) * filters * g.channels;
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int n = 0; n < 4; n++)
#pragma unroll
      for (int q = 0; q < 4; q++) {
        const int o = first_filter + warp_filter + m * 16 + row + q / 2 * 8;
        const int c = first_channel + warp_channel + n * 8 + column * 2 + q % 2;
        if (o < filters && c < g.channels) out[(long long)o * g.channels + c] = sums[m][n][q];
      }
}
