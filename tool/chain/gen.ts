// The generator: from the plain data in abi/ to AssemblyScript constants and records, C and assembler definitions, the inline system
// register accesses of the HAL, and the reference of calls, all in build/gen/.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle, bundleNames, crashPolicies, policies } from "../../abi/bundle.ts";
import {
  callErrors,
  callLimits,
  calls,
  firmwareCalls,
  trngErrors,
  trngUuid,
  vcpuFacts,
  vendorUid,
  version,
  vmFacts,
  vmStates,
} from "../../abi/calls.ts";
import { consoleMarks, logModules, severities } from "../../abi/console.ts";
import { esrFields, exceptionClass, spsrFields } from "../../abi/esr.ts";
import { gicd, gicIds, gicr, ichHcr, listRegister } from "../../abi/gic.ts";
import { guest } from "../../abi/guest.ts";
import { instructions } from "../../abi/instructions.ts";
import { bootFlags, layout } from "../../abi/layout.ts";
import { lockPlaces } from "../../abi/locks.ts";
import { pl011, pl011Ids } from "../../abi/pl011.ts";
import { pl031, pl031Ids } from "../../abi/pl031.ts";
import { camel, offsets, type RecordLayout, records } from "../../abi/records.ts";
import { el1Context, el2Controls, halRegisters, hcr, hcrRules, idRegisters, trappedRegisters } from "../../abi/sysregs.ts";
import {
  el3Features,
  pl061,
  romAreas,
  romCalls,
  romDeviceWrites,
  romSystemWrites,
  scr,
  spsr,
  virtBoard,
} from "../../abi/virt-board.ts";
import {
  ethernet,
  virtioBlock,
  virtioConsole,
  virtioDevices,
  virtioFeatures,
  virtioMmio,
  virtioNet,
  virtioStatus,
  virtqueue,
} from "../../abi/virtio.ts";
import { ROOT } from "../paths.ts";

type Constant = number | bigint | string;
type Constants = Record<string, Constant>;

/** What each generated AssemblyScript file holds. */
const files: Record<string, Constants> = {
  bundle: { ...bundle, ...prefixed("DT_", bundleNames), ...policies, ...crashPolicies },
  calls: {
    ...Object.fromEntries(calls.map((c) => [c.name, c.id])),
    ...callErrors,
    ...trngErrors,
    ...vmFacts,
    ...vmStates,
    ...vcpuFacts,
    ...callLimits,
    ...vendorUid,
    ...trngUuid,
    ...version,
  },
  console: {
    ...consoleMarks,
    ...prefixed("LOG_", severities),
    ...Object.fromEntries(logModules.map((name, n) => [`IN_${name.toUpperCase()}`, n])),
    LOG_MODULES: logModules.length,
  },
  esr: { ...exceptionClass, ...esrFields, ...spsrFields },
  gic: { ...gicd, ...gicr, ...ichHcr, ...listRegister, ...gicIds },
  guest,
  layout: { ...layout, ...bootFlags },
  locks: lockPlaces,
  pl011: { ...pl011, ...identification("PL011_ID", pl011Ids) },
  pl031: { ...pl031, ...identification("PL031_ID", pl031Ids) },
  controls: { ...hcr, ...hcrRules, ...el2Controls },
  "virt-board": { ...virtBoard, ...pl061, ...romAreas, ...scr, ...spsr },
  virtio: {
    ...virtioMmio,
    ...virtioStatus,
    ...virtioFeatures,
    ...virtqueue,
    ...virtioBlock,
    ...virtioConsole,
    ...virtioNet,
    ...ethernet,
    ...virtioDevices,
  },
  trapped: Object.fromEntries(Object.entries(trappedRegisters).map(([name, encoding]) => [`SYS_${name}`, syndrome(encoding)])),
};

function prefixed(prefix: string, constants: Constants): Constants {
  return Object.fromEntries(Object.entries(constants).map(([name, value]) => [prefix + name, value]));
}

/** op0, op1, CRn, CRm, op2 as an EC_SYSREG syndrome has them: ISS without Rt and direction. */
function syndrome([op0, op1, crn, crm, op2]: readonly number[]): number {
  return ((op0 ?? 0) << 20) | ((op2 ?? 0) << 17) | ((op1 ?? 0) << 14) | ((crn ?? 0) << 10) | ((crm ?? 0) << 1);
}

/** The eight identification bytes of a PrimeCell as one word: byte n at bit 8n. */
function identification(name: string, bytes: number[]): Constants {
  return { [name]: bytes.reduce((word, byte, n) => word | (BigInt(byte) << BigInt(8 * n)), 0n) };
}

/** A number as a 64-bit pattern. */
const bits = (value: number | bigint): bigint => BigInt.asUintN(64, BigInt(value));
const hex = (value: number | bigint): string => `0x${bits(value).toString(16)}`;

