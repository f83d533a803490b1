// Nothing outside src/drivers/ knows a board: what a device tree calls the board's devices, and their registers.

import ts from "typescript";
import { importsOf, type Source } from "../sources.ts";
import type { Rule } from "./rule.ts";
import { problemAt, sourceRule } from "./source-rule.ts";

/** The console's UART is there before any driver, and behind the last. */
const CONSOLE = "src/log/uart.ts";
const isAtHome = (path: string): boolean => /^src\/(drivers|hal)\//.test(path);

export const deviceRegisters: Rule<readonly Source[]> = {
  name: "boards",
  check: (sources, report) => {
    for (const source of sources) {
      if (isAtHome(source.path) || source.path === CONSOLE) continue;
      const found = importsOf(source).find(({ path }) => path === "src/hal/mmio.ts");
      if (found)
        problemAt(report, source, found.node, "registers of the board's devices; write a driver in src/drivers/ and call it");
    }
  },
};

/** "vendor,device", as a `compatible` property has it. */
export const compatibles = sourceRule("boards", (node, { path }) =>
  ts.isStringLiteral(node) &&
  !isAtHome(path) &&
  path.startsWith("src/") &&
  /^(arm|brcm|fsl|qemu|snps|ns16550|allwinner|rockchip)\w*,[\w.-]+$/.test(node.text)
    ? `the name of a device of a board, "${node.text}"; src/drivers/ finds devices`
    : undefined,
);
