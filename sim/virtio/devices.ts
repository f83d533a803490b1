// The virtio devices of all VMs, as far as what EL2 does on their behalf is concerned: what it may touch in this exit.

import { fieldOffset } from "../fields.ts";
import { backingOf } from "./backing.ts";
import { Grants, type Read } from "./grants.ts";

interface Board {
  readonly view: () => DataView;
  /** The record of a VM that has run, by its number; and of all that have. */
  readonly vmRecord: (vm: number) => number | undefined;
  readonly records: () => Iterable<number>;
  /** Whether an address is memory for the board's own virtio devices. */
  readonly isOfBoard: (pa: number) => boolean;
  /** Which exit this is; undefined: several are under way at once, and guests change their rings meanwhile. */
  readonly exit: () => number | undefined;
}

export class VirtioDevices {
  readonly #board: Board;
  readonly #grants = new Map<number, { readonly exit: number; readonly grants: Grants }>();

  constructor(board: Board) {
    this.#board = board;
  }

  /** Whether a range is memory of the system's behind a device. */
  isBacking(pa: number, bytes: number): boolean {
    const { view, records, isOfBoard } = this.#board;
    if (isOfBoard(pa)) return true;
    for (const vm of records()) if (backingOf(view(), vm).some(({ from, end }) => pa >= from && pa + bytes <= end)) return true;
    return false;
  }

  /** Whether EL2 may read or write `bytes` at an IPA of a VM's RAM for its devices. `read` reads its memory. */
  may(access: "mayRead" | "mayWrite", vm: number, ipa: number, bytes: number, read: Read): boolean {
    const { view, vmRecord, exit } = this.#board;
    const record = vmRecord(vm);
    if (record === undefined || view().getUint32(record + fieldOffset("Vm", "virtioDevices"), true) === 0) return false;
    const now = exit();
    if (now === undefined) return true;
    const known = this.#grants.get(vm);
    if (known?.exit === now) {
      if (known.grants[access](ipa, bytes)) return true;
      // A device that writes to its own rings has it so.
      known.grants.look();
      return known.grants[access](ipa, bytes);
    }
    const grants = new Grants(view(), record, read);
    this.#grants.set(vm, { exit: now, grants });
    return grants[access](ipa, bytes);
  }
}
