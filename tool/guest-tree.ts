// The device tree that a guest is given: the machine of abi/guest.ts, described with the bindings of Linux
// (Documentation/devicetree/bindings). `rng-seed` and `kaslr-seed` are zeros here: the core fills them at each start of the VM.

import { guest } from "../abi/guest.ts";
import type { Doorbell, SharedWindow } from "./config/links.ts";
import { type FdtNode, fdtNode, writeFdt } from "./fdt.ts";

export interface GuestMachine {
  /** Bytes of RAM, at guest.RAM_BASE. */
  readonly memory: number;
  readonly vcpus: number;
  readonly bootargs?: string | undefined;
  /** Where the initial RAM disk lies, as an IPA, and its bytes. */
  readonly initrd?: { readonly start: number; readonly size: number } | undefined;
  /** Which devices are named. */
  readonly devices: { readonly uart: boolean; readonly rtc: boolean };
  /** How many virtio transports it has. */
  readonly virtio: number;
  readonly shared: readonly SharedWindow[];
  readonly doorbells: readonly Doorbell[];
}

const GIC = 1;
const UART_CLOCK = 2;

/** Interrupt specifiers of arm,gic-v3: kind, number, flags. */
const SPI = 0;
const PPI = 1;
const EDGE_RISING = 1;
const LEVEL_HIGH = 4;

const RNG_SEED_SIZE = 64;
const KASLR_SEED_SIZE = 8;

const at = (name: string, address: number): string => `${name}@${address.toString(16)}`;
const range = (address: number, size: number): bigint[] => [BigInt(address), BigInt(size)];

const chosen = (machine: GuestMachine): FdtNode =>
  fdtNode("chosen", {
    ...(machine.bootargs === undefined ? {} : { bootargs: machine.bootargs }),
    "stdout-path": machine.devices.uart ? `/${at("pl011", guest.UART_BASE)}` : false,
    ...(machine.initrd === undefined
      ? {}
      : {
          "linux,initrd-start": BigInt(machine.initrd.start),
          "linux,initrd-end": BigInt(machine.initrd.start + machine.initrd.size),
        }),
    "rng-seed": new Uint8Array(RNG_SEED_SIZE),
    "kaslr-seed": new Uint8Array(KASLR_SEED_SIZE),
  });

const cpus = (count: number): FdtNode =>
  fdtNode(
    "cpus",
    { "#address-cells": 1, "#size-cells": 0 },
    Array.from({ length: count }, (_, index) =>
      fdtNode(at("cpu", index), { device_type: "cpu", compatible: "arm,armv8", reg: index, "enable-method": "psci" }),
    ),
  );

/** The four timer interrupts in the binding's order: secure physical, physical, virtual, EL2. */
const timer = (): FdtNode =>
  fdtNode("timer", {
    compatible: "arm,armv8-timer",
    interrupts: [13, 14, 11, 10].flatMap((ppi) => [PPI, ppi, LEVEL_HIGH]),
    "always-on": true,
  });

const interruptController = (vcpus: number): FdtNode =>
  fdtNode(at("intc", guest.GICD_BASE), {
    compatible: "arm,gic-v3",
    reg: [...range(guest.GICD_BASE, guest.GICD_SIZE), ...range(guest.GICR_BASE, guest.GICR_STRIDE * vcpus)],
    "#interrupt-cells": 3,
    "interrupt-controller": true,
    "#address-cells": 0,
    phandle: GIC,
  });

const primecell = (name: string, compatible: string, address: number, size: number, spi: number, clocks: string[]): FdtNode =>
  fdtNode(at(name, address), {
    compatible: [compatible, "arm,primecell"],
    reg: range(address, size),
    interrupts: [SPI, spi, LEVEL_HIGH],
    clocks: clocks.map(() => UART_CLOCK),
    "clock-names": clocks,
  });

const uart = (): FdtNode =>
  primecell("pl011", "arm,pl011", guest.UART_BASE, guest.UART_SIZE, guest.UART_SPI, ["uartclk", "apb_pclk"]);

const rtc = (): FdtNode => primecell("pl031", "arm,pl031", guest.RTC_BASE, guest.RTC_SIZE, guest.RTC_SPI, ["apb_pclk"]);

const clock = (): FdtNode =>
  fdtNode("apb-pclk", {
    compatible: "fixed-clock",
    "#clock-cells": 0,
    "clock-frequency": guest.UART_CLOCK,
    "clock-output-names": "apb_pclk",
    phandle: UART_CLOCK,
  });

/** A transport (virtio/mmio.yaml). What it is for, its registers say. */
const virtio = (slot: number): FdtNode => {
  const address = guest.VIRTIO_BASE + slot * guest.VIRTIO_STRIDE;
  return fdtNode(at("virtio_mmio", address), {
    compatible: "virtio,mmio",
    reg: range(address, guest.VIRTIO_STRIDE),
    interrupts: [SPI, guest.VIRTIO_SPI + slot, LEVEL_HIGH],
    "dma-coherent": true,
  });
};

/** Memory that belongs to no kernel: `no-map` keeps it out of its own map until a driver asks (reserved-memory.yaml). */
const reservedMemory = (shared: readonly SharedWindow[]): FdtNode =>
  fdtNode(
    "reserved-memory",
    { "#address-cells": 2, "#size-cells": 2, ranges: true },
    shared.map(({ name, ipa, size, readOnly }) =>
      fdtNode(at("shared", ipa), {
        compatible: "hyper-lite,shared-memory",
        reg: range(ipa, size),
        "no-map": true,
        label: name,
        "hyper-lite,read-only": readOnly,
      }),
    ),
  );

/** One node a doorbell: the interrupt that its peer raises, and the number by which HL_DOORBELL rings the peer's. */
const doorbellNodes = (doorbells: readonly Doorbell[]): FdtNode =>
  fdtNode(
    "hyper-lite",
    { compatible: "hyper-lite,hypervisor" },
    doorbells.map(({ peerName }, number) =>
      fdtNode(`doorbell-${number}`, {
        compatible: "hyper-lite,doorbell",
        interrupts: [SPI, guest.DOORBELL_SPI + number, EDGE_RISING],
        "hyper-lite,number": number,
        "hyper-lite,peer": peerName,
      }),
    ),
  );

/** The tree of a machine, as a blob of at most bundle.GUEST_FDT_MAX bytes. */
export const guestTree = (machine: GuestMachine): Buffer => {
  const { memory, vcpus, devices, shared, doorbells } = machine;
  const properties = {
    compatible: "linux,dummy-virt",
    model: "Hyper-LITE",
    "#address-cells": 2,
    "#size-cells": 2,
    "interrupt-parent": GIC,
  };
  return writeFdt(
    fdtNode("", properties, [
      chosen(machine),
      fdtNode(at("memory", guest.RAM_BASE), { device_type: "memory", reg: range(guest.RAM_BASE, memory) }),
      ...(shared.length === 0 ? [] : [reservedMemory(shared)]),
      cpus(vcpus),
      fdtNode("psci", { compatible: ["arm,psci-1.0", "arm,psci-0.2"], method: "hvc" }),
      timer(),
      interruptController(vcpus),
      ...(devices.uart || devices.rtc ? [clock()] : []),
      ...(devices.uart ? [uart()] : []),
      ...(devices.rtc ? [rtc()] : []),
      ...Array.from({ length: machine.virtio }, (_, slot) => virtio(slot)),
      ...(doorbells.length === 0 ? [] : [doorbellNodes(doorbells)]),
    ]),
  );
};
