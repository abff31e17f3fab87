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
