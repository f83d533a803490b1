// What a `hyper-lite.config.ts` may say, and the rules that its values obey by themselves. What depends on files (their sizes, what
// overlaps) is checked in tool/layout.ts. Every mistake is one message that names the place and the rule.

import { z } from "zod";
import { bundle } from "../abi/bundle.ts";
import { logModules, severities } from "../abi/console.ts";
import { guest } from "../abi/guest.ts";
import { formatSize, hex, KIB, MIB, parseSize } from "./size.ts";
import { exitCodes, UserError } from "./user-error.ts";

/** A file: a path, relative to the configuration file, or a function that fetches or makes the file and returns its path. */
export type FileSource = string | (() => string | Promise<string>);

/** Bytes: a number, or a text such as "128M". */
export type Size = number | string;

export interface RegionConfig {
  /** Where the guest sees it, as an intermediate physical address; a multiple of 4 KiB. */
  ipa: number;
  /** A multiple of 4 KiB. */
  size: Size;
  /** The guest may read and execute, but not write. */
  readOnly?: boolean | undefined;
  /** What it holds when the VM starts; zeros behind the end of the file, or without one. */
  file?: FileSource | undefined;
}

export interface VmConfig {
  name: string;
  /** RAM, at IPA 0x40000000; a multiple of 2 MiB, at least 16 MiB. */
  memory: Size;
  /** An arm64 `Image`, or a raw binary. */
  kernel: FileSource;
  /** Where the kernel is loaded, as an offset from the base of RAM: by default 2 MiB for an Image, 512 KiB for a raw binary. */
  kernelLoad?: Size | undefined;
  initrd?: FileSource | undefined;
  bootargs?: string | undefined;
  /** Memory beside the RAM. */
  regions?: RegionConfig[] | undefined;
}

export type LogModule = string;
export type LogLevel = Lowercase<keyof typeof severities>;

export interface SystemConfig {
  /** By default the name of the folder that the configuration lies in. */
  name?: string | undefined;
  /** Whether RAM that nobody had yet is cleared before a VM gets it (default true). */
  scrubAtBoot?: boolean | undefined;
  /** The least severity that each module of the core logs: `{ vgic: "debug" }`. */
  logLevels?: Record<LogModule, LogLevel> | undefined;
  vms: VmConfig[];
}

export interface Region {
  ipa: number;
  size: number;
  readOnly: boolean;
  file?: FileSource | undefined;
}

export interface Vm {
  name: string;
  memory: number;
  kernel: FileSource;
  kernelLoad?: number | undefined;
  initrd?: FileSource | undefined;
  bootargs?: string | undefined;
  regions: Region[];
}

export interface System {
  name?: string | undefined;
  scrubAtBoot: boolean;
  logLevels: Record<LogModule, LogLevel>;
  vms: Vm[];
}

/** One mistake: where it is (`vms[0].memory`) and the rule that it breaks. */
export interface Mistake {
  readonly place: string;
  readonly rule: string;
}

export class ConfigError extends UserError {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[], file?: string) {
    const lines = mistakes.map(({ place, rule }) =>
      [file, place, rule].filter((part) => part !== undefined && part !== "").join(": "),
    );
    super(lines.join("\n"), exitCodes.CONFIG);
    this.mistakes = mistakes;
  }
}

/** Gives a configuration its type; the values are checked when the system is built. */
export const defineSystem = (config: SystemConfig): SystemConfig => config;

const MEMORY_UNIT = 2 * MIB;
const MEMORY_MIN = 16 * MIB;
const MEMORY_MAX = guest.IPA_LIMIT - guest.RAM_BASE;
const PAGE = 4 * KIB;
/** Linux keeps 2,048 bytes of a command line, the NUL among them. */
const BOOTARGS_MAX = 2047;
const MAX_VMS = 1;

const levelNames = Object.keys(severities).map((name) => name.toLowerCase()) as LogLevel[];
const oneOf = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(", ");

const NAME_RULE = `must be 1 to ${bundle.MAX_NAME} letters, digits, ".", "_" or "-", and start with a letter or digit`;
const name = z
  .string(NAME_RULE)
  .max(bundle.MAX_NAME, NAME_RULE)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, NAME_RULE);

const SIZE_RULE = 'must be a size: a whole number of bytes, or a text such as "128M" (K, M or G)';
const size = z.union([z.number(), z.string()], SIZE_RULE).transform((value, context) => {
  const bytes = typeof value === "string" ? parseSize(value) : value;
  if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  context.addIssue({ code: "custom", message: SIZE_RULE });
  return z.NEVER;
});

