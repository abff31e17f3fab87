// Unfold: windows become columns of a matrix. Fold: columns become an image again.
//
//   unfold   columns[n, c, a, b, i, j] = x[n, c, i s + a d - p, j s + b d - p], zero outside the image
//   fold     x[n, c, h, w] = sum of columns[n, c, a, b, i, j] over the taps and positions that read that pixel
//
// Threads. unfold: one for each window of each channel, (n, c, i, j) with j fastest; it writes the KH KW numbers of
// its window. Neighbouring threads write neighbouring numbers for each tap. fold: one for each pixel (n, c, h, w);
// it gathers its sum, tap by tap in a fixed order. Scattering instead would need atomic additions, whose order, and
// so whose rounding, changes from run to run.
//
// Memory. unfold reads x once (the KH KW reads of a pixel meet in the cache) and writes KH KW times as much; fold
// reads all of that and writes the image. Both wait for memory alone: bytes / bandwidth is their time.
#include "window.h"

// row_step: from a row of the matrix (c, a, b) to the next; image_step: from an image's first number to the next one's.
extern "C" __global__ void unfold(const float *__restrict__ x, float *__restrict__ columns, Window g,
                                  long long row_step, long long image_step, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  int j = thread % g.out_width;
  long long rest = thread / g.out_width;
  int i = rest % g.out_height;
  rest /= g.out_height;
  int c = rest % g.channels;
  long long n = rest / g.channels;

  const float *plane = x + (n * g.channels + c) * g.height * g.width;
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
  int w = thread % g.width;
  long long rest = thread / g.width;
  int h = rest % g.height;
  long long plane = rest / g.height;  // n * channels + c

  long long positions = (long long)g.out_height * g.out_width;
  const float *rows = columns + plane * g.kernel_height * g.kernel_width * positions;
  float sum = bias ? bias[plane % g.channels] : 0.0f;
  for (int a = 0; a < g.kernel_height; a++) {
    int i = position_of(h, a, g.stride_down, g.padding_top, g.dilation_down, g.out_height);
    if (i < 0) continue;
    for (int b = 0; b < g.kernel_width; b++) {
      int j = position_of(w, b, g.stride_across, g.padding_left, g.dilation_across, g.out_width);
      if (j >= 0) sum += rows[(a * g.kernel_width + b) * positions + (long long)i * g.out_width + j];
    }
  }
  x[thread] = sum;
}
