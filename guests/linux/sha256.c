// A Linux program without a library: the SHA-256 of its standard input, in hexadecimal.

#include "sha256.h"

enum { CHUNK = 65536 };

static u8 buffer[CHUNK + 2 * BLOCK];

void _start(void) {
  u64 held = 0, length = 0;
  for (long got; (got = system_call(READ, STDIN, (long)(buffer + held), CHUNK)) > 0; length += got) {
    held += got;
    update(buffer, held / BLOCK);
    for (u64 n = 0, whole = held & ~(BLOCK - 1UL); whole + n < held; n++) buffer[n] = buffer[whole + n];
    held %= BLOCK;
  }
  finish(buffer, length);
  print_digest();
  system_call(EXIT, 0, 0, 0);
}
