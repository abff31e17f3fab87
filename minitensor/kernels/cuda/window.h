// A window of kernel_height x kernel_width taps that slides over an image. The host builds it in launch.py.
struct Window {
  int channels, height, width;    // the image
  int out_height, out_width;      // positions of the window
  int kernel_height, kernel_width;
  int stride_down, stride_across;
  int padding_top, padding_left;
  int dilation_down, dilation_across;
};

// Tap `tap` of the window at position `out` reads this pixel of the axis; it may lie outside the image.
__device__ __forceinline__ int pixel_of(int out, int tap, int stride, int padding, int dilation) {
  return out * stride + tap * dilation - padding;
}

// Read backwards: the position at which tap `tap` of the window sees `pixel`, or -1 if there is none.
__device__ __forceinline__ int position_of(int pixel, int tap, int stride, int padding, int dilation, int positions) {
  int reach = pixel + padding - tap * dilation;
  if (reach < 0 || reach % stride != 0) return -1;
  int position = reach / stride;
  return position < positions ? position : -1;
}

// a / b for a >= 0 and b > 0. A GPU divides in 32 bits several times as fast as in 64.
__device__ __forceinline__ long long quotient(long long a, int b) { return a < 2147483648ll ? unsigned(a) / unsigned(b) : a / b; }

// Which pixel is number `number` of planes of height x width, column fastest.
struct Pixel {
  long long plane;
  int row, column;
};
__device__ __forceinline__ Pixel pixel_number(long long number, int height, int width) {
  const long long rows = quotient(number, width), plane = quotient(rows, height);
  return {plane, int(rows - plane * height), int(number - rows * width)};
}

// Call visit(tap, position) for every window along an axis that sees `pixel`, in the order of taps. Without dilation the
// taps that see it are `stride` apart, and each step of a stride leads to the position before.
template <class Visit>
__device__ __forceinline__ void windows_that_see(int pixel, int taps, int stride, int padding, int dilation, int positions,
                                                 Visit visit) {
  if (dilation == 1) {
    const unsigned reach = pixel + padding;
    int position = reach / unsigned(stride);
    for (int tap = reach - position * stride; tap < taps && position >= 0; tap += stride, position--)
      if (position < positions) visit(tap, position);
    return;
  }
  for (int tap = 0; tap < taps; tap++) {
    const int position = position_of(pixel, tap, stride, padding, dilation, positions);
    if (position >= 0) visit(tap, position);
  }
}
