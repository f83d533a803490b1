// What a bundle says that each VM has: read from its bytes (abi/bundle.ts; Devicetree Specification v0.4, chapter 5) without a look at src/, for the rules
// that hold the core against it.

import { bundleNames as names } from "../../abi/bundle.ts";
import { guest } from "../../abi/guest.ts";

/** A range of a VM's memory map. */
export interface Range {
  readonly kind: "RAM" | "region" | "stolen time" | "shared";
  readonly ipa: number;
  readonly bytes: number;
  readonly write: boolean;
  readonly execute: boolean;
  /** The number of a shared region among the system's. */
  readonly index?: number;
}

/** What is loaded into it before its first instruction. */
export interface Payload {
  readonly ipa: number;
  readonly bytes: Buffer;
}

export interface VmDescription {
  readonly vcpus: number;
  /** Whom each of its doorbells rings, and which one of theirs. */
  readonly doorbells: readonly { readonly peer: number; readonly number: number }[];
  readonly ranges: readonly Range[];
  /** How many virtio devices it has. */
  readonly virtio: number;
  /** Later ones lie on earlier ones. */
  readonly payloads: readonly Payload[];
  /** Places that the core fills with what it likes: random seeds, counts of time. */
  readonly free: readonly { readonly ipa: number; readonly bytes: number }[];
}

export interface SystemDescription {
  readonly scrubAtBoot: boolean;
  readonly vms: readonly VmDescription[];
}

interface Property {
  /** Where its token and its value are in the tree. */
  readonly at: number;
  readonly value: Buffer;
}
interface Node {
  readonly properties: Map<string, Property>;
  readonly children: { readonly name: string; readonly node: Node }[];
}

const MAGIC = 0xd00d_feed;
const [BEGIN_NODE, END_NODE, PROP, NOP] = [1, 2, 3, 4];

const readTree = (tree: Buffer): Node => {
  const [structure, strings] = [tree.readUInt32BE(8), tree.readUInt32BE(12)];
  const text = (at: number): string => tree.toString("latin1", at, tree.indexOf(0, at));
  const outside: Node = { properties: new Map(), children: [] };
  const open: Node[] = [outside];
  for (let at = structure; ; ) {
    const token = tree.readUInt32BE(at);
    if (token === BEGIN_NODE) {
      const name = text(at + 4);
      const node: Node = { properties: new Map(), children: [] };
      open.at(-1)!.children.push({ name, node });
      open.push(node);
      at += 4 + ((name.length + 4) & ~3);
    } else if (token === PROP) {
      const length = tree.readUInt32BE(at + 4);
      const value = tree.subarray(at + 12, at + 12 + length);
      // Of two of a name, the first counts, as for the core.
      const { properties } = open.at(-1)!;
      const name = text(strings + tree.readUInt32BE(at + 8));
      if (!properties.has(name)) properties.set(name, { at, value });
      at += 12 + ((length + 3) & ~3);
    } else if (token === END_NODE || token === NOP) {
      if (token === END_NODE) open.pop();
      // What stands behind the root belongs to nobody.
      if (open.length <= 1 && token === END_NODE) return outside.children[0]?.node ?? outside;
      at += 4;
    } else {
      return outside.children[0]?.node ?? outside;
    }
  }
};

/** The value of a property that has as many bytes as it must; of another one nothing is read. */
const bytesOf = (node: Node, name: string, bytes: number): Buffer | undefined => {
  const value = node.properties.get(name)?.value;
  return value?.length === bytes ? value : undefined;
};
const number = (node: Node, name: string): number => Number(bytesOf(node, name, 8)?.readBigUInt64BE() ?? 0n);
const child = (node: Node, name: string): Node | undefined => node.children.find((one) => one.name === name)?.node;
const list = (node: Node, name: string): Node[] => child(node, name)?.children.map((one) => one.node) ?? [];

