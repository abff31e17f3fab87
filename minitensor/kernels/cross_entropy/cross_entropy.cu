// Cross entropy of logits z (N, C, L) with classes y (N, L), and its gradient. With p = softmax(z), class weights w,
// pixel weights v and label smoothing e:
//
//   loss = v (1 - e) w_y (-log p_y) + v e/C sum over c of w_c (-log p_c)
//   grad_c = g v ((1 - e) w_y (p_c - [c = y]) + e/C (p_c sum over k of w_k - w_c))
//
// Both are 0 if y is ignore_index, whatever z is. They are NaN if y is not a class, because telling the CPU would mean
// waiting for the GPU. No softmax is stored: log p_c = z_c - log_normaliser, one number per pixel.
//
// Threads. One for each pixel, which walks over the classes; neighbouring threads read neighbouring pixels of a class.
//
// Memory. Forward reads z, of which the second walk finds most in the cache, and y, and writes three numbers per pixel;
// backward reads z, y and one number per pixel, and writes as much as z.

// class_weight (C,) and pixel_weight (N, L) may be null: 1
extern "C" __global__ void cross_entropy(const float *__restrict__ logits, const long long *__restrict__ target,
                                         const float *__restrict__ class_weight,
                                         const float *__restrict__ pixel_weight, float *__restrict__ losses,
                                         float *__restrict__ weights, float *__restrict__ log_normaliser, int classes,
                                         long long length, long long ignore_index, float smoothing, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const float *z = logits + thread / length * classes * length + thread % length;
  float largest = z[0];
  for (int c = 1; c < classes; c++) largest = fmaxf(largest, z[c * length]);
  float total = 0.0f, weighted = 0.0f, all_weights = 0.0f;  // sums of e^(z - largest), w (z - largest) and w
  for (int c = 0; c < classes; c++) {
    float shifted = z[c * length] - largest;
    total += expf(shifted);
    if (smoothing > 0.0f) {
      float weight = class_weight ? class_weight[c] : 1.0f;
      weighted += weight * shifted;
      all_weights += weight;
    }
  }
  float log_total = logf(total);
  log_normaliser[thread] = largest + log_total;

  long long y = target[thread];
  float loss = 0.0f, own_weight = 0.0f;
  if (y != ignore_index) {
    bool is_class = y >= 0 && y < classes;
    float pixel = pixel_weight ? pixel_weight[thread] : 1.0f;
    own_weight = is_class ? pixel * (class_weight ? class_weight[y] : 1.0f) : 0.0f / 0.0f;
    float own = is_class ? z[y * length] - largest : 0.0f;
    loss = (1.0f - smoothing) * own_weight * (log_total - own);
    if (smoothing > 0.0f) loss += smoothing / classes * pixel * (all_weights * log_total - weighted);
  }
  losses[thread] = loss;
  weights[thread] = own_weight;
}

// grad_step: from a pixel's gradient to the next one's; 0 where all pixels share one number
extern "C" __global__ void cross_entropy_grad(const float *__restrict__ grad, const float *__restrict__ logits,
                                              const float *__restrict__ log_normaliser,
                                              const long long *__restrict__ target,
                                              const float *__restrict__ class_weight,
                                              const float *__restrict__ pixel_weight,
                                              float *__restrict__ grad_logits, int classes, long long length,
                                              long long ignore_index, float smoothing, long long grad_step,
                                              long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  long long first = thread / length * classes * length + thread % length;
  long long y = target[thread];
  bool ignored = y == ignore_index, is_class = y >= 0 && y < classes;
  float scale = grad[thread * grad_step] * (pixel_weight ? pixel_weight[thread] : 1.0f);
  float own_weight = is_class ? (class_weight ? class_weight[y] : 1.0f) : 0.0f / 0.0f;
  float all_weights = 0.0f;
  if (smoothing > 0.0f)
    for (int c = 0; c < classes; c++) all_weights += class_weight ? class_weight[c] : 1.0f;
  for (int c = 0; c < classes; c++) {
    float p = expf(logits[first + c * length] - log_normaliser[thread]);
    float slope = (1.0f - smoothing) * own_weight * (p - (c == y ? 1.0f : 0.0f));
    if (smoothing > 0.0f) slope += smoothing / classes * (p * all_weights - (class_weight ? class_weight[c] : 1.0f));
    grad_logits[first + c * length] = ignored ? 0.0f : scale * slope;
  }
}
