// A VM that sends frames as fast as it can (pktgen of Linux), to all others on its switch, beside two VMs that send themselves bytes by TCP: it costs them its
// share of the CPU, and what it takes to throw its frames away, but not the network. Times are the board's counts, and repeat.

import assert from "node:assert/strict";
import { test } from "node:test";
import { networked } from "../../bench/iperf/iperf.ts";
import type { VmConfig } from "../../tool/config.ts";
import { boot } from "./expect.ts";

/** With a third of the shares a flooder leaves the two others two thirds of the time: they take 1.5 times as long, and somewhat more for frames that they get. */
const SLOWER_AT_MOST = 1.75;

const vm = (name: string, last: number, commands: readonly string[], modules: readonly string[] = []): VmConfig =>
  networked(name, `10.0.0.${last}`, ["ip link set eth0 up", ...commands], modules);

const flooder = vm(
  "flooder",
  3,
  [
    "cd /proc/net/pktgen; echo add_device eth0 >kpktgend_0",
    "for setting in 'count 0' 'clone_skb 1000' 'pkt_size 60' 'dst_mac ff:ff:ff:ff:ff:ff' 'dst 10.0.0.255'; do echo $setting >eth0; done",
    // Without an end.
    "echo start >pgctrl",
  ],
  ["pktgen"],
);

/** Seconds that a transfer takes in which frames of a flooder arrive, if there is one. */
const seconds = async (beside: readonly VmConfig[]): Promise<number> => {
  const client = [
    "until ping -c 1 -W 1 10.0.0.1 >/dev/null; do :; done",
    `until [ $(cat /sys/class/net/eth0/statistics/rx_packets) -ge ${500 * beside.length} ]; do sleep 0.1; done`,
    "iperf3 -c 10.0.0.1 -n 256M",
    "poweroff -f",
  ];
  await using board = await boot({
    icount: true,
    qemuArgs: ["-rtc", "base=2026-01-01"],
    system: {
      scheduler: { policy: "share" },
      switches: [{ name: "lan" }],
      vms: [vm("server", 1, ["iperf3 -s >/dev/null"]), vm("client", 2, client), ...beside],
    },
  });
  const [, took] = await board.expectFrom("client", / 0\.00-(\d+\.\d+) +sec +256 MBytes .* sender/);
  return Number(took);
};

test("a VM that floods its switch costs two others its share of the CPU, not the network", async () => {
  const [alone, flooded] = [await seconds([]), await seconds([flooder])];
  const slower = flooded / alone;
  process.stdout.write(`beside a flooder a transfer takes ${slower.toFixed(2)} times as long (${flooded} s, alone ${alone} s)\n`);
  assert.ok(slower > 1.2, "the flooder floods");
  assert.ok(slower <= SLOWER_AT_MOST, `${slower} times as long`);
});
