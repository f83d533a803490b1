// A replay step by step: Enter goes one exit on, c one call of the HAL, a number to that exit.

import { createInterface } from "node:readline/promises";
import { Exits, type ShownExit } from "./exits.ts";
import type { Recording } from "./file.ts";
import { type Exit, type HalCall, Replay } from "./replay.ts";
import { callLine, exitLine, listHead, memoryLines, registerLines, registersIn } from "./show.ts";

const HELP = "Enter: one exit on · c: one call of the HAL on · a number: to that exit · r: registers · q: end";

/** Reads commands until the end of the run, or of the input. */
export const stepThrough = async (recording: Recording, wasm: Uint8Array, print: (line: string) => void): Promise<void> => {
  let ended: ShownExit | undefined;
  let happened: { exit: Exit; call?: HalCall } | undefined;
  const exits = new Exits(
    (exit) => {
      ended = exit;
    },
    (exit) => {
      happened = { exit };
    },
    (exit, call) => {
      happened = { exit, call };
    },
  );
  const replay = new Replay(recording, wasm, exits, true);
  let last: Exit | undefined;
  let before = Buffer.from(replay.memory);

  const showChanges = (): void => {
    for (const line of memoryLines(before, replay.memory)) print(line);
    before = Buffer.from(replay.memory);
  };
  /** One record on that is an entry, a call or an end of one; false at the end of the run. */
  const oneOn = async (): Promise<boolean> => {
    ended = undefined;
    happened = undefined;
    const goesOn = await replay.step();
    if (happened !== undefined) last = (happened as { exit: Exit }).exit;
    return goesOn;
  };
  const showExit = (exit: ShownExit): void => {
    for (const call of exit.calls) print(callLine(call));
    print(exitLine(exit, registersIn(replay.memory, exit)));
    showChanges();
  };
  const untilExit = async (isIt: (exit: ShownExit) => boolean): Promise<boolean> => {
    while (await oneOn()) {
      if (ended === undefined || !isIt(ended)) continue;
      showExit(ended);
      return true;
    }
    return false;
  };
  const oneCall = async (): Promise<boolean> => {
    if (!(await oneOn())) return false;
    const { exit, call } = (happened ?? {}) as { exit?: Exit; call?: HalCall };
    if (call !== undefined) print(`${callLine(call)}  (exit ${exit!.number}, CPU ${exit!.cpu})`);
    else if (exit !== undefined) print(`CPU ${exit.cpu} enters the core: exit ${exit.number}, ${exit.entry}`);
    if (ended !== undefined) print(exitLine(ended, registersIn(replay.memory, ended)));
    showChanges();
    return true;
  };
  const obey = async (command: string): Promise<boolean> => {
    if (command === "") return untilExit(() => true);
    if (command === "c") return oneCall();
    if (command === "r") {
      for (const line of last?.registers === undefined ? ["no guest was left"] : registerLines(last.registers)) print(line);
      return true;
    }
    const number = Number(command);
    if (!(Number.isInteger(number) && number > replay.exits)) {
      print(/^\d+$/.test(command) ? `exit ${command} is over: start again to go back` : HELP);
      return true;
    }
    return untilExit((exit) => exit.number >= number);
  };

  print(HELP);
  print(listHead);
  const input = createInterface({ input: process.stdin, output: process.stderr, prompt: "> " });
  input.prompt();
  for await (const line of input) {
    const command = line.trim();
    if (command === "q") break;
    if (!(await obey(command))) {
      print("the record ends here");
      break;
    }
    input.prompt();
  }
  input.close();
};
