// `hyper-lite run`: streams, exit codes, signals, against a stand-in for QEMU.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../scratch.ts";
import { HALTED_OFF, hyperLite, run, scratchSystem } from "./command-line.ts";

test("what the VM prints goes to stdout, log lines to stderr, and the end is 0", async () => {
  const log = "printf '\\036<6>[    0.000001] cpu0 main: hello\\r\\n'";
  const { status, stdout, stderr } = await run([], `${log}; printf 'from the VM\\r\\n'; ${HALTED_OFF}`).ended;
  assert.equal(status, 0);
  assert.equal(stdout, "from the VM\r\n");
  assert.equal(stderr, "<6>[    0.000001] cpu0 main: hello\n<6>[    0.000001] halted: off\n");
});

test("notes of the console go to stderr, so that stdout is what VMs print", async () => {
  const { stdout, stderr } = await run([], `printf 'a\\036\\037\\r\\nnote\\r\\nb\\r\\n'; ${HALTED_OFF}`).ended;
  assert.equal(stdout, "ab\r\n");
  assert.match(stderr, /^note$/m);
});

test("a crash ends in 1, with its reason", async () => {
  const { status, stderr } = await run([], "printf '\\036<0>[    0.000001] halted: crash page fault\\r\\n'").ended;
  assert.equal(status, 1);
  assert.match(stderr, /hyper-lite: the run ended in a crash: page fault\n$/);
});

test("an end without a last line ends in 1, with what QEMU said", async () => {
  const { status, stderr } = await run([], "echo 'no such CPU' >&2; exit 3").ended;
  assert.equal(status, 1);
  assert.match(stderr, /QEMU ended \(3\) before the hypervisor said how the run ended: no such CPU/);
});

test("only the very last line counts", async () => {
  const { status, stdout } = await run([], `${HALTED_OFF}; printf 'and on it goes\\r\\n'`).ended;
  assert.equal(status, 1);
  assert.equal(stdout, "and on it goes\r\n");
});

test("a last line is not believed if QEMU failed behind it", async () => {
  assert.equal((await run([], `${HALTED_OFF}; exit 1`).ended).status, 1);
});

test("a QEMU that is not there is said so", async () => {
  const { status, stderr } = await run([], "exec no-such-qemu").ended;
  assert.equal(status, 1);
  assert.match(stderr, /QEMU ended \(127\) .*no-such-qemu.*; \.\/setup\.sh installs what is missing/);
});

test("stdin reaches the VM, and its end does not end the run", async () => {
  const vm = run([], `read -r line; echo "got $line"; sleep 0.3; echo still here; ${HALTED_OFF}`);
  vm.send("a line\n");
  vm.close();
  const { status, stdout } = await vm.ended;
  assert.equal(status, 0);
  assert.equal(stdout, "got a line\nstill here\n");
});

test("a prompt is seen before its line ends, even one that looks like a log line", async () => {
  const vm = run([], `printf '<6>[ '; read -r line; echo; ${HALTED_OFF}`);
  await vm.seen("<6>[ ");
  vm.send("\n");
  assert.equal((await vm.ended).status, 0);
});

test("the timeout ends the run with 1", async () => {
  const { status, stderr } = await run(["--timeout", "0.3"], "exec sleep 30").ended;
  assert.equal(status, 1);
  assert.match(stderr, /the run did not end within 0.3 s/);
});

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`${signal} ends QEMU too`, async () => {
    const vm = run([], `echo pid $$; exec sleep 30`);
    await vm.seen("\n");
    vm.kill(signal);
    const { status, stdout } = await vm.ended;
    assert.equal(status, code);
    assert.equal(existsSync(`/proc/${/pid (\d+)/.exec(stdout)![1]}`), false);
  });
}

test("a QEMU that does not listen is ended all the same", async () => {
  const vm = run([], "trap '' TERM; echo ready; while :; do sleep 0.1; done");
  await vm.seen("ready");
  vm.kill("SIGTERM");
  assert.equal((await vm.ended).status, 143);
});

test("QEMU does not outlive a tool that was killed", async () => {
  const vm = run([], "echo pid $$; exec sleep 30");
  await vm.seen("\n");
  vm.kill("SIGKILL");
  const { stdout } = await vm.ended;
  const stat = `/proc/${/pid (\d+)/.exec(stdout)![1]}/stat`;
  // Dead, and at most not yet waited for by whoever inherits it.
  for (let tries = 0; existsSync(stat) && !/\) Z /.test(readFileSync(stat, "utf8")); tries++) {
    assert.ok(tries < 100, "QEMU is still there");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test("the board is the one that was asked for", async () => {
  const { stdout } = await run([], `echo "$@"; ${HALTED_OFF}`).ended;
  assert.match(
    stdout,
    /^-machine virt,gic-version=3,virtualization=on -cpu cortex-a57 -smp 1 -m 1024M -nic none -display none -monitor none -serial stdio /,
  );
  assert.match(stdout, /-kernel \S+\/hyper-lite\.Image -initrd \S+\/bundle\n/);
  const args = ["--el3", "--cpu", "max", "--cpus", "4", "--memory", "512M", "--icount", "--qemu-arg=-d", "--qemu-arg", "int"];
  const other = (await run(args, `echo "$@"; ${HALTED_OFF}`).ended).stdout;
  assert.match(other, /virtualization=on,secure=on -cpu max,cntfrq=1000000000 -icount shift=0,sleep=off -seed 1 -smp 4 -m 512M /);
  assert.match(other, /-bios \S+\/hyper-lite\.rom -device loader,file=\S+\/bundle,addr=1207959552,force-raw=on -d int\n/);
  assert.doesNotMatch(stdout + other, /semihosting/);
});

test("the board is as large as the system says", async () => {
  const system = scratchSystem('{ name: "guest", memory: "64M", kernel: "kernel" }', 'board: { cpus: 3, memory: "512M" }');
  const script = `echo "$@"; ${HALTED_OFF}`;
  assert.match((await hyperLite(["run", system], script).ended).stdout, / -smp 3 -m 512M /);
  assert.match((await hyperLite(["run", system, "--cpus", "2", "--memory", "1G"], script).ended).stdout, / -smp 2 -m 1024M /);
});

test("the bundle is there during the run, and gone afterwards", async () => {
  const script = `while [ "$1" != -initrd ]; do shift; done; wc -c <"$2"; echo "$2"; ${HALTED_OFF}`;
  const [size, file] = (await run([], script).ended).stdout.split("\n");
  assert.ok(Number(size) > 4096);
  assert.equal(existsSync(file!), false);
});

test("a record of nothing is told", async () => {
  const { status, stderr } = await run(["--record", join(scratch(), "run.record")], HALTED_OFF).ended;
  assert.equal(status, 1);
  assert.match(stderr, /run\.record: nothing was recorded: the hypervisor did not start\n$/);
});

test("build writes a bundle", async () => {
  const file = join(scratch(), "out.bundle");
  const { status, stdout, stderr } = await hyperLite(["build", scratchSystem(), "-o", file]).ended;
  assert.equal(status, 0);
  assert.equal(stdout, "");
  assert.match(stderr, /out\.bundle: \d/);
  assert.equal(readFileSync(file).readUInt32BE(0), 0xd00dfeed);
});
