// Run CUDA C on the CPU: the blocks of a grid one after another, the threads of a block as fibers.
//
// A fiber is a stack of its own that gives up the processor only where it says so: at __syncthreads, __syncwarp, a
// shuffle or a tensor-core product. Until then a thread runs undisturbed, which is one of the orders a GPU may take.
// Other orders are tried by permuting warps and lanes (`order`): a kernel that forgets a barrier gives other numbers
// in another order. Barriers that not all threads of a block reach are reported, where a GPU would hang.
//
// What this cannot show: speed, the compiler's own errors and register spills (tests/sim/nvrtc.py), and races between
// blocks. Accesses beyond the end of an array are found by AddressSanitizer (tests/kernels/test_cuda_memory.py).
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include <sys/mman.h>

#define __global__ static
#define __device__ static inline
#define __constant__ static
#define __forceinline__
#define __launch_bounds__(...)
#define __shared__ static

using std::max;
using std::min;

struct dim3 { unsigned x, y, z; };
static dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace sim {

enum State { RUNNABLE, AT_BLOCK_BARRIER, AT_WARP_BARRIER, DONE };

struct Fiber {
  void *stack_pointer;
  char *stack;
  State state;
  int line;  // of the barrier at which it waits: all threads must wait at the same one
};

static const size_t STACK_BYTES = 64 << 10;
static const int WARP = 32, MOST_THREADS = 1024;

static std::vector<Fiber> fibers;
static int threads, current, living;
static int order;          // 0: as numbered, 1: backwards, others: a permutation
static void *scheduler;    // the stack pointer of run_block, while a fiber runs
static void (*body)(void *);
static void *body_argument;
static char error[256];
static uint64_t exchanged[MOST_THREADS];

// Save the registers that a function must preserve, swap stacks, and restore the other side's (x86-64 System V).
extern "C" void sim_switch(void **save, void *load);
asm(R"(.text
.weak sim_switch
.type sim_switch,@function
sim_switch:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  ret
)");

static inline void wait_at(State barrier, int line) {
  Fiber &fiber = fibers[current];
  fiber.state = barrier;
  fiber.line = line;
  sim_switch(&fiber.stack_pointer, scheduler);
}

static void begin_fiber() {
  body(body_argument);
  fibers[current].state = DONE;
  living--;
  sim_switch(&fibers[current].stack_pointer, scheduler);
  abort();  // a finished fiber is never resumed
}

// If all living threads of [first, last) wait at one and the same barrier, let them go on.
static bool release(int first, int last, State barrier) {
  int waiting = -1;
  for (int thread = first; thread < last; thread++) {
    if (fibers[thread].state == DONE) continue;
    if (fibers[thread].state != barrier) return false;
    if (waiting < 0) waiting = thread;
    if (fibers[thread].line != fibers[waiting].line) {
      snprintf(error, sizeof error, "divergent barrier: thread %d waits at line %d, thread %d at line %d", waiting,
               abs(fibers[waiting].line), thread, abs(fibers[thread].line));
      return false;
    }
  }
  if (waiting < 0) return false;
  for (int thread = first; thread < last; thread++)
    if (fibers[thread].state == barrier) fibers[thread].state = RUNNABLE;
  return true;
}

static int permuted(int i, int count) {
  if (order == 0) return i;
  if (order == 1) return count - 1 - i;
  return int((i * 7919u + order * 131u) % unsigned(count));  // 7919 is prime: every i comes once
}

static void prepare_fibers() {
  while (int(fibers.size()) < threads) {
    void *memory = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fibers.push_back({nullptr, (char *)memory, RUNNABLE, 0});
  }
  for (int thread = 0; thread < threads; thread++) {
    // the first switch pops six registers and returns into begin_fiber
    void **top = (void **)(fibers[thread].stack + STACK_BYTES) - 2;
    *top = (void *)begin_fiber;
    fibers[thread].stack_pointer = top - 6;
    fibers[thread].state = RUNNABLE;
  }
}

static void run_block() {
  threads = blockDim.x * blockDim.y * blockDim.z;
  prepare_fibers();
  living = threads;
  int warps = (threads + WARP - 1) / WARP;
  while (living && !error[0]) {
    // every warp as far as the next barrier of the block
    for (int i = 0; i < warps; i++) {
      int first = permuted(i, warps) * WARP, lanes = min(WARP, threads - first);
      do {
        for (int j = 0; j < lanes; j++) {
          int thread = first + permuted(j, lanes);
          if (fibers[thread].state != RUNNABLE) continue;
          current = thread;
          threadIdx.x = thread % blockDim.x;
          threadIdx.y = thread / blockDim.x % blockDim.y;
          threadIdx.z = thread / (blockDim.x * blockDim.y);
          sim_switch(&scheduler, fibers[thread].stack_pointer);
        }
      } while (release(first, first + lanes, AT_WARP_BARRIER));
    }
    if (living && !release(0, threads, AT_BLOCK_BARRIER) && !error[0])
      snprintf(error, sizeof error, "deadlock: some threads wait at a barrier that others do not reach");
  }
}

template <class Call> static void launch(const int *grid, const int *block, int flags, Call call) {
  bool has_barriers = flags & 1;
  order = flags >> 1;
  error[0] = 0;
  gridDim = {unsigned(grid[0]), unsigned(grid[1]), unsigned(grid[2])};
  blockDim = {unsigned(block[0]), unsigned(block[1]), unsigned(block[2])};
  body = [](void *argument) { (*(Call *)argument)(); };
  body_argument = &call;
  for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
      for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) {
        if (error[0]) return;
        if (has_barriers) {
          run_block();
          continue;
        }
        for (threadIdx.z = 0; threadIdx.z < blockDim.z; threadIdx.z++)
          for (threadIdx.y = 0; threadIdx.y < blockDim.y; threadIdx.y++)
            for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) call();
      }
}

