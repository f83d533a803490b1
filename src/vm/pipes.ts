// The pipes that the manifest names: streams of bytes between ports of the console devices of two VMs, which are joined as VMs have them.

import { DT_PIPE_NAME, DT_PIPES, MAX_NAME, MAX_PIPES } from "../../build/gen/bundle";
import * as arena from "../lib/arena";
import * as fdt from "../lib/fdt";
import { crash } from "../log/halt";
import * as bundle from "./bundle";
import { tree } from "./bundle";
import { ConsolePort } from "./virtio-records";

@unmanaged
class Pipe {
  name: u64;
  nameBytes: u32;
  /** The end that was there first. */
  end: ConsolePort;
}

@unmanaged
class Pipes {
  count: u32;
  first: usize;
}
const pipes = changetype<Pipes>(memory.data(8, 4));

function nth(n: u32): Pipe {
  return changetype<Pipe>(pipes.first + n * offsetof<Pipe>());
}

/** Reads the manifest's. At boot, once. */
export function read(): void {
  pipes.count = bundle.countOf(0, DT_PIPES, MAX_PIPES, "the bundle is corrupt: more than %d pipes");
  pipes.first = arena.take(offsetof<Pipe>() * pipes.count, 8);
  let node = bundle.firstOf(0, DT_PIPES);
  for (let n: u32 = 0; n < pipes.count; n++) {
    const name = fdt.property(tree, node, DT_PIPE_NAME);
    nth(n).name = fdt.value(tree, name) as u64;
    // Without the zero behind it.
    nth(n).nameBytes = min<u32>(fdt.length(tree, name), MAX_NAME + 1) - 1;
    if (name == 0 || fdt.length(tree, name) == 0) crash("the bundle is corrupt: pipe %d has no name", n);
    node = bundle.nextOf(node);
  }
}

/** Makes a port an end of a pipe. At boot. */
export function join(port: ConsolePort, index: u64): void {
  if (index >= pipes.count) crash("the bundle is corrupt: an end of pipe %d, of %d", index, pipes.count);
  const pipe = nth(index as u32);
  port.name = pipe.name;
  port.nameBytes = pipe.nameBytes;
  const other = pipe.end;
  if (changetype<usize>(other) == 0) {
    pipe.end = port;
    return;
  }
  if (changetype<usize>(other.peer) != 0) crash("the bundle is corrupt: pipe %d has more than two ends", index);
  other.peer = port;
  port.peer = other;
}

/** The port at the end of the pipe that has one alone; null: there is none. */
export function looseEnd(): ConsolePort {
  let found = changetype<ConsolePort>(0);
  for (let n: u32 = 0; n < pipes.count; n++) {
    const end = nth(n).end;
    if (changetype<usize>(end) == 0 || changetype<usize>(end.peer) != 0) continue;
    if (changetype<usize>(found) != 0) crash("the bundle is corrupt: pipe %d is a second one to the board", n);
    found = end;
  }
  return found;
}
