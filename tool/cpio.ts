// Writes cpio archives in the "new ASCII" format (newc), as the Linux kernel unpacks them into its first root file system (Linux,
// Documentation/driver-api/early-userspace/buffer-format.rst). The same entries give the same bytes, always.

export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** File type and permissions, as in `stat`. */
  readonly mode: number;
  /** What a file holds, or where a symbolic link points. */
  readonly content?: Uint8Array | undefined;
  /** Of a device node: major and minor number. */
  readonly device?: readonly [number, number] | undefined;
}

const FILE = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;
const CHARACTER_DEVICE = 0o020000;

export const cpioFile = (path: string, content: Uint8Array, permissions = 0o644): CpioEntry => ({
  path,
  mode: FILE | permissions,
  content,
});
export const cpioDirectory = (path: string): CpioEntry => ({ path, mode: DIRECTORY | 0o755 });
export const cpioSymlink = (path: string, target: string): CpioEntry => ({
  path,
  mode: SYMLINK | 0o777,
  content: Buffer.from(target),
});
export const cpioCharacterDevice = (path: string, major: number, minor: number): CpioEntry => ({
  path,
  mode: CHARACTER_DEVICE | 0o600,
  device: [major, minor],
});

const MAGIC = "070701";
const TRAILER = "TRAILER!!!";

const padded = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
const field = (value: number): string => value.toString(16).padStart(8, "0");

const encode = (entry: CpioEntry, inode: number): Uint8Array[] => {
  const name = Buffer.from(`${entry.path}\0`);
  const content = entry.content ?? new Uint8Array(0);
  const [major, minor] = entry.device ?? [0, 0];
  const links = (entry.mode & DIRECTORY) === DIRECTORY ? 2 : 1;
  //              inode  mode        uid gid links mtime size      device       special device  name size   check
  const fields = [inode, entry.mode, 0, 0, links, 0, content.length, 0, 0, major, minor, name.length, 0];
  return [padded(Buffer.concat([Buffer.from(MAGIC + fields.map(field).join("")), name])), padded(content)];
};

export const writeCpio = (entries: readonly CpioEntry[]): Buffer => {
  const trailer: CpioEntry = { path: TRAILER, mode: 0 };
  return Buffer.concat([...entries.flatMap((entry, index) => encode(entry, index + 1)), ...encode(trailer, 0)]);
};
