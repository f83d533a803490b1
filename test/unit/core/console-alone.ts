// The core's console without the rest of the core: src/log compiled for itself, on a board that is a UART and nothing else. So every interleaving of
// what VMs print, of keys and of a slow line can be played, in thousands of runs.

import { layout } from "../../../abi/layout.ts";
import { instantiate } from "../../../sim/compiled.ts";
import { BoardUart } from "../../../sim/pl011.ts";
import { bit } from "../../../sim/words.ts";
import { atomics } from "./atomics.ts";
import { compilePart } from "./part.ts";

/** Behind everything that the arena gives out: names of VMs. */
const NAMES_AT = layout.WINDOW_PAGES * 0x1_0000 - 0x1000;
const NAME_SIZE = 32;
const FREQUENCY = 1_000_000n;

interface ConsoleCore {
  readonly memory: WebAssembly.Memory;
  takeOver(pa: bigint, interrupts: number): void;
  setMode(terminal: number, vms: number): void;
  open(n: number, name: number): void;
  close(n: number): void;
  write(n: number, byte: number): void;
  room(n: number): number;
  receive(n: number): number;
  listen(n: number, wants: number): void;
  showLine(n: number): void;
  service(): bigint;
  focus(): number;
  logLine(n: number): void;
  logPart(n: number): void;
  off(): void;
}

const compiled = await compilePart(
  "console",
  `import * as halt from "../../src/log/halt";
import * as log from "../../src/log/log";
export { port as focus } from "../../src/log/focus";
export { close, listen, open, receive, room, service, setMode, showLine, takeOver, write } from "../../src/log/console";
export function logLine(n: u32): void { log.info(0, "line %d", n); }
export function logPart(n: u32): void { log.info(0, "%d of 100%", n); }
export function off(): void { halt.off(); }
`,
);

/** The run has ended. */
class Off extends Error {}

export const NAMES = ["alpha", "beta", "gamma", "delta"];

export class Console {
  readonly uart = new BoardUart();
  readonly core: ConsoleCore;

  /** A console whose first `vms` VMs run. `depth`: of the UART's FIFO, by default the line takes every byte at once. */
  constructor(terminal: boolean, vms: number, depth = Number.POSITIVE_INFINITY) {
    const view = (): DataView => new DataView(this.core.memory.buffer);
    const hal = {
      cpu: {
        number: () => 0,
        relax: () => undefined,
        smc: () => 0n,
        halt: () => {
          throw new Off();
        },
      },
      sysreg: { readCntpctEl0: () => FREQUENCY, readCntfrqEl0: () => FREQUENCY },
      atomic: atomics(view),
      mmio: {
        read32: (pa: bigint) => Number(this.uart.read(Number(pa) - this.uart.base, 4)),
        write32: (pa: bigint, value: number) => this.uart.write(Number(pa) - this.uart.base, 4, BigInt(value >>> 0)),
      },
    };
    const imports: Record<string, Record<string, unknown>> = {};
    for (const { module, name, kind } of WebAssembly.Module.imports(compiled)) {
      if (kind !== "function") continue;
      const functions = hal[(module.split("/").at(-1) ?? "") as keyof typeof hal] as Record<string, unknown>;
      imports[module] = { ...imports[module], [name]: functions[name] };
    }
    this.core = instantiate<ConsoleCore>(compiled, imports);
    this.uart.outputDepth = depth;
    this.core.takeOver(BigInt(this.uart.base), 1);
    this.core.setMode(Number(terminal), vms);
    for (let n = 0; n < vms; n++) this.open(n);
  }

  open(n: number, name = NAMES[n] ?? `vm${n}`): void {
    const at = NAMES_AT + NAME_SIZE * n;
    new Uint8Array(this.core.memory.buffer).set(Buffer.from(`${name}\0`), at);
    this.core.open(n, at);
  }

  print(n: number, text: string): void {
    for (const byte of Buffer.from(text, "latin1")) this.core.write(n, byte);
  }

  /** Types, and lets the board's UART interrupt. */
  type(text: string): void {
    this.uart.type(text);
    this.interrupt();
  }

  /** The UART's interrupt, if it is pending; returns the VMs that it concerns. */
  interrupt(): number[] {
    if (!this.uart.line) return [];
    const concerned = this.core.service();
    return Array.from({ length: 64 }, (_, n) => n).filter((n) => bit(concerned, n));
  }

  /** What is there for a VM to read. */
  read(n: number): string {
    let text = "";
    for (let byte = this.core.receive(n); byte >>> 0 !== 0xffff_ffff; byte = this.core.receive(n))
      text += String.fromCharCode(byte);
    return text;
  }

  /** The line takes what waits for it, until nothing does. */
  settle(): void {
    for (let idle = 0; idle < 3; idle++) {
      const before = this.uart.output.length;
      this.uart.transmit(Number.POSITIVE_INFINITY);
      this.interrupt();
      if (this.uart.output.length !== before) idle = 0;
    }
  }

  /** What went over the line since the last time, all of it. */
  take(): string {
    this.settle();
    return this.uart.take();
  }

  /** The run ends. */
  off(): void {
    try {
      this.core.off();
    } catch (error) {
      if (!(error instanceof Off)) throw error;
    }
  }
}
