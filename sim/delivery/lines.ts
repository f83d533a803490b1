// The lines of a VM's UART (PL011, Arm DDI 0183, 2.8 and 3.3), clock (PL031, DDI 0224, 3.3) and virtio devices (virtio 1.2, 4.2.2), by what their records in
// the core's memory hold: bits of the first word of SPIs.

import { bundle } from "../../abi/bundle.ts";
import { guest } from "../../abi/guest.ts";
import { pl011 } from "../../abi/pl011.ts";
import { fieldOffset, sizeOf } from "../fields.ts";

const UART = 1 << guest.UART_SPI;
const RTC = 1 << guest.RTC_SPI;
const VIRTIO = ((1 << bundle.MAX_VIRTIO_OF_VM) - 1) << guest.VIRTIO_SPI;
export const DEVICES = UART | RTC | VIRTIO;
/** UARTIFLS.RXIFLSEL: of 32 bytes, so many make the receive interrupt come; what is reserved is the last one here. */
const LEVELS = [4, 8, 16, 24, 28, 28, 28, 28] as const;

export class DeviceLines {
  readonly #view: DataView;
  // Where their fields are.
  readonly #uartRaw: number;
  readonly #uartMask: number;
  readonly #received: number;
  readonly #lineControl: number;
  readonly #levels: number;
  readonly #rtcRaw: number;
  readonly #rtcMask: number;
  /** InterruptStatus of each virtio device. */
  readonly #virtio: readonly number[];

  /** `vcpu`: the record of one of the VM's. */
  constructor(view: DataView, vcpu: number) {
    this.#view = view;
    const vm = this.#word(vcpu + fieldOffset("Vcpu", "vm"));
    const uart = this.#word(vm + fieldOffset("Vm", "uart"));
    const rtc = this.#word(vm + fieldOffset("Vm", "rtc"));
    this.#uartRaw = uart + fieldOffset("Uart", "raw");
    this.#uartMask = uart + fieldOffset("Uart", "mask");
    this.#received = uart + fieldOffset("Uart", "count");
    this.#lineControl = uart + fieldOffset("Uart", "lineControl");
    this.#levels = uart + fieldOffset("Uart", "fifoLevels");
    this.#rtcRaw = rtc + fieldOffset("Rtc", "raw");
    this.#rtcMask = rtc + fieldOffset("Rtc", "mask");
    const virtio = this.#word(vm + fieldOffset("Vm", "firstVirtio")) + fieldOffset("VirtioDevice", "interruptStatus");
    const devices = this.#word(vm + fieldOffset("Vm", "virtioDevices"));
    this.#virtio = Array.from({ length: devices }, (_, slot) => virtio + slot * sizeOf("VirtioDevice"));
  }

  #word(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** Those of UARTRIS that follow from the FIFO: a receive timeout is there as soon as there is a byte. */
  #receives(): number {
    const received = this.#word(this.#received);
    if (received === 0) return 0;
    const hasFifo = (this.#word(this.#lineControl) & pl011.LCR_FEN) !== 0;
    const level = hasFifo ? LEVELS[(this.#word(this.#levels) >> 3) & 7]! : 1;
    return received >= level ? pl011.INT_RX | pl011.INT_RT : pl011.INT_RT;
  }

  /** Those that are high now. */
  get high(): number {
    const mask = this.#word(this.#uartMask);
    const uart = mask === 0 ? 0 : (this.#word(this.#uartRaw) | this.#receives()) & mask;
    const rtc = this.#word(this.#rtcRaw) & this.#word(this.#rtcMask);
    let virtio = 0;
    for (let slot = 0; slot < this.#virtio.length; slot++)
      if (this.#word(this.#virtio[slot]!) !== 0) virtio |= 1 << (guest.VIRTIO_SPI + slot);
    return (uart === 0 ? 0 : UART) | (rtc === 0 ? 0 : RTC) | virtio;
  }
}
