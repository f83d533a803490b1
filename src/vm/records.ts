// The records of VMs and vCPUs: layouts and no logic.

import { VcpuFrame } from "../../build/gen/records";
import { Stage2 } from "../mmu/stage2";

/** 32 interrupts of a virtual GIC: one bit each, one byte of priority and of target each. */
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
  /** Held by a list register: `latch` and `active` are those of the moment it was loaded. */
  listed: u32;
  reserved: u32;
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

/** States of a vCPU. */
export const enum VcpuState {
  /** Switched off: CPU_ON starts it. */
  OFF = 0,
  READY = 1,
  /** Waits for an interrupt. */
  BLOCKED = 2,
}

@unmanaged
export class Vcpu extends VcpuFrame {
  vm: Vm;
  id: u32;
  state: VcpuState;
  mpidr: u64;
  /** Exits that were no interrupts, and physical interrupts, since the vCPU was made. */
  exits: u64;
  interrupts: u64;
  /** Its SGIs and PPIs. */
  irqs: IrqWord;
  /** List registers in use, one bit each; the INTID in each, one byte. */
  listed: u32;
  /** GICR_WAKER.ProcessorSleep. */
  asleep: u32;
  lrIntid0: u64;
  lrIntid1: u64;
  /** The emulated physical timer: CNTP_CTL, CNTP_CVAL. */
  cntpCtl: u32;
  /** The board's virtual timer interrupt is active, on behalf of this vCPU: it cannot come again until it is deactivated. */
  timerHeld: u32;
  /** A list register was pending when they were last filled. */
  interruptPending: u32;
  cntpCval: u64;
  /** MDSCR_EL1 as written: read back, and nothing more. */
  mdscr: u64;
}

@unmanaged
export class Vm {
  id: u32;
  vmid: u32;
  /** Zero-terminated. */
  name0: u64;
  name1: u64;
  name2: u64;
  name3: u64;
  bytes: u64;
  ram: u64;
  stage2: Stage2;
  vcpus: u32;
  regions: u32;
  vcpu: Vcpu;
  firstRegion: Region;

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

  /** CNTVOFF: the board's count when the VM's count was zero. */
  countOffset: u64;
  /** The board's count when the first instruction was about to run. */
  startCount: u64;

  /** Lines that it may still make us log, and the second in which that was counted. */
  logTokens: u32;
  logSecond: u32;
  logDropped: u32;

  /** GICD_CTLR: the enable bits. */
  gicEnable: u32;
  /** Its SPIs: one IrqWord for 32 of them, in a row. */
  spis: usize;
  /** GICD_IROUTER as written: one u64 an SPI. */
  routes: usize;
  uart: Uart;
  rtc: Rtc;
}
