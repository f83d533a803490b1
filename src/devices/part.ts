// Narrow reads of registers that are 32 bits wide.

/** The bytes that a read of 1, 2 or 4 bytes at `at` takes out of a register of 32 bits. */
export function part(register: u32, at: u64, bytes: u32): u64 {
  const shifted = (register as u64) >> ((at & 3) << 3);
  return bytes == 4 ? shifted : shifted & (((1 as u64) << (bytes << 3)) - 1);
}
