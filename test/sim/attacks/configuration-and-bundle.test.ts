// Attacks by what the user, or the loader, gets wrong: rows 55 and 56.

import assert from "node:assert/strict";
import { layout } from "../../../abi/layout.ts";
import { bundleOfSystem } from "../../../sim/bundles.ts";
import { PowerOff } from "../../../sim/faults.ts";
import { MIB } from "../../../tool/size.ts";
import { image, refusedAll, withVms } from "../../unit/config/refused.ts";
import { Memory } from "../../unit/core/memory-parts.ts";
import { survive } from "../../unit/core/survive.ts";
import { attackAlone } from "./attack.ts";

attackAlone(
  55,
  "overlaps, overflows, duplicates, an image that is too large and files that are missing: one message each, with its place",
  async () => {
    const vms = [
      { regions: [{ ipa: 0x4100_0000, size: "4K" }] },
      {
        name: "vm0",
        regions: [
          { ipa: 0x1000_0000, size: "8K" },
          { ipa: 0x1000_1000, size: "4K" },
        ],
      },
      { regions: [{ ipa: 0x7f_ffff_f000, size: "8K" }] },
      { memory: "16E" },
      { memory: 2 ** 53 },
      { memory: "16M", kernel: "large" },
      { kernel: "missing" },
      { initrd: "missing-too" },
      { shared: [{ region: "ring", ipa: 0x0900_0000 }, { region: "ring" }] },
      { affinity: [0, 0] },
    ];
    const changes = {
      shared: [
        { name: "ring", size: "4K" },
        { name: "ring", size: "4K" },
      ],
      doorbells: [
        ["vm0", "vm0"],
        ["vm2", "nobody"],
      ],
    };
    await refusedAll(
      withVms(vms, changes),
      [
        ["vms[3].memory", "must be a size"],
        ["vms[4].memory", "must be a size"],
        ["vms[9].affinity", "must be a list of numbers of CPUs, such as [0, 1], each once"],
        ["shared[1].name", "is the name of shared[0] as well"],
        ["doorbells[0]", "must connect two different VMs"],
        ["doorbells[1][1]", 'there is no VM "nobody"'],
        ["vms[1].name", "is the name of vms[0] as well"],
        ["vms[8].shared[1].region", 'the VM has "ring" already'],
        ["vms[6].kernel", "missing: no such file"],
        ["vms[7].initrd", "missing-too: no such file"],
        ["vms[0].regions[0]", "must not overlap the RAM"],
        ["vms[1].regions[1]", "must not overlap regions[0]"],
        ["vms[2].regions[0].size", "must end below 0x8000000000"],
        ["vms[5].kernel", "large is too large: it takes 15 MiB from 2 MiB on"],
        ["vms[8].shared[0]", '"ring" must not overlap the UART'],
      ],
      { large: image({ imageSize: 15 * MIB }) },
    );
  },
);
/** A bundle with everything that one can have. */
const full = (): Buffer =>
  bundleOfSystem({
    logLevels: "vm=debug",
    shared: [{ name: "ring", size: 8192 }],
    doorbells: [["vm0", "vm1"]],
    vms: [
      {
        memory: 4 * MIB,
        vcpus: 2,
        initrd: Buffer.from("initrd"),
        shared: [{ region: "ring", readOnly: false }],
        regions: [{ ipa: 0, size: 0x3000, readOnly: true, file: Buffer.from("rom") }],
      },
      { memory: 2 * MIB, shared: [{ region: "ring", readOnly: true }], autostart: false },
    ],
  });

/** What the core keeps below its rings: all that reading a bundle changes. */
const STATE = layout.WINDOW_BASE + 0x8_0000;
/** More than reading any bundle takes. */
const CALL_LIMIT = 200_000;

/** The part of the core that reads bundles, put back to where it was for each manifest. */
class Reader {
  readonly #memory = new Memory();
  readonly #start: Uint8Array;
  /** Where the log's first line is kept. */
  #logAt: number | undefined;

