// The virtio devices of a VM in the manifest (abi/bundle.ts): read into their records. Making them is for those who know what they are (src/devices/virtio/).

import {
  DT_CONSOLE,
  DT_DISK,
  DT_INDEX,
  DT_MAC,
  DT_PORTS,
  DT_RATE,
  DT_READ_ONLY,
  DT_SERIAL,
  DT_SWITCH,
  DT_TYPE,
  DT_VIRTIO,
  MAX_PIPES_OF_VM,
  MAX_RATE,
  MAX_VIRTIO_OF_VM,
  MIN_RATE,
} from "../../build/gen/bundle";
import {
  BLOCK_ID,
  ETHERNET_GROUP,
  ETHERNET_MAX_GSO,
  VIRTIO_BLOCK,
  VIRTIO_CONSOLE,
  VIRTIO_ENTROPY,
  VIRTIO_NET,
} from "../../build/gen/virtio";
import { Pa } from "../hal/addr";
import * as phys from "../hal/phys";
import * as arena from "../lib/arena";
import * as fdt from "../lib/fdt";
import { crash } from "../log/halt";
import * as bundle from "./bundle";
import { tree } from "./bundle";
import * as disks from "./disks";
import * as pipes from "./pipes";
import { Vm } from "./records";
import * as switches from "./switches";
import { BlockDevice, Chain, ConsoleDevice, ConsolePort, Port } from "./virtio-records";
import * as virtioTable from "./virtio-table";

/** A block device's disk, and what its driver is told of it. */
function readBlock(node: u32): BlockDevice {
  const own = changetype<BlockDevice>(arena.take(offsetof<BlockDevice>(), 8));
  const index = bundle.number(node, DT_DISK);
  if (index >= disks.count()) crash("the bundle is corrupt: a block device on disk %d, of %d", index, disks.count());
  own.disk = disks.nth(index as u32);
  own.readOnly = bundle.has(node, DT_READ_ONLY) | u32(own.disk.writable == 0);
  own.chain = changetype<Chain>(arena.take(offsetof<Chain>(), 8));
  const serial = fdt.property(tree, node, DT_SERIAL);
  const from = fdt.value(tree, serial) as u64;
  for (let n: u32 = 0; n < min<u32>(fdt.length(tree, serial), BLOCK_ID); n++)
    store<u8>(changetype<usize>(own) + n, phys.read8((from + n) as Pa), offsetof<BlockDevice>("serial0"));
  return own;
}

/** A network device's port of a switch. */
function readNet(node: u32): Port {
  const index = bundle.number(node, DT_SWITCH);
  if (index >= switches.count()) crash("the bundle is corrupt: a port of switch %d, of %d", index, switches.count());
  const port = switches.addPort(switches.nth(index as u32));
  port.mac = bundle.number(node, DT_MAC);
  if (port.mac == 0 || port.mac >> 48 != 0 || (port.mac & ETHERNET_GROUP) != 0)
    crash("the bundle is corrupt: a port with the address 0x%x", port.mac);
  const rate = bundle.number(node, DT_RATE);
  if (rate == bundle.MISSING) return port;
  if (rate < MIN_RATE || rate > MAX_RATE) crash("the bundle is corrupt: a port that sends %d bytes a second", rate);
  port.rate = rate;
  // A tenth of a second, and a large packet at least.
  port.burst = max<u64>(rate / 10, ETHERNET_MAX_GSO);
  port.tokens = port.burst;
  return port;
}

/** A console device: its port 0, and the ends of pipes. */
function readConsole(node: u32): ConsoleDevice {
  const own = changetype<ConsoleDevice>(arena.take(offsetof<ConsoleDevice>(), 8));
  own.isConsole = bundle.has(node, DT_CONSOLE);
  own.ports =
    1 + bundle.countOf(node, DT_PORTS, MAX_PIPES_OF_VM, "the bundle is corrupt: a console device of more than %d pipes");
  own.firstPort = arena.take(own.ports * offsetof<ConsolePort>(), 8);
  let at = bundle.firstOf(node, DT_PORTS);
  for (let n: u32 = 1; n < own.ports; n++) {
    pipes.join(changetype<ConsolePort>(own.firstPort + n * offsetof<ConsolePort>()), bundle.number(at, DT_INDEX));
    at = bundle.nextOf(at);
  }
  return own;
}

/** Reads those of one VM. */
export function read(vm: Vm, node: u32): void {
  virtioTable.make(
    vm,
    bundle.countOf(node, DT_VIRTIO, MAX_VIRTIO_OF_VM, "the bundle is corrupt: a VM has more than %d virtio devices"),
  );
  let at = bundle.firstOf(node, DT_VIRTIO);
  for (let slot: u32 = 0; slot < vm.virtioDevices; slot++) {
    const device = virtioTable.device(vm, slot);
    device.type = bundle.within(at, DT_TYPE, 1, VIRTIO_ENTROPY, "the bundle is corrupt: a virtio device of type %d");
    if (device.type == VIRTIO_NET) device.own = changetype<usize>(readNet(at));
    else if (device.type == VIRTIO_BLOCK) device.own = changetype<usize>(readBlock(at));
    else if (device.type == VIRTIO_CONSOLE) device.own = changetype<usize>(readConsole(at));
    at = bundle.nextOf(at);
  }
}
