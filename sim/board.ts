// The simulated board's device tree: what QEMU's `virt` says with gic-version=3 and virtualization=on, in its order and with its nodes, but for the
// many transports that nobody looks at. Options change what a test is about.

import { type FdtNode, type FdtValue, fdtNode, writeFdt } from "../tool/fdt.ts";
import { DISTRIBUTOR, REDISTRIBUTORS } from "./machine.ts";
import type { Bank } from "./ram.ts";

export interface BoardOptions {
  readonly banks: readonly Bank[];
  readonly cpus?: number;
  /** "v2": as QEMU describes it without gic-version=3. */
  readonly gic?: "v3" | "v2" | "none";
  /** Where the loader has put the bundle. */
  readonly initrd?: { readonly start: number; readonly end: number } | undefined;
  /** Bytes of the seed; 0: none. */
  readonly seedBytes?: number;
  readonly uart?: boolean;
  readonly clock?: boolean;
  readonly timer?: boolean;
  readonly maintenance?: boolean;
  readonly psci?: boolean;
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

const primecell = (name: string, compatible: string, base: number, spi: number): FdtNode =>
  fdtNode(at(name, base), {
    "clock-names": ["uartclk", "apb_pclk"],
    clocks: [CLOCK_PHANDLE, CLOCK_PHANDLE],
    interrupts: [SPI, spi, LEVEL_HIGH],
    reg: range(base, 0x1000),
    compatible: [compatible, "arm,primecell"],
  });

const interruptController = (gic: "v3" | "v2", maintenance: boolean): FdtNode =>
  fdtNode(
    at("intc", DISTRIBUTOR),
    {
      phandle: GIC_PHANDLE,
      interrupts: maintenance ? [PPI, 9, LEVEL_HIGH] : false,
      reg:
        gic === "v3"
          ? [...range(DISTRIBUTOR, 0x1_0000), ...range(REDISTRIBUTORS, 0xf6_0000)]
          : [...range(DISTRIBUTOR, 0x1_0000), ...range(0x0801_0000, 0x1_0000)],
      compatible: gic === "v3" ? "arm,gic-v3" : "arm,cortex-a15-gic",
      ranges: true,
      "#size-cells": 2,
      "#address-cells": 2,
      "interrupt-controller": true,
      "#interrupt-cells": 3,
    },
    [fdtNode("its@8080000", { compatible: "arm,gic-v3-its", reg: range(0x0808_0000, 0x2_0000) })],
  );

const seed = (bytes: number): FdtValue =>
  bytes === 0 ? false : Uint8Array.from({ length: bytes }, (_, n) => (n * 37 + 11) & 0xff);

export const boardTree = (options: BoardOptions): Buffer => {
  const { banks, cpus = 1, gic = "v3", initrd, seedBytes = 32 } = options;
  const { uart = true, clock = true, timer = true, maintenance = true, psci = true, more = [] } = options;
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
        interrupts: [SPI, 16 + n, EDGE],
        reg: range(0x0a00_0000 + 0x200 * n, 0x200),
        compatible: "virtio,mmio",
      }),
    ),
    clock && primecell("pl031", "arm,pl031", 0x0901_0000, 2),
    uart && primecell("pl011", "arm,pl011", 0x0900_0000, 1),
    gic !== "none" && interruptController(gic, maintenance),
    fdtNode(
      "cpus",
      { "#size-cells": 0, "#address-cells": 1 },
      Array.from({ length: cpus }, (_, n) =>
        fdtNode(at("cpu", n), { reg: n, compatible: "arm,cortex-a57", device_type: "cpu", "enable-method": "psci" }),
      ),
    ),
    timer &&
      fdtNode("timer", {
        interrupts: [13, 14, 11, 10].flatMap((ppi) => [PPI, ppi, LEVEL_HIGH]),
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
  return writeFdt(
    fdtNode(
      "",
      properties,
      nodes.filter((node) => node !== false),
    ),
  );
};
