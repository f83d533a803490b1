// What answers at an IPA that is not memory: the guest machine's devices (abi/guest.ts), and which widths each takes.

import { GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, RTC_BASE, RTC_SIZE, UART_BASE, UART_SIZE } from "../../build/gen/guest";
import { UART_FR } from "../../build/gen/pl011";
import { Ipa } from "../hal/addr";
import { Vcpu, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as guard from "./guard";
import { part } from "./part";
import * as virtio from "./virtio/access";
import * as vgicRegisters from "./vgic-registers";
import * as vrtc from "./vrtc";
import * as vtimer from "./vtimer";
import * as vuart from "./vuart";

export const enum Device {
  NONE = 0,
  UART = 1,
  DISTRIBUTOR = 2,
  REDISTRIBUTOR = 3,
  RTC = 4,
  VIRTIO = 5,
}

/** The device that takes an access of `bytes` at `ipa`: NONE if there is none, the access is not aligned, or too wide for it. */
export function find(vcpu: Vcpu, ipa: Ipa, bytes: u32): Device {
  const at = ipa as u64;
  if ((at & (bytes - 1)) != 0) return Device.NONE;
  if (at - UART_BASE < UART_SIZE) return bytes == 8 ? Device.NONE : Device.UART;
  if (at - GICD_BASE < GICD_SIZE) return Device.DISTRIBUTOR;
  if (at - GICR_BASE < ((vcpu.vm.vcpus * GICR_STRIDE) as u64)) return Device.REDISTRIBUTOR;
  if (bytes == 8) return Device.NONE;
  if (at - RTC_BASE < RTC_SIZE) return Device.RTC;
  return virtio.answers(vcpu.vm, at) ? Device.VIRTIO : Device.NONE;
}

/** The vCPU whose redistributor an IPA lies in, and the offset in it. */
function redistributor(vm: Vm, at: u64): Vcpu {
  return table.vcpu(vm, ((at - GICR_BASE) / GICR_STRIDE) as u32);
}
function inRedistributor(at: u64): u32 {
  return ((at - GICR_BASE) % GICR_STRIDE) as u32;
}

/** A register of a PrimeCell, under the VM's lock. */
function readLocked(vm: Vm, device: Device, offset: u32): u32 {
  guard.enter(vm);
  const value = device == Device.UART ? vuart.read(vm, offset) : vrtc.read(vm, offset);
  guard.leave(vm);
  return value;
}

function readUart(vm: Vm, at: u64): u32 {
  const offset = (at as u32) & ((UART_SIZE - 1) & ~(3 as u32));
  if (offset == UART_FR) {
    const flags = vuart.flags(vm);
    if ((flags & vuart.COUNTS) == 0) return flags;
  }
  return readLocked(vm, Device.UART, offset);
}

function readClock(vm: Vm, at: u64): u32 {
  return readLocked(vm, Device.RTC, (at as u32) & ((RTC_SIZE - 1) & ~(3 as u32)));
}

/** Reads 1, 2, 4 or 8 bytes, as `find` has allowed. */
export function read(vcpu: Vcpu, device: Device, ipa: Ipa, bytes: u32): u64 {
  const at = ipa as u64;
  switch (device) {
    case Device.UART:
      return part(readUart(vcpu.vm, at), at, bytes);
    case Device.DISTRIBUTOR:
      return vgicRegisters.read(vcpu, false, (at - GICD_BASE) as u32, bytes);
    case Device.REDISTRIBUTOR:
      return vgicRegisters.read(redistributor(vcpu.vm, at), true, inRedistributor(at), bytes);
    case Device.RTC:
      return part(readClock(vcpu.vm, at), at, bytes);
    case Device.VIRTIO:
      return virtio.read(vcpu.vm, at, bytes);
    default:
      return 0;
  }
}

function writeUart(vm: Vm, at: u64, value: u32): void {
  guard.enter(vm);
  vuart.write(vm, (at as u32) & (UART_SIZE - 1), value);
  guard.leave(vm);
}

function writeClock(vm: Vm, at: u64, value: u32): void {
  guard.enter(vm);
  vrtc.write(vm, (at as u32) & (RTC_SIZE - 1), value);
  vtimer.updateClock(vm);
  guard.leave(vm);
}

/**
 * Writes likewise. PrimeCells take a narrow write at a register's first byte as one of the whole
 * register, zero above it, and drop it elsewhere. True: the device has more to do for it, the guest makes it again.
 */
export function write(vcpu: Vcpu, device: Device, ipa: Ipa, bytes: u32, value: u64): bool {
  const at = ipa as u64;
  const whole = (at & 3) == 0;
  const word = (bytes == 4 ? value : value & (((1 as u64) << (bytes << 3)) - 1)) as u32;
  switch (device) {
    case Device.UART:
      if (whole) writeUart(vcpu.vm, at, word);
      break;
    case Device.DISTRIBUTOR:
      vgicRegisters.write(vcpu, false, (at - GICD_BASE) as u32, bytes, value);
      break;
    case Device.REDISTRIBUTOR:
      vgicRegisters.write(redistributor(vcpu.vm, at), true, inRedistributor(at), bytes, value);
      break;
    case Device.RTC:
      if (whole) writeClock(vcpu.vm, at, word);
      break;
    case Device.VIRTIO:
      return virtio.write(vcpu, at, bytes, word);
    default:
      break;
  }
  return false;
}
