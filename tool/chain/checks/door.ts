// The HAL is the only door to the machine: functions from outside are declared there and nowhere else.

import ts from "typescript";
import { sourceRule } from "./source-rule.ts";

/** System registers are generated, and re-exported by src/hal/sysreg.ts. */
const isDoor = (path: string): boolean => path.startsWith("src/hal/") || path === "build/gen/sysreg.ts";

export const door = sourceRule("door", (node, { path }) => {
  const declared = ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword);
  if (isDoor(path)) {
    if (ts.isFunctionDeclaration(node) && !declared) return "a function with a body; src/hal/ declares what metal/ and sim/ do";
    return undefined;
  }
  return declared ? "an import from outside; declare it in src/hal/, with its two implementations" : undefined;
});
