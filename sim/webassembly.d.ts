// The part of WebAssembly's JavaScript interface that the simulator uses: TypeScript has it only together with the whole DOM.

declare namespace WebAssembly {
  type Imports = Record<string, Record<string, unknown>>;
  interface Descriptor {
    readonly module: string;
    readonly name: string;
    readonly kind: string;
  }
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): Descriptor[];
    static exports(module: Module): Omit<Descriptor, "module">[];
  }
  class Memory {
    constructor(descriptor: { readonly initial: number });
    readonly buffer: ArrayBuffer;
  }
  class Instance {
    readonly exports: Record<string, unknown>;
    constructor(module: Module, imports: Imports);
  }
  /** What a trap of the module throws. */
  class RuntimeError extends Error {}
}
