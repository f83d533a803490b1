// Sections of an ELF64 file by their names (System V ABI, gABI 4.1, chapter 4): what says about a file what its program headers do not.

//  Elf64_Ehdr   40 shoff   58 shentsize   60 shnum   62 shstrndx
//  Elf64_Shdr    0 name   24 offset   32 size

/** What a section holds; nothing if the file has no such. */
export const elfSection = (file: Buffer, name: string): Buffer => {
  const table = Number(file.readBigUInt64LE(40));
  const [stride, count, strings] = [58, 60, 62].map((at) => file.readUInt16LE(at)) as [number, number, number];
  const contents = (index: number): Buffer => {
    const [offset, size] = [24, 32].map((at) => Number(file.readBigUInt64LE(table + index * stride + at))) as [number, number];
    return file.subarray(offset, offset + size);
  };
  if (count === 0) return Buffer.alloc(0);
  const names = contents(strings);
  for (let index = 0; index < count; index++) {
    const at = file.readUInt32LE(table + index * stride);
    if (names.toString("latin1", at, names.indexOf(0, at)) === name) return contents(index);
  }
  return Buffer.alloc(0);
};
