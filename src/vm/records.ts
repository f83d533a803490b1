// The records of VMs and vCPUs: layouts and no logic.

import { VcpuFrame } from "../../build/gen/records";
import { Stage2 } from "../mmu/stage2";

/**
 * 32 interrupts of a virtual GIC: one bit each, one byte of priority, of target and of holder each. `enabled`, `group`, `edge` and the priorities are atomic for
 * those who do not hold the VM's lock.
 */
@unmanaged
export class IrqWord {
  enabled: u32;
  /** 1: group 1. */
  group: u32;
  /** Pending by an edge, an SGI or a write to ISPENDR. */
  latch: u32;
  /** The line of a level-sensitive source is high. */
  level: u32;
  active: u32;
  /** 1: edge-triggered. */
  edge: u32;
  /** Held by a list register: `active` is that of the moment it was loaded. */
  listed: u32;
  /** Of those that are listed: the latch is in the list register. */
  listedLatch: u32;
  /** One byte each, 32 in all: GICD_IPRIORITYR. */
  priority0: u64;
  priority1: u64;
  priority2: u64;
  priority3: u64;
  /** One byte each, 32 in all: the id of the vCPU that GICD_IROUTER names, or NO_TARGET. */
  target0: u64;
  target1: u64;
  target2: u64;
  target3: u64;
  /** One byte each, 32 in all: the id of the vCPU on which it is active, where it is; a change of its target does not move it. */
  holder0: u64;
  holder1: u64;
  holder2: u64;
  holder3: u64;
}

/** The virtual UART: a PL011 (DDI 0183). */
@unmanaged
export class Uart {
  control: u32;
  lineControl: u32;
  integerBaud: u32;
  fractionalBaud: u32;
  fifoLevels: u32;
  mask: u32;
  /** Raw interrupts that do not follow from the FIFO. */
  raw: u32;
  /** Reads of FR and RIS in a row: a guest that polls for input does nothing else. */
  polls: u32;
  /** Atomic for those who do not hold the lock: UARTFR but for the transmitter, and whether a look at it counts. */
  flags: u32;
  /** The receive FIFO: where it starts, how many bytes it holds, 32 bytes. */
  head: u32;
  count: u32;
  fifo0: u64;
  fifo1: u64;
  fifo2: u64;
  fifo3: u64;
}

/** The virtual real-time clock: a PL031 (DDI 0224). */
@unmanaged
export class Rtc {
  /** Seconds of RTC_DR when the VM's count was zero. */
  base: u32;
  match: u32;
  load: u32;
  mask: u32;
  raw: u32;
  /** The match is still to come. */
  armed: u32;
  /** Counts of a second that had passed when the VM's count was zero. */
  fraction: u64;
}

@unmanaged
export class Region {
  ipa: u64;
  bytes: u64;
  pa: u64;
  /** Physical address and size of its contents in the bundle; 0: none. */
  file: u64;
  fileBytes: u64;
  readOnly: u32;
  reserved: u32;
}

/** A region that several VMs share: memory that belongs to the system. */
@unmanaged
export class Shared {
  bytes: u64;
  pa: u64;
}

/** One VM's view of such a region. */
@unmanaged
export class Share {
  /** Which of the system's. */
  index: u32;
  readOnly: u32;
  ipa: u64;
}

/** A part of a kernel beside its first one, when it is an ELF. */
@unmanaged
export class Segment {
  file: u64;
  fileBytes: u64;
  load: u64;
}

/** One end of a doorbell: whom it rings. */
@unmanaged
export class Doorbell {
  peer: u32;
  /** The doorbell of the peer that is rung. */
  number: u32;
}

/** Words of a crash record's registers: X0 to X30, ELR_EL2, SPSR_EL2. */
export const REGISTERS: u32 = 33;

