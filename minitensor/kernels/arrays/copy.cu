// Copy arrays whose numbers lie in runs, as when images are joined channel after channel, or taken out of a joined array.
//
//   to[n, i] = from[n, i], with steps of their own from run to run
//
// Threads. One for each number, or for each four where all runs begin and end at multiples of 16 bytes.
//
// Memory. Every number is read and written once, 16 bytes at a time where that can be.
#include "four.h"
#include "window.h"

extern "C" __global__ void copy_runs(const float *__restrict__ from, float *__restrict__ to, int run, long long from_step,
                                     long long to_step, int fours, long long count) {
  const long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  const long long n = quotient(thread, run), i = thread - n * run;
  if (fours)
    ((Four *)to)[n * to_step + i] = ((const Four *)from)[n * from_step + i];
  else
    to[n * to_step + i] = from[n * from_step + i];
}
