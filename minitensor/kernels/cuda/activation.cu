// The gradient of ReLU from its output y: grad_x = grad where y > 0, else 0. Written as "not y <= 0", so that the
// gradient passes where y is NaN, as in torch.
//
// Threads. One for each number.
//
// Memory. Reads two numbers and writes one; as CuPy operations it would be three passes.
extern "C" __global__ void relu_grad(const float *__restrict__ grad, const float *__restrict__ y,
                                     float *__restrict__ grad_x, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread < count) grad_x[thread] = y[thread] <= 0.0f ? 0.0f : grad[thread];
}
