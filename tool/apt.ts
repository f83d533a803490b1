// Fetches Debian packages for arm64 through an apt state of its own: no root, no foreign architecture on the machine, nothing of the
// machine's own apt touched. The sources and keys are the machine's; apt verifies signatures and hashes.

import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { UserError } from "./user-error.ts";

export interface AptOptions {
  /** A sources list to use in place of the machine's. */
  readonly sources?: string | undefined;
}

/** Lists older than this are fetched anew before the next package: the archive drops superseded versions. */
const LISTS_MAX_AGE_MS = 3_600_000;

/** Read after the machine's configuration (apt.conf(5)), so that it wins. */
const configuration = (folder: string, sources: string | undefined): string => `
Dir::State "${folder}";
Dir::State::lists "${folder}/lists";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}/cache";
${sources === undefined ? "" : `Dir::Etc::SourceList "${sources}"; Dir::Etc::SourceParts "-";`}
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
`;

export class Apt {
  readonly #folder: string;
  readonly #config: string;
  readonly #stamp: string;

  constructor(folder: string, options: AptOptions = {}) {
    this.#folder = folder;
    this.#config = join(folder, "apt.conf");
    this.#stamp = join(folder, "updated");
    for (const name of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, "status"), "");
    writeFileSync(this.#config, configuration(folder, options.sources));
  }

  /** Fetches the package lists if they are not fresh. */
  async update(): Promise<void> {
    if (existsSync(this.#stamp) && Date.now() - statSync(this.#stamp).mtimeMs < LISTS_MAX_AGE_MS) return;
    await runCommand("apt-get", ["-c", this.#config, "-q", "update"]);
    writeFileSync(this.#stamp, "");
  }

  /** Whether one of the sources has a package of exactly this name. */
  async has(name: string): Promise<boolean> {
    const names = await runCommand("apt-cache", ["-c", this.#config, "pkgnames", name]);
    const isThere = names.split("\n").includes(name);
    // By the next time the user may have added the source, and the lists have to be fetched anew.
    if (!isThere) rmSync(this.#stamp, { force: true });
    return isThere;
  }

  /** The fields of a package's candidate version. `source` is the line of a sources list that has it. */
  async show(name: string, source: string): Promise<ReadonlyMap<string, string>> {
    if (!(await this.has(name)))
      throw new UserError(`none of this machine's apt sources has ${name}; add "${source}" to /etc/apt/sources.list`);
    const text = await runCommand("apt-cache", ["-c", this.#config, "show", "--no-all-versions", name]);
    return new Map([...text.matchAll(/^([A-Za-z0-9-]+): (.*)$/gm)].map((match) => [match[1]!, match[2]!]));
  }

  /** The versions of packages and of all that they depend on, by their names. What they only recommend is not among them. */
  async closure(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const plan = await runCommand("apt-get", ["-c", this.#config, "-q", "-s", "--no-install-recommends", "install", ...names]);
    return new Map([...plan.matchAll(/^Inst (\S+) \((\S+)/gm)].map((match) => [match[1]!, match[2]!]));
  }

  /** Downloads a package, verified, and unpacks it into `target`. */
  async unpack(name: string, target: string): Promise<void> {
    await this.#download([name], (file) => runCommand("dpkg-deb", ["-x", file, target]));
  }

  /** Downloads packages, verified, and unpacks each into a folder of `target` that has its name. */
  async unpackApart(names: readonly string[], target: string): Promise<void> {
    await this.#download(names, (file, name) => runCommand("dpkg-deb", ["-x", file, join(target, name)]));
  }

  async #download(names: readonly string[], use: (file: string, name: string) => Promise<unknown>): Promise<void> {
    // A folder of its own, for apt keeps a file that is there and has the right size without looking into it.
    const folder = mkdtempSync(join(this.#folder, "download-"));
    try {
      await runCommand("apt-get", ["-c", this.#config, "-q", "download", ...names], { cwd: folder });
      const files = globSync("*.deb", { cwd: folder });
      for (const name of names) {
        const file = files.find((one) => one.startsWith(`${name}_`));
        if (file === undefined) throw new UserError(`apt-get downloaded nothing for ${name}`);
        await use(join(folder, file), name);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
