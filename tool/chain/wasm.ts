// Reads a WebAssembly module (Core Specification 2.0, chapter 5) as far as the checks ask: signatures, imports, exports, globals, and every
// instruction with its immediates. What stands in no such module (vectors, atomics, exceptions) is an error.

export interface Instruction {
  readonly opcode: number;
  /** Of a load or store: the static offset. Of a call or a use of a variable: its index. Of a constant of 32 bits: its value, unsigned. */
  readonly immediate: number;
}

export interface Signature {
  readonly params: readonly string[];
  readonly results: readonly string[];
}

export interface WasmFunction {
  readonly index: number;
  readonly name: string;
  readonly signature: Signature;
  readonly locals: readonly string[];
  readonly body: readonly Instruction[];
}

export interface FunctionImport {
  readonly module: string;
  readonly name: string;
  readonly signature: Signature;
}

export interface WasmModule {
  readonly imports: FunctionImport[];
  /** Imports that are no functions, as `module.name`. */
  readonly otherImports: string[];
  readonly functions: WasmFunction[];
  readonly exports: { readonly name: string; readonly kind: string }[];
  readonly mutableGlobals: number[];
  /** Initial values of globals, by their indices; undefined where that is no plain number of 32 bits. */
  readonly globals: (number | undefined)[];
  /** Sizes in pages of 64 KiB; an imported memory is an import. */
  readonly memories: readonly Limits[];
  /** Data segments; one that is placed by an instruction has no address. */
  readonly data: readonly { readonly at: number | undefined; readonly bytes: number }[];
  readonly tables: number;
  readonly elements: number;
  readonly start: number | undefined;
}

export interface Limits {
  readonly min: number;
  readonly max: number | undefined;
}

export const CALL = 0x10;
export const CALL_INDIRECT = 0x11;
export const RETURN_CALL_INDIRECT = 0x13;
export const MEMORY_GROW = 0x40;
export const GLOBAL_GET = 0x23;
export const I32_CONST = 0x41;
/** Instructions behind the prefix 0xfc are numbered from here on. */
export const PREFIXED = 0xfc00;

/** Whether an instruction reads, makes or converts a floating-point number (section 5.4.7, and the saturating conversions). */
export const isFloat = (opcode: number): boolean =>
  [0x2a, 0x2b, 0x38, 0x39, 0x43, 0x44].includes(opcode) ||
  (opcode >= 0x5b && opcode <= 0x66) ||
  (opcode >= 0x8b && opcode <= 0xa6) ||
  (opcode >= 0xa8 && opcode <= 0xab) ||
  (opcode >= 0xae && opcode <= 0xbf) ||
  (opcode >= PREFIXED && opcode <= PREFIXED + 7);

/** Whether an instruction has an alignment and a static offset. */
export const isMemoryAccess = (opcode: number): boolean => opcode >= 0x28 && opcode <= 0x3e;

/** Instructions with one index: branches, calls, variables, tables, memory.size, memory.grow, ref.null, ref.func. */
const ONE_INDEX = new Set([0x0c, 0x0d, CALL, 0x12, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x3f, MEMORY_GROW, 0xd0, 0xd2]);
const VALUE_TYPES: Record<number, string> = { 127: "i32", 126: "i64", 125: "f32", 124: "f64", 112: "funcref", 111: "externref" };
const KINDS = ["function", "table", "memory", "global"];

class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) throw new Error("the module is truncated");
    return value;
  }

  u32(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 128) return value;
    }
  }

  /** A signed number of 32 bits, as an unsigned one. */
  i32(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      // Of what lies beyond 2 GiB the upper bits are set as well.
      if (byte < 128) return (byte & 0x40 ? value - scale * 128 : value) >>> 0;
    }
  }

  /** A signed number: its value means nothing to the checks. */
  skipSigned(): void {
    while (this.byte() >= 128);
  }

  text(): string {
    const length = this.u32();
    this.at += length;
    return new TextDecoder().decode(this.#bytes.subarray(this.at - length, this.at));
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.u32() }, item);
  }

  type(): string {
    const code = this.byte();
    const type = VALUE_TYPES[code];
    if (type === undefined) throw new Error(`an unknown type, 0x${code.toString(16)}`);
    return type;
  }

  limits(): Limits {
    const flags = this.byte();
    const min = this.u32();
    return { min, max: flags & 1 ? this.u32() : undefined };
  }

  instruction(): Instruction {
    const opcode = this.byte();
    return opcode === 0xfc ? this.#prefixed() : { opcode, immediate: this.#immediate(opcode) };
  }

  #immediate(opcode: number): number {
    if (isMemoryAccess(opcode)) {
      this.u32();
      return this.u32();
    }
    if (ONE_INDEX.has(opcode)) return this.u32();
    if (opcode === I32_CONST) return this.i32();
    if ((opcode >= 0x02 && opcode <= 0x04) || opcode === 0x42) this.skipSigned();
    else if (opcode === 0x0e) this.at = this.#behindIndices(this.u32() + 1);
    else if (opcode === CALL_INDIRECT || opcode === RETURN_CALL_INDIRECT) this.at = this.#behindIndices(2);
    else if (opcode === 0x1c) this.list(() => this.type());
    else if (opcode === 0x43) this.at += 4;
    else if (opcode === 0x44) this.at += 8;
    else if (opcode > 0xd2 || (opcode > 0xc4 && opcode < 0xd0))
      throw new Error(`an unknown instruction, 0x${opcode.toString(16)}`);
    return 0;
  }

  #behindIndices(count: number): number {
    for (let n = 0; n < count; n++) this.u32();
    return this.at;
  }

  #prefixed(): Instruction {
    const number = this.u32();
    // memory.init, memory.copy, table.init and table.copy name two indices, the saturating conversions none, the others one.
    if (number > 17) throw new Error(`an unknown instruction, 0xfc ${number}`);
    const indices = number < 8 ? 0 : [8, 10, 12, 14].includes(number) ? 2 : 1;
    this.at = this.#behindIndices(indices);
    return { opcode: PREFIXED + number, immediate: 0 };
  }

  /** Instructions up to the `end` of the body, which ends at `end`. */
  body(end: number): Instruction[] {
    const instructions: Instruction[] = [];
    while (this.at < end) instructions.push(this.instruction());
    if (this.at !== end) throw new Error("a function's body does not end where it says");
    return instructions;
  }

  /** A constant expression: of an offset or an initial value. */
  skipConstant(): void {
    while (this.instruction().opcode !== 0x0b);
  }

  /** An address as a constant expression, if it is a plain number. */
  address(): number | undefined {
    const start = this.at;
    const { opcode, immediate } = this.instruction();
    this.at = start;
    this.skipConstant();
    return opcode === I32_CONST ? immediate : undefined;
  }
}

