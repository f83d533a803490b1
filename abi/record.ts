// The ring that the recording image (metal/record) writes and the tool reads: words of 64 bits, little endian, in memory that QEMU shares with a file
// of the host. Offsets are in words.
//
//   0                a page of control words
//   RECORD_HEADER    RECORD_SEGMENTS segments of equal size, filled one after the other, over and over
//
// A segment is a row of records. One that is not the first begins with a snapshot of the core's memory, so that a replay can begin there. A record:
//
//   63      48 47    36 35  32 31              0
//  |    id    | words  | cpu  |   sequence      |   then its words
//
// The sequence counts all records of all CPUs: it is the order in which things happened. What an id's words are:
//
//   import n of core.wasm     its arguments, then its result if it has one; of context.saveEl1 and saveFp: the argument, then what was saved
//   RECORD_ENTRY + n          an entry of the core (recordEntries): its arguments; for one with a vCPU: a mask of the registers that have changed since that
//                             vCPU was entered (X0 to X30, ELR, SPSR), then those
//   RECORD_LEAVE              what the entry returned
//   RECORD_SNAPSHOT           a mask of the CPUs that are in the core; then a RECORD_PAGE for each page of its memory that is not zero
//   RECORD_PAGE               the page's address, then its 512 words

export const record = {
  /** Tells the recording image that the ring is there: "HLRECORD". */
  RECORD_MAGIC: 0x4452_4f43_4552_4c48n,
  RECORD_HEADER: 512,
  RECORD_SEGMENTS: 4,

  // control words
  RECORD_AT_MAGIC: 0,
  /** By the tool: words of a segment. */
  RECORD_AT_SEGMENT_WORDS: 1,
  /** By the image: 1 once a segment was full while CPUs were in the core. Nothing is recorded behind that. */
  RECORD_AT_FULL: 2,
  /** By the image: the SHA-256 of core.wasm, four words. */
  RECORD_AT_CORE: 4,
  /** Of each segment: how many were begun before it, plus one; words in use. */
  RECORD_AT_SEGMENTS: 8,

  RECORD_ENTRY: 0x400,
  RECORD_LEAVE: 0x500,
  RECORD_SNAPSHOT: 0x501,
  RECORD_PAGE: 0x502,
  /** Set in the id of a call that has not returned (yet). */
  RECORD_OPEN: 0x8000,

  /** Registers that the vectors save: X0 to X30, ELR, SPSR. */
  RECORD_REGISTERS: 33,

  /** Where the image finds the ring: BAR 2 of the device in slot 1 of QEMU's `virt`, its configuration space, and where the BAR is put. */
  RECORD_ECAM: 0x40_1000_0000,
  RECORD_SLOT: 1,
  RECORD_PCI_ID: 0x1110_1af4,
  RECORD_RING: 0x80_0000_0000,
  /** The ring is mapped by one entry of 1 GiB. */
  RECORD_MAX: 0x4000_0000,
};

/** Entries of the core, by their number; `vcpu`: the first argument is a vCPU's record, which the vectors have written to. */
export const recordEntries = [
  { name: "boot", vcpu: false },
  { name: "bootCpu", vcpu: false },
  { name: "onSync", vcpu: true },
  { name: "onIrq", vcpu: true },
  { name: "onIdle", vcpu: false },
  { name: "onSError", vcpu: true },
  { name: "onCrash", vcpu: false },
] as const;

/** Calls that may not return, or only when another CPU has done something: they are recorded before they are made. */
export const openCalls = ["cpu.start", "cpu.smc", "cpu.relax", "cpu.halt"];

/** What the core knows without being told: the CPU is in each record. */
export const unrecorded = ["cpu.number"];