const memory = size
  .refine((bytes) => bytes >= MEMORY_MIN, { error: `must be at least ${formatSize(MEMORY_MIN)}`, abort: true })
  .refine((bytes) => bytes % MEMORY_UNIT === 0, { error: `must be a multiple of ${formatSize(MEMORY_UNIT)}`, abort: true })
  .refine((bytes) => bytes <= MEMORY_MAX, `must be at most ${formatSize(MEMORY_MAX)}: guest addresses have 39 bits`);

const FILE_RULE = "must be the path of a file, or a function that returns one";
const file = z.custom<FileSource>(
  (value) => typeof value === "function" || (typeof value === "string" && value !== ""),
  FILE_RULE,
);

const IPA_RULE = `must be an address below ${hex(guest.IPA_LIMIT)}, a multiple of 4 KiB`;
const ipa = z
  .number(IPA_RULE)
  .refine((value) => value >= 0 && value < guest.IPA_LIMIT && value % PAGE === 0, { error: IPA_RULE, abort: true });

const REGION_SIZE_RULE = "must be a multiple of 4 KiB, and not 0";
const BOOLEAN_RULE = "must be true or false";

const region = z
  .strictObject(
    {
      ipa,
      size: size.refine((bytes) => bytes > 0 && bytes % PAGE === 0, { error: REGION_SIZE_RULE, abort: true }),
      readOnly: z.boolean(BOOLEAN_RULE).default(false),
      file: file.optional(),
    },
    "must be { ipa, size, … }",
  )
  .refine((value) => value.ipa + value.size <= guest.IPA_LIMIT, {
    path: ["size"],
    error: `must end below ${hex(guest.IPA_LIMIT)}: guest addresses have 39 bits`,
  });

const BOOTARGS_RULE = `must be a text of at most ${BOOTARGS_MAX} bytes, without NUL`;
const bootargs = z
  .string(BOOTARGS_RULE)
  .refine((value) => Buffer.byteLength(value) <= BOOTARGS_MAX && !value.includes("\0"), BOOTARGS_RULE);

const KERNEL_LOAD_RULE = "must be a multiple of 4 KiB";
const vm = z.strictObject(
  {
    name,
    memory,
    kernel: file,
    kernelLoad: size.refine((bytes) => bytes % PAGE === 0, KERNEL_LOAD_RULE).optional(),
    initrd: file.optional(),
    bootargs: bootargs.optional(),
    regions: z
      .array(region, "must be a list of regions")
      .max(bundle.MAX_REGIONS, `must be at most ${bundle.MAX_REGIONS}`)
      .default([]),
  },
  "must be { name, memory, kernel, … }",
);

const LOG_MODULE_RULE = `unknown module: the core has ${oneOf(logModules)}`;
const LOG_LEVEL_RULE = `must be a level: ${oneOf(levelNames)}`;
const logLevels = z.record(
  z.string().refine((module) => logModules.includes(module), LOG_MODULE_RULE),
  z.enum(levelNames, LOG_LEVEL_RULE),
  'must be levels by module, such as { vgic: "debug" }',
);

const systemSchema: z.ZodType<System, SystemConfig> = z.strictObject(
  {
    name: name.optional(),
    scrubAtBoot: z.boolean(BOOLEAN_RULE).default(true),
    logLevels: logLevels.default({}),
    vms: z
      .array(vm, "must be a list of VMs")
      .min(1, "must name a VM")
      .max(MAX_VMS, "must be one VM: this version runs one VM a system"),
  },
  "must be what defineSystem({ … }) returns",
);

const placeOf = (path: readonly PropertyKey[]): string =>
  path.map((key, index) => (typeof key === "number" ? `[${key}]` : index === 0 ? String(key) : `.${String(key)}`)).join("");

const mistakesOf = (issue: z.core.$ZodIssue): Mistake[] => {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ place: placeOf([...issue.path, key]), rule: "unknown setting" }));
  }
  if (issue.code === "invalid_key") return [{ place: placeOf(issue.path), rule: issue.issues[0]?.message ?? issue.message }];
  return [{ place: placeOf(issue.path), rule: issue.message }];
};

/** Checks a configuration and fills in its defaults; throws a ConfigError with every mistake in it. */
export const parseSystem = (value: unknown): System => {
  const result = systemSchema.safeParse(value);
  if (result.success) return result.data;
  throw new ConfigError(result.error.issues.flatMap(mistakesOf));
};

/** Reads `vgic=debug,sched=info`, as the command line has it; throws a ConfigError. */
export const parseLogLevels = (text: string): Record<LogModule, LogLevel> => {
  const pairs = text.split(",").map((pair) => pair.split("=") as [string, string]);
  const result = logLevels.safeParse(Object.fromEntries(pairs));
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.flatMap(mistakesOf).map(({ place, rule }) => ({ place: `--log-levels: ${place}`, rule })),
  );
};
