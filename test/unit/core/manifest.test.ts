// A bundle whose manifest says what cannot be: written by hand, since the tool refuses to. Each mistake gets one message, before anything has started.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bundle as constants, bundleNames as names } from "../../../abi/bundle.ts";
import { PowerOff } from "../../../sim/faults.ts";
import { outputOf, start } from "../../../sim/start.ts";
import { type FdtNode, type FdtValue, fdtNode, writeFdt } from "../../../tool/fdt.ts";
import { shown } from "./log-lines.ts";

const MIB = 2 ** 20;
const SIZE = 4 * MIB;
const PAYLOAD = 2 * MIB;

type Properties = Record<string, FdtValue>;

const payload = (bytes: number, offset = PAYLOAD): bigint[] => [BigInt(offset), BigInt(bytes)];
const vm: Properties = {
  [names.NAME]: "guest",
  [names.MEMORY]: BigInt(16 * MIB),
  [names.KERNEL]: payload(100),
  [names.KERNEL_LOAD]: BigInt(MIB),
  [names.KERNEL_RESERVE]: 4096n,
  [names.KERNEL_ENTRY]: BigInt(MIB),
  [names.FDT]: payload(64),
  [names.FDT_LOAD]: 0n,
};
const region = (properties: Properties): FdtNode => fdtNode("region", { [names.IPA]: 0n, [names.SIZE]: 4096n, ...properties });

interface Contents {
  readonly vm?: Properties;
  readonly regions?: readonly FdtNode[];
  readonly vms?: readonly FdtNode[];
  readonly root?: Properties;
}

const bundleWith = ({ vm: changes = {}, regions = [], vms, root = {} }: Contents): Buffer => {
  const nodes = vms ?? [fdtNode("vm@0", { ...vm, ...changes }, [fdtNode(names.REGIONS, {}, regions)])];
  const properties = { compatible: names.COMPATIBLE, [names.TOTAL_SIZE]: BigInt(SIZE), ...root };
  const bytes = Buffer.alloc(SIZE);
  bytes.set(writeFdt(fdtNode("", properties, [fdtNode(names.VMS, {}, nodes)])));
  bytes.writeBigUInt64LE(constants.BUNDLE_END, SIZE - 8);
  return bytes;
};

test("the bundle that the mistakes are made in is one", () => {
  const guest = start({ bundle: bundleWith({ regions: [region({})] }) });
  assert.equal(guest.pc, BigInt(0x4000_0000 + MIB));
});

test("what is not asked for does not have to be there", () => {
  const guest = start({ bundle: bundleWith({ vms: [fdtNode("vm@0", vm)] }) });
  assert.equal(guest.x(0), 0x4000_0000n);
});

const many = Array.from({ length: 9 }, (_, n) => region({ [names.IPA]: BigInt(n * 4096) }));
const node = fdtNode("vm@0", vm);

