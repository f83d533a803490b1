// Recorded runs: the core in Node does once more what it did on the board, to the same last exit and the same memory; what is not as it was is told.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { layout } from "../../abi/layout.ts";
import { record } from "../../abi/record.ts";
import type { SystemConfig } from "../../tool/config.ts";
import { BUILD, hypervisor, ROOT } from "../../tool/paths.ts";
import { Exits, nameOf, type ShownExit } from "../../tool/record/exits.ts";
import { type Recording, readRecording, writeRecording } from "../../tool/record/file.ts";
import { Records } from "../../tool/record/records.ts";
import { Replay } from "../../tool/record/replay.ts";
import { createRing, readRing } from "../../tool/record/ring.ts";
import { buildRecordingImage } from "../../tool/record/session.ts";
import { MIB } from "../../tool/size.ts";
import { scratch } from "../unit/scratch.ts";
import { hyperLite } from "../unit/tool/command-line.ts";
import { type BootOptions, boot, type End } from "./expect.ts";

await buildRecordingImage();
const wasm = readFileSync(hypervisor.core);

/** A run to its end, and what was recorded of it, by way of a file. */
const recorded = async (
  options: BootOptions,
  ringSize = 128 * MIB,
): Promise<{ end: End; file: string; recording: Recording }> => {
  const ring = createRing(join(scratch(), "ring"), ringSize);
  await using vm = await boot({ icount: true, ...options, record: ring });
  const end = await vm.end();
  const file = join(scratch(), "run.record");
  writeRecording(file, readRing(ring)!, "a test");
  return { end, file, recording: readRecording(file) };
};

interface Replayed {
  readonly replay: Replay;
  readonly exits: readonly ShownExit[];
  /** In words. */
  readonly last: string;
}

const replayed = async (recording: Recording, stepwise = false): Promise<Replayed> => {
  const exits: ShownExit[] = [];
  const view = new Exits((exit) => exits.push(exit));
  const replay = new Replay(recording, wasm, view, stepwise);
  await replay.run();
  view.end();
  return { replay, exits, last: nameOf(exits.at(-1)!) };
};

const smp = (vcpus: number): SystemConfig => ({
  name: "smp",
  vms: [{ name: "smp", memory: "16M", vcpus, kernel: "smp.bin" }],
});

test("hello, on one CPU: to the same last exit, with the same memory", async () => {
  const { end, recording } = await recorded({ system: "examples/hello" });
  assert.equal(end.halted?.off, true);
  const { replay, exits, last } = await replayed(recording);
  assert.equal(replay.atEnd, "same");
  assert.deepEqual([last, exits.at(-1)!.isOver, exits.length], ["HVC PSCI_SYSTEM_OFF()", false, replay.exits]);
  // What the guest wrote to its UART, as its exits have it, is what the run has printed.
  const text = exits.flatMap((exit) => /^writes UART_DR = (0x\w+)$/.exec(nameOf(exit))?.[1] ?? []);
  const printed = text.map((code) => String.fromCharCode(Number(code))).join("");
  for (const line of end.output.split("\n"))
    if (!line.startsWith("hypercall these words")) assert.ok(printed.includes(line), line);
});

test("a guest of two vCPUs on two CPUs, run on and step by step", async () => {
  const { end, recording } = await recorded({ system: smp(2), cpus: 2 });
  assert.match(end.output, /, 0 wrong/);
  assert.equal(recording.cpus, 2);
  const [once, again] = [await replayed(recording), await replayed(recording, true)];
  assert.deepEqual([once.replay.atEnd, again.replay.atEnd], ["same", "same"]);
  assert.deepEqual([again.last, again.exits.length], [once.last, once.exits.length]);
  assert.ok(once.replay.memory.equals(again.replay.memory));
  assert.deepEqual(new Set(once.exits.map(({ cpu }) => cpu)), new Set([0, 1]));
});

// Plain accesses of what CPUs share are in no record: a race of them shows as a replay that goes another way.
test("eight vCPUs on four CPUs", async () => {
  const { end, recording } = await recorded({ system: smp(8), cpus: 4 });
  assert.match(end.output, /, 0 wrong/);
  const { replay } = await replayed(recording);
  assert.equal(recording.cpus, 4);
  assert.ok(replay.exits > 10_000, `${replay.exits} exits`);
});

test("a ring that has wrapped is replayed from its oldest snapshot, and compared at each later one", async () => {
  const { recording } = await recorded({ system: smp(8), cpus: 8 }, 8 * MIB);
  assert.deepEqual([recording.hasWrapped, recording.isFull], [true, false]);
  assert.equal(new Records(recording.words).id, record.RECORD_SNAPSHOT);
  const { replay } = await replayed(recording);
  assert.ok(replay.compared > 2, `${replay.compared} comparisons`);
});

/** Code over the start of a function of the recording image. */
const withFault = (name: string): string => {
  const elf = join(BUILD, "record/hyper-lite.elf");
  const symbols = execFileSync("aarch64-linux-gnu-nm", [elf], { encoding: "utf8" });
  const at = Number.parseInt(new RegExp(`^(\\w+) . ${name}$`, "m").exec(symbols)![1]!, 16) - layout.IMAGE_VA;
  const image = readFileSync(hypervisor.recorder);
  // BRK #0x200, with what the backtrace needs before it: STP X29, X30, [SP, #-16]!; MOV X29, SP.
  for (const [n, code] of [0xa9bf7bfd, 0x910003fd, 0xd4204000].entries()) image.writeUInt32LE(code, at + 4 * n);
  const file = join(scratch(), "faulty.Image");
  writeFileSync(file, image);
  return file;
};

