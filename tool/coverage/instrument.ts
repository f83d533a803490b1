// The pass that counts: each statement, and each arm of each branch, of the files of src/ sets a byte of its own in a second memory, which no address of
// the core reaches. Nothing else that the core does changes.
//
// A branch is an `if`, a condition (`?:`, `&&`, `||`, a loop's), with two arms, or a `switch`, with one for each `case` and for `default`.

import binaryen from "assemblyscript/binaryen";
import { COUNTERS, type Place, type Point } from "./counters.ts";
import { type Expression, finalize, firstIn, kindOf, labelOf, mapOperands, operand, setBody, setOperand } from "./tree.ts";

const MEMORY = "counters";

type PlaceOf = (expression: Expression) => Place | undefined;

/** A label of a `case`, as AssemblyScript gives it. */
const isCase = (expression: Expression): boolean => kindOf(expression) === "Break" && /^case\d/.test(labelOf(expression));
const hasCondition = (expression: Expression): boolean => operand(expression, "Condition") !== 0;

class Pass {
  readonly #module: binaryen.Module;
  readonly #placeOf: PlaceOf;
  readonly #points: Point[];
  /** How many points of a kind there are at a place. */
  readonly #counted = new Map<string, number>();
  /** Where the statement stands that is looked at. */
  #statement: Place | undefined;

  constructor(module: binaryen.Module, placeOf: PlaceOf, points: Point[]) {
    this.#module = module;
    this.#placeOf = placeOf;
    this.#points = points;
  }

  #count(kind: Point["kind"], { file, line, column }: Place): Expression {
    const at = `${kind} ${file}:${line}:${column}`;
    const before = this.#counted.get(at) ?? 0;
    this.#counted.set(at, before + 1);
    const id = this.#points.push({ file, line, column, kind, before }) - 1;
    const { i32 } = this.#module;
    return i32.store8(id, 1, i32.const(0), i32.const(1), MEMORY);
  }

  #behind(counter: Expression, expression: Expression): Expression {
    return this.#module.block(null, [counter, expression], binaryen.getExpressionType(expression));
  }

  /** An expression that stands for a statement, or for a list of them. */
  statement(expression: Expression): Expression {
    const place = this.#placeOf(expression);
    const outer = this.#statement;
    this.#statement = place ?? outer;
    const inner = this.#inside(expression);
    this.#statement = outer;
    // A block without a label is a pair of braces.
    const isStatement = place !== undefined && (kindOf(expression) !== "Block" || labelOf(expression) !== "");
    return isStatement ? this.#behind(this.#count("line", place), inner) : inner;
  }

  #list(block: Expression): void {
    let isLastCase = false;
    mapOperands(block, (child) => {
      const wasCase = isLastCase;
      isLastCase = isCase(child) && hasCondition(child);
      // Behind the last `case` of a switch stands the way to its default.
      if (wasCase && kindOf(child) === "Break" && !hasCondition(child) && this.#statement !== undefined)
        return this.#behind(this.#count("default", this.#statement), child);
      return this.statement(child);
    });
  }

  /** The operands of an expression. */
  #inside(expression: Expression): Expression {
    const kind = kindOf(expression);
    if (kind === "If") return this.#if(expression);
    if (kind === "Break" && hasCondition(expression)) return this.#conditionalBreak(expression);
    if (kind === "Loop") setOperand(expression, "Body", this.statement(operand(expression, "Body")));
    else if (kind === "Block") this.#list(expression);
    else mapOperands(expression, (inner) => this.#inside(inner));
    return expression;
  }

  #placeOfCondition(expression: Expression): Place | undefined {
    return this.#placeOf(expression) ?? firstIn(operand(expression, "Condition"), this.#placeOf) ?? this.#statement;
  }

  #if(expression: Expression): Expression {
    const place = this.#placeOfCondition(expression);
    setOperand(expression, "Condition", this.#inside(operand(expression, "Condition")));
    const [ifTrue, ifFalse] = [operand(expression, "IfTrue"), operand(expression, "IfFalse")];
    const [arm, otherwise] = [this.statement(ifTrue), ifFalse === 0 ? 0 : this.statement(ifFalse)];
    if (place === undefined) {
      setOperand(expression, "IfTrue", arm);
      if (otherwise !== 0) setOperand(expression, "IfFalse", otherwise);
    } else {
      setOperand(expression, "IfTrue", this.#behind(this.#count("true", place), arm));
      const counter = this.#count("false", place);
      setOperand(expression, "IfFalse", otherwise === 0 ? counter : this.#behind(counter, otherwise));
    }
    finalize(expression);
    return expression;
  }

  /** `br_if` becomes an `if` with `br` in it: there is a place for the counters then. */
  #conditionalBreak(expression: Expression): Expression {
    if (operand(expression, "Value") !== 0) throw new Error("a conditional branch with a value");
    const place = this.#placeOfCondition(expression);
    const condition = this.#inside(operand(expression, "Condition"));
    const taken = this.#module.br(labelOf(expression));
    if (place === undefined) return this.#module.if(condition, taken);
    if (isCase(expression)) return this.#module.if(condition, this.#behind(this.#count("case", place), taken));
    return this.#module.if(condition, this.#behind(this.#count("true", place), taken), this.#count("false", place));
  }
}

/** Puts counters into every function that stands in a file of src/; returns what they count, in order. */
export function instrument(module: binaryen.Module, placeOf: PlaceOf): Point[] {
  const points: Point[] = [];
  const inSrc: PlaceOf = (expression) => {
    const place = placeOf(expression);
    return place?.file.startsWith("src/") ? place : undefined;
  };
  module.addMemoryImport(MEMORY, COUNTERS.module, COUNTERS.name);
  module.setFeatures(module.getFeatures() | binaryen.Features.MultiMemory);
  for (let n = 0; n < module.getNumFunctions(); n++) {
    const func = module.getFunctionByIndex(n);
    const { body } = binaryen.getFunctionInfo(func);
    if (body !== 0) setBody(func, new Pass(module, inSrc, points).statement(body));
  }
  return points;
}
