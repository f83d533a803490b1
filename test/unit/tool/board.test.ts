// The arguments that QEMU gets: what the host and the user's own arguments change in them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type BoardOptions, qemuArguments } from "../../../tool/board.ts";
import { MIB } from "../../../tool/size.ts";

const onTwoCpus = (options: BoardOptions): string => qemuArguments("bundle", 0, options, 2).join(" ");

test("a board with more CPUs than the host runs in one thread", () => {
  assert.match(onTwoCpus({ cpus: 3 }), / -accel tcg,thread=single -smp 3 /);
  assert.doesNotMatch(onTwoCpus({ cpus: 2 }), /-accel/);
});

test("counted instructions are one thread already", () => {
  assert.doesNotMatch(onTwoCpus({ cpus: 8, icount: true }), /-accel/);
});

for (const own of [["-accel", "tcg"], ["--accel", "tcg"], ["-machine", "accel=tcg"], ["-M", "virt,accel=tcg"], ["-enable-kvm"]]) {
  test(`the user's own ${own.join(" ")} stays alone`, () => {
    assert.doesNotMatch(onTwoCpus({ cpus: 8, qemuArgs: own }), /thread=single/);
  });
}

test("too little RAM for the bundle at EL3 is said before anything starts", () => {
  const options = { el3: true, memory: 256 * MIB };
  assert.equal(qemuArguments("bundle", 128 * MIB, options).includes("-device"), true);
  assert.throws(() => qemuArguments("bundle", 129 * MIB, options), {
    name: "UserError",
    message: "--memory: the board's RAM must reach to the end of the bundle, 257 MiB",
  });
});

test("a comma in the path of the bundle does not end it", () => {
  const args = qemuArguments("/tmp/a,b/bundle", 0, { el3: true });
  assert.match(args[args.indexOf("-device") + 1]!, /^loader,file=\/tmp\/a,,b\/bundle,addr=/);
});
