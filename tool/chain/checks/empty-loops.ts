// A loop that waits says so to the CPU, and to QEMU, which runs nobody else until it does.

import ts from "typescript";
import { sourceRule } from "./source-rule.ts";

const isEmpty = (body: ts.Statement): boolean => ts.isEmptyStatement(body) || (ts.isBlock(body) && body.statements.length === 0);

export const emptyLoops = sourceRule("no-empty-loops", (node) => {
  const waits =
    ts.isWhileStatement(node) || ts.isDoStatement(node) || (ts.isForStatement(node) && node.incrementor === undefined);
  return waits && isEmpty(node.statement) ? "a loop that only waits; call cpu.relax() in it" : undefined;
});
