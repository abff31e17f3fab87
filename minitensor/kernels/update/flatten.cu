// Arrays laid one after the other in one, each from its `begin` on, with zeros between them.
//
// The arrays' addresses come with the call, PIECES at most, in the memory for a kernel's arguments: nothing is uploaded.
// CuPy's concatenate would launch a copy for each large array, and upload a list of addresses for many small ones.
//
// Numbers are copied as words of 32 bits: a float64 is two.
//
// Threads. One for each word, which halves the list until it knows the array that it belongs to.
//
// Memory. Every word is read and written once; the list is read from the cache for constants.
enum { PIECES = 128 };
struct Pieces {
  const int *from[PIECES];
  long long begin[PIECES], end[PIECES];  // of an array in flat
};

extern "C" __global__ void flatten(Pieces pieces, int *__restrict__ flat, int used, long long count) {
  long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (thread >= count) return;
  int low = 0, high = used - 1;  // the last array that does not begin beyond this word is among these
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (thread >= pieces.begin[middle])
      low = middle;
    else
      high = middle - 1;
  }
  flat[thread] = thread < pieces.end[low] ? pieces.from[low][thread - pieces.begin[low]] : 0;
}
