// The records of VMs' virtio devices: layouts and no logic.

import { BoardBlock } from "../drivers/virtio/block";
import { BoardConsole } from "../drivers/virtio/console";
import { BoardNet } from "../drivers/virtio/net";
import { Lock } from "../lib/lock";
import { Vm } from "./records";

/** A split virtqueue (virtio 1.2, 2.7). Guarded by its device's lock. */
@unmanaged
export class Virtqueue {
  device: VirtioDevice;
  /** The most entries that it may have, and how many the driver has chosen: a power of two. */
  maxSize: u32;
  size: u32;
  /** The driver has said where its areas are, and all of them are RAM: devices use it from then on. */
  ready: u32;
  /** Indices as the ring counts them, modulo 2^16: the entry that is taken next; those that the driver was last seen to offer. */
  next: u32;
  offered: u32;
  /** Entries used up to now, those the driver has been shown, and those at the last decision about an interrupt. */
  used: u32;
  shown: u32;
  decided: u32;
  /** IPAs of the descriptors, and of what the driver and the device write; physical addresses, where each is in one piece; else 0. */
  descriptors: u64;
  driver: u64;
  deviceArea: u64;
  descriptorsAt: u64;
  driverAt: u64;
  deviceAt: u64;
}

/** A virtio device behind its transport (4.2). What is not said to be atomic is guarded by its lock. */
@unmanaged
export class VirtioDevice {
  lock: Lock;
  vm: Vm;
  /** Its number in its VM: where its registers lie, and its SPI. */
  slot: u32;
  /** One of virtioDevices. */
  type: u32;
  status: u32;
  /** Atomic. Bits of InterruptStatus, and whether its line is high. */
  interruptStatus: u32;
  line: u32;
  /** What it offers, and what the driver has taken. */
  features: u64;
  taken: u64;
  deviceFeaturesSel: u32;
  driverFeaturesSel: u32;
  queueSel: u32;
  queues: u32;
  firstQueue: Virtqueue;
  /** The driver wants event indices (VIRTIO_F_EVENT_IDX). */
  eventIdx: u32;
  /** What it has of its own, by its type: a BlockDevice. Null: nothing. Their size is a multiple of 8: they lie in a row. */
  own: usize;
  /** Counts changes of the configuration space. */
  generation: u32;
  /** Atomic. What its driver did wrong, a text that nobody has been told yet, and a number that belongs to it; 0: nothing. Whoever tells it holds its VM's lock. */
  complaint: u32;
  padding: u32;
  complaintValue: u64;
}

/** What a descriptor names, as it was when it was copied: inside of the VM's RAM. */
@unmanaged
export class Buffer {
  ipa: u64;
  bytes: u64;
}

/** A chain of descriptors as it was when it was taken: first those that the device reads, then those that it writes. */
@unmanaged
export class Chain {
  vm: Vm;
  /** The index of its first descriptor, by which it is given back. */
  head: u32;
  /** How many buffers it has, and how many of them are read. */
  buffers: u32;
  readable: u32;
  readableBytes: u64;
  writableBytes: u64;
  /** Room for QUEUE_MAX of them, in a row. */
  firstBuffer: usize;
}

/** A place in one half of a chain, from which bytes are read or written on. */
@unmanaged
export class Cursor {
  /** Whose RAM it is; null: memory that is no VM's. */
  vm: Vm;
  /** The next buffer of its half, and the end of that half's. */
  next: usize;
  end: usize;
  /** The place in the present buffer, and the bytes that are left there. */
  ipa: u64;
  left: u64;
}

/** A disk in RAM: a file of the bundle, and where it is writable the blocks that were written. Or a slice of one of the board's. */
@unmanaged
export class Disk {
  bytes: u64;
  /** Of a slice: the board's disk, null: that is not there; its serial number, as it lies in the bundle; where the slice begins, in bytes. */
  board: BoardBlock;
  serialBytes: u32;
  serial: u64;
  start: u64;
  /** It may be written. */
  writable: u32;
  padding: u32;
  /** Physical address and size of its file. */
  file: u64;
  fileBytes: u64;
  /** Physical address of its blocks in RAM, of which those of the file are there once they were written; 0: it is read-only. */
  blocks: u64;
  /** Physical address of one bit a block of the file: it was written. */
  written: u64;
}

/** A block device: its disk, and the request that it is at. */
@unmanaged
export class BlockDevice {
  disk: Disk;
  device: VirtioDevice;
  /** The next one on the same disk of the board. */
  next: BlockDevice;
  /** The slot of the board's disk that works for it, plus one; how many bytes of data it has, and what it does. */
  slot: u32;
  inSlot: u32;
  doing: u32;
  /** It waits for a slot: its ticket; 0: it does not. */
  waits: u32;
  /** The disk has done what it waited for. */
  goesOn: u32;
  padding: u32;
  readOnly: u32;
  /** A chain was taken, and is not given back yet. */
  busy: u32;
  chain: Chain;
  /** The request: its type, its first byte on the disk, its bytes, and how many of them are done. */
  request: u32;
  at: u64;
  bytes: u64;
  done: u64;
  /** BLOCK_ID bytes. */
  serial0: u64;
  serial1: u64;
  serial2: u64;
}

