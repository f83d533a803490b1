// What came over the board's serial line, taken apart as the tool does.

import { ConsoleSplitter } from "../../../tool/console.ts";

/** What came over the line, in order, taken apart as the tool does. */
export type Piece = { readonly kind: "vm" | "log" | "note" | "switch"; readonly text: string };

export const pieces = (output: string): Piece[] => {
  const result: Piece[] = [];
  const splitter = new ConsoleSplitter({
    vm: (bytes) => result.push({ kind: "vm", text: bytes.toString("latin1") }),
    log: (text) => result.push({ kind: "log", text }),
    note: (text, switched) => result.push({ kind: switched ? "switch" : "note", text }),
  });
  splitter.push(Buffer.from(output, "latin1"));
  splitter.end();
  return result;
};

/** What VMs printed. */
export const printed = (output: string): string =>
  pieces(output)
    .filter(({ kind }) => kind === "vm")
    .map(({ text }) => text)
    .join("");

/** The notes of the console, its titles among them. */
export const notes = (output: string): string[] =>
  pieces(output).flatMap(({ kind, text }) => (kind === "note" || kind === "switch" ? [text] : []));
export const kinds = (output: string): string[] => pieces(output).map(({ kind, text }) => `${kind}: ${text}`);
