// Linux's own virtio drivers, in a VM: each device does what a user asks of it.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { VmConfig } from "../../tool/config.ts";
import { connectTo } from "../../tool/unix-socket.ts";
import { scratch } from "../unit/scratch.ts";
import { boot } from "./expect.ts";
import { digest, hostServers } from "./host-servers.ts";

/** A VM of Linux with some modules. */
const linux = (modules: readonly string[], vm: Partial<VmConfig> = {}): VmConfig => ({
  name: "linux",
  memory: "128M",
  kernel: { debian: "linux-6.1" },
  initrd: { busybox: { modules: ["virtio_mmio", ...modules] } },
  bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
  ...vm,
});

test("entropy: the kernel takes random bytes from the device", async () => {
  await using vm = await boot({ system: { vms: [linux(["virtio_rng"], { devices: { entropy: true } })] } });
  await vm.expect(" # ");
  vm.send("cat /sys/class/misc/hw_random/rng_current; dd if=/dev/hwrng bs=64 count=64 2>/dev/null | wc -c\n");
  await vm.expect("virtio_rng.0");
  await vm.expect("4096");
  vm.send("dd if=/dev/hwrng bs=1k count=8 2>/dev/null | sort -u | gzip | wc -c\n");
  const [, packed] = await vm.expect(/\n(\d+)\r/);
  assert.ok(Number(packed) > 8000, "random bytes are not compressed");
  vm.send("poweroff -f\n");
  assert.equal((await vm.end()).halted?.off, true);
});

test("console: the shell is on the virtio console, what is typed reaches it, and the UART's output is there as well", async () => {
  const bootargs = "console=ttyAMA0 console=hvc0 rdinit=/init cma=0";
  await using vm = await boot({ system: { vms: [linux(["virtio_console"], { devices: { console: true }, bootargs })] } });
  await vm.expect("Booting Linux on physical CPU");
  await vm.expect(" # ");
  vm.send("tty; echo by the UART >/dev/ttyAMA0\n");
  await vm.expect("/dev/hvc0");
  await vm.expect("by the UART");
  vm.send("read line; echo got $line; seq 2000 | md5sum; seq 2000\n");
  vm.send(`${"x".repeat(100)}\n`);
  await vm.expect(`got ${"x".repeat(100)}`);
  const lines = Array.from({ length: 2000 }, (_, n) => `${n + 1}\n`).join("");
  await vm.expect(createHash("md5").update(lines).digest("hex"));
  await vm.expect(lines.replaceAll("\n", "\r\n"));
  vm.send("poweroff -f\n");
  assert.equal((await vm.end()).halted?.off, true);
});

/** The same, which does what is said and switches itself off. */
const doing = (command: string, modules: readonly string[], vm: Partial<VmConfig> = {}): VmConfig =>
  linux(modules, { ...vm, initrd: { busybox: { modules: ["virtio_mmio", ...modules], command: `${command}; poweroff -f` } } });

test("block: a file system on a disk in RAM, and a read-only disk that two VMs have", async () => {
  const file = join(scratch(), "files");
  const bytes = randomBytes(3_000_000);
  writeFileSync(file, bytes);
  const sum = (path: string): string => `head -c ${bytes.length} ${path} | sha256sum`;
  const one = [
    sum("/dev/vda"),
    "echo serial $(cat /sys/block/vdb/serial)",
    "mke2fs -q /dev/vdb && mkdir /data && mount -t ext4 /dev/vdb /data && cp /dev/vda /data/copy && umount /data",
    "echo 3 >/proc/sys/vm/drop_caches && mount -t ext4 -o ro /dev/vdb /data",
    sum("/data/copy"),
  ];
  const two = [sum("/dev/vda"), "echo x 2>/dev/null >/dev/vda || echo refused"];
  await using vm = await boot({
    system: {
      board: { memory: "1G" },
      disks: [
        { name: "files", file },
        { name: "data", size: "32M", writable: true },
      ],
      vms: [
        doing(one.join("; "), ["virtio_blk"], { name: "one", disks: [{ disk: "files" }, { disk: "data", serial: "HL-7" }] }),
        doing(two.join("; "), ["virtio_blk"], { name: "two", disks: [{ disk: "files" }] }),
      ],
    },
  });
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  assert.equal(end.of("one").split(digest(bytes)).length, 3, end.of("one"));
  assert.match(end.of("one"), /^serial HL-7$/m);
  assert.equal(end.of("two").split(digest(bytes)).length, 2, end.of("two"));
  assert.match(end.of("two"), /^refused$/m);
});

