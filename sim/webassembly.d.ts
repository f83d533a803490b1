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
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum?: number });
    readonly buffer: ArrayBuffer;
  }
  class Instance {
    readonly exports: Record<string, unknown>;
    constructor(module: Module, imports: Imports);
  }
  class Global {
    value: number;
  }
  /** An import that may return a promise, for which the stack of WebAssembly that has called it is put aside. */
  class Suspending {
    constructor(call: (...args: never[]) => unknown);
  }
  /** An export whose calls of such imports do that. */
  function promising<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => Promise<R>;
  /** What a trap of the module throws. */
  class RuntimeError extends Error {}
}
