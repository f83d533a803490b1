// Keeps what a guest prints from harming the terminal that shows it. Cursor movement, colours and the other everyday functions of a VT220
// or xterm pass, as over any serial line. What does not pass: strings to the terminal (ECMA-48, 5.6: OSC, DCS, SOS, PM, APC), which can
// write the clipboard, set the title or define keys; window operations and reports that type text chosen by the guest into the
// terminal's input; printing; a change of the character encoding, which would reopen all of this; and 8-bit controls.

/** ESC and one byte: keypad modes, save and restore, index, next line, tab stop, reverse index, full reset. */
const ESCAPES = new Set([..."=>78DEHMc"]);
/** Control sequences by their final byte: a sequence passes if the rest of it, parameters and intermediates, matches. */
const CONTROL_SEQUENCES: readonly { readonly finals: string; readonly rest: RegExp }[] = [
  { finals: "@ABCDEFGHIJKLMPSTXZ`adefgmr", rest: /^[\d;:]*$/ },
  { finals: "JK", rest: /^\?[\d;]*$/ },
  { finals: "hl", rest: /^\??[\d;]*$/ },
  { finals: "su", rest: /^$/ },
  // Cursor style and soft reset.
  { finals: "q", rest: /^\d? $/ },
  { finals: "p", rest: /^!$/ },
];
/** Device attributes and status: the terminal answers, as if somebody typed it, with fixed texts and the cursor's position. */
const QUERIES: typeof CONTROL_SEQUENCES = [
  { finals: "c", rest: /^>?0?$/ },
  { finals: "n", rest: /^[56]$/ },
];
/** ESC ( and ESC ): line drawing and back. */
const CHARACTER_SETS = /^[()][0AB]$/;

const ESC = "\u001b";
const STRING_STARTS = new Set([..."]PX^_"]);
/** A string ends with BEL, ST, CAN or SUB; or it was none, and its start is forgotten after this much. */
const STRING_ENDS = new Set(["\u0007", "\u009c", "\u0018", "\u001a"]);
const STRING_MAX = 4096;
const SEQUENCE_MAX = 64;

/** BEL, BS, HT, LF, VT, FF and CR pass; the other controls do not, those of 8 bits among them. */
const isDiscarded = (character: string): boolean => {
  const code = character.codePointAt(0)!;
  return code < 0x20 ? code < 0x07 || code > 0x0d : code >= 0x7f && code < 0xa0;
};

const isIntermediate = (character: string): boolean => character >= " " && character <= "/";

const isOneOf = (rows: typeof CONTROL_SEQUENCES, sequence: string): boolean => {
  const final = sequence.at(-1)!;
  const rest = sequence.slice(0, -1);
  return rows.some((row) => row.finals.includes(final) && row.rest.test(rest));
};

type State = "text" | "escape" | "sequence" | "intermediate" | "string" | "string-escape";

/** Filters a stream that may be cut anywhere. */
export class TerminalFilter {
  /** Whether queries pass: whoever has asked gets the answer. */
  queries: boolean;
  /** Puts U+FFFD for what is not UTF-8, so that no byte reaches the terminal as an 8-bit control. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #state: State = "text";
  /** The sequence so far, or as many characters as the string has. */
  #sequence = "";
  #stringLength = 0;

  constructor(queries = true) {
    this.queries = queries;
  }

  filter(bytes: Uint8Array): string {
    let out = "";
    for (const character of this.#decoder.decode(bytes, { stream: true })) out += this.#next(character);
    return out;
  }

  #next(character: string): string {
    switch (this.#state) {
      case "text":
        return this.#text(character);
      case "escape":
        return this.#escape(character);
      case "sequence":
        return this.#controlSequence(character);
      case "intermediate":
        return this.#escapeSequence(character);
      case "string":
      case "string-escape":
        return this.#string(character);
    }
  }

  #text(character: string): string {
    if (character === ESC) {
      this.#state = "escape";
      return "";
    }
    return isDiscarded(character) ? "" : character;
  }

  #escape(character: string): string {
    this.#state = "text";
    this.#sequence = "";
    this.#stringLength = 0;
    if (character === "[") this.#state = "sequence";
    else if (STRING_STARTS.has(character)) this.#state = "string";
    else if (isIntermediate(character)) {
      this.#state = "intermediate";
      this.#sequence = character;
    } else if (ESCAPES.has(character)) return ESC + character;
    else if (character < " ") return this.#text(character);
    return "";
  }

  /** ESC, intermediate bytes, one final byte (ECMA-35, 13.2.1): designates a character set, or a whole encoding. */
  #escapeSequence(character: string): string {
    this.#sequence += character;
    if (isIntermediate(character) && this.#sequence.length <= SEQUENCE_MAX) return "";
    this.#state = "text";
    if (character < " ") return this.#text(character);
    return CHARACTER_SETS.test(this.#sequence) ? ESC + this.#sequence : "";
  }

  #controlSequence(character: string): string {
    if (character < " " || character > "~") {
      this.#state = "text";
      return this.#text(character);
    }
    this.#sequence += character;
    if (this.#sequence.length > SEQUENCE_MAX) this.#state = "text";
    if (character < "@") return "";
    this.#state = "text";
    const passes = isOneOf(CONTROL_SEQUENCES, this.#sequence) || (this.queries && isOneOf(QUERIES, this.#sequence));
    return passes ? `${ESC}[${this.#sequence}` : "";
  }

  #string(character: string): string {
    if (this.#state === "string-escape") {
      // ESC \ is the end; ESC and anything else begins something new.
      if (character !== "\\") return this.#escape(character);
      this.#state = "text";
      return "";
    }
    this.#stringLength += 1;
    if (character === ESC) this.#state = "string-escape";
    else if (STRING_ENDS.has(character) || this.#stringLength > STRING_MAX) this.#state = "text";
    return "";
  }
}

/** Switches to the alternate screen and back. */
const ALTERNATE_SCREEN = new RegExp(`${ESC}\\[\\?(?:\\d*;)*(?:47|1047|1049)(?:;\\d*)*([hl])`, "g");

/** Whether the alternate screen is shown behind this text, which has passed the filter; `before` says whether it was. */
export const showsAlternateScreen = (text: string, before: boolean): boolean => {
  const last = [...text.matchAll(ALTERNATE_SCREEN)].at(-1);
  return last === undefined ? before : last[1] === "h";
};

const MOUSE_AND_PASTE = [1000, 1002, 1003, 1004, 1005, 1006, 2004].map((mode) => `${ESC}[?${mode}l`).join("");

/**
 * Undoes what a guest may have left set, and leaves the cursor and the text where they are: a soft reset (margins, modes of the cursor and the
 * keypad), automatic wrap, colours, hidden cursor, mouse reports, bracketed paste, line drawing; the alternate screen, if that is shown.
 */
export const terminalReset = (alternateScreen: boolean): string =>
  `${alternateScreen ? `${ESC}[?1049l` : ""}${ESC}[!p${ESC}[?7h${ESC}[0m${ESC}(B${ESC}[?25h${MOUSE_AND_PASTE}`;
