// GICv3 (Arm IHI 0069): offsets of the distributor and redistributor registers, and bits of the hypervisor's CPU interface. One home for
// the board driver (src/drivers/gicv3.ts), the virtual GIC (src/devices/vgic*.ts), the simulator and the guests.

/** Distributor, 12.8. */
export const gicd = {
  GICD_CTLR: 0x0000,
  GICD_TYPER: 0x0004,
  GICD_IIDR: 0x0008,
  GICD_TYPER2: 0x000c,
  GICD_STATUSR: 0x0010,
  GICD_IGROUPR: 0x0080,
  GICD_ISENABLER: 0x0100,
  GICD_ICENABLER: 0x0180,
  GICD_ISPENDR: 0x0200,
  GICD_ICPENDR: 0x0280,
  GICD_ISACTIVER: 0x0300,
  GICD_ICACTIVER: 0x0380,
  GICD_IPRIORITYR: 0x0400,
  GICD_ITARGETSR: 0x0800,
  GICD_ICFGR: 0x0c00,
  GICD_IGRPMODR: 0x0d00,
  GICD_IROUTER: 0x6000,
  GICD_PIDR2: 0xffe8,
  /** GICD_CTLR, non-secure view with one security state: EnableGrp1, ARE, DS, RWP. */
  GICD_CTLR_ENABLE_G0: 0x1,
  GICD_CTLR_ENABLE_G1: 0x2,
  GICD_CTLR_ARE_NS: 0x10,
  GICD_CTLR_DS: 0x40,
  GICD_CTLR_RWP: 0x8000_0000,
  /** GICD_TYPER.ITLinesNumber: words of 32 SPIs. */
  GICD_TYPER_LINES: 0x1f,
  /** Architecture version 3 in PIDR2 bits 7-4. */
  GIC_PIDR2_V3: 0x3b,
  GIC_PIDR2_ARCH_MASK: 0xf0,
  GIC_PIDR2_ARCH_V3: 0x30,
  GIC_PIDR2_ARCH_V4: 0x40,
};

/** Redistributor, 12.10: RD_base frame, then the SGI_base frame 64 KiB behind it. */
export const gicr = {
  GICR_CTLR: 0x0000,
  GICR_IIDR: 0x0004,
  GICR_TYPER: 0x0008,
  GICR_STATUSR: 0x0010,
  GICR_WAKER: 0x0014,
  GICR_PIDR2: 0xffe8,
  GICR_SGI_FRAME: 0x1_0000,
  GICR_WAKER_PROCESSOR_SLEEP: 0x2,
  GICR_WAKER_CHILDREN_ASLEEP: 0x4,
  GICR_TYPER_LAST: 0x10,
  GICR_TYPER_VLPIS: 0x2,
  GICR_CTLR_RWP: 0x8,
};

/** ICH_HCR_EL2 (12.4.5): maintenance interrupts and traps of the virtual CPU interface. */
export const ichHcr = {
  ICH_HCR_EN: 0x1,
  /** Underflow: at most one list register is valid. */
  ICH_HCR_UIE: 0x2,
};

/**
 * ICH_LR<n>_EL2, a list register:
 *
 *   63   62 61   60    59..56 55     48 47..45 44    32 31       0
 *  |  State | HW | Group |   |Priority |      | pINTID | vINTID  |
 *
 * With HW = 0, bit 41 (EOI) asks for a maintenance interrupt when the guest deactivates it.
 */
export const listRegister = {
  LR_PENDING: 0x4000_0000_0000_0000n,
  LR_ACTIVE: 0x8000_0000_0000_0000n,
  LR_HW: 0x2000_0000_0000_0000n,
  LR_GROUP1: 0x1000_0000_0000_0000n,
  LR_PRIORITY_SHIFT: 48,
  LR_PINTID_SHIFT: 32,
  LR_EOI: 0x0000_0200_0000_0000n,
};

export const gicIds = {
  /** First INTID that is not an interrupt (special: 1020-1023). */
  INTID_SPECIAL: 1020,
  INTID_SPURIOUS: 1023,
  FIRST_PPI: 16,
  FIRST_SPI: 32,
};
