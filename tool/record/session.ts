// Recording a run: the image that does it, built when it is needed; a ring that the board shares; the file that is made of it at the end.

import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withLock } from "../lock.ts";
import { BUILD, hypervisor } from "../paths.ts";
import { MIB } from "../size.ts";
import { systemCause, UserError } from "../user-error.ts";
import { writeRecording } from "./file.ts";
import { createRing, type Ring, readRing } from "./ring.ts";

/** A boot of Linux takes some 130 MiB; what is older than a ring is overwritten. Of the file, only what is written takes space. */
const RING_SIZE = 512 * MIB;

const STAMP = "stamp";
const stampIn = (folder: string): string | undefined => {
  const file = join(folder, STAMP);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
};

/** Builds the recording image, unless it is of the build that is there. */
export const buildRecordingImage = (): Promise<void> =>
  withLock(join(BUILD, "lock"), async () => {
    if (!existsSync(hypervisor.core)) throw new UserError(`${hypervisor.core}: no such file: run \`npm run build\` first`);
    if (existsSync(hypervisor.recorder) && stampIn(join(BUILD, "record")) === stampIn(BUILD)) return;
    // Loaded here alone: it brings the build chain with it.
    const { buildRecorder } = await import("../chain/record.ts");
    buildRecorder();
  });

/** A run that is being recorded. */
export class RecordedRun {
  readonly ring: Ring;
  readonly #file: string;
  readonly #system: string;
  readonly #remove: () => void;

  private constructor(file: string, system: string) {
    const folder = mkdtempSync(join(tmpdir(), "hyper-lite-record-"));
    this.#remove = () => rmSync(folder, { recursive: true, force: true });
    process.once("exit", this.#remove);
    this.ring = createRing(join(folder, "ring"), RING_SIZE);
    this.#file = file;
    this.#system = system;
  }

  /** Finds out whether `file` can be written before anything runs. */
  static async begin(file: string, system: string): Promise<RecordedRun> {
    try {
      closeSync(openSync(file, "a"));
    } catch (thrown) {
      throw new UserError(`${file}: cannot be written: ${systemCause(thrown)}`);
    }
    await buildRecordingImage();
    return new RecordedRun(file, system);
  }

  /** Writes what was recorded when the board has ended; says what it is. */
  save(): string {
    try {
      const contents = readRing(this.ring);
      if (contents === undefined) throw new UserError(`${this.#file}: nothing was recorded: the hypervisor did not start`);
      writeRecording(this.#file, contents, this.#system);
      const lost = contents.isFull ? ", and the ring was full before the run ended" : "";
      return `${this.#file}: recorded, ${Math.ceil(contents.records.length / MIB)} MiB${lost}: \`hyper-lite replay ${this.#file}\` shows it`;
    } finally {
      this.#remove();
      process.removeListener("exit", this.#remove);
    }
  }
}
