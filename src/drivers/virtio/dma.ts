// Memory that the board's devices read and write: the hypervisor's own, never a guest's. Taken once, in order, at boot.

import { Pa } from "../../hal/addr";
import { crash } from "../../log/halt";

@unmanaged
class Dma {
  next: u64;
  end: u64;
}
const dma = changetype<Dma>(memory.data(16, 8));

/** How many bytes are left. */
export function left(): u64 {
  return dma.end - dma.next;
}

/** Names the memory, which is zero, that is taken from now on. */
export function init(pa: Pa, bytes: u64): void {
  dma.next = pa as u64;
  dma.end = (pa as u64) + bytes;
}

/** Takes `bytes` at a multiple of `align`, a power of two. */
export function take(bytes: u64, align: u64): Pa {
  const start = (dma.next + align - 1) & ~(align - 1);
  if (start + bytes > dma.end) crash("the board has more virtio devices than there is memory for: %d bytes are missing", bytes);
  dma.next = start + bytes;
  return start as Pa;
}
