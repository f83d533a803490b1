// One run of a system: its bundle in a temporary file, a board that starts with it, and nothing left behind but the files of its disks.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Board, type BoardListener, type BoardOptions, qemuArguments } from "./board.ts";
import { makeDiskImage } from "./disk-image.ts";
import { type BuildOptions, buildSystem } from "./system.ts";
import { UserError } from "./user-error.ts";

export interface SessionOptions extends BoardOptions, BuildOptions {}

/** Starts a board with a bundle, or without any. */
export const startBoard = (bundle: Buffer | undefined, options: BoardOptions, listener: BoardListener): Board => {
  for (const disk of options.disks ?? []) makeDiskImage(disk);
  const folder = mkdtempSync(join(tmpdir(), "hyper-lite-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  const file = bundle && join(folder, "bundle");
  if (file !== undefined) writeFileSync(file, bundle!);
  const board = new Board(qemuArguments(file, bundle?.length ?? 0, options), listener);
  const cleanUp = (): void => {
    remove();
    process.removeListener("exit", remove);
  };
  board.ended.then(cleanUp, cleanUp);
  return board;
};

/** Builds the system that `path` names and starts it, on a board as it says unless `options` say otherwise. */
export const startSystem = async (path: string, options: SessionOptions, listener: BoardListener): Promise<Board> => {
  const { bundle, board, nets, disks, pipe } = await buildSystem(path, options);
  if (options.pipeSocket !== undefined && !pipe)
    throw new UserError('--pipe: no pipe of the system ends at the board; add { name: "…", between: ["VM"] } to its `pipes`');
  return startBoard(bundle, { ...options, ...board, nets, disks, pipe }, listener);
};
