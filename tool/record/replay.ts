// Replays a recorded run: core.wasm in Node, every call of the HAL answered as it was on the board. The core must ask for the same things, with the same
// arguments, in the same order; where it does not, a Divergence says at which record.
//
// A CPU runs on from one call to its next. Where the next record is another CPU's, the stack of the core is put aside (WebAssembly.Suspending) and that CPU
// goes on: so pieces of all CPUs come in the order of their calls. What the core does between two calls is only seen by another CPU behind a call of both
// (a lock, an atomic word), or it is a race, which a replay may show as a divergence.

import { layout } from "../../abi/layout.ts";
import { record, recordEntries, unrecorded } from "../../abi/record.ts";
import { camel, records as layouts, offsets } from "../../abi/records.ts";
import { el1Context } from "../../abi/sysregs.ts";
import { type FunctionImport, readWasm } from "../chain/wasm.ts";
import type { Recording } from "./file.ts";
import { Records } from "./records.ts";

/** The replay is not what happened on the board. */
export class Divergence extends Error {
  override readonly name = "Divergence";
}

/** A stack of the core that is given up: its CPU did not come back on the board either. */
class Unwound extends Error {}

const WORD = 8;
const REGISTERS = record.RECORD_REGISTERS;
const frame = offsets(layouts.VcpuFrame!).fields;

/** Where in a frame the HAL writes what a call has saved. */
const SAVED: Readonly<Record<string, number>> = {
  "context.saveEl1": frame[camel(el1Context[0])]!,
  "context.saveFp": frame.v!,
};

export interface HalCall {
  /** Its place in the order of all records. */
  readonly record: number;
  readonly name: string;
  readonly args: readonly bigint[];
  readonly result: bigint | undefined;
  /** It did not come back before the run ended. */
  readonly isOpen: boolean;
}

export interface Exit {
  /** From 1, in the order in which the core was entered. */
  readonly number: number;
  readonly record: number;
  readonly cpu: number;
  readonly entry: string;
  readonly args: readonly bigint[];
  /** X0 to X30, ELR, SPSR of the vCPU that was left, if one was. */
  readonly registers: BigUint64Array | undefined;
}

/**
 * The core's memory is the board's; it was not compared, for other CPUs were in the core, or one had an exception at EL2 where the core here goes on; the board's
 * is not known, for the run was ended from outside.
 */
export type AtEnd = "same" | "busy" | "crashed" | "unknown";

/** Who looks on. */
export interface Observer {
  enter?(exit: Exit): void;
  call?(exit: Exit, call: HalCall): void;
  /** `vcpu`: the record of the one that is entered now, 0 for none. */
  leave?(exit: Exit, vcpu: number): void;
}

type Value = number | bigint | undefined;

interface Entry {
  readonly name: string;
  readonly vcpu: boolean;
  readonly params: readonly string[];
  readonly call: (...args: Value[]) => number | Promise<number>;
}

/** A CPU that is in the core. */
interface Inside {
  readonly exit: Exit;
  /** The call that it waits in. */
  waiting?: { readonly id: number; readonly args: readonly bigint[]; resolve(value: Value): void } | undefined;
  returned?: number;
  /** What ended its way through the core: a trap. */
  trap?: Error;
}

export const hexArgs = (args: readonly bigint[]): string => args.map((arg) => `0x${arg.toString(16)}`).join(", ");

const unsigned = (value: number | bigint): bigint =>
  typeof value === "number" ? BigInt(value >>> 0) : BigInt.asUintN(64, value);

export class Replay {
  readonly memory: Buffer;
  readonly #words: BigUint64Array;
  readonly #view: DataView;
  readonly #records: Records;
  readonly #imports: readonly FunctionImport[];
  readonly #entries: readonly Entry[];
  readonly #observer: Observer;
  /** Stacks can be put aside. */
  readonly #suspends: boolean;
  /** A call whose record is the next is answered at once. */
  readonly #runsOn: boolean;
  readonly #inside = new Map<number, Inside>();
  /** The vCPU that each CPU entered, and its registers then. */
  readonly #entered = new Map<number, { readonly vcpu: number; readonly registers: BigUint64Array }>();
  #acting = 0;
  #exits = 0;
  #calls = 0;
  #pause: (() => void) | undefined;
  /** What ended a way through the core, other than what the board's CPU has seen too. */
  #failure: Error | undefined;
  #compared = 0;
  #atEnd: AtEnd = "unknown";
  /** The core has gone on behind the place where the board's had its exception, to its next call at most. */
  #isAstray = false;

