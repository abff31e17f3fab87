// The weight gradient of a convolution with a 3 x 3 kernel at stride 1, on tensor cores in TF32. Each part of the image and
// of the gradient comes to shared memory once and serves all nine taps.
//
//   weight[o, c, a, b] = sum over outputs (i, j) of grad[o, i, j] * x[c, i + a - p, j + b - p]
//
// The result is short and its sums are very long. So the outputs are cut into tiles of 2 x 16, and a block sums one part
// of the tiles for 64 filters and 32 channels. It leaves its sums in partial (parts, 3, 3, O, C). `add_parts` adds the
// parts in their order, so the same input gives the same bits.
//
// Threads. 128 = 4 warps. Each has all 64 filters and 8 channels of its own, at all taps: 9 x 4 tensor core tiles of
// 16 x 8, which are 144 numbers a thread. Filters are the rows of the product, channels its columns; it sums over
// outputs, 8 at a time. While the tensor cores work on a tile, each thread fetches its part of the next one.
//
// Memory. x is read 2.3 times for every 64 filters, grad once for every 32 channels. In shared memory grad lies filter by
// filter, and x pixel by pixel with 8 channels each, so a tap is a constant distance and lanes read different banks.
#include "four.h"
#include "tensor_core.h"
#include "window.h"

enum { FILTERS = 64, CHANNELS = 32, GROUP = 8, DOWN = 2, ACROSS = 16, TAPS = 9, THREADS = 128, WARPS = THREADS / 32 };
enum { OUTPUTS = DOWN * ACROSS, HALO_ACROSS = ACROSS + 2, HALO = (DOWN + 2) * HALO_ACROSS };
enum { OWN_GRADS = FILTERS * OUTPUTS / THREADS };                             // numbers that a thread fetches
enum { OWN_PIXELS = (HALO * CHANNELS / 4 + THREADS - 1) / THREADS };          // Fours that a thread fetches

