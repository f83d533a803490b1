// The board that a system runs on: QEMU's `virt` machine, with the hypervisor at EL2 and the bundle in its memory. Never with
// `-semihosting`: a guest could then open files of the host.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { layout } from "../abi/layout.ts";
import { record } from "../abi/record.ts";
import { virtBoard } from "../abi/virt-board.ts";
import { ConsoleSplitter, parseLogLine } from "./console.ts";
import type { DiskImage } from "./disk-image.ts";
import { hypervisor } from "./paths.ts";
import type { Ring } from "./record/ring.ts";
import { MIB } from "./size.ts";
import { UserError } from "./user-error.ts";

export interface BoardOptions {
  /** A CPU model of QEMU, with its properties. */
  readonly cpu?: string | undefined;
  readonly cpus?: number | undefined;
  /** Bytes of RAM, whole MiB. */
  readonly memory?: number | undefined;
  /** Start at EL3, from the ROM, as a board without firmware does. */
  readonly el3?: boolean | undefined;
  /** One instruction, one tick of a 1 GHz counter, idle time skipped: runs that repeat exactly. */
  readonly icount?: boolean | undefined;
  /** The ring that the run is recorded in: the recording image runs in place of the ordinary one. From EL2 alone. */
  readonly record?: Ring | undefined;
  /** Network devices, each connected to QEMU's user network: its gateway is the host, 10.0.2.2, where the host's loopback is reached. */
  readonly nets?: readonly { readonly mac?: string | undefined }[] | undefined;
  /** Disks, whose files are there. */
  readonly disks?: readonly DiskImage[] | undefined;
  /** A console device, the other end of a system's pipe, and the Unix socket that whoever is there connects to. */
  readonly pipe?: boolean | undefined;
  readonly pipeSocket?: string | undefined;
  /** Further arguments for QEMU. */
  readonly qemuArgs?: readonly string[] | undefined;
}

export const boardDefaults = { cpu: "cortex-a57", cpus: 1, memory: 1024 * MIB };

/** How a run ended, as the last line on the console has it; undefined if QEMU ended without such a line. */
export interface Outcome {
  readonly halted: { readonly off: boolean; readonly reason: string } | undefined;
  /** QEMU's exit status, or the signal that ended it, and what it wrote to stderr. */
  readonly qemu: { readonly status: number | string; readonly stderr: string };
}

export interface BoardListener {
  vm(bytes: Buffer): void;
  log(line: string): void;
  note?(line: string, switched: boolean): void;
}

const QEMU = "qemu-system-aarch64";
/** How long QEMU gets to end by itself when it is told to. */
const STOP_MS = 2000;
/** How long the board has to switch itself off after its last line: one without firmware stays on. */
const POWER_OFF_MS = 3000;
const ICOUNT_FREQUENCY = 1_000_000_000;

/** Whether arguments for QEMU choose an accelerator: it takes that from one place. */
const namesAccelerator = (args: readonly string[]): boolean =>
  args.some((arg) => /^--?(accel|enable-kvm)$/.test(arg) || /(^|,)accel=/.test(arg));

/**
 * QEMU has a thread for each CPU of the board, and each waits for all others when one changes the memory map or flushes TLBs: for one that the host
 * has stopped, it waits long. Where the host has too few CPUs for them, one thread that does all in turn is many times faster.
 */
const accelerator = (cpus: number, options: BoardOptions, hostCpus: number): string[] =>
  options.icount || cpus <= hostCpus || namesAccelerator(options.qemuArgs ?? []) ? [] : ["-accel", "tcg,thread=single"];

/** QEMU takes a comma in a value for the end of the value unless it is doubled. */
const quoted = (path: string): string => path.replaceAll(",", ",,");

/** The ring as the memory of a PCI device, which no device tree names. */
const ringDevice = ({ file, bytes }: Ring): string[] => [
  ...["-object", `memory-backend-file,id=record,share=on,mem-path=${quoted(file)},size=${bytes}`],
  ...["-device", `ivshmem-plain,memdev=record,bus=pcie.0,addr=${record.RECORD_SLOT}`],
];

const netDevice = ({ mac }: { readonly mac?: string | undefined }, n: number): string[] => [
  ...["-netdev", `user,id=net${n}`],
  ...["-device", `virtio-net-device,netdev=net${n}${mac === undefined ? "" : `,mac=${mac}`}`],
];

const diskDevice = ({ serial, image }: DiskImage, n: number): string[] => [
  ...["-drive", `if=none,id=disk${n},format=raw,file=${quoted(image)}`],
  ...["-device", `virtio-blk-device,drive=disk${n},serial=${quoted(serial)}`],
];