function assemblyScript(constants: Constants): string {
  return Object.entries(constants)
    .map(([name, value]) => {
      if (typeof value === "string") return `export const ${name}: string = ${JSON.stringify(value)};\n`;
      const type = typeof value === "bigint" || bits(value) > 0xffff_ffffn ? "u64" : "u32";
      return `export const ${name}: ${type} = ${hex(value)};\n`;
    })
    .join("");
}

function header(constants: Constants): string {
  return Object.entries(constants)
    .filter(([, value]) => typeof value !== "string")
    .map(([name, value]) => `#define ${name} U64(${hex(value as number | bigint)})\n`)
    .join("");
}

function recordClass(name: string, record: RecordLayout): string {
  const fields = record.fields.flatMap(({ name: field, type, count, doc }) => {
    const comment = doc === undefined ? [] : [`  /** ${doc} */`];
    const names = count === undefined ? [field] : Array.from({ length: count }, (_, n) => `${field}${n}`);
    return [...comment, ...names.map((n) => `  ${n}: ${type};`)];
  });
  const at = Object.entries(offsets(record).fields).map(
    ([field, offset]) => `export const ${name}_${field}: usize = ${offset};\n`,
  );
  return `/** ${record.doc} */\n@unmanaged\nexport class ${name} {\n${fields.join("\n")}\n}\n${at.join("")}`;
}

