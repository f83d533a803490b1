// A bundle whose manifest says what cannot be: written by hand, since the tool refuses to. Each mistake gets one message, before anything has started.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bundleNames as names } from "../../../abi/bundle.ts";
import { start } from "../../../sim/start.ts";
import { type FdtNode, fdtNode } from "../../../tool/fdt.ts";
import { MIB } from "../../../tool/size.ts";
import { listOf, PAYLOAD, type Properties, payload, plainVm, refusedAtBoot, writeByHand } from "./bundle-by-hand.ts";
import { shown } from "./log-lines.ts";

const SIZE = 4 * MIB;
const region = (properties: Properties = {}): Properties => ({ [names.IPA]: 0n, [names.SIZE]: 4096n, ...properties });
const share = (properties: Properties = {}): Properties => ({ [names.INDEX]: 0n, [names.IPA]: 0x1000_0000n, ...properties });
const doorbell = (properties: Properties = {}): Properties => ({ [names.PEER]: 0n, [names.NUMBER]: 0n, ...properties });
const segment = (properties: Properties = {}): Properties => ({
  [names.FILE]: payload(100),
  [names.LOAD]: 0x20_0000n,
  ...properties,
});

interface Contents {
  readonly vm?: Properties;
  readonly regions?: readonly Properties[];
  readonly shares?: readonly Properties[];
  readonly doorbells?: readonly Properties[];
  readonly segments?: readonly Properties[];
  readonly vms?: readonly FdtNode[];
  readonly shared?: readonly Properties[];
  readonly root?: Properties;
}

const vmNode = ({ vm = {}, regions = [], shares = [], doorbells = [], segments = [] }: Contents): FdtNode =>
  fdtNode("vm@0", { ...plainVm, ...vm }, [
    listOf(names.REGIONS, regions),
    listOf(names.SHARED, shares),
    listOf(names.DOORBELLS, doorbells),
    listOf(names.SEGMENTS, segments),
  ]);
const bundleWith = (contents: Contents): Buffer =>
  writeByHand({ vms: [vmNode(contents)], shared: [{ [names.SIZE]: 4096n }], size: SIZE, ...contents });

test("the bundle that the mistakes are made in is one", () => {
  const contents = { regions: [region()], shares: [share()], doorbells: [doorbell()], segments: [segment()] };
  const guest = start({ bundle: bundleWith(contents) });
  assert.equal(guest.pc, BigInt(0x4000_0000 + MIB));
});

test("what is not asked for does not have to be there", () => {
  const guest = start({ bundle: writeByHand({}) });
  assert.equal(guest.x(0), 0x4000_0000n);
});

const many = <T>(count: number, one: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => one(n));
const TOO_LARGE = 0xffff_ffff_ffff_ffffn;

