// What stands around a convolution's sum: its bias and ReLU, and the gradient back through both.
//
//   bias_relu        y = max(y + bias, 0), in place; bias or ReLU may be absent
//   relu_grad        grad_x = grad where y > 0, else 0
//   relu_bias_grad   the same of planes, with the sum of each plane: the gradient of a bias added before ReLU
//
// The gradient is written as "not y <= 0", so that it passes where y is NaN, as in torch.
//
// Threads. bias_relu and relu_grad: one for each number. relu_bias_grad: a block for each plane of each image; a thread
// takes every 256th number, and the block adds up its sums in a fixed order.
//
// Memory. Each reads its arrays once and writes its result once. As CuPy operations they would be two or three passes.
#include "four.h"
#include "window.h"

extern "C" __global__ void bias_relu(float *__restrict__ y, const float *__restrict__ bias, int channels, int positions,
                                     int relu, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  float value = y[thread];
  if (bias) {
    const long long plane = quotient(thread, positions);
    value += bias[plane - quotient(plane, channels) * channels];
  }
  if (relu && value <= 0.0f) value = 0.0f;
  y[thread] = value;
}

extern "C" __global__ void relu_grad(const float *__restrict__ grad, const float *__restrict__ y,
                                     float *__restrict__ grad_x, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread < count) grad_x[thread] = y[thread] <= 0.0f ? 0.0f : grad[thread];
}

// Block (plane) of N O planes; sums (N O,). An image of grad may begin `image_step` numbers after the one before, as in
// a slice of channels; y and grad_x are contiguous. grad and grad_x may be the same array. `fours` says that every plane is
// whole Fours at multiples of 16 bytes.
extern "C" __global__ void relu_bias_grad(const float *grad, const float *__restrict__ y, float *grad_x,
                                          float *__restrict__ sums, int channels, int positions, long long image_step,
                                          int fours) {
  const long long plane = blockIdx.x, first = plane * positions;
  const float *from = grad + plane / channels * image_step + plane % channels * positions;
  const float *of_y = y + first;
  float *to = grad_x + first, sum = 0.0f;
  if (fours) {
#pragma unroll 2
    for (int i = threadIdx.x; i < positions / 4; i += blockDim.x) {
      Four value = ((const Four *)from)[i];
      const Four output = ((const Four *)of_y)[i];
#pragma unroll
      for (int k = 0; k < 4; k++) {
        if (output.at[k] <= 0.0f) value.at[k] = 0.0f;
        sum += value.at[k];
      }
      ((Four *)to)[i] = value;
    }
  } else {
    for (int i = threadIdx.x; i < positions; i += blockDim.x) {
      const float value = of_y[i] <= 0.0f ? 0.0f : from[i];
      to[i] = value;
      sum += value;
    }
  }
  __shared__ float of_warps[32];
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(0xffffffffu, sum, distance);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int warp = 1; warp < blockDim.x / 32; warp++) sum += of_warps[warp];
  sums[plane] = sum;
}
