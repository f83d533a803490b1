// From the first line of TypeScript to the first instruction of a guest: the board from its device tree, EL2's map of it, the interrupt
// controller, the bundle, the other CPUs, the VMs. A board or bundle that will not do ends the run with one message.

import { SUCCESS } from "../../build/gen/calls";
import { IN_CPU, IN_GIC, IN_MAIN } from "../../build/gen/console";
import { BOARD_RAM_MIN, BOOT_OWN_EL3, EARLY_UART, HYP_SIZE, MAX_CPUS, PHYS_LIMIT, ROM_BUNDLE } from "../../build/gen/layout";
import * as el2 from "../cpu/el2";
import * as features from "../cpu/features";
import * as boardVirtio from "../devices/board-virtio";
import * as exchange from "../devices/exchange";
import * as interrupt from "../devices/interrupt";
import * as listRegisters from "../devices/list-registers";
import * as lists from "../devices/vgic-lists";
import * as virtio from "../devices/virtio/access";
import * as vrtc from "../devices/vrtc";
import * as board from "../drivers/board";
import { Board, Gic } from "../drivers/board";
import * as gicv3 from "../drivers/gicv3";
import * as pl031 from "../drivers/pl031";
import * as timer from "../drivers/timer";
import { Pa } from "../hal/addr";
import * as atomic from "../hal/atomic";
import * as barrier from "../hal/barrier";
import * as cache from "../hal/cache";
import * as cpu from "../hal/cpu";
import * as image from "../hal/image";
import * as phys from "../hal/phys";
import * as stage1Lock from "../hal/stage1";
import * as sysreg from "../hal/sysreg";
import * as fdt from "../lib/fdt";
import { Fdt } from "../lib/fdt";
import * as random from "../lib/random";
import * as console from "../log/console";
import { crash, useFirmware } from "../log/halt";
import * as log from "../log/log";
import * as frames from "../mmu/frames";
import * as stage1 from "../mmu/stage1";
import * as stage2 from "../mmu/stage2";
import * as tablePool from "../mmu/table-pool";
import * as arch from "../smccc/arch";
import * as lifecycle from "../smccc/lifecycle";
import * as cpus from "../sched/cpus";
import { Request } from "../sched/cpus";
import * as sched from "../sched/sched";
import * as bundle from "../vm/bundle";
import * as create from "../vm/create";
import * as manifest from "../vm/manifest";
import { Vcpu } from "../vm/records";
import * as table from "../vm/table";
import * as run from "./run";

/** The affinity fields of MPIDR_EL1. */
const AFFINITY: u64 = 0xff00ffffff;
/** The most that a board's device tree may take. */
const TREE_MAX: u64 = 0x200000;

const tree = changetype<Fdt>(memory.data(64, 8));
const theBoard = changetype<Board>(memory.data(512, 8));

function mapDevice(pa: u64, bytes: u64): void {
  // Device memory allows no other access, and the widest is one of 64 bits.
  if ((pa & 7) != 0) crash("the device tree names a device at 0x%x: registers lie at multiples of 8", pa);
  if (!stage1.mapDevice(pa as Pa, bytes))
    crash("EL2 cannot map the device at 0x%x: its tables are full, or that is the image", pa);
}

/** Keys the generator with the board's seed, of which nothing is left: a guest gets the memory that the tree lies in. */
function takeSeed(): void {
  const seed = theBoard.seed;
  const bytes = theBoard.seedBytes;
  if (bytes == 0) return;
  for (let n: u32 = 0; n + 8 <= bytes; n += 8) random.mix(n >> 3, phys.read64((seed + n) as Pa));
  for (let n: u32 = 0; n < bytes; n++) phys.write8((seed + n) as Pa, 0);
  // The guest reads past the caches until it has turned its own on.
  cache.cleanInvalidate(seed as Pa, bytes);
  barrier.dsbSy();
  if (bytes >= 32) random.start();
}

