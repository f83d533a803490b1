// What can be wrong at a place of the sources: each operator names the nodes of TypeScript's tree that it changes, and how. An edit replaces a piece of the
// file's text; it may be one that the compiler refuses.

import ts from "typescript";

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Operator {
  /** What is wrong, in words. */
  readonly name: string;
  readonly edits: (node: ts.Node) => Edit[];
}

const { SyntaxKind } = ts;

const replaced = (node: ts.Node, text: string): Edit => ({ start: node.getStart(), end: node.end, text });
const dropped = (node: ts.Node): Edit => replaced(node, ts.isBlock(node.parent) || ts.isSourceFile(node.parent) ? "" : "{}");

/** A statement that is a call alone: what is called, as it stands there. */
const calleeOf = (node: ts.Node): string | undefined =>
  ts.isExpressionStatement(node) && ts.isCallExpression(node.expression) ? node.expression.expression.getText() : undefined;

const KINDS_OF_CALLS: Readonly<Record<string, RegExp>> = {
  "a barrier is missing": /^barrier\./,
  "TLB or cache maintenance is missing": /^(tlb|cache)\./,
  "a lock is not taken, or not released": /(^|\.)(enter|leave|acquire|release)$/,
  "a system register is not written": /^sysreg\.write/,
};
const isOfAKind = (callee: string): boolean => Object.values(KINDS_OF_CALLS).some((pattern) => pattern.test(callee));

const droppedCall = (name: string, isMeant: (callee: string) => boolean): Operator => ({
  name,
  edits: (node) => {
    const callee = calleeOf(node);
    return callee !== undefined && isMeant(callee) ? [dropped(node)] : [];
  },
});

/** Edits of expressions with two operands, by their operator. */
const binary = (
  name: string,
  operators: readonly ts.SyntaxKind[],
  edits: (node: ts.BinaryExpression, operator: ts.SyntaxKind) => Edit[],
): Operator => ({
  name,
  edits: (node) =>
    ts.isBinaryExpression(node) && operators.includes(node.operatorToken.kind) ? edits(node, node.operatorToken.kind) : [],
});

/** Another operator in place of one. */
const swapped = (name: string, pairs: Partial<Record<ts.SyntaxKind, string>>): Operator =>
  binary(name, Object.keys(pairs).map(Number), (node, operator) => [replaced(node.operatorToken, pairs[operator] ?? "")]);

const isAssignment = (node: ts.Expression): boolean => {
  if (ts.isBinaryExpression(node))
    return node.operatorToken.kind >= SyntaxKind.FirstAssignment && node.operatorToken.kind <= SyntaxKind.LastAssignment;
  return ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node);
};

/** A statement that leaves what it stands in. */
const leaves = (node: ts.Statement): boolean => {
  if (ts.isBlock(node)) return node.statements.length > 0 && leaves(node.statements.at(-1)!);
  return ts.isReturnStatement(node) || ts.isContinueStatement(node) || ts.isBreakStatement(node);
};

const NARROWER: Readonly<Record<string, string>> = { u64: "u32", u32: "u16", u16: "u8", i64: "i32", i32: "i16" };
const NARROWER_CALL: Readonly<Record<string, string>> = {
  "phys.read64": "phys.read32",
  "phys.read32": "phys.read8",
  "phys.write64": "phys.write32",
  "phys.write32": "phys.write8",
  "mmio.read64": "mmio.read32",
  "mmio.write64": "mmio.write32",
  "mmio.write32": "mmio.write8",
};

/** `load<u64>(…)`, `store<u64>(…)` and what the HAL reads and writes. */
const narrowerAccess = (node: ts.CallExpression): Edit[] => {
  const callee = node.expression.getText();
  const [type] = node.typeArguments ?? [];
  if (type !== undefined && (callee === "load" || callee === "store")) {
    const narrower = NARROWER[type.getText()];
    return narrower === undefined ? [] : [replaced(type, narrower)];
  }
  const narrower = NARROWER_CALL[callee];
  if (narrower === undefined) return [];
  const [at, value] = node.arguments.map((argument) => argument.getText());
  return [replaced(node, value === undefined ? `${narrower}(${at})` : `${narrower}(${at}, (${value}) as u32)`)];
};

