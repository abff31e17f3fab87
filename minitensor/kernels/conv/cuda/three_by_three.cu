// Convolution with a 3 x 3 kernel at stride 1 on tensor cores in TF32. A tile of the image comes to shared memory once, and
// all nine taps read it there.
//
//   y[o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] * x[c, i + a - p, j + b - p],  then max(., 0) if relu
//
// A block makes 64 filters of a square of 16 x 16 outputs. It walks over the channels, 8 at a time, and keeps the 18 x 18
// pixels that the square's windows see. They lie pixel by pixel, so a tap is a constant distance in shared memory.
//
// Threads. 256 = 8 warps, 2 down (filters) by 4 across (outputs). A warp makes 32 filters of 4 rows of 16 outputs, which
// are 2 x 8 tensor core tiles of 16 x 8. While the tensor cores work on 8 channels, each thread fetches its part of the
// next 8. Taps go column by column: a row of pixels is loaded once and serves the three taps below each other. The
// weights of the next column are copied to shared memory in the meantime.
//
// Memory. x is read 1.3 times for every 64 filters, and y is written once. `pack` puts the weight in the order in which
// the lanes hold it, (filters / 64, channels / 8, tap, 4 tiles of 16 filters, lane, 4), so a lane reads 16 bytes at once.
#include "four.h"
#include "tensor_core.h"
#include "window.h"

enum { FILTERS = 64, CHANNELS = 8, SIDE = 16, HALO = SIDE + 2, TAPS = 9, THREADS = 256 };
enum { COLUMN = 3 * 4 * 32 };  // Fours of weight for a column of taps: (tap, 4 tiles of 16 filters, lane)
enum { PITCH = CHANNELS / 4 + 1 };  // Fours from pixel to pixel: one is empty, so that lanes read from different banks
enum { FETCHES = (HALO * HALO * CHANNELS / 4 + THREADS - 1) / THREADS };  // Fours that a thread fetches

// Thread (block of filters, chunk of channels, tap, tile, lane). weight is (O, C, 3, 3) or, if rotated, that of a
// transposed convolution, (C, O, 3, 3), read rotated by 180 degrees with its channels swapped. Taps below each other
// come one after the other: 0 3 6, 1 4 7, 2 5 8.
extern "C" __global__ void pack(const float *__restrict__ weight, float *__restrict__ packed, int filters, int channels,
                                int rotated, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const int lane = thread % 32, tile = thread / 32 % 4, tap = thread / 128 % 3 * 3 + thread / 384 % 3;
  const int chunks = (channels + CHANNELS - 1) / CHANNELS;
  const int chunk = thread / (128 * TAPS) % chunks, block = thread / (128 * TAPS) / chunks;
  Four four;
#pragma unroll
  for (int i = 0; i < 4; i++) {  // the order in which mma_m16n8k8_tf32 takes its left factor
    const int o = block * FILTERS + tile * 16 + lane / 4 + i % 2 * 8, c = chunk * CHANNELS + lane % 4 + i / 2 * 4;
    const long long kernel = rotated ? (long long)c * filters + o : (long long)o * channels + c;
    const bool exists = o < filters && c < channels;
    four.at[i] = exists ? to_tf32(weight[kernel * TAPS + (rotated ? TAPS - 1 - tap : tap)]) : 0.0f;
  }
  ((Four *)packed)[thread] = four;
}

