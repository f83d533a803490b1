// The virtual switches that the manifest names, and their ports, which are made one by one as VMs have them.

import { DT_CAPTURE, DT_SWITCHES, DT_UPLINK, MAX_CAPTURE, MAX_PORTS, MAX_SWITCHES } from "../../build/gen/bundle";
import * as arena from "../lib/arena";
import { crash } from "../log/halt";
import * as bundle from "./bundle";
import { Port, Station, Switch } from "./virtio-records";
import * as virtioTable from "./virtio-table";

/** Addresses beside its own that a port may send from. */
export const STATIONS: u32 = 8;

@unmanaged
class Switches {
  count: u32;
  first: Switch;
}
const switches = changetype<Switches>(memory.data(8, 4));

export function count(): u32 {
  return switches.count;
}
export function nth(n: u32): Switch {
  return changetype<Switch>(changetype<usize>(switches.first) + n * offsetof<Switch>());
}

/** Reads the manifest's. At boot, once. */
export function read(): void {
  switches.count = bundle.countOf(0, DT_SWITCHES, MAX_SWITCHES, "the bundle is corrupt: more than %d switches");
  switches.first = changetype<Switch>(arena.take(offsetof<Switch>() * switches.count, 8));
  let node = bundle.firstOf(0, DT_SWITCHES);
  for (let n: u32 = 0; n < switches.count; n++) {
    const net = nth(n);
    net.lock = virtioTable.newLock();
    net.firstPort = arena.take(offsetof<Port>() * MAX_PORTS, 8);
    if (bundle.has(node, DT_CAPTURE) != 0)
      net.captureSize = bundle.within(node, DT_CAPTURE, 4096, MAX_CAPTURE, "the bundle is corrupt: a capture of %d bytes");
    net.wantsUplink = bundle.has(node, DT_UPLINK);
    if (net.wantsUplink != 0) net.uplinkMac = bundle.number(node, DT_UPLINK);
    if ((net.captureSize & 4095) != 0) crash("the bundle is corrupt: a capture of %d bytes", net.captureSize);
    node = bundle.nextOf(node);
  }
}

/** Port `n` of a switch, below `net.ports`. */
export function port(net: Switch, n: u32): Port {
  return changetype<Port>(net.firstPort + n * offsetof<Port>());
}

/** One more port. At boot. */
export function addPort(net: Switch): Port {
  if (net.ports == MAX_PORTS) crash("the bundle is corrupt: a switch of more than %d ports", MAX_PORTS);
  const one = port(net, net.ports);
  one.net = net;
  one.number = net.ports;
  one.firstStation = arena.take(offsetof<Station>() * STATIONS, 8);
  one.holds = arena.take(MAX_PORTS << 2, 4);
  net.ports++;
  return one;
}
