// Binaryen's expressions as a tree whose children can be replaced, for those kinds that AssemblyScript makes of this dialect.

import binaryen from "assemblyscript/binaryen";

export type Expression = number;

export type Raw = (...args: number[]) => number;
const raw = binaryen as unknown as Record<string, Raw | undefined>;
/** A function of Binaryen's C interface. */
const c = (name: string): Raw => {
  const found = raw[`_Binaryen${name}`];
  if (found === undefined) throw new Error(`Binaryen has no ${name}`);
  return found;
};

/** The operands of each kind, in the order in which they are evaluated. */
const OPERANDS: Readonly<Record<string, readonly string[]>> = {
  If: ["Condition", "IfTrue", "IfFalse"],
  Loop: ["Body"],
  Break: ["Value", "Condition"],
  LocalGet: [],
  LocalSet: ["Value"],
  GlobalGet: [],
  GlobalSet: ["Value"],
  Load: ["Ptr"],
  Store: ["Ptr", "Value"],
  Const: [],
  Unary: ["Value"],
  Binary: ["Left", "Right"],
  Select: ["IfTrue", "IfFalse", "Condition"],
  Drop: ["Value"],
  Return: ["Value"],
  MemorySize: [],
  MemoryCopy: ["Dest", "Source", "Size"],
  MemoryFill: ["Dest", "Value", "Size"],
  Nop: [],
  Unreachable: [],
};
/** Kinds whose operands are a list. */
const LISTS: Readonly<Record<string, readonly [count: string, get: string, set: string]>> = {
  Block: ["GetNumChildren", "GetChildAt", "SetChildAt"],
  Call: ["GetNumOperands", "GetOperandAt", "SetOperandAt"],
};
const KINDS = new Map(
  [...Object.keys(OPERANDS), ...Object.keys(LISTS)].map((kind) => [
    (binaryen as unknown as Record<string, number>)[`${kind}Id`],
    kind,
  ]),
);

export const kindOf = (expression: Expression): string => {
  const id = binaryen.getExpressionId(expression);
  const kind = KINDS.get(id);
  if (kind === undefined) throw new Error(`an expression of kind ${id}, which tool/coverage/tree.ts does not know`);
  return kind;
};

export const operand = (expression: Expression, field: string): Expression => c(`${kindOf(expression)}Get${field}`)(expression);
export const setOperand = (expression: Expression, field: string, value: Expression): void => {
  c(`${kindOf(expression)}Set${field}`)(expression, value);
};

/** Replaces each operand by what `change` makes of it. */
export function mapOperands(expression: Expression, change: (operand: Expression, index: number) => Expression): void {
  const kind = kindOf(expression);
  const [count, get, set] = LISTS[kind] ?? [];
  const size = count === undefined ? 0 : c(`${kind}${count}`)(expression);
  for (let n = 0; n < size; n++) {
    const before = c(`${kind}${get}`)(expression, n);
    const after = change(before, n);
    if (after !== before) c(`${kind}${set}`)(expression, n, after);
  }
  for (const [n, field] of (OPERANDS[kind] ?? []).entries()) {
    const before = operand(expression, field);
    if (before === 0) continue;
    const after = change(before, n);
    if (after !== before) setOperand(expression, field, after);
  }
}

/** The first of an expression and those in it that `find` has an answer for. */
export function firstIn<T>(expression: Expression, find: (expression: Expression) => T | undefined): T | undefined {
  let found = find(expression);
  mapOperands(expression, (inner) => {
    found ??= firstIn(inner, find);
    return inner;
  });
  return found;
}

/** The label of a block or of a branch; "" if it has none. */
export const labelOf = (expression: Expression): string =>
  (binaryen.getExpressionInfo(expression) as binaryen.BlockInfo | binaryen.BreakInfo).name ?? "";

/** A type is worked out anew: operands have changed. */
export const finalize = (expression: Expression): void => {
  c("ExpressionFinalize")(expression);
};
export const setBody = (func: number, body: Expression): void => {
  c("FunctionSetBody")(func, body);
};
