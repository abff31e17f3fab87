// Max pooling: the largest pixel of every window, the tap that holds it, and the two adjoint movements along taps.
//
//   max_pool         values[n, c, i, j] = max over taps (a, b) of x[n, c, i s + a d - p, j s + b d - p]
//   max_pool_grad    x_grad[n, c, h, w] = sum of grad[n, c, i, j] over the windows whose winner is pixel (h, w)
//   max_pool_gather  values[n, c, i, j] = x[n, c] at the winner of window (i, j)
//
// A tap is its number in the window, a * kernel_width + b. Of equal pixels the first wins; any NaN wins.
//
// Threads. One for each window for max_pool and max_pool_gather. For max_pool_grad one for four pixels of a row: it asks
// the few windows that see a pixel whether it won them. So nothing is scattered, no addition is atomic, and sums have a
// fixed order.
//
// Memory. Every array is read or written once, but for pixels that several windows share, which come from the cache;
// taps take a byte each. With a 2 x 2 window: forward reads 4 and writes 1 number and 1 byte for each window.
#include "four.h"
#include "window.h"

// taps may be null where only the values are wanted
extern "C" __global__ void max_pool(const float *__restrict__ x, float *__restrict__ values,
                                    unsigned char *__restrict__ taps, Window g, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const Pixel at = pixel_number(thread, g.out_height, g.out_width);
  const int i = at.row, j = at.column;
  const float *plane = x + at.plane * g.height * g.width;

  bool seen_any = false;
  float best = -1.0f / 0.0f;
  int best_tap = 0;
  for (int a = 0; a < g.kernel_height; a++) {
    int h = pixel_of(i, a, g.stride_down, g.padding_top, g.dilation_down);
    if (h < 0 || h >= g.height) continue;
    for (int b = 0; b < g.kernel_width; b++) {
      int w = pixel_of(j, b, g.stride_across, g.padding_left, g.dilation_across);
      if (w < 0 || w >= g.width) continue;
      float pixel = plane[(long long)h * g.width + w];
      if (!seen_any || pixel > best || pixel != pixel) {
        best = pixel;
        best_tap = a * g.kernel_width + b;
      }
      seen_any = true;
    }
  }
  values[thread] = best;
  if (taps) taps[thread] = best_tap;
}

extern "C" __global__ void max_pool_grad(const float *__restrict__ grad, const unsigned char *__restrict__ taps,
                                         float *__restrict__ x_grad, Window g, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const Pixel at = pixel_number(thread, g.height, (g.width + 3) / 4);
  const int first = at.column * 4;
  const long long first_window = at.plane * g.out_height * g.out_width;

  Four sums = {};
  const int kernel_width = g.kernel_width, out_width = g.out_width;
  windows_that_see(at.row, g.kernel_height, g.stride_down, g.padding_top, g.dilation_down, g.out_height, [&](int a, int i) {
    const long long row = first_window + (long long)i * out_width;
#pragma unroll
    for (int k = 0; k < 4; k++)
      windows_that_see(first + k, kernel_width, g.stride_across, g.padding_left, g.dilation_across, out_width,
                       [&](int b, int j) {
                         if (taps[row + j] == a * kernel_width + b) sums.at[k] += grad[row + j];
                       });
  });
  write_four(x_grad + (at.plane * g.height + at.row) * g.width, first, g.width, sums);
}

extern "C" __global__ void max_pool_gather(const float *__restrict__ x, const unsigned char *__restrict__ taps,
                                           float *__restrict__ values, Window g, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const Pixel at = pixel_number(thread, g.out_height, g.out_width);
  const int i = at.row, j = at.column;
  const float *plane = x + at.plane * g.height * g.width;
  int tap = taps[thread];
  int h = pixel_of(i, tap / g.kernel_width, g.stride_down, g.padding_top, g.dilation_down);
  int w = pixel_of(j, tap % g.kernel_width, g.stride_across, g.padding_left, g.dilation_across);
  bool inside = h >= 0 && h < g.height && w >= 0 && w < g.width;
  values[thread] = inside ? plane[(long long)h * g.width + w] : 0.0f;
}