export function readWasm(bytes: Uint8Array): WasmModule {
  const reader = new Reader(bytes, 8);
  const types: Signature[] = [];
  const imports: FunctionImport[] = [];
  const otherImports: string[] = [];
  const declared: number[] = [];
  const exports: { name: string; kind: string }[] = [];
  const mutableGlobals: number[] = [];
  const memories: Limits[] = [];
  const data: { at: number | undefined; bytes: number }[] = [];
  const bodies: { locals: string[]; body: Instruction[] }[] = [];
  const names = new Map<number, string>();
  const globals: (number | undefined)[] = [];
  let [tables, elements] = [0, 0];
  let start: number | undefined;
  const signature = (index: number): Signature => types[index] ?? { params: [], results: [] };

  const readImport = (): void => {
    const [module, name, kind] = [reader.text(), reader.text(), reader.byte()];
    if (kind === 0) {
      imports.push({ module, name, signature: signature(reader.u32()) });
      return;
    }
    otherImports.push(`${module}.${name}`);
    if (kind === 1) {
      reader.type();
      tables++;
    }
    if (kind === 1 || kind === 2) reader.limits();
    else {
      readGlobalType();
      globals.push(undefined);
    }
  };
  const readGlobalType = (): void => {
    reader.type();
    if (reader.byte() === 1) mutableGlobals.push(globals.length);
  };
  const readBody = (): void => {
    const size = reader.u32();
    const end = reader.at + size;
    const locals = reader.list(() => {
      const count = reader.u32();
      return Array<string>(count).fill(reader.type());
    });
    bodies.push({ locals: locals.flat(), body: reader.body(end) });
  };
  const readData = (): void => {
    const kind = reader.u32();
    if (kind === 2) reader.u32();
    const at = kind === 1 ? undefined : reader.address();
    const bytes = reader.u32();
    reader.at += bytes;
    data.push({ at, bytes });
  };
  const readNames = (end: number): void => {
    if (reader.text() !== "name") return;
    while (reader.at < end) {
      const [kind, size] = [reader.byte(), reader.u32()];
      const next = reader.at + size;
      if (kind === 1) reader.list(() => names.set(reader.u32(), reader.text()));
      reader.at = next;
    }
  };

  while (reader.at < bytes.length) {
    const [section, size] = [reader.byte(), reader.u32()];
    const end = reader.at + size;
    if (section === 0) readNames(end);
    else if (section === 1)
      reader.list(() => {
        reader.at++;
        types.push({ params: reader.list(() => reader.type()), results: reader.list(() => reader.type()) });
      });
    else if (section === 2) reader.list(readImport);
    else if (section === 3) declared.push(...reader.list(() => reader.u32()));
    else if (section === 4) tables += reader.u32();
    else if (section === 5) memories.push(...reader.list(() => reader.limits()));
    else if (section === 6)
      reader.list(() => {
        readGlobalType();
        globals.push(reader.address());
      });
    else if (section === 7)
      reader.list(() => {
        exports.push({ name: reader.text(), kind: KINDS[reader.byte()] ?? "unknown" });
        reader.u32();
      });
    else if (section === 8) start = reader.u32();
    else if (section === 9) elements += reader.u32();
    else if (section === 10) reader.list(readBody);
    else if (section === 11) reader.list(readData);
    reader.at = end;
  }

  const functions = bodies.map((body, n) => {
    const index = imports.length + n;
    return { index, name: names.get(index) ?? `#${index}`, signature: signature(declared[n] ?? 0), ...body };
  });
  return { imports, otherImports, functions, exports, mutableGlobals, globals, memories, data, tables, elements, start };
}
