// Counts the instructions that a board's first CPU spends at EL2, of which the hypervisor knows nothing: an event counter of the PMU (DDI 0487, D11) is set
// up through QEMU's gdbstub before the first instruction, and read when the board has switched itself off. INST_RETIRED, and not the cycle counter:
// with `-icount` the latter counts the time that a CPU sleeps at EL2 as well.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gdb } from "./gdb.ts";

//  PMEVTYPER0_EL0   31 P: not at EL1   30 U: not at EL0   27 NSH: at EL2   15..0 event (8: INST_RETIRED)
//  PMCNTENSET_EL0   0 counter 0 counts
//  PMCR_EL0         0 E: counters count
const SETTINGS = [
  { crn: 14, crm: 12, op2: 0, value: 0xc800_0008 },
  { crn: 9, crm: 12, op2: 1, value: 1 },
  { crn: 9, crm: 12, op2: 0, value: 1 },
] as const;
const COUNTER = "PMEVCNTR0_EL0";

/** The gdbstub's numbers. */
const X0 = 0;
const PC = 32;

/** `MSR S3_3_<crn>_<crm>_<op2>, x0` (C6.2.233). */
const msr = ({ crn, crm, op2 }: (typeof SETTINGS)[number]): number => 0xd51b_0000 + ((crn << 12) | (crm << 8) | (op2 << 5));

const toBytes = (value: number, size: 4 | 8): string => {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(value);
  return bytes.toString("hex");
};
const toNumber = (bytes: string): bigint => Buffer.from(bytes, "hex").readBigUInt64LE();

/** The gdbstub does not write system registers: the CPU does, one instruction each in place of its first. */
const start = async (gdb: Gdb): Promise<void> => {
  const [x0, pc] = [await gdb.readRegister(X0), await gdb.readRegister(PC)];
  const first = await gdb.readWord(toNumber(pc));
  for (const setting of SETTINGS) {
    await gdb.writeWord(toNumber(pc), toBytes(msr(setting), 4));
    await gdb.writeRegister(X0, toBytes(setting.value, 8));
    await gdb.writeRegister(PC, pc);
    await gdb.ask("s");
  }
  await gdb.writeWord(toNumber(pc), first);
  await gdb.writeRegister(X0, x0);
  await gdb.writeRegister(PC, pc);
};

/** What a board is started with, and what it came to. */
export class El2Counter implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "hyper-lite-gdb-"));
  readonly #path = join(this.#folder, "gdb");
  /** Arguments for QEMU, which waits for `count` and stays when the board is off. */
  readonly qemuArgs: readonly string[] = ["-S", "-no-shutdown", "-gdb", `unix:${this.#path},server=on,wait=off`];

  /** Lets the board run until it is off, and QEMU end then; returns the instructions at EL2 up to the last time that a guest was entered. */
  async count(ended: () => boolean): Promise<number> {
    const gdb = await Gdb.open(this.#path, ended);
    const counter = await gdb.registerNamed(COUNTER);
    await start(gdb);
    await gdb.ask("c");
    const count = toNumber(await gdb.readRegister(counter));
    gdb.send("k");
    return Number(count);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
