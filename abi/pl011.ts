// PrimeCell UART PL011 (Arm DDI 0183, 3.2): register offsets and bits. Shared by the board driver, the virtual UART, guests and tests.

export const pl011 = {
  UART_DR: 0x000,
  UART_RSR: 0x004,
  UART_FR: 0x018,
  UART_ILPR: 0x020,
  UART_IBRD: 0x024,
  UART_FBRD: 0x028,
  UART_LCR_H: 0x02c,
  UART_CR: 0x030,
  UART_IFLS: 0x034,
  UART_IMSC: 0x038,
  UART_RIS: 0x03c,
  UART_MIS: 0x040,
  UART_ICR: 0x044,
  UART_DMACR: 0x048,
  UART_PERIPH_ID: 0xfe0,

  FR_CTS: 0x01,
  FR_DSR: 0x02,
  FR_DCD: 0x04,
  FR_BUSY: 0x08,
  FR_RXFE: 0x10,
  FR_TXFF: 0x20,
  FR_RXFF: 0x40,
  FR_TXFE: 0x80,

  LCR_FEN: 0x10,

  CR_UARTEN: 0x001,
  CR_LBE: 0x080,
  CR_TXE: 0x100,
  CR_RXE: 0x200,

  INT_RX: 0x010,
  INT_TX: 0x020,
  INT_RT: 0x040,
  INT_OE: 0x400,
  INT_ALL: 0x7ff,
};

/** UARTPeriphID0-3, UARTPCellID0-3 (3.3.15, 3.3.19): part 0x011, designer 0x41, revision 1; one byte each, from UART_PERIPH_ID. */
export const pl011Ids = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];
