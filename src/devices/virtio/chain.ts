// The bytes of a chain: what a driver has for the device to read, and room for what the device writes, each as one stream, however it is cut into buffers.
// A chain was copied and checked when it was taken (queue.ts); its bytes are the guest's, which may change while they are read.

import { MAX_CPUS } from "../../../build/gen/layout";
import { VIRTQUEUE_MAX } from "../../../build/gen/virtio";
import { Ipa, Pa } from "../../hal/addr";
import * as cpu from "../../hal/cpu";
import * as phys from "../../hal/phys";
import * as arena from "../../lib/arena";
import * as ram from "../../vm/ram";
import { Vm } from "../../vm/records";
import { Buffer, Chain, Cursor, Packet } from "../../vm/virtio-records";

/** Chains that a CPU works on at once: what is sent, and where it goes. */
const CHAINS: u32 = 3;
const chains: usize = memory.data(MAX_CPUS * CHAINS * 64, 8);
/** Places in chains: where it reads, and where it writes. */
const CURSORS: u32 = 2;
const cursors: usize = memory.data(MAX_CPUS * CURSORS * 32, 8);
/** The packet that a CPU has in hand. */
const packets: usize = memory.data(MAX_CPUS * 128, 8);

/** Room for the buffers of a chain. */
export function prepare(chain: Chain): void {
  chain.firstBuffer = arena.take(VIRTQUEUE_MAX * offsetof<Buffer>(), 8);
}

/** At boot, once, if there is any device. */
export function init(): void {
  for (let n: u32 = 0; n < MAX_CPUS * CHAINS; n++) prepare(changetype<Chain>(chains + (n << 6)));
}

/** Chain `n` of this CPU, for as long as it works on a device. */
export function scratch(n: u32): Chain {
  return changetype<Chain>(chains + ((cpu.number() * CHAINS + n) << 6));
}

/** This CPU's packet. */
export function packet(): Packet {
  return changetype<Packet>(packets + (cpu.number() << 7));
}

function bufferOf(chain: Chain, n: u32): Buffer {
  return changetype<Buffer>(chain.firstBuffer + n * offsetof<Buffer>());
}

function cursor(n: u32, chain: Chain, first: u32, end: u32): Cursor {
  const at = changetype<Cursor>(cursors + ((cpu.number() * CURSORS + n) << 5));
  at.vm = chain.vm;
  at.next = changetype<usize>(bufferOf(chain, first));
  at.end = changetype<usize>(bufferOf(chain, end));
  at.left = 0;
  return at;
}

/** The start of what a chain has to read, or of its room: cursor `n` of this CPU. */
export function readable(chain: Chain, n: u32): Cursor {
  return cursor(n, chain, 0, chain.readable);
}
export function writable(chain: Chain, n: u32): Cursor {
  return cursor(n, chain, chain.readable, chain.buffers);
}

/** A chain of one buffer of physical memory that is no VM's, to read or to write. */
export function ofMemory(chain: Chain, pa: Pa, bytes: u64, writable: bool): void {
  chain.vm = changetype<Vm>(0);
  chain.buffers = 1;
  chain.readable = u32(!writable);
  bufferOf(chain, 0).ipa = pa as u64;
  bufferOf(chain, 0).bytes = bytes;
}

/** How many bytes from the cursor on lie in one piece, `most` at most; 0 at the end. */
function piece(at: Cursor, most: u64): u64 {
  while (at.left == 0) {
    if (at.next == at.end) return 0;
    const buffer = changetype<Buffer>(at.next);
    at.next += offsetof<Buffer>();
    at.ipa = buffer.ipa;
    at.left = buffer.bytes;
  }
  const bytes = min<u64>(most, at.left);
  return changetype<usize>(at.vm) == 0 ? bytes : ram.inOnePiece(at.vm, at.ipa as Ipa, bytes);
}

function address(at: Cursor): Pa {
  return changetype<usize>(at.vm) == 0 ? (at.ipa as Pa) : ram.find(at.vm, at.ipa as Ipa);
}

/** Goes on by bytes of the present buffer. */
function advance(at: Cursor, bytes: u64): void {
  at.ipa += bytes;
  at.left -= bytes;
}

/** Passes over bytes; fewer are left if there are not so many. */
export function skip(at: Cursor, bytes: u64): void {
  for (let left = bytes; left != 0; ) {
    const part = piece(at, left);
    if (part == 0) return;
    advance(at, part);
    left -= part;
  }
}

