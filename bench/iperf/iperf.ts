// Two Linux VMs on one CPU that send themselves bytes by TCP, with Debian's iperf3.

import type { SystemConfig, VmConfig } from "../../tool/config.ts";

export interface Transfer {
  readonly mebibytes: number;
  /** Segmentation offload: the sender gives its device up to 64 KiB at once, and not a frame at a time. */
  readonly offload: boolean;
}

/** A VM on the switch `lan` that has an address there and does what is said, with further modules of its kernel if need be. */
export const networked = (
  name: string,
  address: string,
  commands: readonly string[],
  modules: readonly string[] = [],
): VmConfig => ({
  name,
  memory: "128M",
  kernel: { debian: "linux-6.1" },
  bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
  nets: [{ switch: "lan" }],
  initrd: {
    busybox: {
      packages: ["ethtool", "iperf3"],
      modules: ["virtio_mmio", "virtio_net", ...modules],
      command: [`ip addr add ${address}/24 dev eth0`, ...commands].join("; "),
    },
  },
});

/** The client says `bytes N` for what it has sent. */
export const iperf = ({ mebibytes, offload }: Transfer): SystemConfig => ({
  switches: [{ name: "lan" }],
  vms: [
    networked("server", "10.0.0.1", ["ip link set eth0 up", "iperf3 -s -1 >/dev/null", "poweroff -f"]),
    networked("client", "10.0.0.2", [
      ...(offload ? [] : ["ethtool -K eth0 tso off gso off"]),
      "ip link set eth0 up",
      "until ping -c 1 -W 1 10.0.0.1 >/dev/null; do :; done",
      `until iperf3 -c 10.0.0.1 -n ${mebibytes}M -J >/result; do sleep 1; done`,
      // The last two are the sums of what was sent, and of what was received until then.
      "grep '\"bytes\"' /result | tail -n 2 | head -n 1 | tr -dc 0-9 >/bytes; echo bytes $(cat /bytes)",
      "poweroff -f",
    ]),
  ],
});