/** States of a vCPU. */
export const enum VcpuState {
  /** Switched off: CPU_ON starts it. */
  OFF = 0,
  /** May run: it waits for a CPU, in a queue unless its VM is paused. */
  READY = 1,
  /** Waits for an interrupt. */
  BLOCKED = 2,
  RUNNING = 3,
}

@unmanaged
export class Vcpu extends VcpuFrame {
  vm: Vm;
  id: u32;
  mpidr: u64;
  /** Exits that were no interrupts, and physical interrupts, since the vCPU was made. */
  exits: u64;
  interrupts: u64;

  // --- virtual interrupts (src/devices/vgic.ts); guarded by the VM's lock but for the inbox
  /** Its SGIs and PPIs. */
  irqs: IrqWord;
  /** List registers in use, one bit each; the INTID in each, one byte. */
  listed: u32;
  /** GICR_WAKER.ProcessorSleep. Atomic for those who do not hold the lock. */
  asleep: u32;
  lrIntid0: u64;
  lrIntid1: u64;
  /** Atomic. What others have for it: SGIs of group 1 in bits 0 to 15, INBOX_LOOK. */
  inbox: u32;
  /** Its virtual timer is in its record, EL2's timer stands for it. */
  timerSaved: u32;
  /** The board's virtual timer interrupt is active, on behalf of this vCPU: it cannot come again until it is deactivated. */
  timerHeld: u32;
  /** A list register was pending when they were last filled. */
  interruptPending: u32;
  /** The emulated physical timer: CNTP_CTL, CNTP_CVAL. */
  cntpCtl: u32;
  cntpCval: u64;
  /** MDSCR_EL1 as written: read back, and nothing more. */
  mdscr: u64;
  /** ICH_VMCR_EL2, ICH_AP0R<n>_EL2 and ICH_AP1R<n>_EL2 while it is not loaded. */
  vmcr: u64;
  activeGroup0: u64;
  activeGroup0High: u64;
  activeGroup1: u64;
  activeGroup1High: u64;

  // --- scheduling (src/sched); guarded by the scheduler's lock but for what is atomic
  /** Atomic for those who do not hold the lock. */
  state: VcpuState;
  /** Atomic. The CPU that holds its registers, plus one; 0: none, they are in this record. */
  loadedOn: u32;
  /** Its neighbours in a queue, and whether it is in one (atomic for those who do not hold the lock). */
  next: Vcpu;
  previous: Vcpu;
  queued: u32;
  /** The CPU that it was on last. */
  lastCpu: u32;
  /** It gives the rest of its slice away, when its CPU chooses next. */
  yields: u32;
  /** Its vector registers are on its CPU. */
  fpLoaded: u32;
  /** Where it stands in the heap of its CPU's deadlines, plus one; 0: nowhere. */
  heapIndex: u32;
  heapCpu: u32;
  /** A virtual SError waits for it (HCR_EL2.VSE) while it is not loaded. */
  serror: u32;
  /** Atomic for those who do not hold the lock: there is a timerDeadline. */
  timed: u32;
  /** The board's count at which one of its timers fires, and at which it may run again after its cap, or after a rest; the earlier of them is its place in the heap. */
  timerDeadline: u64;
  capDeadline: u64;
  deadline: u64;
  /** The board's count since which it runs, or is ready. */
  since: u64;
  runTime: u64;
  stolen: u64;
  switches: u64;
  /** What is left of its slice, in counts; 0: a new one begins with its next turn. */
  slice: u64;
  /** Proportional share: its virtual time; in which period it ran last, and what it has used of its cap in it. */
  virtualTime: u64;
  capUsed: u64;
  capPeriod: u64;
  /** PV_TIME_ST was called: its stolen time is kept in its VM's page. */
  stolenShown: u32;
}

