// Inputs of the fuzzers on the simulated machine: the same bytes as natively (events.c, main.c), under everything that the simulator watches. What it finds
// wrong is thrown.

import { calls } from "../abi/calls.ts";
import { el1Context, hcr } from "../abi/sysregs.ts";
import { Absent, Halted, PowerOff } from "../sim/faults.ts";
import { ec, type Guest } from "../sim/guest.ts";
import type { Machine } from "../sim/machine.ts";
import { FDT_AT, load } from "../sim/start.ts";
import { access, type Event } from "./access.ts";
import { BoardDevices } from "./board-devices.ts";
import { drive } from "./driving.ts";
import {
  EVENT_BYTES,
  functionIds,
  JUNK,
  type Kind,
  kinds,
  modes,
  PSTATE_FREE,
  registers,
  type Target,
  TIME_MAX,
} from "./format.ts";
import { BUNDLE_BYTES, bundleSeed, CPUS, exitsBundle, machineOptionsOf, manifestSize, tree } from "./system.ts";

/** More HAL calls than a boot makes, and than the events of an input do. */
const CALLS_MAX = 4_000_000;
/** HPFAR_EL2.FIPA, bits 39-4. */
const FIPA = 0xff_ffff_fff0n;
const WHOLE = 255;

const at = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
const bit = (value: number, n: number): boolean => ((value >> n) & 1) === 1;

const functionCall = (guest: Guest, { a, b, c, d }: Event): void => {
  const id = BigInt(a === WHOLE ? c : at(functionIds, a));
  const args = [bit(b, 2) ? id | JUNK : id, bit(b, 1) ? d & 7n : d, BigInt(c), d >> 32n];
  if (bit(b, 0)) guest.smc(...args);
  else guest.hvc(...args);
};

const systemRegister = (guest: Guest, { a, b, c, d }: Event): void => {
  const rt = (b >> 1) & 31;
  if (!bit(b, 0)) guest.setX(rt, d);
  if (a !== WHOLE) guest.systemRegister(at(registers, a), rt, bit(b, 0));
  else guest.exception(ec.SYSREG, BigInt((c & 0x1ff_fc1e) | (rt << 5) | (b & 1)));
};

const general = (guest: Guest, { a, b, d }: Event): void => {
  const n = a % 33;
  if (n < 31) guest.setX(n, d);
  else if (n === 31) guest.pc = d;
  else guest.pstate = (d & BigInt(PSTATE_FREE)) | BigInt(at(modes, b));
};

const setContext = (guest: Guest, a: number, d: bigint): void => {
  const name = at(el1Context, a);
  guest.setSysreg(name, name === "CNTV_CTL_EL0" ? d & 3n : d);
};

/** What a guest does, by the name of its kind. */
class Script {
  readonly #machine: Machine;
  readonly #devices: BoardDevices;
  readonly #acknowledged = Array.from({ length: CPUS }, () => 0);

  constructor(machine: Machine, devices: BoardDevices) {
    this.#machine = machine;
    this.#devices = devices;
  }

  play(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let n = 0; n + EVENT_BYTES <= bytes.length; n += EVENT_BYTES) {
      const [kind = 0, cpu = 0, a = 0, b = 0] = bytes.subarray(n, n + 4);
      this.#play(at(kinds, kind), cpu % CPUS, { a, b, c: view.getUint32(n + 4, true), d: view.getBigUint64(n + 8, true) });
    }
  }

  #play(kind: Kind, cpu: number, event: Event): void {
    const { run, uart } = this.#machine;
    const { guest } = this.#machine.cpu(cpu);
    if (kind === "TIME") run.advance(event.d % BigInt(TIME_MAX));
    else if (kind === "TYPED") uart.type(String.fromCharCode(event.a));
    else if (kind === "BOARD") this.#devices.act(event);
    else if (guest !== undefined) this.#act(guest, cpu, kind, event);
    run.settle();
  }

  #act(guest: Guest, cpu: number, kind: Kind, event: Event): void {
    const { a, b, c, d } = event;
    const isWaitTrapped = (guest.sysreg("HCR_EL2") & hcr.HCR_TWI) !== 0n;
    const isPossible = c >>> 26 !== ec.FP || !guest.cpu.isFpOpen;
    if (kind === "SYNC" && isPossible) guest.sync(BigInt(c), { far: d, hpfar: ((d >> 12n) << 4n) & FIPA });
    else if (kind === "CALL") functionCall(guest, event);
    else if (kind === "REGISTER") systemRegister(guest, event);
    else if (kind === "ACCESS") access(guest, event);
    else if (kind === "GENERAL") general(guest, event);
    else if (kind === "WAIT" && isWaitTrapped) guest.exception(ec.WFX, BigInt((c & 0x1ff_fffe) | (b & 1)));
    else if (kind === "INTERFACE") this.#interface(guest, cpu, a, c);
    else if (kind === "SERROR") guest.serror(BigInt(c & 0x1ff_ffff));
    else if (kind === "CONTEXT") setContext(guest, a, d);
    else if (kind === "VECTORS") guest.useFp();
    else drive(this.#machine, cpu, guest, kind, event);
  }

  #interface(guest: Guest, cpu: number, a: number, c: number): void {
    const action = a & 3;
    if (action === 0) guest.openInterrupts();
    else if (action === 1) this.#acknowledged[cpu] = guest.acknowledge();
    else guest.end(action === 2 ? (this.#acknowledged[cpu] ?? 0) : c & 1023);
  }
}

/** Everything comes to an end that it may come to; the rest is thrown. `lies`: what the tree says of the board may be wrong. */
const toItsEnd = (action: () => void, lies: boolean): void => {
  try {
    action();
  } catch (error) {
    if (!(error instanceof PowerOff || error instanceof Halted || (lies && error instanceof Absent))) throw error;
  }
};

const loaded = (target: Target, input: Uint8Array): Machine => {
  const bundle = target === "exits" ? exitsBundle() : bundleSeed();
  if (target === "bundle") {
    bundle.fill(0, 0, manifestSize(bundle));
    bundle.set(input);
  }
  const fdt = target === "fdt" ? Buffer.from(input) : tree(target === "bundle" ? BUNDLE_BYTES : bundle.length);
  return load({ machine: machineOptionsOf(target), bundle, fdt });
};

/** Plays an input of a target; returns the machine as it is at the end. */
export const replay = (target: Target, input: Uint8Array): Machine => {
  const machine = loaded(target, input);
  const devices = target === "fdt" ? undefined : new BoardDevices(machine);
  toItsEnd(() => {
    machine.callLimit = CALLS_MAX;
    machine.run.boot(BigInt(FDT_AT), 0n);
    machine.run.advance(BigInt(TIME_MAX));
    if (target !== "exits" || devices === undefined) return;
    devices.isUp = true;
    machine.callLimit = machine.calls + CALLS_MAX;
    new Script(machine, devices).play(input);
  }, target === "fdt");
  return machine;
};

/** An event as bytes, for seeds and cases. */
export const event = (kind: Kind, { cpu = 0, a = 0, b = 0, c = 0, d = 0n } = {}): Buffer => {
  const bytes = Buffer.alloc(EVENT_BYTES);
  bytes.set([kinds.indexOf(kind), cpu, a, b]);
  bytes.writeUInt32LE(c >>> 0, 4);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, d), 8);
  return bytes;
};

/** A call of abi/calls.ts as an event's `a`. */
export const callNumber = (name: string): number => calls.findIndex((call) => call.name === name);
