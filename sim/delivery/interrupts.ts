// The interrupts of one VM as the architecture has them (Arm IHI 0069, 4.1), as far as it follows from what its guest does: what cannot be known is undefined.

import { gicIds } from "../../abi/gic.ts";
import { guest } from "../../abi/guest.ts";

const { FIRST_PPI, FIRST_SPI } = gicIds;
const { INTIDS, UART_SPI, RTC_SPI } = guest;

/** The VM's UART and clock: what their lines are is not looked at here. */
const DEVICES: ReadonlySet<number> = new Set([FIRST_SPI + UART_SPI, FIRST_SPI + RTC_SPI]);

export class Interrupt {
  readonly intid: number;
  enabled = false;
  group: 0 | 1 = 0;
  priority = 0;
  edge: boolean;
  /** The vCPU that an SPI goes to. */
  target = 0;
  /** Pending by an edge, an SGI or a write; undefined: it may be. */
  latch: boolean | undefined = false;
  active: boolean | undefined = false;
  /** Its line was high since it was taken last: a list register may offer it for that. */
  wasHigh = false;

  constructor(intid: number) {
    this.intid = intid;
    this.edge = intid < FIRST_PPI;
  }

  get isPrivate(): boolean {
    return this.intid < FIRST_SPI;
  }
  get isOfDevice(): boolean {
    return DEVICES.has(this.intid);
  }
}

/** SGIs and PPIs of one vCPU, and the registers of its physical timer. */
export class Private {
  readonly all = Array.from({ length: FIRST_SPI }, (_, intid) => new Interrupt(intid));
  timerControl = 0n;
  timerCompare = 0n;
}

export class Vgic {
  /** GICD_CTLR: which groups are forwarded, a bit each. */
  groups = 0;
  readonly shared = Array.from({ length: INTIDS - FIRST_SPI }, (_, n) => new Interrupt(FIRST_SPI + n));
  readonly #privates = new Map<number, Private>();

  of(vcpu: number): Private {
    const found = this.#privates.get(vcpu) ?? new Private();
    this.#privates.set(vcpu, found);
    return found;
  }

  /** An interrupt as a vCPU sees it; undefined: there is none with that number. */
  at(vcpu: number, intid: number): Interrupt | undefined {
    return intid < FIRST_SPI ? this.of(vcpu).all[intid] : this.shared[intid - FIRST_SPI];
  }

  /** The interrupts that a vCPU may get. */
  *reaching(vcpu: number): Generator<Interrupt> {
    yield* this.of(vcpu).all;
    for (const one of this.shared) if (one.target === vcpu) yield one;
  }

  /** It is enabled, and its group is forwarded. */
  isOpen({ enabled, group }: Interrupt): boolean {
    return enabled && ((this.groups >> group) & 1) === 1;
  }
}