/** Copies bytes from physical memory to the chain, or from the chain to there; what is behind the end is left. */
export function write(to: Cursor, from: Pa, bytes: u64): void {
  for (let done: u64 = 0; done != bytes; ) {
    const part = piece(to, bytes - done);
    if (part == 0) return;
    phys.copy(address(to), ((from as u64) + done) as Pa, part);
    advance(to, part);
    done += part;
  }
}
export function read(from: Cursor, to: Pa, bytes: u64): void {
  for (let done: u64 = 0; done != bytes; ) {
    const part = piece(from, bytes - done);
    if (part == 0) return;
    phys.copy(((to as u64) + done) as Pa, address(from), part);
    advance(from, part);
    done += part;
  }
}

/** Copies bytes from one chain to another. */
export function move(from: Cursor, to: Cursor, bytes: u64): void {
  for (let left = bytes; left != 0; ) {
    const part = piece(to, piece(from, left));
    if (part == 0) return;
    const source = address(from) as u64;
    const target = address(to) as u64;
    // A VM may send from where it receives: it keeps what is there.
    if (source >= target + part || target >= source + part) phys.copy(target as Pa, source as Pa, part);
    advance(from, part);
    advance(to, part);
    left -= part;
  }
}

/** The sum of the next bytes in one's complement, of words as they lie in memory (RFC 1071), of 16 bits; those behind the end count as none. */
export function sum(from: Cursor, bytes: u64): u32 {
  let total: u32 = 0;
  for (let done: u64 = 0; done != bytes; ) {
    const part = piece(from, bytes - done);
    if (part == 0) break;
    const folded = fold(phys.sum(address(from), part));
    // What begins at an odd byte has its bytes the other way round.
    total += (done & 1) == 0 ? folded : (bswap<u16>(folded as u16) as u32);
    advance(from, part);
    done += part;
  }
  return fold(total);
}

/** A sum of 64 bits as one of 16. */
export function fold(sum: u64): u32 {
  let folded = (sum >> 32) + (sum & 0xffffffff);
  folded = (folded >> 32) + (folded & 0xffffffff);
  folded = (folded >> 16) + (folded & 0xffff);
  folded = (folded >> 16) + (folded & 0xffff);
  return ((folded >> 16) + (folded & 0xffff)) as u32;
}

/** Writes the last byte of the room. There is some. */
export function putLast(chain: Chain, byte: u32): void {
  const buffer = bufferOf(chain, chain.buffers - 1);
  phys.write8(ram.find(chain.vm, (buffer.ipa + buffer.bytes - 1) as Ipa), byte);
}

/** Writes bytes of the core's memory. */
export function putBytes(to: Cursor, at: usize, bytes: u32): void {
  for (let n: u32 = 0; n < bytes; n += 8) put(to, load<u64>(at + n), min<u32>(8, bytes - n));
}

/** 1 to 8 bytes in one piece. */
function readWord(pa: Pa, bytes: u32): u64 {
  if (bytes == 8) return phys.read64(pa);
  let done: u32 = bytes & 4;
  let value: u64 = done != 0 ? (phys.read32(pa) as u64) : 0;
  for (; done < bytes; done++) value |= (phys.read8(((pa as u64) + done) as Pa) as u64) << (done << 3);
  return value;
}
function writeWord(pa: Pa, value: u64, bytes: u32): void {
  if (bytes == 8) {
    phys.write64(pa, value);
    return;
  }
  let done: u32 = bytes & 4;
  if (done != 0) phys.write32(pa, value as u32);
  for (; done < bytes; done++) phys.write8(((pa as u64) + done) as Pa, ((value >> (done << 3)) & 0xff) as u32);
}

/** Reads 1 to 8 bytes, little-endian; those behind the end are zero. */
export function get(at: Cursor, bytes: u32): u64 {
  let value: u64 = 0;
  for (let done: u32 = 0; done < bytes; ) {
    const part = piece(at, bytes - done) as u32;
    if (part == 0) return value;
    value |= readWord(address(at), part) << (done << 3);
    advance(at, part);
    done += part;
  }
  return value;
}

/** Writes the low 1 to 8 bytes of a value; what does not fit is lost. */
export function put(at: Cursor, value: u64, bytes: u32): void {
  for (let done: u32 = 0; done < bytes; ) {
    const part = piece(at, bytes - done) as u32;
    if (part == 0) return;
    writeWord(address(at), value >> (done << 3), part);
    advance(at, part);
    done += part;
  }
}
