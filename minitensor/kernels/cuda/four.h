// Numbers that one instruction moves together: 16 bytes at a multiple of 16, and 8 at a multiple of 8.
struct alignas(16) Four {
  float at[4];
};
struct alignas(8) Two {
  float at[2];
};