/** Everything from here on is said on the board's own UART, or on none. */
function useUart(): void {
  if (theBoard.uart == 0) {
    console.use(0 as Pa);
    return;
  }
  mapDevice(theBoard.uart, theBoard.uartSize);
  console.takeOver(theBoard.uart as Pa, theBoard.uartInterrupt != 0);
  if (theBoard.uartInterrupt == 0)
    log.warning(IN_MAIN, "the device tree names no SPI of the UART: input is seen only when a guest asks for it");
}

/** The board's tree and what it says; the fallback console speaks until then. */
function discover(fdtAt: u64, flags: u64): void {
  mapDevice(EARLY_UART, 0x1000);
  console.use(EARLY_UART as Pa);
  features.init();
  // Its header says how much of it there is to map.
  const found = fdtAt != 0 && fdtAt < PHYS_LIMIT - TREE_MAX && (fdtAt & 7) == 0 && stage1.mapRam(fdtAt as Pa, fdt.HEADER);
  if (!found) crash("no device tree at 0x%x: the loader gives its address in x0", fdtAt);
  const bytes = fdt.totalSize(fdtAt as Pa);
  if (bytes > TREE_MAX || !stage1.mapRam(fdtAt as Pa, bytes) || !fdt.open(tree, fdtAt as Pa, bytes)) {
    crash("the device tree at 0x%x is malformed", fdtAt);
  }
  board.discover(theBoard, tree);
  useUart();
  takeSeed();
  const firmware = theBoard.firmware != 0 || (flags & BOOT_OWN_EL3) != 0;
  useFirmware(firmware);
  arch.init(firmware);
  if (!firmware) log.warning(IN_MAIN, "no PSCI by SMC: the board stays on when the run has ended");
}

/** What the hypervisor cannot do without. */
function check(): void {
  if (theBoard.banks == 0) crash("the device tree names no RAM");
  if (theBoard.gic == Gic.OLD) crash("this board has a GICv2, Hyper-LITE needs a GICv3 (QEMU: -machine virt,gic-version=3)");
  if (theBoard.gic != Gic.V3 || !features.hasGicRegisters())
    crash("the device tree names no GICv3 (QEMU: -machine virt,gic-version=3)");
  if (theBoard.virtualTimer == 0 || theBoard.hypervisorTimer == 0 || theBoard.maintenance == 0) {
    crash("the device tree names no virtual timer, no timer for EL2, or no maintenance interrupt");
  }
  const base = board.ramBase(theBoard) as u64;
  const imageAt = image.start() as u64;
  if (imageAt < base || (image.end() as u64) > base + HYP_SIZE) {
    crash("loaded at 0x%x, but the image must lie in the first 64 MiB of RAM, which starts at 0x%x", imageAt, base);
  }
  let ram: u64 = 0;
  for (let n: u32 = 0; n < theBoard.banks; n++) ram += board.bankSize(theBoard, n);
  if (ram < BOARD_RAM_MIN)
    crash("too little RAM: the board has %d MiB, Hyper-LITE needs %d (QEMU: -m)", ram >> 20, BOARD_RAM_MIN >> 20);
  let ownBank = false;
  for (let n: u32 = 0; n < theBoard.banks; n++) {
    if (board.bankBase(theBoard, n) == base && board.bankSize(theBoard, n) >= HYP_SIZE) ownBank = true;
  }
  if (!ownBank) crash("the 64 MiB from 0x%x, where RAM starts, must be RAM in one piece: Hyper-LITE lives there", base);
  if (theBoard.tooManyReserved != 0)
    crash("the device tree reserves %d ranges of memory or more, too many to keep from guests", theBoard.reserved);
}

/** Keeps from guests what the tree reserves; the bundle can be read there all the same. */
function keepReserved(ownEnd: u64): void {
  for (let n: u32 = 0; n < theBoard.reserved; n++) {
    const base = board.reservedBase(n);
    if (base >= PHYS_LIMIT) continue;
    const bytes = min<u64>(board.reservedSize(n), PHYS_LIMIT - base);
    frames.setFree(base as Pa, bytes, false);
    if (bytes != 0 && base < ownEnd && base + bytes > ownEnd - HYP_SIZE)
      log.warning(IN_MAIN, "the reserved memory at 0x%x lies in the hypervisor's own 64 MiB", base);
  }
}

