// Four numbers that one instruction moves: 16 bytes at a multiple of 16.
struct alignas(16) Four {
  float at[4];
};
