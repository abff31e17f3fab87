// Convolution as a matrix product whose columns are never written down, on tensor cores in TF32.
//
//   y[o, p] = bias[o] + sum over taps t and channels c of weight[t, o, c] * x[c, the pixel that tap t of window p sees],
//   then max(., 0) if relu
//
// p counts the windows of all images. Each block makes a tile of 64 filters by 128 windows. It walks over the taps and,
// within a tap, over the channels 16 at a time: within such a step every window reads its 16 numbers at one place of
// the image, so where that is, and whether it lies inside, is worked out once a step and not once a number. The weight
// comes ordered (KH KW, O, C), so that a step's part of it lies in rows of 16.
//
// Threads. 256 = 8 warps, 2 down (filters) by 4 across (windows), of 32 x 32 results each: 2 x 4 tensor core tiles of
// 16 x 8. For a step, each thread fetches 4 numbers of weight and 8 of x into registers while the tensor cores still
// work on the step before; then the block passes them on through shared memory. Rows there are padded by 4 and 8
// numbers, so that the 32 lanes of a warp read from 32 different banks.
//
// Memory. x is read KH KW times for every 64 filters, mostly from the caches, and y is written once. Unfolding would
// write and read KH KW times the image in main memory, which for few filters takes longer than the arithmetic.
#include "tensor_core.h"
#include "window.h"

enum { FILTERS = 64, WINDOWS = 128, CHANNELS = 16, THREADS = 256 };
enum { FETCHED_WEIGHTS = FILTERS * CHANNELS / THREADS, FETCHED_PIXELS = CHANNELS * WINDOWS / THREADS };

// 2: room for two blocks on a multiprocessor, that is at most 128 registers a thread
extern "C" __global__ void __launch_bounds__(THREADS, 2)
convolve(const float *__restrict__ x, const float *__restrict__ weight, const float *__restrict__ bias,
         float *__restrict__ y, Window g, int filters, int relu, long long windows) {
  __shared__ float weights[FILTERS][CHANNELS + 4];
  __shared__ float pixels[CHANNELS][WINDOWS + 8];
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
  const int first_filter = blockIdx.y * FILTERS;
  const long long first_window = blockIdx.x * (long long)WINDOWS;
  const int positions = g.out_height * g.out_width;

  // what this thread fetches: one window's pixels of every second channel; four channels of one filter
  const int own_window = thread % WINDOWS, own_channel = thread / WINDOWS;
  const long long p = first_window + own_window;
  const bool exists = p < windows;
  const int i = exists ? p % positions / g.out_width : 0, j = exists ? p % positions % g.out_width : 0;
  const float *image = x + (exists ? p / positions : 0) * g.channels * g.height * g.width;
  const int own_filter = thread / (CHANNELS / FETCHED_WEIGHTS);
  const int own_weight = thread % (CHANNELS / FETCHED_WEIGHTS) * FETCHED_WEIGHTS;

  const int steps_a_tap = (g.channels + CHANNELS - 1) / CHANNELS;
  const int steps = g.kernel_height * g.kernel_width * steps_a_tap;
  float next_weights[FETCHED_WEIGHTS], next_pixels[FETCHED_PIXELS];
  float sums[2][4][4] = {};

  auto fetch = [&](int step) {
    const int tap = step / steps_a_tap, first_channel = step % steps_a_tap * CHANNELS;
    const int h = pixel_of(i, tap / g.kernel_width, g.stride_down, g.padding_top, g.dilation_down);
    const int w = pixel_of(j, tap % g.kernel_width, g.stride_across, g.padding_left, g.dilation_across);
    const bool inside = exists && h >= 0 && h < g.height && w >= 0 && w < g.width;
    const float *seen = image + (long long)h * g.width + w;
#pragma unroll
    for (int k = 0; k < FETCHED_PIXELS; k++) {
      const int c = first_channel + own_channel + k * (THREADS / WINDOWS);
      next_pixels[k] = inside && c < g.channels ? seen[(long long)c * g.height * g.width] : 0.0f;
    }
    const int o = first_filter + own_filter;
    const float *row = weight + ((long long)tap * filters + o) * g.channels;
#pragma unroll
    for (int k = 0; k < FETCHED_WEIGHTS; k++) {
      const int c = first_channel + own_weight + k;
      next_weights[k] = o < filters && c < g.channels ? row[c] : 0.0f;
    }
  };

  const int warp_filter = warp % 2 * 32, warp_window = warp / 2 * 32, row = lane / 4, column = lane % 4;
  fetch(0);
  for (int step = 0; step < steps; step++) {
#pragma unroll
    for (int k = 0; k < FETCHED_PIXELS; k++)
      pixels[own_channel + k * (THREADS / WINDOWS)][own_window] = to_tf32(next_pixels[k]);
#pragma unroll
    for (int k = 0; k < FETCHED_WEIGHTS; k++) weights[own_filter][own_weight + k] = to_tf32(next_weights[k]);
    __syncthreads();
    if (step + 1 < steps) fetch(step + 1);
#pragma unroll
    for (int c = 0; c < CHANNELS; c += 8) {
      float a[2][4], b[4][2];
#pragma unroll
      for (int m = 0; m < 2; m++) {
        const int filter = warp_filter + m * 16 + row;
        a[m][0] = weights[filter][c + column];
        a[m][1] = weights[filter + 8][c + column];
        a[m][2] = weights[filter][c + column + 4];
        a[m][3] = weights[filter + 8][c + column + 4];
      }
#pragma unroll
      for (int n = 0; n < 4; n++) {
        b[n][0] = pixels[c + column][warp_window + n * 8 + row];
        b[n][1] = pixels[c + column + 4][warp_window + n * 8 + row];
      }
#pragma unroll
      for (int m = 0; m < 2; m++)
#pragma unroll
        for (int n = 0; n < 4; n++) mma_m16n8k8_tf32(sums[m][n], a[m], b[n]);
    }
    __syncthreads();  // before the tiles are overwritten
  }

#pragma unroll
  for (int n = 0; n < 4; n++)
#pragma unroll
    for (int q = 0; q < 2; q++) {
      const long long at = first_window + warp_window + n * 8 + column * 2 + q;
      if (at >= windows) continue;
      float *out = y + at / positions * filters * positions + at % positions;
#pragma unroll
      for (int m = 0; m < 2; m++)
#pragma unroll
        for (int below = 0; below < 2; below++) {
          const int o = first_filter + warp_filter + m * 16 + row + below * 8;
          if (o >= filters) continue;
          float result = sums[m][n][below * 2 + q] + (bias ? bias[o] : 0.0f);
          if (relu && result <= 0.0f) result = 0.0f;  // NaN stays NaN
          out[(long long)o * positions] = result;
        }
    }
}