/** Maps the board: RAM but for the hypervisor's own image, and the devices that it drives. Stage 1 is closed afterwards. */
function mapBoard(): void {
  const base = board.ramBase(theBoard) as u64;
  const ownEnd = base + HYP_SIZE;
  let low: u64 = PHYS_LIMIT;
  let high: u64 = 0;
  frames.setOrigin(base as Pa);
  for (let n: u32 = 0; n < theBoard.banks; n++) {
    const from = max<u64>(board.bankBase(theBoard, n), ownEnd);
    const end = board.bankBase(theBoard, n) + board.bankSize(theBoard, n);
    if (end <= from) continue;
    if (end > PHYS_LIMIT || !stage1.mapRam(from as Pa, end - from))
      crash("EL2 has no room in its tables for the RAM at 0x%x", from);
    phys.addBank(from as Pa, end - from);
    frames.setFree(from as Pa, end - from, true);
    low = min<u64>(low, from);
    high = max<u64>(high, end);
  }
  keepReserved(ownEnd);
  if (high == 0) crash("too little RAM: nothing is left behind the hypervisor's own 64 MiB");
  const pool = image.end() as u64;
  if (!stage1.mapRam(pool as Pa, ownEnd - pool)) crash("EL2 has no room in its tables for its own memory");
  tablePool.init(pool as Pa, ownEnd as Pa);

  mapDevice(theBoard.distributor, theBoard.distributorSize);
  for (let n: u32 = 0; n < theBoard.redistributors; n++) mapDevice(board.gicrBase(theBoard, n), board.gicrSize(theBoard, n));
  for (let n: u32 = 0; n < theBoard.transports; n++) mapDevice(board.transportBase(n), board.transportSize(n));
  if (theBoard.rtc != 0) mapDevice(theBoard.rtc, theBoard.rtcSize);
  phys.restrict(low as Pa, high as Pa);
  stage1Lock.lock();
}

/** Where this CPU's redistributor is; 0: in none of the regions that the tree names. */
function redistributor(): u64 {
  let found: u64 = 0;
  for (let n: u32 = 0; n < theBoard.redistributors && found == 0; n++) {
    found = gicv3.findRedistributor(board.gicrBase(theBoard, n) as Pa, board.gicrSize(theBoard, n)) as u64;
  }
  return found;
}

/** What each CPU has of its own: its interface to the GIC, and how guests run on it. */
function initCpu(redist: u64): void {
  gicv3.initPrivate(redist as Pa);
  lists.initCpu();
  interrupt.initCpu();
  el2.init();
  exchange.select(cpus.self());
}

/** Brings the GIC up, and this CPU. */
function startInterrupts(): void {
  const redist = redistributor();
  if (redist == 0) crash("this CPU has no redistributor in the device tree's regions");
  gicv3.initShared(theBoard.distributor as Pa);
  lists.init(theBoard.virtualTimer);
  if (listRegisters.count() < 2) crash("this CPU's GIC has one list register, Hyper-LITE needs two");
  if (!stage2.init()) crash("stage 2: no page for a root");
  cpus.describe(0, sysreg.readMpidrEl1());
  interrupt.init(theBoard);
  initCpu(redist);
  log.debug(IN_GIC, "distributor at 0x%x, redistributor at 0x%x", theBoard.distributor, redist);
}

/** Waits until a CPU that the firmware has started takes part: a second at most. */
function waitFor(number: u32): bool {
  const start = timer.now();
  const second = sysreg.readCntfrqEl0();
  while (!cpus.isOnline(number)) {
    if (timer.now() - start > second) return false;
    cpu.relax();
  }
  return true;
}