/** What happened when a VM crashed last. */
@unmanaged
export class CrashRecord {
  /** How often it has crashed. */
  count: u32;
  vcpu: u32;
  /** The board's count then. */
  when: u64;
  /** The reason as the log has it: a text of the core's with the VM's name and an address in it. */
  reason: string;
  /** Bytes ever written into the log's ring by then: its last lines end there. */
  logEnd: u32;
  address: u64;
  /** Its general registers, ELR_EL2 and SPSR_EL2 as in VcpuFrame: REGISTERS words. */
  registers: usize;
}

@unmanaged
export class Vm {
  /** Its lock: a Lock of src/lib/lock.ts. */
  lockNext: u32;
  lockServing: u32;
  lockPlace: u32;
  id: u32;
  vmid: u32;
  /** Zero-terminated. */
  name0: u64;
  name1: u64;
  name2: u64;
  name3: u64;

  // --- what the manifest says
  bytes: u64;
  vcpus: u32;
  /** Its virtio devices, in a row (virtio-table.ts). */
  virtioDevices: u32;
  firstVirtio: usize;
  regions: u32;
  firstRegion: Region;
  segments: u32;
  shares: u32;
  firstSegment: Segment;
  firstShare: Share;
  firstDoorbell: Doorbell;
  doorbells: u32;
  priority: u32;
  /** One bit a CPU; never 0. */
  affinity: u32;
  share: u32;
  /** Percent of one CPU; 0: no cap. */
  cap: u32;
  crashPolicy: u32;
  autostart: u32;
  controller: u32;
  timeRuns: u32;
  tableQuota: u32;
  /** What is loaded where: physical addresses in the bundle, sizes, and offsets in RAM. */
  kernel: u64;
  kernelBytes: u64;
  kernelLoad: u64;
  entry: u64;
  initrd: u64;
  initrdBytes: u64;
  initrdLoad: u64;
  fdt: u64;
  fdtBytes: u64;
  fdtLoad: u64;
  /** Properties of the device tree that get random bytes: offsets of their tokens in it, and the sizes of their values; 0: none. */
  rngSeed: u32;
  rngSeedBytes: u32;
  kaslrSeed: u32;
  kaslrSeedBytes: u32;

  // --- its state (src/smccc/lifecycle.ts); guarded by the scheduler's lock
  /** Atomic for those who do not hold the lock: one of vmStates. */
  state: u32;
  /** Atomic. The work (src/vm/work.ts) that begins when no CPU holds anything of it; 0: none. */
  next: u32;
  /** Its memory had an owner since it was last cleared. */
  used: u32;
  /** The work that its vCPU 0 does in place of the guest (src/vm/work.ts), and how far it is. */
  work: u32;
  workPhase: u32;
  workIndex: u32;
  workAt: u64;
  /** The board's count when it was paused. */
  pausedAt: u64;
  crash: CrashRecord;

  stage2: Stage2;
  /** Its vCPUs, in a row. */
  firstVcpu: Vcpu;
  /** Physical address of its page at STOLEN_BASE. */
  stolenPage: u64;
  /** Physical address of its RAM, while that is one row of frames; else 0. */
  ram: u64;

  /** CNTVOFF: the board's count when the VM's count was zero. */
  countOffset: u64;
  /** The board's count when the first instruction was about to run. */
  startCount: u64;
  /** The board's count up to which its rings of doorbells are paid for (src/smccc/doorbell.ts). */
  ringsPaid: u64;

  /** Lines that it may still make us log, and the second in which that was counted; guarded by the console's lock. */
  logTokens: u32;
  logSecond: u32;
  logDropped: u32;
  /** The second in which its registers were logged last; guarded by the VM's lock. */
  registersSecond: u32;

  /** GICD_CTLR: the enable bits. Atomic for those who do not hold the lock. */
  gicEnable: u32;
  /** Its SPIs: one IrqWord for 32 of them, in a row. */
  spis: usize;
  /** GICD_IROUTER as written: one u64 an SPI, each half of it atomic for those who do not hold the VM's lock. */
  routes: usize;
  uart: Uart;
  rtc: Rtc;
}