/** A port of a console device: port 0 is its VM's console, or nothing; each other one an end of a pipe. Guarded by the lock of all console devices. */
@unmanaged
export class ConsolePort {
  device: VirtioDevice;
  number: u32;
  /** The other end: another VM's port, or the board's device; null: it is not that. */
  peer: ConsolePort;
  board: BoardConsole;
  /** The pipe's name, as it lies in the bundle. */
  nameBytes: u32;
  name: u64;
  /** Messages about it that its driver is still to be told, one bit each; it has said that it has made the port, and that somebody has opened it. */
  pending: u32;
  ready: u32;
  open: u32;
  /** How many bytes of the chain that waits to be sent have gone on already. */
  done: u64;
}

/** A console device. */
@unmanaged
export class ConsoleDevice {
  /** Port 0 is the VM's console. */
  isConsole: u32;
  ports: u32;
  firstPort: usize;
  /** The port of a pipe that was served last where nobody had kicked. */
  turn: u32;
}

/** An address that a port has been seen to send from, and the board's count then; 0: none. */
@unmanaged
export class Station {
  mac: u64;
  seen: u64;
}

/** A port of a switch, guarded by its lock. An address is its six bytes as they lie in memory, read as a number. */
@unmanaged
export class Port {
  net: Switch;
  /** Its number in the switch. */
  number: u32;
  /** The device of a VM's port; null: it is the uplink. */
  device: VirtioDevice;
  /** The board's device of the uplink. */
  uplink: BoardNet;
  /** The link is up. Written under the switch's lock; atomic for those who do not hold it. */
  up: u32;
  padding: u32;
  /** Its own address, which no other port may send from. */
  mac: u64;
  /** STATIONS others that it sends from. */
  firstStation: usize;
  /** Where it sent last: the port that has the address. */
  peer: u32;
  peerMac: u64;

  /** Bytes a second that it may send, and at once; 0: no limit. What it may send now, and the board's count up to which that is counted. */
  rate: u64;
  burst: u64;
  tokens: u64;
  tokensAt: u64;

  /** Of the entries of its receive queue that the driver has not offered again: who sent what is in them, one byte each, in order. */
  senders: usize;
  firstSender: u32;
  held: u32;
  /** The index up to which the driver had offered entries when that was counted. */
  seenOffered: u32;
  /** How many of those entries are of each port: MAX_PORTS words. */
  holds: usize;

  /** Counted since boot: what its VM has sent, what was delivered to it, and what was not, by whose fault: too fast or wrong; no room. */
  sentPackets: u64;
  sentBytes: u64;
  receivedPackets: u64;
  receivedBytes: u64;
  refusedPackets: u64;
  droppedPackets: u64;
}

/** A switch: what is sent on a port goes to the one that has the address, or to all others. */
@unmanaged
export class Switch {
  lock: Lock;
  ports: u32;
  /** The number of its uplink plus one; 0: it has none. Whether it wants one, and the address of the board's device that is to be it; 0: any. */
  uplink: u32;
  wantsUplink: u32;
  uplinkMac: u64;
  /** How many buffers of receivers the packet at hand has taken; of that of the receiver at hand, the count before, and the most that it may take. */
  taken: u32;
  takenBefore: u32;
  takenMost: u32;
  /** What the piece of work at hand has cost up to now, in units of some hundred instructions. */
  spent: u32;
  /** Ports, one bit each: those whose drivers are to be interrupted when the lock has been let go of. */
  touched: u64;
  firstPort: usize;
  /** The capture: a ring of whole records as pcap has them. Its physical address and size (0: none), and counts of bytes: written ever, and where the oldest
   * whole record begins. */
  captureSize: u32;
  capture: u64;
  captured: u64;
  captureStart: u64;
}

/** A packet on its way: from `offset` on, the rest of what a chain has to read. */
@unmanaged
export class Packet {
  chain: Chain;
  offset: u32;
  /** Bytes of the frame. */
  bytes: u32;
  /** Its first bytes, as they were read once: destination and source. */
  to: u64;
  from: u64;
  /** As in its header: virtioNet. */
  flags: u32;
  gsoType: u32;
  headerBytes: u32;
  gsoSize: u32;
  csumStart: u32;
  csumOffset: u32;
  /** Bytes of the core's memory that stand in place of its first ones. */
  head: usize;
  headBytes: u32;
  /** Both addresses as they were read, for `head`. */
  addresses0: u64;
  addresses1: u64;
}
