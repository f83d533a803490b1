// Plays inputs without libFuzzer: each file named on the command line. For compilers without it, and for `npm test`. A first argument --memory=FILE has what the
// records in the core's memory have come to behind each written there, the start of the window.
#include "board.h"

#include <string.h>

#define MEMORY "--memory="

static void dump(FILE *file) {
  if (file != NULL && fwrite(core.w2c_memory.data + WINDOW_BASE, 1, RECORDS_BYTES, file) != RECORDS_BYTES) abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int main(int argc, char **argv) {
  static u8 input[1 << 20];
  FILE *memory = NULL;
  int n = 1;
  LLVMFuzzerInitialize(&argc, &argv);
  if (n < argc && strncmp(argv[n], MEMORY, strlen(MEMORY)) == 0) memory = fopen(argv[n++] + strlen(MEMORY), "wb");
  for (; n < argc; n++) {
    FILE *file = fopen(argv[n], "rb");
    if (file == NULL) return 2;
    size_t size = fread(input, 1, sizeof(input), file);
    fclose(file);
    fprintf(stderr, "%s\n", argv[n]);
    LLVMFuzzerTestOneInput(input, size);
    dump(memory);
  }
  if (memory != NULL && fclose(memory) != 0) return 2;
  return 0;
}
