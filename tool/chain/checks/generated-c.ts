// What wasm2c made of the core, read line by line: memory is reached by wasm2c's accessors alone, at an address of 32 bits and an offset below
// 64 KiB; besides it the core has its variables and calls, of its own functions and of the HAL. No pointer is made, followed or kept.

import type { Rule } from "./rule.ts";

/** The generated C behind the preprocessor. */
type Text = string;

const UNMAPPED = 0x1_0000;
const MEMORY = "&instance->w2c_memory";

/** A function of the core: its name, its parameters, its lines. */
const FUNCTION = /^(?:static )?\w+ (w2c_core_\w+)\(w2c_core\*\s?instance([^)]*)\) \{\n([\s\S]*?)^\}/gm;
/** The first lines of all of them, whatever they take. */
const HEAD = /^[^\n;]* w2c_core_src0x2F\w+\([^;]*\) \{$/gm;
const ACCESS = /\b(i(?:32|64)_(?:load|store)\w*)\(&instance->w2c_memory, \(u64\)\((\w+)\)(?: \+ (\d+)u?)?(?=[,)])/g;
/** `memory.fill`, which asks the memory's size. */
const FILL = /\bmemory_fill\(&instance->w2c_memory(?=, )/g;
const OWN_CALL = /\bw2c_core_\w+\(instance(?=[,)])/g;
const HAL_CALL = /\bw2c_([a-z0-9]+)_\w+\(instance->w2c_\1_instance(?=[,)])/g;

/** Behind a cast no operator has a first operand. */
const CAST = /\([us](?:8|16|32|64)\)/g;
/** What is left of a line then: variables and numbers, and what is done with them. */
const WORDS = [
  ...["var_\\w+", "ret", "\\d\\w*", "[us](?:8|16|32|64)", "if", "else", "goto", "return", "switch", "case", "default"],
  ...["__builtin_(?:expect|clz|clzll|ctz|ctzll|popcount)", "wasm_rt_trap", "WASM_RT_TRAP_[A-Z_]+"],
];
const WORD = new RegExp(`\\b(?:${WORDS.join("|")})\\b`, "g");
/** Operators of two operands, `&` and `*` among them, behind the first one; an address or what lies at it would have none before. */
const OPERATOR = /(?<=@\)*\s*)(?:[-+*&|^/%]|<<|>>)=?/g;
const SIGNS = /[\s(){};:,?!~@]|[=<>]=?|!=/g;

/** As wasm2c writes what an accessor does: a copy between a variable and the memory, of the memory's own address. */
const definitions = (name: string, text: Text): boolean => {
  const at = "&\\(\\(mem\\)->data\\[addr\\]\\)";
  const unchecked = name.replace(/_default32$/, "_unchecked");
  const isLoad = name.includes("_load");
  const value = isLoad ? "" : ", u(?:32|64) val(?:ue|1)";
  const head = (of: string): string => `static inline \\w+ ${of}\\(wasm_rt_memory_t\\s?\\*\\s?mem, u64 addr${value}\\) \\{`;
  const copy = isLoad
    ? ` (\\w+) result; __builtin_memcpy\\(&result, ${at}, sizeof\\(\\1\\)\\); __asm__\\("" ::"r"\\(result\\)\\);+ return \\(\\w+\\)\\(\\w+\\)result; \\}`
    : ` (\\w+) wrapped = \\(\\1\\)value; __builtin_memcpy\\(${at}, &wrapped, sizeof\\(\\1\\)\\); \\}`;
  const passed = ` ;+ (?:return )?${unchecked}\\(mem, addr${isLoad ? "" : ", val1"}\\); \\}`;
  return new RegExp(head(unchecked) + copy).test(text) && new RegExp(head(name) + passed).test(text);
};

/** The variables that are declared as u32; the others have 64 bits. */
const narrow = (parameters: string, body: string): Set<string> => {
  const lists = [...body.matchAll(/^\s*u32 ([^;]*);/gm), ...parameters.matchAll(/u32 (var_\w+)/g)];
  return new Set(lists.flatMap(([, list = ""]) => list.match(/var_\w+/g) ?? []));
};

export const generatedC: Rule<Text> = {
  name: "generated-c",
  check: (text, report) => {
    const accessors = new Set<string>();
    const functions: string[] = [];
    for (const [, name = "", parameters = "", body = ""] of text.matchAll(FUNCTION)) {
      functions.push(name);
      const narrowOnes = narrow(parameters, body);
      for (const line of body.split("\n")) {
        const told = `\`${line.trim().slice(0, 100)}\``;
        for (const [, accessor = "", address = "", offset = "0"] of line.matchAll(ACCESS)) {
          accessors.add(accessor);
          if (!narrowOnes.has(address)) report.problem(name, `${told}: an address of more than 32 bits leaves the window`);
          if (Number(offset) >= UNMAPPED) report.problem(name, `${told}: an offset of 64 KiB or more`);
        }
        const rest = line
          .replaceAll(ACCESS, "(@")
          .replaceAll(FILL, "(@")
          .replaceAll(OWN_CALL, "(@")
          .replaceAll(HAL_CALL, "(@")
          .replaceAll(CAST, "")
          .replaceAll(WORD, "@");
        const left = rest.replaceAll(OPERATOR, "").replaceAll(SIGNS, "");
        if (left !== "")
          report.problem(
            name,
            line.includes(MEMORY) || line.includes("data")
              ? `${told}: memory that is reached by no accessor`
              : `${told}: more than variables, memory and calls: \`${left}\``,
          );
      }
    }
    for (const name of accessors)
      if (!definitions(name, text)) report.problem("build/core.generated.c", `${name} is not as wasm2c writes it`);
    report.figure(`generated C: ${functions.length} functions, ${accessors.size} accessors`);
    const heads = (text.match(HEAD) ?? []).length;
    const read = functions.filter((name) => name.startsWith("w2c_core_src0x2F")).length;
    if (heads === 0 || heads !== read)
      report.problem("build/core.generated.c", `${read} functions of the core were read, it has ${heads}; wasm2c has changed`);
  },
};
