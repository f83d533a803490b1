// A guest that nothing can be done for: its exception vectors lie where nothing is, then it takes an exception.

import * as sysreg from "../../build/guests/lib/sysreg";
import * as console from "../lib/console";
import * as access from "../lib/hal/access";
import * as cpu from "../lib/hal/cpu";

/** Where nothing is, 2 KiB aligned as VBAR_EL1 wants it. */
const NOTHING: u64 = 0x30000000;

/** Nobody can call it. */
export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  return elr;
}

export function main(fdt: u64): void {
  console.init();
  console.text("crash: goodbye\r\n");
  sysreg.writeVbarEl1(NOTHING);
  cpu.isb();
  access.read64(NOTHING);
  console.text("crash: still here\r\n");
}
