// The image stays under 256 KiB.

import type { Rule } from "./rule.ts";

const LIMIT = 256 * 1024;

export const imageSize: Rule<number> = {
  name: "image-size",
  check: (bytes, report) => {
    report.figure(`image: ${bytes} bytes (most: ${LIMIT - 1})`);
    if (bytes >= LIMIT) report.problem("build/hyper-lite.Image", `${bytes} bytes, less than ${LIMIT} are allowed`);
  },
};
