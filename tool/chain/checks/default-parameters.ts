// A default parameter of an exported function needs to know how many arguments the caller gave: asc keeps that in a mutable global.

import ts from "typescript";
import { sourceRule } from "./source-rule.ts";

export const defaultParameters = sourceRule("no-default-parameters", (node, { path }) => {
  if (path !== "src/main.ts" || !ts.isParameter(node)) return undefined;
  if (node.initializer === undefined && node.questionToken === undefined) return undefined;
  return "a default parameter of a function that the vectors call; take it as a plain one";
});
