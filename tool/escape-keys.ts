// The keys that leave a VM's console, as QEMU has them: Ctrl-A x ends the run, Ctrl-A a sends one Ctrl-A to the VM. Any other key behind
// Ctrl-A goes to the VM together with it.

const CTRL_A = 0x01;
const LEAVE = new Set([0x78, 0x58]);
const LITERAL = new Set([0x61, 0x41, CTRL_A]);

export interface Keys {
  /** What the VM receives. */
  readonly forward: Buffer;
  readonly leave: boolean;
}

export class EscapeKeys {
  #escaped = false;

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
      if (!LITERAL.has(key)) forward.push(key);
    }
    return { forward: Buffer.from(forward), leave: false };
  }
}