/** Has the firmware start the other CPUs. One that does not come is left out. */
function startOthers(): void {
  sched.join();
  const own = sysreg.readMpidrEl1() & AFFINITY;
  let number: u32 = 1;
  for (let n: u32 = 0; n < min<u32>(theBoard.cpus, MAX_CPUS); n++) {
    const affinity = board.affinity(n);
    if (affinity == own || number == MAX_CPUS) continue;
    cpus.describe(number, affinity);
    const answer = cpu.start(affinity, number);
    if (answer != SUCCESS || !waitFor(number)) {
      log.err(IN_CPU, "the CPU with affinity 0x%x does not start (PSCI: 0x%x)", affinity, answer);
    }
    // One that comes late all the same has its number for itself.
    if (answer == SUCCESS) number++;
  }
  if (theBoard.cpus > MAX_CPUS) log.notice(IN_CPU, "of %d CPUs %d are used", theBoard.cpus, MAX_CPUS as u64);
}

/** The bundle: the initrd, or where our ROM expects it. */
function openBundle(flags: u64): void {
  const own = (flags & BOOT_OWN_EL3) != 0;
  const start = own ? ROM_BUNDLE : theBoard.initrdStart;
  const end = own ? bankEnd(start) : theBoard.initrdEnd;
  if (start == 0 || end <= start)
    crash("no bundle: the loader gave no initrd (build one with `hyper-lite build`; QEMU: -initrd)");
  if ((start & 4095) != 0 || end > bankEnd(start)) crash("no bundle: the initrd at 0x%x does not lie in RAM, at a page", start);
  const bytes = bundle.open(start as Pa, end - start);
  frames.setFree(start as Pa, bytes, false);
  manifest.setLogLevels();
  manifest.read(cpus.online());
  create.init();
  boardVirtio.connect();
  virtio.init();
  console.setMode(manifest.isTerminal(), table.count());
  sched.init(manifest.policy(), manifest.slice());
}

/** Makes the VMs that start by themselves, and starts them: their memory is filled when they are scheduled. */
function startVms(): void {
  const time: u32 = theBoard.rtc == 0 ? 0 : pl031.seconds(theBoard.rtc as Pa);
  for (let n: u32 = 0; n < table.count(); n++) {
    const vm = table.vm(n);
    // Its clock is the board's until it starts, and goes on from there.
    vm.countOffset = timer.now();
    vrtc.reset(vm.rtc, time, 0);
    if (vm.autostart == 0) continue;
    if (lifecycle.create(vm) != SUCCESS) create.refuse(vm);
    lifecycle.start(vm);
  }
}

/** The VMs of the boot have been started. Until then no other CPU runs any: the first of them would find the others missing. Atomic. */
const started: usize = memory.data(4, 4);

/** Lets the other CPUs take part. */
function openToOthers(): void {
  atomic.store32(started, 1);
  for (let n: u32 = 1; n < MAX_CPUS; n++) {
    if (cpus.isOnline(n)) cpus.request(cpus.at(n), Request.SCHEDULE);
  }
}

/** The end of the guests' RAM that an address lies in; 0 if it does not. */
function bankEnd(pa: u64): u64 {
  const ownEnd = (board.ramBase(theBoard) as u64) + HYP_SIZE;
  for (let n: u32 = 0; n < theBoard.banks; n++) {
    const end = board.bankBase(theBoard, n) + board.bankSize(theBoard, n);
    if (pa >= ownEnd && pa >= board.bankBase(theBoard, n) && pa < end) return end;
  }
  return 0;
}

/** Boots; returns the vCPU to enter. `fdtAt`: the board's device tree; `flags`: BOOT_… of abi/layout.ts. */
export function boot(fdtAt: u64, flags: u64): Vcpu {
  discover(fdtAt, flags);
  check();
  mapBoard();
  log.info(IN_MAIN, "Hyper-LITE, CPUs: %d, RAM for VMs: %d MiB", theBoard.cpus, frames.freeBytes() >> 20);
  startInterrupts();
  boardVirtio.init(theBoard);
  startOthers();
  openBundle(flags);
  startVms();
  openToOthers();
  return run.choose();
}

/** Another CPU takes part; returns the vCPU to enter, null: nothing to run. */
export function bootCpu(number: u32): Vcpu {
  const redist = redistributor();
  if (redist == 0) crash("CPU %d has no redistributor in the device tree's regions", number);
  initCpu(redist);
  sched.join();
  return atomic.load32(started) == 0 ? changetype<Vcpu>(0) : run.choose();
}