  /** `intact`: the bundle whose payloads all of them have. */
  constructor(intact: Buffer) {
    this.#memory.machine.ram.writeBytes(this.#memory.bundleAt, intact);
    this.#start = this.#memory.machine.memory.slice(0, STATE);
  }

  /** Reads a bundle with this manifest, of which `length` bytes are there: it is taken, or refused with one message. */
  read(manifest: Buffer, length: number): "taken" | "refused" {
    const { machine, parts, bundleAt } = this.#memory;
    machine.memory.set(this.#start);
    machine.locks.forget();
    machine.ram.writeBytes(bundleAt, manifest);
    machine.calls = 0;
    machine.callLimit = CALL_LIMIT;
    try {
      parts.open(BigInt(bundleAt), BigInt(length));
      parts.read(1);
      return "taken";
    } catch (thrown) {
      if (!(thrown instanceof PowerOff)) throw thrown;
      const memory = Buffer.from(machine.memory.buffer, 0, STATE);
      this.#logAt ??= memory.indexOf("halted: ") - 64;
      const log = memory.subarray(this.#logAt, this.#logAt + 1024);
      const at = log.indexOf("halted: crash ");
      assert.match(log.toString("latin1", at, at + 40), /halted: crash [ -~]{10,}/, "a message");
      assert.equal(log.indexOf("halted: ", at + 1), -1, "one alone");
      return "refused";
    }
  }
}

attackAlone(
  56,
  "a bundle that is cut off at any byte of its manifest, or anywhere behind it, is refused with one message",
  () => {
    const intact = full();
    const manifest = intact.readUInt32BE(4);
    const reader = new Reader(intact);
    for (let length = 0; length < manifest; length++)
      assert.equal(reader.read(intact.subarray(0, manifest), length), "refused", `${length} bytes`);
    // The whole core, too: here and there, and in the payloads.
    for (let length = 1; length < manifest; length += 61) survive({ bundle: intact.subarray(0, length) }, false);
    for (let part = 0; part < 10; part++)
      survive({ bundle: intact.subarray(0, manifest + Math.floor(((intact.length - manifest) * part) / 10)) }, false);
    survive({ bundle: intact.subarray(0, intact.length - 1) }, false);
    survive({ bundle: Buffer.concat([intact, Buffer.alloc(4096)]) }, false);
  },
);

attackAlone(
  56,
  "a bundle with a bit flipped in any byte of its manifest, or a word replaced, is taken or refused with one message",
  () => {
    const intact = full();
    const manifest = intact.readUInt32BE(4);
    const reader = new Reader(intact);
    const results = new Map<string, number>();
    const broken = (change: (bundle: Buffer) => void): Buffer => {
      const bundle = Buffer.from(intact.subarray(0, manifest));
      change(bundle);
      return bundle;
    };
    const flip =
      (at: number) =>
      (bundle: Buffer): void => {
        bundle[at] = (bundle[at] ?? 0) ^ (1 << ((at * 5) % 8));
      };
    for (let at = 0; at < manifest; at++) {
      const result = reader.read(broken(flip(at)), intact.length);
      results.set(result, (results.get(result) ?? 0) + 1);
    }
    // A bit of a text or of a number may be another one that is right; that of a token is not.
    assert.ok((results.get("refused") ?? 0) > manifest / 4 && (results.get("taken") ?? 0) > 0, `${[...results]}`);
    for (let at = 0; at + 4 <= manifest; at += 4)
      for (const value of [0, 0x7fff_ffff, 0xffff_ffff])
        reader.read(
          broken((bundle) => bundle.writeUInt32BE(value, at)),
          intact.length,
        );
    for (let at = 0; at < manifest; at += 53) {
      const bundle = Buffer.from(intact);
      flip(at)(bundle);
      survive({ bundle }, false);
    }
  },
);
