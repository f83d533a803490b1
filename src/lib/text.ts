// Comparing names in memory with names in the source. Strings of the source are UTF-16 in static data; only ASCII is in use.

/** Whether the zero-terminated bytes at `address` are `text`. */
export function equals(address: usize, text: string): bool {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    if ((load<u8>(address + i) as i32) != text.charCodeAt(i)) return false;
  }
  return load<u8>(address + length) == 0;
}