// 2: room for two blocks on a multiprocessor, that is at most 128 registers a thread
extern "C" __global__ void __launch_bounds__(THREADS, 2)
convolve3x3(const float *__restrict__ x, const float *__restrict__ packed, const float *__restrict__ bias,
            float *__restrict__ y, Window g, int filters, int relu) {
  __shared__ Four tile[2][HALO * HALO * PITCH];
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
  const int across = (g.out_width + SIDE - 1) / SIDE;
  const int left = blockIdx.x % across * SIDE, top = blockIdx.x / across * SIDE, image = blockIdx.z;
  const int chunks = (g.channels + CHANNELS - 1) / CHANNELS, plane = g.height * g.width;

  // Which pixels this thread fetches, -1 outside the image. Two neighbouring threads share a pixel and take four channels
  // each. The places stay in shared memory, because registers are short.
  __shared__ int places[FETCHES][THREADS];
#pragma unroll
  for (int f = 0; f < FETCHES; f++) {
    const int pixel = (thread + f * THREADS) / 2;
    const int h = top + pixel / HALO - g.padding_top, w = left + pixel % HALO - g.padding_left;
    const bool inside = pixel < HALO * HALO && h >= 0 && h < g.height && w >= 0 && w < g.width;
    places[f][thread] = inside ? h * g.width + w : -1;
  }
  const int own_channel = thread % 2 * 4;
  const float *source = x + ((long long)image * g.channels + own_channel) * plane;
  Four next[FETCHES];
  auto fetch = [&](int chunk) {
    const int left_over = g.channels - chunk * CHANNELS - own_channel;
#pragma unroll
    for (int f = 0; f < FETCHES; f++) {
      const int place = places[f][thread];
#pragma unroll
      for (int k = 0; k < 4; k++) next[f].at[k] = place >= 0 && k < left_over ? source[place + k * plane] : 0.0f;
    }
    source += (long long)CHANNELS * plane;
  };
  auto store = [&](int buffer) {
#pragma unroll
    for (int f = 0; f < FETCHES; f++) {
      const int number = thread + f * THREADS;
      Four four;
#pragma unroll
      for (int k = 0; k < 4; k++) four.at[k] = to_tf32(next[f].at[k]);
      if (number < HALO * HALO * 2) tile[buffer][number / 2 * PITCH + number % 2] = four;
    }
  };

  float sums[2][8][4] = {};
  const int warp_filter = warp % 2, warp_row = warp / 2 * 4;
  __shared__ Four weights[2][COLUMN];
  const Four *weight = (const Four *)packed + (long long)blockIdx.y * chunks * 3 * COLUMN;
  auto copy_weights = [&](int column) {
    for (int f = thread; f < COLUMN; f += THREADS) start_copy(&weights[column % 2][f], weight + (long long)column * COLUMN + f);
  };
  // The row that this lane gives to load_matrix. Its matrix, lane / 8, has outputs lane / 16 * 8 to + 7 of a row, and of
  // them the channels from lane / 8 % 2 * 4 on.
  const int own_row = (warp_row * HALO + lane / 16 * 8 + lane % 8) * PITCH + lane / 8 % 2;

  copy_weights(0);
  fetch(0);
  store(0);
  for (int chunk = 0; chunk < chunks; chunk++) {
    const Four *rows = tile[chunk % 2] + own_row;
#pragma unroll 1
    for (int tap_across = 0; tap_across < 3; tap_across++) {
      const int column = chunk * 3 + tap_across;
      wait_for_copies();
      __syncthreads();  // all have stored and copied, and none reads the buffers any more that are written next
      if (column + 1 < chunks * 3) copy_weights(column + 1);
      if (tap_across == 0 && chunk + 1 < chunks) fetch(chunk + 1);
      Four a[3][2];
#pragma unroll
      for (int tap_down = 0; tap_down < 3; tap_down++)
#pragma unroll
        for (int m = 0; m < 2; m++) a[tap_down][m] = weights[column % 2][(tap_down * 4 + warp_filter * 2 + m) * 32 + lane];
#pragma unroll
      for (int s = 0; s < 6; s++) {  // the six rows of pixels that four rows of outputs see
        float b[4];
        load_matrix(b, rows + s * HALO * PITCH);
#pragma unroll
        for (int tap_down = 0; tap_down < 3; tap_down++) {
          const int r = s - tap_down;
          if (r < 0 || r > 3) continue;
#pragma unroll
          for (int m = 0; m < 2; m++)
#pragma unroll
            for (int n = 0; n < 2; n++) mma_m16n8k8_tf32(sums[m][r * 2 + n], a[tap_down][m].at, b + n * 2);
        }
      }
      rows += PITCH;
    }
    if (chunk + 1 < chunks) store((chunk + 1) % 2);
  }

  const int row = lane / 4, column = lane % 4;
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int below = 0; below < 2; below++) {
      const int o = blockIdx.y * FILTERS + warp_filter * 32 + m * 16 + row + below * 8;
      if (o >= filters) continue;
      const float offset = bias ? bias[o] : 0.0f;
      float *out = y + ((long long)image * filters + o) * g.out_height * g.out_width;
#pragma unroll
      for (int r = 0; r < 4; r++)
#pragma unroll
        for (int n = 0; n < 2; n++) {
          const int i = top + warp_row + r, j = left + n * 8 + column * 2;
          if (i >= g.out_height || j >= g.out_width) continue;
          Two two;
#pragma unroll
          for (int q = 0; q < 2; q++) {
            two.at[q] = sums[m][r * 2 + n][below * 2 + q] + offset;
            if (relu && two.at[q] <= 0.0f) two.at[q] = 0.0f;  // NaN stays NaN
          }
          float *place = out + (long long)i * g.out_width + j;
          if (g.out_width % 2 == 0) {  // then every row begins at a multiple of 8 bytes
            *(Two *)place = two;
            continue;
          }
          place[0] = two.at[0];
          if (j + 1 < g.out_width) place[1] = two.at[1];
        }
    }
}
