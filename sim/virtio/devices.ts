// The virtio devices of all VMs, as far as what EL2 does on their behalf is concerned: what it may touch in this exit.

import { fieldOffset } from "../fields.ts";
import { backingOf } from "./backing.ts";
import { Grants, type Read } from "./grants.ts";

interface Board {
  readonly view: () => DataView;
  /** The record of a VM that has run, by its number; and those of all that there are. */
  readonly vmRecord: (vm: number) => number | undefined;
  readonly records: () => Iterable<number>;
  /** Whether an address is memory for the board's own virtio devices. */
  readonly isOfBoard: (pa: number) => boolean;
  /** Which exit this is; undefined: several are under way at once, and guests change their rings meanwhile. */
  readonly exit: () => number | undefined;
}

export class VirtioDevices {
  readonly #board: Board;
  /** By VM; and the exit that is under way. */
  readonly #grants = new Map<number, Grants>();
  #exit: number | undefined;
  /** What lies behind the devices of a VM, by its record. */
  readonly #backing = new Map<number, ReturnType<typeof backingOf>>();

  constructor(board: Board) {
    this.#board = board;
  }

  /** Whether a range is memory of the system's behind a device. */
  isBacking(pa: number, bytes: number): boolean {
    const { view, records, isOfBoard } = this.#board;
    if (isOfBoard(pa)) return true;
    for (const vm of records()) {
      // It lies where it lies from the boot on.
      let backing = this.#backing.get(vm);
      if (backing === undefined) {
        backing = backingOf(view(), vm);
        this.#backing.set(vm, backing);
      }
      for (const { from, end } of backing) if (pa >= from && pa + bytes <= end) return true;
    }
    return false;
  }

  /** The record of a VM that has run and has devices. */
  #recordOf(vm: number): number | undefined {
    const { view, vmRecord } = this.#board;
    const record = vmRecord(vm);
    const isUsed = record !== undefined && view().getUint32(record + fieldOffset("Vm", "virtioDevices"), true) !== 0;
    return isUsed ? record : undefined;
  }

  /** EL2 is about to touch memory of guests, of which these have devices: what their drivers offer is what they have offered when an exit begins. */
  begin(vms: readonly number[]): void {
    const now = this.#board.exit();
    if (now === undefined || now === this.#exit) return;
    this.#exit = now;
    for (const vm of vms) {
      const record = this.#recordOf(vm);
      if (record === undefined) continue;
      const grants = this.#grants.get(vm) ?? new Grants(this.#board.view(), record);
      this.#grants.set(vm, grants);
      grants.begin();
    }
  }

  /** Whether EL2 may read or write `bytes` at an IPA of a VM's RAM for its devices. `read` reads its memory. */
  may(access: "readable" | "writable", vm: number, ipa: number, bytes: number, read: Read): boolean {
    if (this.#recordOf(vm) === undefined) return false;
    if (this.#board.exit() === undefined) return true;
    return this.#grants.get(vm)?.may(access, ipa, bytes, read) ?? false;
  }
}
