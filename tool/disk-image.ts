// The files that QEMU takes for the board's disks.

import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { progress } from "./command.ts";
import { formatSize } from "./size.ts";
import { systemCause, UserError } from "./user-error.ts";

export interface DiskImage {
  /** The serial number of the board's disk. */
  readonly serial: string;
  /** The file: raw, and written to. */
  readonly image: string;
  /** Bytes of the file, if it is to be made where there is none. */
  readonly size?: number | undefined;
}

/** Makes the file of a disk unless it is there: zeros that take no room on the host. */
export const makeDiskImage = ({ serial, image, size }: DiskImage): void => {
  if (existsSync(image)) return;
  if (size === undefined) {
    throw new UserError(
      `${image}: no such file, and the board's disk ${serial} is to be there: make it, or say how large (\`size\` of its \`board\`)`,
    );
  }
  try {
    mkdirSync(dirname(image), { recursive: true });
    const file = openSync(image, "wx");
    ftruncateSync(file, size);
    closeSync(file);
  } catch (thrown) {
    throw new UserError(`${image}: the board's disk ${serial} cannot be made: ${systemCause(thrown)}`);
  }
  progress(`${image}: a new disk of ${formatSize(size)}`);
};