/** Port 0 alone, which is all that the hypervisor uses. Without a socket, what comes there is lost. */
const consoleDevice = (socket: string | undefined): string[] => [
  ...["-chardev", socket === undefined ? "null,id=pipe" : `socket,id=pipe,path=${quoted(socket)},server=on,wait=off`],
  ...["-device", "virtio-serial-device,max_ports=1", "-device", "virtconsole,chardev=pipe"],
];

/** `hostCpus` are those that QEMU can use at a time. */
export const qemuArguments = (
  bundle: string | undefined,
  bundleSize: number,
  options: BoardOptions,
  hostCpus = availableParallelism(),
): string[] => {
  const cpus = options.cpus ?? boardDefaults.cpus;
  const memory = options.memory ?? boardDefaults.memory;
  const cpu = options.cpu ?? boardDefaults.cpu;
  const file = options.el3 ? hypervisor.rom : options.record === undefined ? hypervisor.image : hypervisor.recorder;
  if (!existsSync(file)) throw new UserError(`${file}: no such file: run \`npm run build\` first`);
  if (options.el3 && layout.ROM_BUNDLE + bundleSize > virtBoard.VIRT_RAM + memory) {
    throw new UserError(
      `--memory: the board's RAM must reach to the end of the bundle, ${(layout.ROM_BUNDLE - virtBoard.VIRT_RAM + bundleSize) / MIB} MiB`,
    );
  }
  const loader = options.el3 ? `loader,file=${bundle && quoted(bundle)},addr=${layout.ROM_BUNDLE},force-raw=on` : bundle;
  return [
    ...["-machine", `virt,gic-version=3,virtualization=on${options.el3 ? ",secure=on" : ""}`],
    ...["-cpu", options.icount ? `${cpu},cntfrq=${ICOUNT_FREQUENCY}` : cpu],
    ...(options.icount ? ["-icount", "shift=0,sleep=off", "-seed", "1"] : []),
    ...accelerator(cpus, options, hostCpus),
    ...["-smp", String(cpus), "-m", `${memory / MIB}M`],
    ...["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio"],
    ...[options.el3 ? "-bios" : "-kernel", file],
    ...(loader === undefined || bundle === undefined ? [] : [options.el3 ? "-device" : "-initrd", loader]),
    ...(options.nets ?? []).flatMap(netDevice),
    ...(options.disks ?? []).flatMap(diskDevice),
    ...(options.pipe ? consoleDevice(options.pipeSocket) : []),
    ...(options.record === undefined ? [] : ringDevice(options.record)),
    ...(options.qemuArgs ?? []),
  ];
};

/** A running board. */
export class Board {
  readonly #qemu: ChildProcess;
  readonly #splitter: ConsoleSplitter;
  readonly #stderr: Buffer[] = [];
  #halted: Outcome["halted"];
  /** Settles when QEMU has ended and everything that it printed has been handed out. */
  readonly ended: Promise<Outcome>;

  constructor(args: readonly string[], listener: BoardListener) {
    this.#splitter = new ConsoleSplitter({
      vm: (bytes) => {
        this.#halted = undefined;
        listener.vm(bytes);
      },
      log: (line) => {
        this.#halted = parseLogLine(line).halted;
        if (this.#halted !== undefined) setTimeout(() => this.stop(), POWER_OFF_MS).unref();
        listener.log(line);
      },
      note: (line, switched) => listener.note?.(line, switched),
    });
    // setpriv has the kernel end QEMU when this process is gone, however it went. A process group of its own keeps the terminal's
    // signals away from it: they are this process's to handle.
    this.#qemu = spawn("setpriv", ["--pdeathsig", "KILL", QEMU, ...args], { stdio: "pipe", detached: true });
    this.#qemu.stdout!.on("data", (chunk: Buffer) => this.#splitter.push(chunk));
    this.#qemu.stderr!.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    // What is typed while the board goes down is lost, which is no error.
    this.#qemu.stdin!.on("error", () => {});
    this.ended = this.#end();
  }

  /** What the board's serial line receives. */
  get input(): NodeJS.WritableStream {
    return this.#qemu.stdin!;
  }

  /** Ends QEMU. */
  stop(): void {
    if (this.#qemu.exitCode !== null || this.#qemu.signalCode !== null) return;
    this.#qemu.kill("SIGTERM");
    setTimeout(() => this.#qemu.kill("SIGKILL"), STOP_MS).unref();
  }

  /** Ends QEMU at once, whatever the board is doing: what a power cut does. */
  kill(): void {
    this.#qemu.kill("SIGKILL");
  }

  #end(): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#qemu.once("error", (error) => reject(new UserError(`cannot start ${QEMU}: ${error.message}`)));
      this.#qemu.once("close", (status, signal) => {
        this.#splitter.end();
        const qemu = { status: signal ?? status ?? 0, stderr: Buffer.concat(this.#stderr).toString().trim() };
        resolve({ halted: this.#halted, qemu });
      });
    });
  }
}