// Publish a value, wait for the warp, read another lane's, and wait again before the slot is used anew.
template <class T> static inline T exchange(T value, int lane, int line) {
  int me = current;
  memcpy(&exchanged[me], &value, sizeof(T));
  wait_at(AT_WARP_BARRIER, line);
  T result;
  memcpy(&result, &exchanged[(me & ~(WARP - 1)) + lane], sizeof(T));
  wait_at(AT_WARP_BARRIER, -line);
  return result;
}

static inline int lane() { return current & (WARP - 1); }

// The tensor core's number format: float32 rounded to a mantissa of 10 bits, ties away from zero (cvt.rna).
static inline float tf32(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  bits = (bits + 0x1000u) & 0xffffe000u;
  memcpy(&value, &bits, 4);
  return value;
}

static float matrix_a[MOST_THREADS / WARP][WARP * 4], matrix_b[MOST_THREADS / WARP][WARP * 2];

// mma.sync.m16n8k8: every lane publishes its registers, then computes its own four results. PTX manual, 9.7.14.
static inline void mma(float *d, const float *a, const float *b, int line) {
  int warp = current / WARP, me = lane();
  memcpy(&matrix_a[warp][me * 4], a, 4 * sizeof(float));
  memcpy(&matrix_b[warp][me * 2], b, 2 * sizeof(float));
  wait_at(AT_WARP_BARRIER, line);
  for (int i = 0; i < 4; i++) {
    int row = me / 4 + i / 2 * 8, column = me % 4 * 2 + i % 2;
    double sum = d[i];
    for (int k = 0; k < 8; k++) {
      float left = matrix_a[warp][(row % 8 * 4 + k % 4) * 4 + row / 8 + k / 4 * 2];
      float right = matrix_b[warp][(column * 4 + k % 4) * 2 + k / 4];
      sum += double(left) * right;
    }
    d[i] = float(sum);
  }
  wait_at(AT_WARP_BARRIER, -line);
}

static const void *matrix_rows[MOST_THREADS / WARP][WARP];

// ldmatrix.x4: every lane publishes the address of its row, then reads its own number of each matrix.
static inline void load_matrix(float *d, const void *row, int line) {
  int warp = current / WARP, me = lane();
  matrix_rows[warp][me] = row;
  wait_at(AT_WARP_BARRIER, line);
  for (int i = 0; i < 4; i++) d[i] = ((const float *)matrix_rows[warp][i * 8 + me / 4])[me % 4];
  wait_at(AT_WARP_BARRIER, -line);
}

// cp.async: the copy is made at once, which is the earliest of the moments that a GPU may take.
static inline void start_copy(void *shared, const void *global) { memcpy(shared, global, 16); }

}  // namespace sim

#define __syncthreads() sim::wait_at(sim::AT_BLOCK_BARRIER, __LINE__)
#define __syncwarp(...) sim::wait_at(sim::AT_WARP_BARRIER, __LINE__)
#define __shfl_down_sync(mask, value, distance) \
  sim::exchange(value, min(sim::lane() + (distance), 31), __LINE__)
#define to_tf32(x) sim::tf32(x)
#define mma_m16n8k8_tf32(d, a, b) sim::mma(d, a, b, __LINE__)
#define load_matrix(d, row) sim::load_matrix(d, row, __LINE__)
#define start_copy(shared, global) sim::start_copy(shared, global)
#define wait_for_copies()
