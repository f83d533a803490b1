// What a terminal shows of the console: without the marks before log lines (abi/console.ts).

const MARK = "\x1e";

export const shown = (output: string): string => output.replaceAll(MARK, "");

/** The log lines of an output, without what VMs print between them. */
export const logLines = (output: string): string[] =>
  output.split("\r\n").flatMap((line) => {
    const at = line.lastIndexOf(MARK);
    return at >= 0 && /^<[0-7]>\[/.test(line.slice(at + 1)) ? [line.slice(at + 1)] : [];
  });
