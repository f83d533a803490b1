// PrimeCell real-time clock PL031 (Arm DDI 0224, 3.2): register offsets. Shared by the board driver, the virtual clock and tests.

export const pl031 = {
  RTC_DR: 0x00,
  RTC_MR: 0x04,
  RTC_LR: 0x08,
  RTC_CR: 0x0c,
  RTC_IMSC: 0x10,
  RTC_RIS: 0x14,
  RTC_MIS: 0x18,
  RTC_ICR: 0x1c,
  RTC_PERIPH_ID: 0xfe0,
};

/** RTCPeriphID0-3, RTCPCellID0-3 (3.3.9, 3.3.10): part 0x031; one byte each, from RTC_PERIPH_ID. */
export const pl031Ids = [0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1];
