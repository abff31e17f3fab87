// One step of an optimizer over all of a net's numbers, in place; optim/flat.py lays the parameters end to end.
//
//   sgd    g = grad + weight_decay p,  v = momentum v + fresh g (the first time v = g),  p -= lr v
//          with nesterov p -= lr (g + momentum v)
//   adam   g = grad + weight_decay p (or p *= shrink),  m += (1 - b1) (g - m),  v = b2 v + (1 - b2) g^2
//          p -= step m / (sqrt(v) / root_correction + eps),  step = lr / mean_correction
//
// Threads. One for each number.
//
// Memory. sgd with momentum reads three numbers and writes two; adam reads four and writes three. As a chain of array
// operations, adam would move more than thirty.

// velocity may be null: v = g
extern "C" __global__ void sgd(float *__restrict__ param, const float *__restrict__ grad,
                               float *__restrict__ velocity, float lr, float momentum, float fresh,
                               float weight_decay, int nesterov, int first, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  float step = grad[i];
  if (weight_decay != 0.0f) step += weight_decay * param[i];
  if (velocity) {
    float v = first ? step : momentum * velocity[i] + fresh * step;
    velocity[i] = v;
    step = nesterov ? step + momentum * v : v;
  }
  param[i] -= lr * step;
}

// largest, the maximum of v that amsgrad uses in place of v, may be null. one_less_beta is 1 - beta, from the host:
// for a beta near 1 it would lose digits in float32.
extern "C" __global__ void adam(float *__restrict__ param, const float *__restrict__ grad, float *__restrict__ mean,
                                float *__restrict__ square, float *__restrict__ largest, float step,
                                float one_less_beta1, float beta2, float one_less_beta2, float eps,
                                float weight_decay, float shrink, float root_correction, long long count) {
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  float p = param[i] * shrink, g = grad[i];
  if (weight_decay != 0.0f) g += weight_decay * p;
  float m = mean[i] + one_less_beta1 * (g - mean[i]);
  float v = beta2 * square[i] + one_less_beta2 * (g * g);
  mean[i] = m;
  square[i] = v;
  if (largest) {
    if (!(largest[i] >= v)) largest[i] = v;  // NaN wins
    v = largest[i];
  }
  param[i] = p - step * (m / (sqrtf(v) / root_correction + eps));
}