const upper = (name: string): string => name.replaceAll(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();

function recordOffsets(name: string, record: RecordLayout): string {
  const { fields, size } = offsets(record);
  const lines = Object.entries(fields).map(([field, offset]) => `#define ${upper(name)}_${upper(field)} ${offset}\n`);
  return `${lines.join("")}#define ${upper(name)}_SIZE ${size}\n`;
}

const macro = (name: string, lines: readonly string[]): string =>
  `.macro ${name}\n${lines.map((line) => `  ${line}\n`).join("")}.endm\n`;

/** The tables of metal/rom.S: what it writes (X3 is free, a device is at X0), what it opens (the macro `open`), the calls that it handles. */
const romH = (): string =>
  [
    ...Object.entries(romSystemWrites).map(([name, writes]) =>
      macro(
        name,
        writes.flatMap(([register, value]) =>
          register === "spsel" ? [`msr spsel, #${value}`] : [`ldr x3, =${hex(value)}`, `msr ${register}, x3`],
        ),
      ),
    ),
    ...Object.entries(romDeviceWrites).map(([name, writes]) =>
      macro(
        name,
        writes.flatMap(([offset, value]) => [`ldr w3, =${hex(value)}`, `str w3, [x0, #${hex(offset)}]`]),
      ),
    ),
    macro(
      "open_features",
      el3Features.map(
        ({ name, crm, op2, shift, least, opens, bits }) =>
          `open ${idEncoding(crm, op2)}, ${shift}, ${least}, ${opens}, ${hex(bits)} // ${name}`,
      ),
    ),
    macro("call_table", [...Object.entries(romCalls).map(([name, label]) => `.word ${name}, ${label}`), ".word 0, 0"]),
  ].join("");

const idEncoding = (crm: number, op2: number): string => `S3_0_C0_C${crm}_${op2}`;

/** The HAL module `sysreg`: reads and writes by name, as (name, encoding) pairs. */
const reads = [
  ...halRegisters.filter((r) => r.access !== "w").map((r) => ({ name: r.name, encoding: r.encoding ?? r.name })),
  ...idRegisters.map((r) => ({ name: r.name, encoding: idEncoding(r.crm, r.op2) })),
];
const writes = halRegisters.filter((r) => r.access !== "r").map((r) => ({ ...r, encoding: r.encoding ?? r.name }));
const pascal = (register: string): string => camel(register).replace(/^./, (c) => c.toUpperCase());

const sysregTs = (): string =>
  [
    ...reads.map(({ name }) => `export declare function read${pascal(name)}(): u64;\n`),
    ...writes.map(({ name }) => `export declare function write${pascal(name)}(value: u64): void;\n`),
  ].join("");

const sysregH = (): string =>
  [
    ...reads.map(({ name, encoding }) => `HAL_READ(${pascal(name)}, "${encoding.toLowerCase()}")\n`),
    ...writes.map(({ name, encoding, check }) => {
      const register = `${pascal(name)}, "${encoding.toLowerCase()}"`;
      return check === undefined ? `HAL_WRITE(${register})\n` : `HAL_WRITE_CHECKED(${register}, ${check})\n`;
    }),
  ].join("");

/** Loads and stores of the EL1 context in pairs, for metal/context.h. */
/** The registers of a vCPU's EL1 context two by two, as they move, and the last one alone if their number is odd. */
const contextH = (): string => {
  const names = el1Context.map((name) => name.toLowerCase());
  const pairs = names.flatMap((name, n) =>
    n % 2 === 0 && n + 1 < names.length ? [`  PAIR("${name}", "${names[n + 1]}", ${n}) \\\n`] : [],
  );
  const last = names.length % 2 === 1 ? `  ONE("${names.at(-1)}", ${names.length - 1}) \\\n` : "";
  return `#define EL1_CONTEXT(PAIR, ONE) \\\n${pairs.join("")}${last}\n`;
};

const instructionsH = (): string =>
  Object.entries(instructions)
    .flatMap(([module, functions]) => Object.entries(functions).map(([name, text]) => ({ module, name, text })))
    .map(({ module, name, text }) => `HAL(void, ${module}, ${name}) { ASM(${JSON.stringify(text)} ::: "memory"); }\n`)
    .join("");

/** Whether the HAL passes an identifier on to the firmware. */
const firmwareH = (): string => `#define IS_FIRMWARE_CALL(id) (${firmwareCalls.map((name) => `(id) == ${name}`).join(" || ")})\n`;

/** The types that wasm2c has for the instances of imported modules, which are the files of src/hal/. */
const halModulesH = (): string =>
  readdirSync(join(ROOT, "src/hal"))
    .map((file) => file.split(".")[0])
    .map((module) => `struct w2c_${module};\n`)
    .join("");

/** Macros of vectors.S: an instruction for each pair of registers, X2 to X29 and Q0 to Q31, in the order of VcpuFrame. */
function registersS(): string {
  const pairs = (letter: string, first: number, last: number, size: number): string =>
    Array.from({ length: (last - first + 1) / 2 }, (_, n) => first + 2 * n)
      .map((n) => `  \\op ${letter}${n}, ${letter}${n + 1}, [\\base, #${n * size}]\n`)
      .join("");
  return `.macro general_registers op, base\n${pairs("x", 2, 29, 8)}.endm\n.macro vector_registers op, base\n${pairs("q", 0, 31, 16)}.endm\n`;
}

function idRegistersTs(): string {
  const limits = Array.from({ length: 64 }, (_, slot) => idRegisters.find((r) => r.crm * 8 + r.op2 === slot)?.limit ?? 0n);
  const cases = idRegisters.map((r) => `    case ${r.crm * 8 + r.op2}: return sysreg.read${pascal(r.name)}();`).join("\n");
  const slots = idRegisters
    .map((r) => `export const ${r.name.replace(/_EL1$/, "_SLOT")}: u32 = ${r.crm * 8 + r.op2};\n`)
    .join("");
  return `import * as sysreg from "./sysreg";

/** What a guest sees at most of each ID register: 64 words, one a slot (CRm * 8 + op2). */
export const ID_LIMITS: usize = memory.data<u64>([${limits.map(hex).join(", ")}]);

${slots}
/** An ID register of this CPU, by slot. */
export function idRegister(slot: u32): u64 {
  switch (slot) {
${cases}
    default: return 0;
  }
}
`;
}

const logNamesTs = (): string => `/** The name of a logging module, by id. */
export function logModuleName(module: u32): string {
  switch (module) {
${logModules.map((name, n) => `    case ${n}: return ${JSON.stringify(name)};`).join("\n")}
    default: return "?";
  }
}
`;

const callsMd = (): string =>
  `# Calls\n\n| name | identifier | arguments | returns | |\n| --- | --- | --- | --- | --- |\n${calls
    .map((c) => `| ${c.name} | 0x${c.id.toString(16)} | ${c.args} | ${c.returns} | ${c.doc} |\n`)
    .join("")}`;

/** Writes a file unless it is there with the same text already, so that nothing downstream is made anew for nothing. */
function emit(name: string, text: string): void {
  const path = join(ROOT, "build/gen", name);
  const note = name.endsWith(".md") ? "" : "// Generated from abi/ by tool/chain/gen.ts.\n";
  try {
    if (readFileSync(path, "utf8") === note + text) return;
  } catch {
    // not there yet
  }
  writeFileSync(path, note + text);
}

export function generate(): void {
  mkdirSync(join(ROOT, "build/gen"), { recursive: true });
  const all: Constants = {};
  for (const [name, constants] of Object.entries(files)) {
    for (const [key, value] of Object.entries(constants)) {
      if (key in all) throw new Error(`abi/: ${key} is defined twice`);
      all[key] = value;
    }
    emit(`${name}.ts`, assemblyScript(constants));
  }
  emit(
    "records.ts",
    Object.entries(records)
      .map(([name, record]) => recordClass(name, record))
      .join("\n"),
  );
  emit("sysreg.ts", sysregTs());
  emit("id-registers.ts", idRegistersTs());
  emit("log-modules.ts", logNamesTs());
  emit(
    "abi.h",
    `#pragma once\n#ifdef __ASSEMBLER__\n#define U64(x) x\n#else\n#define U64(x) x##ull\n#endif\n${header(all)}${Object.entries(
      records,
    )
      .map(([name, record]) => recordOffsets(name, record))
      .join("")}${firmwareH()}`,
  );
  emit("sysreg.h", sysregH());
  emit("instructions.h", instructionsH());
  emit("registers.S", registersS());
  emit("hal-modules.h", halModulesH());
  emit("el1-context.h", contextH());
  emit("rom.h", romH());
  emit("calls.md", callsMd());
}

if (import.meta.main) generate();
