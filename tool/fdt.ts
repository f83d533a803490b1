// Writes flattened device trees, version 17 (Devicetree Specification v0.4, chapter 5). The manifest of a bundle and the description
// of a guest machine are both such trees.

/**
 * A property's value: bytes as they are, a string or a list of them (each with its NUL), a number as one 32-bit cell, a bigint as a
 * 64-bit pair of cells, a list of both one after the other, or `true` for a property without a value. A false property is left out.
 */
export type FdtValue = Uint8Array | string | readonly string[] | number | bigint | readonly (number | bigint)[] | boolean;

export interface FdtNode {
  readonly name: string;
  readonly properties: Readonly<Record<string, FdtValue>>;
  readonly children: readonly FdtNode[];
}

export const fdtNode = (
  name: string,
  properties: Readonly<Record<string, FdtValue>> = {},
  children: readonly FdtNode[] = [],
): FdtNode => ({ name, properties, children });

const MAGIC = 0xd00dfeed;
const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;
const HEADER_SIZE = 40;
/** One empty entry: two 64-bit zeros. */
const RESERVATION_SIZE = 16;

const BEGIN_NODE = 1;
const END_NODE = 2;
const PROP = 3;
const END = 9;

const text = (value: string): Buffer => {
  if (value.includes("\0")) throw new RangeError(`a device tree string contains a NUL: ${JSON.stringify(value)}`);
  return Buffer.from(`${value}\0`, "utf8");
};

const cell = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const pair = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

const isBytes = (value: FdtValue): value is Uint8Array => value instanceof Uint8Array;

const encode = (value: Exclude<FdtValue, false>): Uint8Array => {
  if (value === true) return Buffer.alloc(0);
  if (isBytes(value)) return value;
  if (typeof value === "string") return text(value);
  if (typeof value === "number") return cell(value);
  if (typeof value === "bigint") return pair(value);
  return Buffer.concat(
    value.map((item) => (typeof item === "string" ? text(item) : typeof item === "number" ? cell(item) : pair(item))),
  );
};

const padded = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

/** The names of properties, each once (5.5). */
class Strings {
  readonly #offsets = new Map<string, number>();
  readonly #parts: Buffer[] = [];
  #size = 0;

  offsetOf(name: string): number {
    let offset = this.#offsets.get(name);
    if (offset === undefined) {
      const bytes = text(name);
      offset = this.#size;
      this.#offsets.set(name, offset);
      this.#parts.push(bytes);
      this.#size += bytes.length;
    }
    return offset;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

const emit = (node: FdtNode, strings: Strings, out: Uint8Array[]): void => {
  out.push(cell(BEGIN_NODE), padded(text(node.name)));
  for (const [name, value] of Object.entries(node.properties)) {
    if (value === false) continue;
    const bytes = encode(value);
    out.push(cell(PROP), cell(bytes.length), cell(strings.offsetOf(name)), padded(bytes));
  }
  for (const child of node.children) emit(child, strings, out);
  out.push(cell(END_NODE));
};

/** The tree below `root` (whose name is empty) as a blob: header, empty reservation block, structure, strings. */
export const writeFdt = (root: FdtNode, bootCpu = 0): Buffer => {
  const strings = new Strings();
  const parts: Uint8Array[] = [];
  emit(root, strings, parts);
  parts.push(cell(END));
  const structure = Buffer.concat(parts);
  const names = strings.bytes();
  const structureAt = HEADER_SIZE + RESERVATION_SIZE;
  const namesAt = structureAt + structure.length;
  const header = [
    MAGIC,
    namesAt + names.length,
    structureAt,
    namesAt,
    HEADER_SIZE,
    VERSION,
    LAST_COMPATIBLE_VERSION,
    bootCpu,
    names.length,
    structure.length,
  ];
  return Buffer.concat([...header.map(cell), Buffer.alloc(RESERVATION_SIZE), structure, names]);
};
