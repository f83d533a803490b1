// A Linux VM routes between a switch inside the machine and the world: it forwards, and masquerades with nftables. Two other VMs reach
// everything outside through it, and nothing else connects them with the world.

import { defineSystem, type VmConfig } from "../../tool/config.ts";

const linux = {
  memory: "128M",
  kernel: { debian: "linux-6.1" },
  bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
} as const;

/** A VM behind the router, which is 192.168.7.1. */
const inside = (name: string, last: number): VmConfig => ({
  ...linux,
  name,
  nets: [{ switch: "lan" }],
  initrd: {
    busybox: {
      modules: ["virtio_mmio", "virtio_net"],
      command: [
        `ip addr add 192.168.7.${last}/24 dev eth0`,
        "ip link set eth0 up",
        "ip route add default via 192.168.7.1",
        `echo "${name}: 192.168.7.${last}, behind the router. Try: ping 10.0.2.2, which is the host"`,
        "exec sh",
      ].join("; "),
    },
  },
});

export default defineSystem({
  switches: [{ name: "lan" }, { name: "world", uplink: true }],
  vms: [
    {
      ...linux,
      name: "router",
      nets: [{ switch: "world" }, { switch: "lan" }],
      initrd: {
        busybox: {
          packages: ["nftables"],
          modules: ["virtio_mmio", "virtio_net", "nft_chain_nat", "nft_masq"],
          command: [
            // The address that QEMU's user network has for its guest.
            "ip addr add 10.0.2.15/24 dev eth0",
            "ip link set eth0 up",
            "ip route add default via 10.0.2.2",
            "ip addr add 192.168.7.1/24 dev eth1",
            "ip link set eth1 up",
            "echo 1 >/proc/sys/net/ipv4/ip_forward",
            'nft "table ip nat { chain leaving { type nat hook postrouting priority srcnat; oifname eth0 counter masquerade; }; }"',
            'echo "router: forwards 192.168.7.0/24 to the world as 10.0.2.15. Try: nft list ruleset"',
            "exec sh",
          ].join("; "),
        },
      },
    },
    inside("alice", 11),
    inside("bob", 12),
  ],
});