test("pipes: what one VM writes the other reads, both ways, and hears of the other's end", async () => {
  const port = 'port=/dev/$(basename $(dirname $(grep -l "^bulk$" /sys/class/virtio-ports/*/name)))';
  // Nobody has the other end open: a read says so, a write waits.
  const one = [
    "head -c 1000000 /dev/urandom >/part; sha256sum </part; cat /part >&3",
    "until read answer <&3; do sleep 0.1; done; echo answer $answer",
  ];
  const two = ["until [ -s /part ]; do sleep 0.1; head -c 1000000 <&3 >/part; done; sha256sum </part; echo done >&3"];
  const wait = "until [ -e /sys/class/virtio-ports/vport0p2 ]; do sleep 0.1; done";
  await using vm = await boot({
    system: {
      board: { cpus: 2 },
      pipes: [
        { name: "other", between: ["one", "two"] },
        { name: "bulk", between: ["one", "two"] },
      ],
      vms: [
        doing([wait, port, "exec 3<>$port", ...one].join("; "), ["virtio_console"], { name: "one" }),
        doing([wait, port, "exec 3<>$port", ...two].join("; "), ["virtio_console"], { name: "two" }),
      ],
    },
  });
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  const [sum] = /[0-9a-f]{64}/.exec(end.of("one")) ?? [];
  assert.ok(sum !== undefined && end.of("two").includes(sum), `${end.of("one")}\n${end.of("two")}`);
  assert.match(end.of("one"), /^answer done$/m);
});

/** Talks to whoever is behind a Unix socket as soon as it is there: sends `bytes`, and returns what comes back up to the end of a line. */
const talk = async (path: string, bytes: Buffer): Promise<string> => {
  const socket = await connectTo(path, () => false);
  socket.write(bytes);
  let text = "";
  for await (const part of socket) {
    text += (part as Buffer).toString();
    if (text.includes("\n")) break;
  }
  return text;
};

for (const kind of ["legacy", "modern"] as const) {
  test(`a pipe to the board: 1 MB comes from the host, and an answer goes there, by a ${kind} device`, async () => {
    const socket = join(scratch(), "pipe");
    const bytes = randomBytes(1_000_000);
    const commands = [
      "until [ -e /sys/class/virtio-ports/vport0p1 ]; do sleep 0.1; done",
      "exec 3<>/dev/vport0p1; head -c 1000000 <&3 | sha256sum >/sum; cat /sum >&3; cat /sum",
    ];
    await using vm = await boot({
      pipeSocket: socket,
      qemuArgs: kind === "modern" ? ["-global", "virtio-mmio.force-legacy=false"] : [],
      system: {
        pipes: [{ name: "host", between: ["linux"] }],
        vms: [doing(commands.join("; "), ["virtio_console"])],
      },
    });
    assert.equal((await talk(socket, bytes)).slice(0, 64), digest(bytes));
    const end = await vm.end();
    assert.equal(end.halted?.off, true);
  });
}

/** Brings the VM's network device up with an address. */
const up = (last: number): string => `ip addr add 10.0.0.${last}/24 dev eth0; ip link set eth0 up`;