  /** `stepwise`: `step` goes on by one record, never by more. */
  constructor(recording: Recording, wasm: Uint8Array, observer: Observer = {}, stepwise = false) {
    this.#records = new Records(recording.words);
    this.#observer = observer;
    this.#runsOn = !stepwise;
    this.#suspends = stepwise || recording.cpus > 1;
    const module = readWasm(wasm);
    const { functions } = module;
    this.#imports = module.imports;
    const imports: Record<string, Record<string, unknown>> = {};
    for (const [id, { module, name }] of this.#imports.entries()) {
      imports[module] ??= {};
      imports[module][name] = this.#import(id, `${module}.${name}`);
    }
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), imports);
    this.#entries = recordEntries.map(({ name, vcpu }) => {
      const call = exports[name] as (...args: Value[]) => number;
      const params = functions.find((one) => one.name === `src/main/${name}`)?.signature.params ?? [];
      return { name, vcpu, params, call: this.#suspends ? WebAssembly.promising(call) : call };
    });
    const { buffer } = exports.memory as WebAssembly.Memory;
    this.memory = Buffer.from(buffer);
    this.#words = new BigUint64Array(buffer);
    this.#view = new DataView(buffer);
    this.#start();
  }

  get exits(): number {
    return this.#exits;
  }
  get calls(): number {
    return this.#calls;
  }
  /** How often the memory was compared with the board's. */
  get compared(): number {
    return this.#compared;
  }
  /** What the board's memory at the end says. */
  get atEnd(): AtEnd {
    return this.#atEnd;
  }

  /** Goes on by one record, or as far as a CPU comes; false at the end. */
  async step(): Promise<boolean> {
    this.#passSnapshots();
    if (this.#records.isAtEnd) return false;
    if (this.#records.isEntry) await this.#enter();
    else if (this.#records.id === record.RECORD_LEAVE) this.#leave();
    else await this.#resume();
    if (this.#failure !== undefined) throw this.#failure;
    return true;
  }

  async run(): Promise<void> {
    while (await this.step());
  }

  // --- what happens at a record

  async #enter(): Promise<void> {
    const { cpu, sequence, id } = this.#records;
    const entry = this.#entries[id - record.RECORD_ENTRY];
    if (entry === undefined) throw this.#divergent("it is an entry that this core does not have");
    const before = this.#inside.get(cpu);
    if (before !== undefined && entry.name !== "onCrash")
      throw this.#divergent(`CPU ${cpu} enters the core, and ${this.#doing(cpu)}`);
    if (before !== undefined && before.trap === undefined) this.#isAstray = true;
    const values = entry.params.map((_, n) => this.#records.word(n));
    const registers = entry.vcpu ? this.#saveRegisters(cpu, Number(values[0]), values.length) : undefined;
    this.#records.advance();
    this.#exits++;
    const exit: Exit = { number: this.#exits, record: sequence, cpu, entry: entry.name, args: values, registers };
    const inside: Inside = { exit };
    this.#inside.set(cpu, inside);
    this.#observer.enter?.(exit);
    const passed = values.map((value, n) => (entry.params[n] === "i32" ? Number(value) : value));
    await this.#run(inside, () => entry.call(...passed));
  }

  /** What the vectors have written into a vCPU's record: what it was entered with, but for what has changed. */
  #saveRegisters(cpu: number, vcpu: number, at: number): BigUint64Array {
    const registers = this.#words.subarray(vcpu / WORD, vcpu / WORD + REGISTERS);
    const entered = this.#entered.get(cpu);
    if (entered !== undefined) registers.set(entered.registers);
    const mask = this.#records.word(at);
    let next = at + 1;
    for (let n = 0; n < REGISTERS; n++) {
      if ((mask & (1n << BigInt(n))) !== 0n) registers[n] = this.#records.word(next++);
    }
    return registers.slice();
  }

  #leave(): void {
    const { cpu } = this.#records;
    const inside = this.#inside.get(cpu);
    const vcpu = Number(this.#records.word(0));
    if (inside?.returned === undefined) throw this.#divergent(`CPU ${cpu} leaves the core, and ${this.#doing(cpu)}`);
    if (inside.returned !== vcpu)
      throw this.#divergent(
        `the core entered the vCPU at 0x${vcpu.toString(16)}, and enters 0x${inside.returned.toString(16)} now`,
      );
    this.#inside.delete(cpu);
    if (vcpu === 0) this.#entered.delete(cpu);
    else this.#entered.set(cpu, { vcpu, registers: this.#words.slice(vcpu / WORD, vcpu / WORD + REGISTERS) });
    this.#records.advance();
    this.#observer.leave?.(inside.exit, vcpu);
  }

  async #resume(): Promise<void> {
    const { cpu, isOpen } = this.#records;
    const inside = this.#inside.get(cpu);
    const waiting = inside?.waiting;
    if (inside === undefined || waiting === undefined)
      throw this.#divergent(`CPU ${cpu} calls ${this.#recordedName()}, and ${this.#doing(cpu)}`);
    const value = this.#answer(inside, waiting.id, waiting.args);
    // One that did not come back stays where it is.
    if (isOpen) return;
    inside.waiting = undefined;
    await this.#run(inside, () => waiting.resolve(value));
  }

  /** Lets a CPU run until it waits, or has left the core. */
  async #run(inside: Inside, go: () => unknown): Promise<void> {
    this.#acting = inside.exit.cpu;
    const over = (thrown: unknown): void => {
      if (thrown instanceof WebAssembly.RuntimeError) inside.trap = thrown;
      else if (!(thrown instanceof Unwound)) this.#failure = thrown as Error;
    };
    if (!this.#suspends) {
      try {
        inside.returned = Number(go()) >>> 0;
      } catch (thrown) {
        over(thrown);
      }
      return;
    }
    const paused = new Promise<void>((resolve) => {
      this.#pause = resolve;
    });
    const result = go();
    if (result instanceof Promise)
      result
        .then((value) => {
          inside.returned = Number(value ?? 0) >>> 0;
        }, over)
        .finally(() => this.#pause?.());
    await paused;
  }

  // --- calls of the HAL

  #import(id: number, name: string): unknown {
    if (unrecorded.includes(name)) return () => this.#acting;
    const call = (...args: (number | bigint)[]): Value | Promise<Value> => this.#call(id, args.map(unsigned));
    return this.#suspends ? new WebAssembly.Suspending(call) : call;
  }

  #call(id: number, args: readonly bigint[]): Value | Promise<Value> {
    const inside = this.#inside.get(this.#acting)!;
    if (this.#runsOn) {
      this.#passSnapshots();
      const { isAtEnd, id: next, cpu, isOpen } = this.#records;
      if (!isAtEnd && next < record.RECORD_ENTRY && cpu === this.#acting && !(isOpen && this.#suspends)) {
        const value = this.#answer(inside, id, args);
        if (isOpen) throw new Unwound();
        return value;
      }
    }
    if (!this.#suspends) {
      // Behind the last record, or where the board's CPU had an exception at EL2.
      if (this.#records.isAtEnd || this.#records.isEntry) throw new Unwound();
      throw this.#divergent(`CPU ${this.#acting} leaves the core, and ${this.#callName(id, args)} is called now`);
    }
    return new Promise((resolve) => {
      inside.waiting = { id, args, resolve };
      this.#pause?.();
    });
  }

  /** Answers a call as the record has it. */
  #answer({ exit }: Inside, id: number, args: readonly bigint[]): Value {
    const { sequence, isOpen } = this.#records;
    const { module, name, signature } = this.#imports[id]!;
    const full = `${module}.${name}`;
    const recorded = Array.from({ length: Math.min(args.length, this.#records.length) }, (_, n) => this.#records.word(n));
    if (this.#records.id !== id || recorded.some((word, n) => word !== args[n]))
      throw this.#divergent(`${this.#recordedName()} was called, and ${this.#callName(id, args)} is now`);
    const type = signature.results[0];
    const result = type === undefined ? undefined : this.#records.word(args.length);
    if (module === "atomic") this.#changeWord(name, args, result);
    const saved = SAVED[full];
    if (saved !== undefined) this.#words.set(this.#records.rest(args.length), (Number(args[0]) + saved) / WORD);
    this.#records.advance();
    this.#calls++;
    this.#observer.call?.(exit, { record: sequence, name: full, args, result, isOpen });
    return type === "i32" ? Number(result) : result;
  }

  /** An atomic access of the core's memory: what it finds must be what the board's CPU has found. */
  #changeWord(name: string, [at = 0n, operand = 0n]: readonly bigint[], found: bigint | undefined): void {
    const address = Number(at);
    const value = Number(operand);
    const old = this.#view.getUint32(address, true);
    if (found !== undefined && BigInt(old) !== found)
      throw this.#divergent(`${this.#recordedName()} has found 0x${found.toString(16)}, and finds 0x${old.toString(16)} now`);
    const fresh = { store32: value, swap32: value, add32: old + value, or32: old | value }[name];
    if (fresh !== undefined) this.#view.setUint32(address, fresh >>> 0, true);
  }

  // --- snapshots

  /** A ring that has wrapped begins with the memory as it was. */
  #start(): void {
    if (this.#records.isAtEnd || this.#records.id !== record.RECORD_SNAPSHOT) return;
    this.memory.fill(0, layout.WINDOW_BASE);
    this.#records.advance();
    for (; this.#isPage; this.#records.advance()) this.#words.set(this.#records.rest(1), Number(this.#records.word(0)) / WORD);
  }

  get #isPage(): boolean {
    return !this.#records.isAtEnd && this.#records.id === record.RECORD_PAGE;
  }

  /** Compares the memory with that of the board, where a snapshot comes and no other CPU is in the core. */
  #passSnapshots(): void {
    while (!this.#records.isAtEnd && this.#records.id === record.RECORD_SNAPSHOT) {
      const { cpu, sequence } = this.#records;
      const isAlone = (this.#records.word(0) & ~(1n << BigInt(cpu))) === 0n;
      this.#records.advance();
      const board = new BigUint64Array(isAlone ? this.#words.length : 0);
      for (; this.#isPage; this.#records.advance()) {
        if (isAlone) board.set(this.#records.rest(1), Number(this.#records.word(0)) / WORD);
      }
      // Nothing comes behind the last snapshot but the call that switches the board off.
      const isLast = !this.#records.isAtEnd && this.#records.isOpen;
      if (isLast) this.#atEnd = this.#isAstray ? "crashed" : isAlone ? "same" : "busy";
      if (!isAlone || this.#isAstray) continue;
      this.#compare(sequence, board);
      this.#compared++;
    }
  }

  #compare(sequence: number, words: BigUint64Array): void {
    // The vectors of a CPU that comes back from a guest may have been at its registers just then.
    for (const [cpu, { vcpu, registers }] of this.#entered) {
      if (!this.#inside.has(cpu)) words.set(this.#words.subarray(vcpu / WORD, vcpu / WORD + registers.length), vcpu / WORD);
    }
    const board = Buffer.from(words.buffer);
    const here = this.memory;
    if (here.compare(board, layout.WINDOW_BASE, board.length, layout.WINDOW_BASE) === 0) return;
    const first = here.findIndex((byte, at) => at >= layout.WINDOW_BASE && byte !== board[at]);
    const [on, now] = [board, here].map((memory) => `0x${memory[first]!.toString(16)}`);
    const where = `0x${first.toString(16)}`;
    throw new Divergence(`record ${sequence}: the core's memory at ${where} is ${on} on the board, and ${now} here`);
  }

  // --- words

  #divergent(what: string): Divergence {
    return new Divergence(`record ${this.#records.sequence}: ${what}`);
  }

  #callName(id: number, args: readonly bigint[]): string {
    const { module, name } = this.#imports[id]!;
    return `${module}.${name}(${hexArgs(args)})`;
  }

  #recordedName(): string {
    const found = this.#imports[this.#records.id];
    if (found === undefined) return "nothing";
    const count = Math.min(found.signature.params.length, this.#records.length);
    return this.#callName(
      this.#records.id,
      Array.from({ length: count }, (_, n) => this.#records.word(n)),
    );
  }

  #doing(cpu: number): string {
    const inside = this.#inside.get(cpu);
    if (inside === undefined) return "is not in the core here";
    if (inside.trap !== undefined) return `the core traps here: ${inside.trap.message}`;
    if (inside.waiting !== undefined) return `${this.#callName(inside.waiting.id, inside.waiting.args)} is called here`;
    return "it leaves the core here";
  }
}