const rangesOf = (vm: Node, shared: readonly number[]): Range[] => {
  const writable = (node: Node): boolean => !node.properties.has(names.READ_ONLY);
  return [
    { kind: "RAM", ipa: guest.RAM_BASE, bytes: number(vm, names.MEMORY), write: true, execute: true },
    { kind: "stolen time", ipa: guest.STOLEN_BASE, bytes: guest.STOLEN_SIZE, write: false, execute: false },
    ...list(vm, names.REGIONS).map((node): Range => {
      const [ipa, bytes] = [number(node, names.IPA), number(node, names.SIZE)];
      return { kind: "region", ipa, bytes, write: writable(node), execute: true };
    }),
    ...list(vm, names.SHARED).map((node): Range => {
      const [index, ipa] = [number(node, names.INDEX), number(node, names.IPA)];
      return { kind: "shared", ipa, bytes: shared[index] ?? 0, write: writable(node), execute: false, index };
    }),
  ];
};

/** What `read` makes of bytes that may be no tree. */
const ifTree = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

/**
 * The seeds in a guest's device tree: their whole properties, which become NOPs where there is no random bit. What is broken is the guest's affair: the
 * core may find seeds in it, or none.
 */
const seedsOf = (tree: Buffer): { at: number; bytes: number }[] => {
  if (tree.length < 40 || tree.readUInt32BE(0) !== MAGIC) return [];
  const root = ifTree(() => readTree(tree));
  if (root === undefined) return [{ at: 0, bytes: tree.length }];
  const chosen = child(root, "chosen");
  return ["rng-seed", "kaslr-seed"].flatMap((name) => {
    const found = chosen?.properties.get(name);
    return found === undefined ? [] : [{ at: found.at, bytes: 12 + found.value.length }];
  });
};

const vmOf = (bundle: Buffer, vm: Node, shared: readonly number[]): VmDescription => {
  const file = (node: Node, name: string): Buffer => {
    const value = bytesOf(node, name, 16);
    if (value === undefined) return Buffer.alloc(0);
    const offset = Number(value.readBigUInt64BE());
    return bundle.subarray(offset, offset + Number(value.readBigUInt64BE(8)));
  };
  const tree = file(vm, names.FDT);
  const treeAt = guest.RAM_BASE + number(vm, names.FDT_LOAD);
  const vcpus = number(vm, names.VCPUS);
  return {
    vcpus,
    virtio: list(vm, names.VIRTIO).length,
    doorbells: list(vm, names.DOORBELLS).map((node) => ({ peer: number(node, names.PEER), number: number(node, names.NUMBER) })),
    ranges: rangesOf(vm, shared),
    payloads: [
      { ipa: guest.RAM_BASE + number(vm, names.KERNEL_LOAD), bytes: file(vm, names.KERNEL) },
      ...list(vm, names.SEGMENTS).map((node) => ({
        ipa: guest.RAM_BASE + number(node, names.LOAD),
        bytes: file(node, names.FILE),
      })),
      { ipa: guest.RAM_BASE + number(vm, names.INITRD_LOAD), bytes: file(vm, names.INITRD) },
      { ipa: treeAt, bytes: tree },
      ...list(vm, names.REGIONS).map((node) => ({ ipa: number(node, names.IPA), bytes: file(node, names.FILE) })),
    ],
    free: [
      ...seedsOf(tree).map(({ at, bytes }) => ({ ipa: treeAt + at, bytes })),
      ...Array.from({ length: vcpus }, (_, n) => ({ ipa: guest.STOLEN_BASE + guest.STOLEN_STRIDE * n + 8, bytes: 8 })),
    ],
  };
};

const describe = (bundle: Buffer): SystemDescription => {
  const root = readTree(bundle);
  const shared = list(root, names.SHARED).map((node) => number(node, names.SIZE));
  return {
    scrubAtBoot: !root.properties.has(names.NO_SCRUB),
    vms: list(root, names.VMS).map((vm) => vmOf(bundle, vm, shared)),
  };
};

/** What a bundle says; undefined for one that is broken. */
export const describeSystem = (bundle: Buffer): SystemDescription | undefined => ifTree(() => describe(bundle));
