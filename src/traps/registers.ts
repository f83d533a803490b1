// A guest's general registers by number, as an instruction names them: 31 is XZR.

import { VcpuFrame } from "../../build/gen/records";

export function read(frame: VcpuFrame, n: u32): u64 {
  return n == 31 ? 0 : load<u64>(changetype<usize>(frame) + (n << 3));
}

export function write(frame: VcpuFrame, n: u32, value: u64): void {
  if (n != 31) store<u64>(changetype<usize>(frame) + (n << 3), value);
}