// 2: room for two blocks on a multiprocessor, that is at most 255 registers a thread
extern "C" __global__ void __launch_bounds__(THREADS, 2)
weight_gradient3x3(const float *__restrict__ x, const float *__restrict__ grad, float *__restrict__ partial, Window g,
                   int filters, int tiles, int tiles_a_part) {
  alignas(16) __shared__ float grads[2][FILTERS][OUTPUTS + 4];
  alignas(16) __shared__ float pixels[2][CHANNELS / GROUP][HALO][GROUP];
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32, row = lane / 4, column = lane % 4;
  const int channel_tiles = (g.channels + CHANNELS - 1) / CHANNELS;
  const int first_filter = blockIdx.x / channel_tiles * FILTERS, first_channel = blockIdx.x % channel_tiles * CHANNELS;
  const int across = (g.out_width + ACROSS - 1) / ACROSS, down = (g.out_height + DOWN - 1) / DOWN;
  const int plane = g.height * g.width, positions = g.out_height * g.out_width;
  float sums[TAPS][4][4] = {};

  // Which pixels of a tile this thread fetches, and of which four channels: (quad of channels, row, column) in one number.
  // The numbers stay in shared memory, because registers are short. Past the last quad there is nothing to fetch.
  __shared__ int own[OWN_PIXELS][THREADS];
#pragma unroll
  for (int k = 0; k < OWN_PIXELS; k++) {
    const int number = thread + k * THREADS, pixel = number % HALO;
    own[k][thread] = (number / HALO * 32 + pixel / HALO_ACROSS) * 32 + pixel % HALO_ACROSS;
  }

  // What is fetched for the next tile: first the gradient, then the pixels, so that registers hold one of them at a time.
  float next_grads[OWN_GRADS];
  Four next_pixels[OWN_PIXELS];
  auto fetch_grads = [&](int tile) {  // one output of every fourth filter
    const int left = tile % across * ACROSS, top = tile / across % down * DOWN, image = tile / across / down;
    const int i = top + lane / ACROSS, j = left + lane % ACROSS;
    const int left_over = i < g.out_height && j < g.out_width ? filters - first_filter - warp : 0;
    const float *from = grad + ((long long)image * filters + first_filter + warp) * positions + i * g.out_width + j;
#pragma unroll
    for (int k = 0; k < OWN_GRADS; k++) next_grads[k] = k * WARPS < left_over ? from[k * WARPS * positions] : 0.0f;
  };
  auto store_grads = [&](int buffer) {
#pragma unroll
    for (int k = 0; k < OWN_GRADS; k++) grads[buffer][warp + k * WARPS][lane] = to_tf32(next_grads[k]);
  };
  auto fetch_pixels = [&](int tile) {  // four channels of a pixel, OWN_PIXELS times
    const int left = tile % across * ACROSS, top = tile / across % down * DOWN, image = tile / across / down;
    const float *of_image = x + (long long)image * g.channels * plane;
#pragma unroll
    for (int k = 0; k < OWN_PIXELS; k++) {
      const int mine = own[k][thread], quad = mine / 1024, first = first_channel + quad * 4;
      const int h = top + mine / 32 % 32 - g.padding_top, w = left + mine % 32 - g.padding_left;
      const bool inside = quad < CHANNELS / 4 && h >= 0 && h < g.height && w >= 0 && w < g.width;
      const int left_over = inside ? g.channels - first : 0, place = first * plane + h * g.width + w;
#pragma unroll
      for (int c = 0; c < 4; c++) next_pixels[k].at[c] = c < left_over ? of_image[place + c * plane] : 0.0f;
    }
  };
  auto store_pixels = [&](int buffer) {
#pragma unroll
    for (int k = 0; k < OWN_PIXELS; k++) {
      const int mine = own[k][thread], quad = mine / 1024, pixel = mine / 32 % 32 * HALO_ACROSS + mine % 32;
      Four four;  // stored at once: one by one, lanes would meet in four banks
#pragma unroll
      for (int c = 0; c < 4; c++) four.at[c] = to_tf32(next_pixels[k].at[c]);
      if (quad < CHANNELS / 4) *(Four *)&pixels[buffer][quad / 2][pixel][quad % 2 * 4] = four;
    }
  };
  auto multiply_row = [&](int buffer, int i) {  // row i of the tile's outputs, 8 at a time
#pragma unroll 1
    for (int j = 0; j < ACROSS; j += 8) {
      float a[4][4];
#pragma unroll
      for (int m = 0; m < 4; m++)  // matrices: 8 filters x 4 outputs; the next 8 filters; the next 4 outputs; both
        load_matrix(a[m], &grads[buffer][m * 16 + lane / 8 % 2 * 8 + lane % 8][i * ACROSS + j + lane / 16 * 4]);
      const float *seen = pixels[buffer][warp][i * HALO_ACROSS + j + column] + row;
#pragma unroll
      for (int tap = 0; tap < TAPS; tap++) {
        const int shift = (tap / 3 * HALO_ACROSS + tap % 3) * GROUP;
        const float b[2] = {seen[shift], seen[shift + 4 * GROUP]};
#pragma unroll
        for (int m = 0; m < 4; m++) mma_m16n8k8_tf32(sums[tap][m], a[m], b);
      }
    }
  };

  const int first_tile = blockIdx.y * tiles_a_part, last_tile = min(first_tile + tiles_a_part, tiles);
  fetch_grads(first_tile);
  store_grads(0);
  fetch_pixels(first_tile);
  store_pixels(0);
  for (int tile = first_tile; tile < last_tile; tile++) {
    const int buffer = (tile - first_tile) % 2;
    const bool more = tile + 1 < last_tile;
    __syncthreads();  // all have stored this tile, and none reads the other buffer any more
    if (more) fetch_grads(tile + 1);
    multiply_row(buffer, 0);
    if (more) store_grads(1 - buffer);
    if (more) fetch_pixels(tile + 1);
    multiply_row(buffer, 1);
    if (more) store_pixels(1 - buffer);
  }

  const int c = first_channel + warp * GROUP + column * 2;
  float *out = partial + (blockIdx.y * (long long)TAPS * filters + first_filter + row) * g.channels + c;
#pragma unroll
  for (int tap = 0; tap < TAPS; tap++, out += (long long)filters * g.channels)
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
      for (int q = 0; q < 4; q++)
        if (first_filter + m * 16 + row + q / 2 * 8 < filters && c + q % 2 < g.channels)
          out[(m * 16 + q / 2 * 8) * g.channels + q % 2] = sums[tap][m][q];
}

// Thread (tap, kernel), with O C kernels: weight[kernel, tap] = sum over parts of partial[part, tap, kernel]
extern "C" __global__ void add_parts(const float *__restrict__ partial, float *__restrict__ weight, int parts,
                                     long long kernels, long long count) {
  const long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  float sum = 0.0f;
#pragma unroll 8
  for (int part = 0; part < parts; part++) sum += partial[part * count + thread];
  weight[thread % kernels * TAPS + thread / kernels] = sum;
}
