// The log as it is kept: its last RING bytes, for a crash record, for whoever asks for the log at the console, and over the link. The caller holds
// the console's lock.

const RING: u32 = 0x10000;

const ring: usize = memory.data(65536, 8);
/** Bytes ever written, modulo 2^32. */
const written: usize = memory.data(4, 4);

export function put(byte: u32): void {
  const at = load<u32>(written);
  store<u8>(ring + (at & (RING - 1)), byte);
  store<u32>(written, at + 1);
}

/** Where the log ends: bytes ever written, modulo 2^32. */
export function end(): u32 {
  return load<u32>(written);
}

/** Whether the byte at `at`, which was written, is still there. */
export function has(at: u32): bool {
  return load<u32>(written) - at <= RING;
}

export function byteAt(at: u32): u32 {
  return load<u8>(ring + (at & (RING - 1)));
}

/** Where the oldest whole line starts. */
export function start(): u32 {
  const last = load<u32>(written);
  if (last <= RING) return 0;
  for (let at = last - RING; at != last; at++) if (byteAt(at) == 0x0a) return at + 1;
  return last;
}
