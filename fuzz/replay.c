// Plays inputs without libFuzzer: each file named, or each of a folder's list on the command line. For compilers without it, and for `npm test`.
#include "board.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int main(int argc, char **argv) {
  static u8 input[1 << 20];
  LLVMFuzzerInitialize(&argc, &argv);
  for (int n = 1; n < argc; n++) {
    FILE *file = fopen(argv[n], "rb");
    if (file == NULL) return 2;
    size_t size = fread(input, 1, sizeof(input), file);
    fclose(file);
    fprintf(stderr, "%s\n", argv[n]);
    LLVMFuzzerTestOneInput(input, size);
  }
  return 0;
}