const mistakes: Record<string, [Contents, RegExp]> = {
  "no VM": [{ vms: [] }, /the bundle has no VM$/],
  "two VMs": [{ vms: [node, node] }, /the bundle has several VMs, this version runs one$/],
  "a size that is too large": [
    { root: { [names.TOTAL_SIZE]: BigInt(SIZE + 4096) } },
    /the bundle is truncated: it says 4198400 bytes, 4194304 are there$/,
  ],
  "a size that is less than the manifest's": [{ root: { [names.TOTAL_SIZE]: 16n } }, /the bundle is truncated/],
  "a size that wraps": [{ root: { [names.TOTAL_SIZE]: 0xffff_ffff_ffff_fff8n } }, /the bundle is truncated/],
  "no size": [{ root: { [names.TOTAL_SIZE]: false } }, /the bundle is truncated/],
  "no mark at its end": [
    { root: { [names.TOTAL_SIZE]: BigInt(SIZE - 8) } },
    /the bundle is truncated: the last of its 4194296 bytes are not there$/,
  ],
  "a VM without a name": [{ vm: { [names.NAME]: false } }, /a VM has no name$/],
  "a VM without a kernel": [{ vm: { [names.KERNEL]: false } }, /a VM has no kernel$/],
  "a VM without a device tree": [{ vm: { [names.FDT]: false } }, /a VM has no device tree$/],
  "a kernel in one cell": [{ vm: { [names.KERNEL]: 4 } }, /a VM has no kernel$/],
  "no memory": [{ vm: { [names.MEMORY]: 0n } }, /a VM with 0x0 bytes of RAM$/],
  "memory that is no whole block": [{ vm: { [names.MEMORY]: BigInt(16 * MIB + 4096) } }, /a VM with 0x1001000 bytes of RAM$/],
  "memory beyond 39 bits": [{ vm: { [names.MEMORY]: 1n << 39n } }, /a VM with 0x8000000000 bytes of RAM$/],
  "memory of 64 bits": [{ vm: { [names.MEMORY]: 0xffff_ffff_ffe0_0000n } }, /a VM with 0xffffffffffe00000 bytes of RAM$/],
  "more memory than the board has": [
    { vm: { [names.MEMORY]: 1n << 33n } },
    /too little RAM: the VM wants 8192 MiB in a row, \d+ MiB are free$/,
  ],
  "a payload inside the manifest": [
    { vm: { [names.KERNEL]: payload(100, 0) } },
    /a payload lies outside it \(offset 0x0, 100 bytes\)$/,
  ],
  "a payload behind the end": [{ vm: { [names.KERNEL]: payload(4096, SIZE) } }, /a payload lies outside it/],
  "a payload across the end": [{ vm: { [names.KERNEL]: payload(SIZE) } }, /a payload lies outside it/],
  "a payload that wraps": [{ vm: { [names.KERNEL]: [BigInt(PAYLOAD), 0xffff_ffff_ffff_ffffn] } }, /a payload lies outside it/],
  "a payload at an odd offset": [{ vm: { [names.KERNEL]: payload(4, PAYLOAD + 1) } }, /a payload lies outside it/],
  "a kernel too large for its VM": [
    { vm: { [names.KERNEL_LOAD]: BigInt(16 * MIB) } },
    /the kernel is too large for its VM: it ends at 0x1001000, the RAM at 0x1000000$/,
  ],
  "a kernel that reserves too much": [
    { vm: { [names.KERNEL_RESERVE]: BigInt(16 * MIB) } },
    /the kernel is too large for its VM: it ends at 0x1100000, /,
  ],
  "a kernel without a place": [{ vm: { [names.KERNEL_LOAD]: false } }, /the kernel is too large for its VM/],
  "a kernel at an odd place": [{ vm: { [names.KERNEL_LOAD]: 1n } }, /a payload is loaded at an odd address$/],
  "an entry outside the RAM": [{ vm: { [names.KERNEL_ENTRY]: BigInt(16 * MIB) } }, /the kernel starts outside the RAM of its VM/],
  "an initrd too large for its VM": [
    { vm: { [names.INITRD]: payload(8192), [names.INITRD_LOAD]: BigInt(16 * MIB - 4096) } },
    /the initrd is too large for its VM: it ends at 0x1001000, the RAM at 0x1000000$/,
  ],
  "an initrd without a place": [{ vm: { [names.INITRD]: payload(1) } }, /the initrd is too large for its VM/],
  "a device tree outside the RAM": [
    { vm: { [names.FDT_LOAD]: BigInt(16 * MIB) } },
    /the device tree lies outside the RAM of its VM/,
  ],
  "a device tree too large to be filled in": [{ vm: { [names.FDT]: payload(MIB) } }, /a guest's device tree of 1048576 bytes$/],
  "too many regions": [{ regions: many }, /more than 8 regions$/],
  "a region of nothing": [{ regions: [region({ [names.SIZE]: 0n })] }, /a region at 0x0 of 0x0 bytes$/],
  "a region at an odd address": [{ regions: [region({ [names.IPA]: 8n })] }, /a region at 0x8 of 0x1000 bytes$/],
  "a region beyond 39 bits": [{ regions: [region({ [names.IPA]: 1n << 39n })] }, /a region at 0x8000000000 /],
  "a region that wraps": [{ regions: [region({ [names.IPA]: 0xffff_ffff_ffff_f000n })] }, /a region at 0xfffffffffffff000 /],
  "a region without an address": [{ regions: [region({ [names.IPA]: false })] }, /a region at 0xffffffffffffffff /],
  "a region on the RAM": [{ regions: [region({ [names.IPA]: 0x4000_0000n })] }, /the memory at 0x40000000 is mapped twice$/],
  "two regions in one place": [{ regions: [region({}), region({})] }, /the memory at 0x0 is mapped twice$/],
  "a file larger than its region": [
    { regions: [region({ [names.FILE]: payload(5000) })] },
    /a file of 5000 bytes in a region of 4096$/,
  ],
  "a region larger than the board": [
    { regions: [region({ [names.SIZE]: 1n << 29n })] },
    /too little RAM: a region of 512 MiB, \d+ MiB are free$/,
  ],
};

for (const [name, [contents, message]] of Object.entries(mistakes)) {
  test(`refused with one message: ${name}`, () => {
    const { output, thrown } = outputOf({ bundle: bundleWith(contents) }, () => assert.fail("a guest was started"));
    assert.ok(thrown instanceof PowerOff, String(thrown));
    const last = shown(output).trimEnd().split("\r\n").at(-1) ?? "";
    assert.match(last, message);
    assert.match(last, /^<0>\[ {4}0\.000000\] halted: crash /);
  });
}

test("a name that is too long, or holds control characters, does no harm", () => {
  const { output } = start({ bundle: bundleWith({ vm: { [names.NAME]: "\x1b[2J\r\n<0>forged".padEnd(200, "x") } }) }).machine
    .uart;
  assert.match(shown(output), /vm0 vm: \?\[2J\?\?<0>forgedx+ starts, 16 MiB\r\n$/);
});
