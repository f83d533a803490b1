// The simulated board's device tree: what QEMU's `virt` says with gic-version=3 and virtualization=on, in its order and with its nodes, but for the
// many transports that nobody looks at. Options change what a test is about.

import { type FdtNode, type FdtValue, fdtNode, writeFdt } from "../tool/fdt.ts";
import { DISTRIBUTOR, REDISTRIBUTORS } from "./machine.ts";
import type { Bank } from "./ram.ts";

export interface BoardOptions {
  readonly banks: readonly Bank[];
  /** The affinities of its CPUs, or how many there are, numbered from 0. */
  readonly cpus?: number | readonly bigint[];
  /** "v2": as QEMU describes it without gic-version=3. */
  readonly gic?: "v3" | "v2" | "none";
  /** Where the loader has put the bundle. */
  readonly initrd?: { readonly start: number; readonly end: number } | undefined;
  /** Bytes of the seed; 0: none. */
  readonly seedBytes?: number;
  /** Where the UART is; false: there is none. */
  readonly uart?: number | boolean;
  readonly clock?: boolean;
  readonly timer?: boolean;
  readonly maintenance?: boolean;
  readonly psci?: boolean;
  /** Cells of an interrupt's specifier, zeros behind the third. */
  readonly interruptCells?: number;
  /** Kind and number in place of what QEMU has; the timer's are those of its virtual one and EL2's. */
  readonly specifiers?: {
    readonly uart?: readonly [number, number];
    readonly virtualTimer?: readonly [number, number];
    readonly hypervisorTimer?: readonly [number, number];
    readonly maintenance?: readonly [number, number];
  };
  readonly redistributorRegions?: number;
  /** Regions of `reg` behind that of the redistributors. */
  readonly moreRegions?: readonly Bank[];
  /** Entries of the memory reservation block. */
  readonly reserve?: readonly Bank[];
  /** Nodes behind all others. */
  readonly more?: readonly FdtNode[];
}

const GIC_PHANDLE = 0x8002;
const CLOCK_PHANDLE = 0x8000;
const SPI = 0;
const PPI = 1;
const LEVEL_HIGH = 4;
const EDGE = 1;

const range = (base: number, size: number): bigint[] => [BigInt(base), BigInt(size)];
const at = (name: string, base: number): string => `${name}@${base.toString(16)}`;

const primecell = (name: string, compatible: string, base: number, interrupts: readonly number[]): FdtNode =>
  fdtNode(at(name, base), {
    "clock-names": ["uartclk", "apb_pclk"],
    clocks: [CLOCK_PHANDLE, CLOCK_PHANDLE],
    interrupts,
    reg: range(base, 0x1000),
    compatible: [compatible, "arm,primecell"],
  });

const interruptController = (
  gic: "v3" | "v2",
  interrupts: FdtValue,
  { interruptCells = 3, redistributorRegions, moreRegions = [] }: BoardOptions,
): FdtNode =>
  fdtNode(
    at("intc", DISTRIBUTOR),
    {
      phandle: GIC_PHANDLE,
      interrupts,
      reg:
        gic === "v3"
          ? [
              ...range(DISTRIBUTOR, 0x1_0000),
              ...range(REDISTRIBUTORS, 0xf6_0000),
              ...moreRegions.flatMap(({ base, size }) => range(base, size)),
            ]
          : [...range(DISTRIBUTOR, 0x1_0000), ...range(0x0801_0000, 0x1_0000)],
      compatible: gic === "v3" ? "arm,gic-v3" : "arm,cortex-a15-gic",
      ranges: true,
      "#size-cells": 2,
      "#address-cells": 2,
      "interrupt-controller": true,
      "#interrupt-cells": interruptCells,
      "#redistributor-regions": redistributorRegions ?? false,
    },
    [fdtNode("its@8080000", { compatible: "arm,gic-v3-its", reg: range(0x0808_0000, 0x2_0000) })],
  );

const seed = (bytes: number): FdtValue =>
  bytes === 0 ? false : Uint8Array.from({ length: bytes }, (_, n) => (n * 37 + 11) & 0xff);