test("a crash in the middle of an exit is replayed up to its report", async () => {
  const fault = withFault("w2c_core_src0x2Fsmccc0x2Fdispatch0x2Fcall");
  const { end, recording } = await recorded({ system: "examples/hello", qemuArgs: ["-kernel", fault] });
  assert.equal(end.halted?.off, false);
  const { replay, exits, last } = await replayed(recording);
  assert.deepEqual([last, replay.atEnd], ["exception at EL2, vector 4", "crashed"]);
  assert.match(nameOf(exits.at(-2)!), /^HVC /);
});

test("what is not as it was is told, with the record", async () => {
  const { file, recording } = await recorded({ system: "examples/hello" });
  const changed = (isIt: (records: Records) => boolean, word: number): Recording => {
    const words = recording.words.slice();
    const records = new Records(words);
    while (!isIt(records)) records.advance();
    words[records.place + 1 + word]! ^= 1n;
    return { ...recording, words };
  };
  const importOf = (module: string, name: string): number =>
    WebAssembly.Module.imports(new WebAssembly.Module(wasm)).findIndex((one) => one.module === module && one.name === name);
  const isCall = (module: string, name: string) => {
    const id = importOf(module, name);
    return (records: Records): boolean => records.id === id;
  };
  const cases: readonly (readonly [changed: Recording, message: RegExp])[] = [
    [changed(isCall("mmio", "write32"), 1), /^record \d+: mmio\.write32\(.*\) was called, and mmio\.write32\(.*\) is now$/],
    [changed(isCall("atomic", "add32"), 2), /^record \d+: atomic\.add32\(.*\) has found 0x\w+, and finds 0x\w+ now$/],
    [
      changed(({ id }) => id === record.RECORD_PAGE, 9),
      /^record \d+: the core's memory at 0x\w+ is 0x\w+ on the board, and 0x\w+ here$/,
    ],
    [
      changed(({ id }) => id === record.RECORD_LEAVE, 0),
      /^record \d+: the core entered the vCPU at 0x\w+, and enters 0x\w+ now$/,
    ],
  ];
  for (const [other, message] of cases) await assert.rejects(replayed(other), { name: "Divergence", message });

  // The same by the command, on a core that is not the one of the record.
  const contents = readFileSync(file);
  const at = contents.indexOf('"core":"') + 8;
  contents.write(contents.toString("latin1", at, at + 1) === "0" ? "1" : "0", at);
  writeFileSync(file, contents);
  const { status, stderr } = await hyperLite(["replay", file]).ended;
  assert.deepEqual(
    [status, /: recorded with another core \(sha256 \w{12}, .* has \w{12}\): build the sources/.test(stderr)],
    [1, true],
  );
});

test("the command records a run, lists exits, shows one, and goes step by step", async () => {
  const file = join(scratch(), "hello.record");
  const args = ["tool/main.ts", "run", "examples/hello", "--icount", "--record", file];
  const { stderr: said } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  assert.match(said, /hello\.record: recorded, \d+ MiB: `hyper-lite replay .*hello\.record` shows it\n$/);
  const all = await hyperLite(["replay", file]).ended;
  assert.equal(all.status, 0);
  assert.match(
    all.stderr,
    /replayed as recorded: \d+ exits, [\d,]+ calls of the HAL, CPUs: 1; the core's memory at the end is the board's\n$/,
  );
  const lines = all.stdout.trimEnd().split("\n");
  assert.match(lines[0]!, /^ +exit +cpu +vCPU +pc +what +calls +then$/);
  assert.match(lines[1]!, /^ +1 +0 +boot +\d+ +enters vm0\.0$/);
  const version = lines.findIndex((line) => /vm0\.0 +0x[0-9a-f]{16} +HVC HL_VERSION\(\) +\d+ +x0 = 0x\w+$/.test(line));
  assert.ok(version > 0, all.stdout.slice(0, 2000));
  const some = await hyperLite(["replay", file, "--from", `${version}`, "--to", `${version + 1}`]).ended;
  assert.deepEqual(some.stdout.trimEnd().split("\n"), [lines[0], lines[version], lines[version + 1]]);

  const first = lines.findIndex((line) => line.includes("reads UART_FR"));
  const one = await hyperLite(["replay", file, "--exit", `${first}`]).ended;
  assert.match(
    one.stdout,
    / x0 0x[0-9a-f]{16} .*\n +\d+ {2}sysreg\.readHpfarEl2\(\) = 0x90000\n.*memory, changed meanwhile\n {2}0x/s,
  );

  const stepping = hyperLite(["replay", file, "--step"]);
  stepping.send("\nc\nc\n3\nr\n2\nwhat\nq\n");
  stepping.close();
  const { status, stdout } = await stepping.ended;
  assert.equal(status, 0);
  assert.match(
    stdout,
    /boot.*CPU 0 enters the core: exit 2, onSync.*\(exit 2, CPU 0\).*\n +3 .*\n +x0 0x.*exit 2 is over: start again.*Enter: one exit on/s,
  );

  const beyond = await hyperLite(["replay", file, "--exit", "1000000"]).ended;
  assert.deepEqual([beyond.status, /there is no exit 1000000: the record has \d+\n$/.test(beyond.stderr)], [1, true]);
});

test("the ordinary image has nothing of the recorder", () => {
  const symbolsOf = (elf: string): string => execFileSync("aarch64-linux-gnu-nm", [join(BUILD, elf)], { encoding: "utf8" });
  assert.match(symbolsOf("record/hyper-lite.elf"), / recorder$/m);
  assert.doesNotMatch(symbolsOf("hyper-lite.elf"), / (recorder|recorded_core|rec_\w+)$/m);
  // It is compiled of the same file, in which nothing asks whether there is one.
  assert.equal(/rec_|recorder/.test(readFileSync(join(ROOT, "metal/core.c"), "utf8")), false);
});
