// The keys that leave the console, as QEMU has them: Ctrl-A x ends the run. Where the console in the core has keys of its own (docs/consoles.md),
// everything else is its to read; where it has none, Ctrl-A a sends one Ctrl-A, and any other key goes to the VM together with it.

const CTRL_A = 0x01;
const LEAVE = new Set([0x78, 0x58]);
const LITERAL = new Set([0x61, 0x41, CTRL_A]);

export interface Keys {
  /** What the board receives. */
  readonly forward: Buffer;
  readonly leave: boolean;
}

export class EscapeKeys {
  readonly #coreHasKeys: boolean;
  #escaped = false;

  constructor(coreHasKeys: boolean) {
    this.#coreHasKeys = coreHasKeys;
  }

  feed(typed: Uint8Array): Keys {
    const forward: number[] = [];
    for (const key of typed) {
      if (!this.#escaped) {
        this.#escaped = key === CTRL_A;
        if (!this.#escaped) forward.push(key);
        continue;
      }
      this.#escaped = false;
      if (LEAVE.has(key)) return { forward: Buffer.from(forward), leave: true };
      forward.push(CTRL_A);
      if (this.#coreHasKeys || !LITERAL.has(key)) forward.push(key);
    }
    return { forward: Buffer.from(forward), leave: false };
  }
}
