// Unfold: windows become columns of a matrix. Fold: columns become an image again.
//
//   unfold   columns[n, c, a, b, i, j] = x[n, c, i s + a d - p, j s + b d - p], zero outside the image
//   fold     x[n, c, h, w] = sum of columns[n, c, a, b, i, j] over the taps and positions that read that pixel
//
// Threads. unfold: one per window of each channel, (n, c, i, j) with j fastest. It writes the KH KW numbers of its window.
// Neighbouring threads write neighbouring numbers for each tap. fold: one per four pixels of a row, (n, c, h, w / 4). It
// gathers their sums, tap by tap in a fixed order. Scattering would need atomic additions, whose order, and with it the
// rounding, changes from run to run.
//
// Memory. unfold reads x once (the KH KW reads of a pixel meet in the cache) and writes KH KW times as much. fold reads
// all of that and writes the image. Both only wait for memory: their time is bytes / bandwidth.
#include "four.h"
#include "window.h"

// x_step: from an image's first number to the next image's; row_step: from a row of the matrix (c, a, b) to the next;
// image_step: from the columns of an image to those of the next.
extern "C" __global__ void unfold(const float *__restrict__ x, float *__restrict__ columns, Window g, long long x_step,
                                  long long row_step, long long image_step, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const Pixel at = pixel_number(thread, g.out_height, g.out_width);
  const int i = at.row, j = at.column;
  const long long n = quotient(at.plane, g.channels);
  const int c = at.plane - n * g.channels;

  const float *plane = x + n * x_step + (long long)c * g.height * g.width;
  float *out = columns + n * image_step + (long long)c * g.kernel_height * g.kernel_width * row_step
               + (long long)i * g.out_width + j;
  for (int a = 0; a < g.kernel_height; a++) {
    int h = pixel_of(i, a, g.stride_down, g.padding_top, g.dilation_down);
    for (int b = 0; b < g.kernel_width; b++) {
      int w = pixel_of(j, b, g.stride_across, g.padding_left, g.dilation_across);
      bool inside = h >= 0 && h < g.height && w >= 0 && w < g.width;
      *out = inside ? plane[(long long)h * g.width + w] : 0.0f;
      out += row_step;
    }
  }
}

// bias (channels,) or null: what every pixel of a channel begins with.
extern "C" __global__ void fold(const float *__restrict__ columns, const float *__restrict__ bias,
                                float *__restrict__ x, Window g, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const Pixel at = pixel_number(thread, g.height, (g.width + 3) / 4);
  const long long plane = at.plane;  // n * channels + c
  const int first = at.column * 4;

  long long positions = (long long)g.out_height * g.out_width;
  const float *rows = columns + plane * g.kernel_height * g.kernel_width * positions;
  const float offset = bias ? bias[plane - quotient(plane, g.channels) * g.channels] : 0.0f;
  Four sums = {offset, offset, offset, offset};
  const int kernel_width = g.kernel_width, out_width = g.out_width;
  windows_that_see(at.row, g.kernel_height, g.stride_down, g.padding_top, g.dilation_down, g.out_height, [&](int a, int i) {
    const float *row = rows + a * kernel_width * positions + (long long)i * out_width;
#pragma unroll
    for (int k = 0; k < 4; k++)
      windows_that_see(first + k, kernel_width, g.stride_across, g.padding_left, g.dilation_across, out_width,
                       [&](int b, int j) { sums.at[k] += row[b * positions + j]; });
  });
  write_four(x + (plane * g.height + at.row) * g.width, first, g.width, sums);
}