/** A tree with entries in its memory reservation block, of which writeFdt has the last, empty one. */
const withReservations = (tree: Buffer, entries: readonly Bank[]): Buffer => {
  const HEADER = 40;
  const block = Buffer.alloc(16 * entries.length);
  for (const [n, { base, size }] of entries.entries()) {
    block.writeBigUInt64BE(BigInt(base), 16 * n);
    block.writeBigUInt64BE(BigInt(size), 16 * n + 8);
  }
  const all = Buffer.concat([tree.subarray(0, HEADER), block, tree.subarray(HEADER)]);
  // totalsize, off_dt_struct, off_dt_strings
  for (const at of [4, 8, 12]) all.writeUInt32BE(all.readUInt32BE(at) + block.length, at);
  return all;
};

export const boardTree = (options: BoardOptions): Buffer => {
  const { banks, cpus = 1, gic = "v3", initrd, seedBytes = 32 } = options;
  const {
    uart = true,
    clock = true,
    timer = true,
    maintenance = true,
    psci = true,
    more = [],
    specifiers = {},
    reserve = [],
  } = options;
  const affinities = typeof cpus === "number" ? Array.from({ length: cpus }, (_, n) => BigInt(n)) : cpus;
  const isWide = affinities.some((affinity) => affinity > 0xffff_ffffn);
  const specifier = ([kind, number]: readonly [number, number], flags: number): number[] =>
    Array.from({ length: options.interruptCells ?? 3 }, (_, n) => [kind, number, flags][n] ?? 0);
  const {
    uart: uartAt = [SPI, 1],
    virtualTimer = [PPI, 11],
    hypervisorTimer = [PPI, 10],
    maintenance: maintained = [PPI, 9],
  } = specifiers;
  const nodes: (FdtNode | false)[] = [
    psci && fdtNode("psci", { method: "smc", compatible: ["arm,psci-1.0", "arm,psci-0.2", "arm,psci"] }),
    ...banks.map(({ base, size }) => fdtNode(at("memory", base), { reg: range(base, size), device_type: "memory" })),
    fdtNode("platform-bus@c000000", {
      "interrupt-parent": GIC_PHANDLE,
      ranges: [0, 0, 0x0c00_0000, 0x0200_0000],
      "#address-cells": 1,
      "#size-cells": 1,
      compatible: ["qemu,platform", "simple-bus"],
    }),
    ...[0, 1].map((n) =>
      fdtNode(at("virtio_mmio", 0x0a00_0000 + 0x200 * n), {
        "dma-coherent": true,
        interrupts: specifier([SPI, 16 + n], EDGE),
        reg: range(0x0a00_0000 + 0x200 * n, 0x200),
        compatible: "virtio,mmio",
      }),
    ),
    clock && primecell("pl031", "arm,pl031", 0x0901_0000, specifier([SPI, 2], LEVEL_HIGH)),
    uart !== false && primecell("pl011", "arm,pl011", uart === true ? 0x0900_0000 : uart, specifier(uartAt, LEVEL_HIGH)),
    gic !== "none" && interruptController(gic, maintenance && specifier(maintained, LEVEL_HIGH), options),
    fdtNode(
      "cpus",
      { "#size-cells": 0, "#address-cells": isWide ? 2 : 1 },
      affinities.map((affinity) =>
        fdtNode(`cpu@${affinity.toString(16)}`, {
          reg: isWide ? [affinity] : Number(affinity),
          compatible: "arm,cortex-a57",
          device_type: "cpu",
          "enable-method": "psci",
        }),
      ),
    ),
    timer &&
      fdtNode("timer", {
        interrupts: ([[PPI, 13], [PPI, 14], virtualTimer, hypervisorTimer] as const).flatMap((one) => specifier(one, LEVEL_HIGH)),
        "always-on": true,
        compatible: ["arm,armv8-timer", "arm,armv7-timer"],
      }),
    fdtNode("apb-pclk", {
      phandle: CLOCK_PHANDLE,
      "clock-output-names": "clk24mhz",
      "clock-frequency": 24_000_000,
      "#clock-cells": 0,
      compatible: "fixed-clock",
    }),
    fdtNode("chosen", {
      ...(initrd === undefined ? {} : { "linux,initrd-end": BigInt(initrd.end), "linux,initrd-start": BigInt(initrd.start) }),
      "stdout-path": "/pl011@9000000",
      "rng-seed": seed(seedBytes),
    }),
    ...more,
  ];
  const properties = {
    "interrupt-parent": GIC_PHANDLE,
    model: "linux,dummy-virt",
    "#size-cells": 2,
    "#address-cells": 2,
    compatible: "linux,dummy-virt",
  };
  const found = nodes.filter((node) => node !== false);
  return withReservations(writeFdt(fdtNode("", properties, found)), reserve);
};