const mistakes: Record<string, [Contents, RegExp]> = {
  "no VM": [{ vms: [] }, /the bundle has no VM$/],
  "too many VMs": [{ vms: many(65, () => vmNode({})) }, /more than 64 VMs$/],
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
    /too little RAM: guest wants 8192 MiB, \d+ MiB are free$/,
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
  "too many regions": [{ regions: many(9, (n) => region({ [names.IPA]: BigInt(n * 4096) })) }, /more than 8 regions$/],
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
    { regions: [region({ [names.IPA]: 1n << 28n, [names.SIZE]: 1n << 29n })] },
    /too little RAM: guest wants 528 MiB, \d+ MiB are free$/,
  ],
  "a region on the page of stolen time": [
    { regions: [region({ [names.IPA]: 0x090a_0000n })] },
    /the memory at 0x90a0000 is mapped twice$/,
  ],

  ...Object.fromEntries(
    [0n, 9n, TOO_LARGE].map((vcpus) => [`${vcpus} vCPUs`, [{ vm: { [names.VCPUS]: vcpus } }, /a VM with \d+ vCPUs$/]]),
  ),
  "no vCPUs": [{ vm: { [names.VCPUS]: false } }, /a VM with \d+ vCPUs$/],
  "a priority above all": [{ vm: { [names.PRIORITY]: 32n } }, /a VM of priority 32$/],
  "no priority": [{ vm: { [names.PRIORITY]: false } }, /a VM of priority \d+$/],
  "no share": [{ vm: { [names.SHARE]: 0n } }, /a VM with 0 shares of CPU time$/],
  "too large a share": [{ vm: { [names.SHARE]: 10_001n } }, /a VM with 10001 shares of CPU time$/],
  "a cap above all its vCPUs": [{ vm: { [names.CAP]: 101n } }, /a VM that may have 101 percent of a CPU, of at most 100$/],
  "a crash policy that is none": [{ vm: { [names.CRASH_POLICY]: 3n } }, /crash policy 3$/],
  "no quota": [{ vm: { [names.TABLE_QUOTA]: 0n } }, /a quota of 0 tables$/],
  "a quota beyond all memory": [{ vm: { [names.TABLE_QUOTA]: 16385n } }, /a quota of 16385 tables$/],
  "a quota that is too small": [
    { vm: { [names.TABLE_QUOTA]: 2n } },
    /guest cannot be made: 2 tables of stage 2 do not do \(its quota; \d+ are free\)/,
  ],
  "CPUs that the board has not": [
    { vm: { [names.AFFINITY]: 6n } },
    /vm0 may run on none of the board's CPUs: its affinity is 0x6, theirs 0x1$/,
  ],
  "an affinity of 64 bits": [{ vm: { [names.AFFINITY]: 1n << 32n } }, /a VM with affinity 0x100000000$/],
  "an entry that is no instruction": [{ vm: { [names.KERNEL_ENTRY]: BigInt(MIB + 2) } }, /or not at an instruction/],

  "too many segments": [{ segments: many(9, () => segment()) }, /a kernel of more than 8 segments$/],
  "a segment without a file": [{ segments: [segment({ [names.FILE]: false })] }, /a segment without a file$/],
  "a segment outside the RAM": [
    { segments: [segment({ [names.LOAD]: BigInt(16 * MIB) })] },
    /a segment of the kernel is too large for its VM: it ends at 0x1000064, the RAM at 0x1000000$/,
  ],
  "a segment at an odd place": [{ segments: [segment({ [names.LOAD]: 8n })] }, /a payload is loaded at an odd address$/],
  "a segment without a place": [{ segments: [segment({ [names.LOAD]: false })] }, /a segment of the kernel is too large/],

  "too many shared regions": [{ shared: many(65, () => ({ [names.SIZE]: 4096n })) }, /more than 64 shared regions$/],
  "a shared region of nothing": [{ shared: [{ [names.SIZE]: 0n }] }, /a shared region of 0x0 bytes$/],
  "a shared region of an odd size": [{ shared: [{ [names.SIZE]: 100n }] }, /a shared region of 0x64 bytes$/],
  "a shared region without a size": [{ shared: [{}] }, /a shared region of 0xffffffffffffffff bytes$/],
  "a shared region larger than the board": [
    { shared: [{ [names.SIZE]: 1n << 33n }] },
    /too little RAM: 8192 MiB in one piece for shared memory, a disk or a capture, \d+ MiB are free$/,
  ],
  "a VM with too many shared regions": [
    { shares: many(9, (n) => share({ [names.IPA]: BigInt(n * 4096) })) },
    /a VM has more than 8 shared regions$/,
  ],
  "a shared region that is not there": [{ shares: [share({ [names.INDEX]: 1n })] }, /a VM shares region 1, of 1$/],
  "a shared region without a number": [{ shares: [share({ [names.INDEX]: false })] }, /a VM shares region \d+, of 1$/],
  "a shared region at an odd address": [{ shares: [share({ [names.IPA]: 8n })] }, /a shared region at 0x8 of 0x1000 bytes$/],
  "a shared region beyond 39 bits": [{ shares: [share({ [names.IPA]: 1n << 39n })] }, /a shared region at 0x8000000000 /],
  "a shared region on a region": [
    { regions: [region()], shares: [share({ [names.IPA]: 0n })] },
    /the memory at 0x0 is mapped twice$/,
  ],
  "a shared region twice in one place": [{ shares: [share(), share()] }, /the memory at 0x10000000 is mapped twice$/],

  "too many doorbells": [{ doorbells: many(9, () => doorbell()) }, /a VM has more than 8 doorbells$/],
  "a doorbell at a VM that is not there": [
    { doorbells: [doorbell({ [names.PEER]: 1n })] },
    /a doorbell of vm0 rings number 0 of vm1, which is not there$/,
  ],
  "a doorbell that nobody has": [
    { doorbells: [doorbell({ [names.NUMBER]: 1n })] },
    /a doorbell of vm0 rings number 1 of vm0, which is not there$/,
  ],
  "a doorbell without a peer": [{ doorbells: [doorbell({ [names.PEER]: false })] }, /a doorbell at VM 0xf+$/],
  "a doorbell of 64 bits": [{ doorbells: [doorbell({ [names.NUMBER]: 1n << 32n })] }, /a doorbell with number 0x100000000$/],

  "a policy that is none": [{ root: { [names.POLICY]: 2n } }, /scheduling policy 2$/],
  "no policy": [{ root: { [names.POLICY]: false } }, /scheduling policy \d+$/],
  "too short a slice": [{ root: { [names.SLICE]: 99n } }, /a time slice of 99 microseconds$/],
  "too long a slice": [{ root: { [names.SLICE]: 1_000_001n } }, /a time slice of 1000001 microseconds$/],
  "a console that is none": [{ root: { [names.CONSOLE]: "window" } }, /its console is neither `terminal` nor `lines`$/],
};

for (const [name, [contents, message]] of Object.entries(mistakes)) {
  test(`refused with one message: ${name}`, () => {
    refusedAtBoot(bundleWith(contents), message);
  });
}

test("a name that is too long, or holds control characters, does no harm", () => {
  const { output } = start({ bundle: bundleWith({ vm: { [names.NAME]: "\x1b[2J\r\n<0>forged".padEnd(200, "x") } }) }).machine
    .uart;
  assert.match(shown(output), /vm0 vm: \?\[2J\?\?<0>forgedx+ starts, 16 MiB/);
});