const isCondition = (node: ts.Node): boolean => {
  const { parent } = node;
  if (ts.isIfStatement(parent) || ts.isWhileStatement(parent)) return parent.expression === node;
  if (ts.isConditionalExpression(parent)) return parent.condition === node;
  const joining = [SyntaxKind.AmpersandAmpersandToken, SyntaxKind.BarBarToken];
  return ts.isBinaryExpression(parent) && joining.includes(parent.operatorToken.kind);
};

/** A number that is added or subtracted, by one wrong. */
const offByOne = (node: ts.BinaryExpression): Edit[] => {
  if (!ts.isNumericLiteral(node.right)) return [];
  const value = Number(node.right.text);
  return value === 1 ? [replaced(node, node.left.getText())] : [replaced(node.right, String(value + 1))];
};

export const operators: readonly Operator[] = [
  ...Object.entries(KINDS_OF_CALLS).map(([name, pattern]) => droppedCall(name, (callee) => pattern.test(callee))),
  droppedCall("a call is missing", (callee) => !isOfAKind(callee)),
  {
    name: "an assignment is missing",
    edits: (node) => (ts.isExpressionStatement(node) && isAssignment(node.expression) ? [dropped(node)] : []),
  },
  {
    name: "a guard is missing",
    edits: (node) =>
      ts.isIfStatement(node) && node.elseStatement === undefined && leaves(node.thenStatement) ? [dropped(node)] : [],
  },
  {
    name: "a case is missing",
    edits: (node) => (ts.isCaseClause(node) ? [replaced(node, "")] : []),
  },
  swapped("a bound is off by one", {
    [SyntaxKind.LessThanToken]: "<=",
    [SyntaxKind.LessThanEqualsToken]: "<",
    [SyntaxKind.GreaterThanToken]: ">=",
    [SyntaxKind.GreaterThanEqualsToken]: ">",
  }),
  swapped("a comparison is the other way round", {
    [SyntaxKind.EqualsEqualsToken]: "!=",
    [SyntaxKind.ExclamationEqualsToken]: "==",
  }),
  swapped("and in place of or, or in place of and", {
    [SyntaxKind.AmpersandAmpersandToken]: "||",
    [SyntaxKind.BarBarToken]: "&&",
  }),
  swapped("a sum in place of a difference, or the other way round", {
    [SyntaxKind.PlusToken]: "-",
    [SyntaxKind.MinusToken]: "+",
  }),
  binary("a mask is missing", [SyntaxKind.AmpersandToken], (node) => [replaced(node, node.left.getText())]),
  binary("a shift is one too far", [SyntaxKind.LessThanLessThanToken, SyntaxKind.GreaterThanGreaterThanToken], (node) => [
    replaced(node.right, `(${node.right.getText()} + 1)`),
  ]),
  binary("a number is off by one", [SyntaxKind.PlusToken, SyntaxKind.MinusToken], offByOne),
  {
    name: "an access has half the width, or less",
    edits: (node) => (ts.isCallExpression(node) ? narrowerAccess(node) : []),
  },
  {
    name: "a number loses its upper half",
    edits: (node) => {
      const narrower = ts.isAsExpression(node) ? NARROWER[node.type.getText()] : undefined;
      return ts.isAsExpression(node) && narrower !== undefined ? [replaced(node.type, narrower)] : [];
    },
  },
  {
    name: "the least in place of the most, or the other way round",
    edits: (node) => {
      if (!ts.isCallExpression(node)) return [];
      const other = { min: "max", max: "min" }[node.expression.getText()];
      return other === undefined ? [] : [replaced(node.expression, other)];
    },
  },
  {
    name: "a condition is the other way round",
    edits: (node) => {
      const isNot = ts.isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken;
      if (!(isNot || ts.isCallExpression(node)) || !isCondition(node)) return [];
      return [isNot ? replaced(node, node.operand.getText()) : replaced(node, `!${node.getText()}`)];
    },
  },
  {
    name: "the other answer",
    edits: (node) => {
      if (!ts.isReturnStatement(node) || node.expression === undefined) return [];
      const other = { true: "false", false: "true" }[node.expression.getText()];
      return other === undefined ? [] : [replaced(node.expression, other)];
    },
  },
];