test("net: ping, and 64 MiB over HTTP between two VMs", async () => {
  const nets = [{ switch: "lan" }];
  const server = [
    up(1),
    // One random MiB, 64 times: making them all would take longer than sending them.
    "mkdir /www && head -c 1048576 /dev/urandom >/part && for n in $(seq 64); do cat /part; done >/www/file && sha256sum /www/file >/www/sum",
    "httpd -p 80 -h /www",
    // The client says that it is done.
    "nc -l -p 9",
  ];
  const get = (what: string): string => `until wget -q -O /tmp/${what} http://10.0.0.1/${what} 2>/dev/null; do sleep 1; done`;
  const client = [
    up(2),
    "ping -c 3 10.0.0.1",
    get("sum"),
    get("file"),
    "sha256sum </tmp/file | grep -q $(cut -c 1-64 /tmp/sum) && echo same $(stat -c %s /tmp/file)",
    "echo done | nc 10.0.0.1 9",
  ];
  await using vm = await boot({
    // One thread of the host, as each of the other tests beside it has.
    icount: true,
    system: {
      board: { cpus: 2, memory: "1G" },
      switches: [{ name: "lan" }],
      vms: [
        doing(server.join("; "), ["virtio_net"], { name: "server", memory: "192M", nets }),
        doing(client.join("; "), ["virtio_net"], { name: "client", memory: "192M", nets }),
      ],
    },
  });
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  assert.match(end.of("client"), /3 packets received, 0% packet loss/);
  assert.match(end.of("client"), /^same 67108864$/m);
  assert.match(end.of("server"), /^done$/m);
});

/** What busybox's nc sends goes by 1 KiB, and takes as long as much more that comes. */
const UPLOAD = 2 ** 21;

for (const [kind, size] of [
  ["legacy", 64],
  ["modern", 4],
] as const) {
  test(`uplink: ping, ${size} MiB from and 2 MiB to the host's loopback, by a ${kind} device`, async () => {
    const bytes = randomBytes(size * 2 ** 20);
    await using host = await hostServers(bytes);
    const client = [
      "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up",
      "ping -c 3 10.0.2.2",
      `wget -q -O /tmp/file http://10.0.2.2:${host.httpPort}/ && sha256sum </tmp/file`,
      `head -c ${UPLOAD} /tmp/file | nc 10.0.2.2 ${host.sinkPort}`,
    ];
    await using vm = await boot({
      system: {
        switches: [{ name: "out", uplink: true }],
        vms: [doing(client.join("; "), ["virtio_net"], { memory: "192M", nets: [{ switch: "out" }] })],
      },
      qemuArgs: kind === "modern" ? ["-global", "virtio-mmio.force-legacy=false"] : [],
    });
    const end = await vm.end();
    assert.equal(end.halted?.off, true);
    assert.match(end.output, /3 packets received, 0% packet loss/);
    assert.ok(end.output.includes(digest(bytes)), end.output);
    assert.equal(digest(Buffer.concat(host.taken())), digest(bytes.subarray(0, UPLOAD)), "what the VM has sent");
  });
}

test("storage: what one run has written to its slice of a disk is there in the next, and nothing else was touched", async () => {
  const image = join(scratch(), "disk.img");
  const before = randomBytes(64 * 2 ** 20);
  writeFileSync(image, before);
  const MIB = 2 ** 20;
  const run = async (command: string): Promise<string> => {
    await using vm = await boot({
      system: {
        disks: [
          { name: "data", board: { serial: "DISK-1", image }, start: 8 * MIB, size: 32 * MIB, writable: true },
          { name: "rest", board: { serial: "DISK-1" }, start: 40 * MIB },
        ],
        vms: [doing(command, ["virtio_blk"], { disks: [{ disk: "data" }, { disk: "rest" }] })],
      },
    });
    const end = await vm.end();
    assert.equal(end.halted?.off, true);
    return end.output;
  };
  const first = await run(
    [
      "sha256sum </dev/vdb",
      "mke2fs -q /dev/vda >/dev/null && mkdir /data && mount -t ext4 /dev/vda /data",
      "head -c 5000000 /dev/vdb >/data/file && umount /data && echo written",
    ].join("; "),
  );
  assert.ok(first.includes(digest(before.subarray(40 * MIB))), first);
  assert.match(first, /^written/m);
  const second = await run("mkdir /data && mount -t ext4 -o ro /dev/vda /data && sha256sum </data/file");
  assert.ok(second.includes(digest(before.subarray(40 * MIB, 40 * MIB + 5_000_000))), second);
  const after = readFileSync(image);
  for (const [from, end] of [
    [0, 8 * MIB],
    [40 * MIB, 64 * MIB],
  ] as const)
    assert.ok(after.subarray(from, end).equals(before.subarray(from, end)), `bytes ${from} to ${end}`);
});
