// Goldfish real-time clock (Android emulator, "goldfish virtual hardware": RTC): nanoseconds since 1970 and one alarm.
//
// Language subset of device models (docs/design/seams.md). The caller puts host time into R_HOST_LOW and R_HOST_HIGH
// before each access and each rtcUpdate(), and copies R_LEVEL to the interrupt controller after it.

// ---- registers, 32 bits wide
/** Read: low word, and latches the high one. Write: sets the time, together with the high word written before. */
export const RTC_TIME_LOW = 0x00;
export const RTC_TIME_HIGH = 0x04;
/** Write: arms the alarm, together with the high word written before. */
export const RTC_ALARM_LOW = 0x08;
export const RTC_ALARM_HIGH = 0x0c;
export const RTC_IRQ_ENABLED = 0x10;
export const RTC_CLEAR_ALARM = 0x14;
export const RTC_ALARM_STATUS = 0x18;
export const RTC_CLEAR_INTERRUPT = 0x1c;
export const RTC_BYTES = 0x1000;

// ---- state words
/** Input: the host's time, nanoseconds since 1970. */
export const R_HOST_LOW = 0;
export const R_HOST_HIGH = 1;
/** The guest's time less the host's. */
const R_OFFSET_LOW = 2;
const R_OFFSET_HIGH = 3;
const R_LATCH = 4;
const R_SET_HIGH = 5;
const R_ALARM_LOW = 6;
const R_ALARM_HIGH = 7;
const R_ARMED = 8;
const R_PENDING = 9;
const R_ENABLED = 10;
/** Output: the interrupt line. */
export const R_LEVEL = 11;
export const RTC_WORDS = 16;

const SIGN = -0x8000_0000;

export function rtcReset(s: Int32Array): void {
  for (let i = 0; i < RTC_WORDS; i++) s[i] = 0;
}

/** 1 when low + b carries into the high word. */
function carry(sum: number, b: number): number {
  return (sum ^ SIGN) < (b ^ SIGN) ? 1 : 0;
}

function nowLow(s: Int32Array): number {
  return (s[R_HOST_LOW] + s[R_OFFSET_LOW]) | 0;
}

function nowHigh(s: Int32Array): number {
  return (s[R_HOST_HIGH] + s[R_OFFSET_HIGH] + carry(nowLow(s), s[R_OFFSET_LOW])) | 0;
}

/** Host time at which the armed alarm is due: low word. */
export function rtcAlarmLow(s: Int32Array): number {
  return (s[R_ALARM_LOW] - s[R_OFFSET_LOW]) | 0;
}

export function rtcAlarmHigh(s: Int32Array): number {
  const borrow = (s[R_ALARM_LOW] ^ SIGN) < (s[R_OFFSET_LOW] ^ SIGN) ? 1 : 0;
  return (s[R_ALARM_HIGH] - s[R_OFFSET_HIGH] - borrow) | 0;
}

export function rtcArmed(s: Int32Array): boolean {
  return s[R_ARMED] !== 0;
}

/** Fires a due alarm and derives the interrupt line. */
export function rtcUpdate(s: Int32Array): void {
  if (s[R_ARMED] !== 0) {
    const high = nowHigh(s) ^ SIGN;
    const alarmHigh = s[R_ALARM_HIGH] ^ SIGN;
    if (high > alarmHigh || (high === alarmHigh && (nowLow(s) ^ SIGN) >= (s[R_ALARM_LOW] ^ SIGN))) {
      s[R_ARMED] = 0;
      s[R_PENDING] = 1;
    }
  }
  s[R_LEVEL] = s[R_PENDING] & s[R_ENABLED];
}

/** 4-byte read at a multiple of 4; reserved and write-only places read 0. */
export function rtcRead(s: Int32Array, offset: number): number {
  rtcUpdate(s);
  switch (offset) {
    case RTC_TIME_LOW:
      s[R_LATCH] = nowHigh(s);
      return nowLow(s);
    case RTC_TIME_HIGH:
      return s[R_LATCH];
    case RTC_ALARM_LOW:
      return s[R_ALARM_LOW];
    case RTC_ALARM_HIGH:
      return s[R_ALARM_HIGH];
    case RTC_IRQ_ENABLED:
      return s[R_ENABLED];
    case RTC_ALARM_STATUS:
      return s[R_ARMED];
    default:
      return 0;
  }
}

/** 4-byte write at a multiple of 4. */
export function rtcWrite(s: Int32Array, offset: number, value: number): void {
  switch (offset) {
    case RTC_TIME_LOW: {
      const borrow = (value ^ SIGN) < (s[R_HOST_LOW] ^ SIGN) ? 1 : 0;
      s[R_OFFSET_LOW] = (value - s[R_HOST_LOW]) | 0;
      s[R_OFFSET_HIGH] = (s[R_SET_HIGH] - s[R_HOST_HIGH] - borrow) | 0;
      break;
    }
    case RTC_TIME_HIGH:
      s[R_SET_HIGH] = value;
      break;
    case RTC_ALARM_LOW:
      s[R_ALARM_LOW] = value;
      s[R_ARMED] = 1;
      break;
    case RTC_ALARM_HIGH:
      s[R_ALARM_HIGH] = value;
      break;
    case RTC_IRQ_ENABLED:
      s[R_ENABLED] = value & 1;
      break;
    case RTC_CLEAR_ALARM:
      s[R_ARMED] = 0;
      break;
    case RTC_CLEAR_INTERRUPT:
      s[R_PENDING] = 0;
      break;
    default:
      break;
  }
  rtcUpdate(s);
}
