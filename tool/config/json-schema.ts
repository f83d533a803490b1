// The JSON Schema (draft 2020-12) of a configuration, for editors: `hyper-lite schema`.

import { z } from "zod";
import { systemSchema } from "./schema.ts";

const isNothing = (schema: unknown): boolean => JSON.stringify(schema) === '{"not":{}}';

export const jsonSchema = (): object => ({
  title: "A system of Hyper-LITE",
  ...z.toJSONSchema(systemSchema, {
    io: "input",
    // Functions, which JSON does not have.
    unrepresentable: () => ({ not: {} }),
    override: ({ jsonSchema: schema }) => {
      if (schema.anyOf !== undefined) schema.anyOf = schema.anyOf.filter((form) => !isNothing(form));
    },
  }),
});
