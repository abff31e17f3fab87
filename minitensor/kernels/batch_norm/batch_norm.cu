// Batch normalisation, channel by channel of x (N, C, L): y = weight (x - mean) / sqrt(variance + eps) + bias.
//
// Statistics take two steps, as no block sees all of a channel: channel_sums leaves the sums of `parts` blocks for each
// channel, and one thread a channel adds those up, in their order. Sums within a block are a tree of fixed shape. So
// the same input gives the same bits. With d = x - k, k being any pixel of the channel,
//
//   mean = k + sum(d) / n         variance = sum(d^2) / n - (sum(d) / n)^2
//
// Without k, the variance of pixels far from 0 would be the difference of two large numbers. A thread adds up few
// numbers in float32; the sums of threads are added in float64.
//
// Backward, with z = (x - mean) / sqrt(variance + eps) and n pixels in a channel (Ioffe and Szegedy 2015, section 3):
//
//   grad_bias = sum(grad)     grad_weight = sum(grad z)
//   grad_x = weight / sqrt(variance + eps) (grad - grad_bias / n - z grad_weight / n)
//
// Threads. Sums: blocks (channel, part). A channel's N planes are cut into runs of `run_length` pixels, of which block
// `part` takes every parts-th, its threads neighbouring pixels. Applying: blocks (plane, run of pixels), so that a
// thread reads what belongs to the channel once. Between them: one for each channel.
//
// Memory. Forward: x is read twice and y written once. Backward: x and grad are read twice, grad_x is written once.

// The sum of `value` over the block, in thread 0: within each warp by shuffles, then over the warps.
__device__ double block_sum(double value) {
  __shared__ double sums[32];
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_down_sync(0xffffffffu, value, distance);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  __syncthreads();
  double total = 0.0;
  if (threadIdx.x == 0)
    for (int warp = 0; warp < blockDim.x / 32; warp++) total += sums[warp];
  __syncthreads();  // before the next call writes to `sums`
  return total;
}

// Where mean is null, sums of d and d^2 for d = x - k; else of grad and grad (x - mean). partial (C, parts, 2).
extern "C" __global__ void channel_sums(const float *__restrict__ x, const float *__restrict__ grad,
                                        const float *__restrict__ mean, double *__restrict__ partial, int images,
                                        int channels, int length, int run_length) {
  int c = blockIdx.x, part = blockIdx.y, parts = gridDim.y;
  float centre = mean ? mean[c] : x[(long long)c * length];
  if (!mean && !(fabsf(centre) < 1e30f)) centre = 0.0f;  // a pixel without a finite value tells nothing of the others
  int runs = (length + run_length - 1) / run_length;  // in a plane
  float first = 0.0f, second = 0.0f;
  for (int run = part; run < images * runs; run += parts) {
    int n = run / runs, start = run % runs * run_length, stop = min(start + run_length, length);
    long long plane = ((long long)n * channels + c) * length;
    for (int l = start + threadIdx.x; l < stop; l += blockDim.x) {
      float d = x[plane + l] - centre;
      float g = grad ? grad[plane + l] : d;
      first += g;
      second += g * d;
    }
  }
  double first_total = block_sum(first), second_total = block_sum(second);
  if (threadIdx.x == 0) {
    partial[((long long)c * parts + part) * 2] = first_total;
    partial[((long long)c * parts + part) * 2 + 1] = second_total;
  }
}

// Where running_mean is not null: running = kept running + momentum new, where the new variance is made unbiased by
// `factor`. batches, the count of all batches so far, may be null.
extern "C" __global__ void mean_and_variance(const double *__restrict__ partial, const float *__restrict__ x,
                                             float *__restrict__ mean, float *__restrict__ variance,
                                             float *__restrict__ running_mean, float *__restrict__ running_var,
                                             long long *__restrict__ batches, float momentum, float kept, float factor,
                                             int images, int channels, int length, int parts) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  double first = 0.0, second = 0.0;
  for (int part = 0; part < parts; part++) {
    first += partial[((long long)c * parts + part) * 2];
    second += partial[((long long)c * parts + part) * 2 + 1];
  }
  float centre = x[(long long)c * length];
  if (!(fabsf(centre) < 1e30f)) centre = 0.0f;
  double count = (double)images * length, left = first / count, spread = second / count - left * left;
  mean[c] = (float)(centre + left);
  variance[c] = (float)(spread < 0.0 ? 0.0 : spread);  // written so that NaN stays NaN
  if (running_mean) {
    running_mean[c] = kept * running_mean[c] + momentum * mean[c];
    running_var[c] = kept * running_var[c] + momentum * (factor * variance[c]);
  }
  if (batches && c == 0) *batches += 1;
}

// weight and bias may be null: 1 and 0
extern "C" __global__ void normalize(const float *__restrict__ x, const float *__restrict__ mean,
                                     const float *__restrict__ variance, const float *__restrict__ weight,
                                     const float *__restrict__ bias, float *__restrict__ y, int channels, int length,
                                     int run_length, float eps) {
  int c = blockIdx.x % channels;
  float scale = (weight ? weight[c] : 1.0f) / sqrtf(variance[c] + eps);
  float centre = mean[c], offset = bias ? bias[c] : 0.0f;
  long long plane = (long long)blockIdx.x * length;
  int start = blockIdx.y * run_length, stop = min(start + run_length, length);
  for (int l = start + threadIdx.x; l < stop; l += blockDim.x) y[plane + l] = (x[plane + l] - centre) * scale + offset;
}

extern "C" __global__ void grad_totals(const double *__restrict__ partial, const float *__restrict__ variance,
                                       float *__restrict__ grad_weight, float *__restrict__ grad_bias, int channels,
                                       int parts, float eps) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  double first = 0.0, second = 0.0;
  for (int part = 0; part < parts; part++) {
    first += partial[((long long)c * parts + part) * 2];
    second += partial[((long long)c * parts + part) * 2 + 1];
  }
  grad_bias[c] = (float)first;
  grad_weight[c] = (float)(second / sqrt((double)variance[c] + eps));
}

// count is the number of pixels in a channel, or 0 if mean and variance were constants that do not depend on x
extern "C" __global__ void normalize_grad(const float *__restrict__ grad, const float *__restrict__ x,
                                          const float *__restrict__ mean, const float *__restrict__ variance,
                                          const float *__restrict__ weight, const float *__restrict__ grad_weight,
                                          const float *__restrict__ grad_bias, float *__restrict__ grad_x,
                                          int channels, int length, int run_length, float eps, float count) {
  int c = blockIdx.x % channels;
  float inverse = 1.0f / sqrtf(variance[c] + eps), scale = weight ? weight[c] * inverse : inverse;
  float centre = mean[c], mean_grad = 0.0f, along_z = 0.0f;
  if (count > 0.0f) {
    mean_grad = grad_bias[c] / count;
    along_z = grad_weight[c] / count * inverse;
  }
  long long plane = (long long)blockIdx.x * length;
  int start = blockIdx.y * run_length, stop = min(start + run_length, length);
  for (int l = start + threadIdx.x; l < stop; l += blockDim.x) {
    float rest = grad[plane + l] - mean_grad;
    if (count > 0.0f) rest -= (x[plane + l] - centre) * along_z;
    grad_x[plane + l] = scale * rest;
  }
}
