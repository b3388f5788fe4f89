// virtsec/sdk/apex: services of ARINC 653 Part 1 for programs in the subset of the language, hosted and on bare metal alike, under
// their own names and with their own return codes. The subset has ints and no objects, so a service gives its RETURN_CODE, what
// else it has out stands in the message page (`got`, LENGTH, VALIDITY), an identifier is port('NAME'), and times are ticks.
import {
  E_EMPTY,
  E_FULL,
  E_LIMIT,
  E_TIMEOUT,
  FOREVER,
  log,
  raise,
  read,
  receive,
  resultWord,
  send,
  setMode,
  sleep,
  write,
} from 'virtsec/sdk/bare';

/** RETURN_CODE_TYPE (Part 1, appendix D). */
export const NO_ERROR = 0;
export const NO_ACTION = 1;
export const NOT_AVAILABLE = 2;
export const INVALID_PARAM = 3;
export const INVALID_CONFIG = 4;
export const INVALID_MODE = 5;
export const TIMED_OUT = 6;
/** VALIDITY_TYPE. */
export const INVALID = 0;
export const VALID = 1;
/** ERROR_CODE_TYPE: what an application may raise. */
export const APPLICATION_ERROR = 1;
/** SYSTEM_TIME_TYPE. */
export const INFINITE_TIME_VALUE = FOREVER;

// ---- sampling ports (Part 1, 3.6.2.1)
/** The first LENGTH bytes of the message page. */
export function WRITE_SAMPLING_MESSAGE(SAMPLING_PORT_ID: number, LENGTH: number): number {
  if (LENGTH < 1) return INVALID_PARAM;
  write(SAMPLING_PORT_ID, LENGTH);
  return NO_ERROR;
}
/** NO_ACTION: nothing was written yet. NO_ERROR: the message, its LENGTH and its VALIDITY are there. */
export function READ_SAMPLING_MESSAGE(SAMPLING_PORT_ID: number): number {
  return read(SAMPLING_PORT_ID) === E_EMPTY ? NO_ACTION : NO_ERROR;
}
/** Of the message that was read: whether it is no older than the channel's `refresh`. */
export function VALIDITY(): number {
  return resultWord(2) === 0 ? INVALID : VALID;
}
/** Bytes of the message that came. */
export function LENGTH(): number {
  return resultWord(0);
}

// ---- queuing ports (Part 1, 3.6.2.2)
/** NOT_AVAILABLE also with `overflow: drop`, when the sender's credit of this frame is spent. */
export function SEND_QUEUING_MESSAGE(QUEUING_PORT_ID: number, LENGTH: number, TIME_OUT: number): number {
  if (LENGTH < 1) return INVALID_PARAM;
  const result = send(QUEUING_PORT_ID, LENGTH, TIME_OUT);
  if (result === E_TIMEOUT) return TIMED_OUT;
  return result === E_FULL || result === E_LIMIT ? NOT_AVAILABLE : NO_ERROR;
}
export function RECEIVE_QUEUING_MESSAGE(QUEUING_PORT_ID: number, TIME_OUT: number): number {
  const result = receive(QUEUING_PORT_ID, TIME_OUT);
  if (result === E_TIMEOUT) return TIMED_OUT;
  return result === E_EMPTY ? NOT_AVAILABLE : NO_ERROR;
}

// ---- time (Part 1, 3.4), schedules (Part 2, 3.2), health monitoring (Part 1, 3.8)
export function TIMED_WAIT(DELAY_TIME: number): number {
  if (DELAY_TIME < 0) return INVALID_PARAM;
  sleep(DELAY_TIME);
  return NO_ERROR;
}
/** `SCHEDULE_ID`: port('mode:NAME'). From the next major frame on. */
export function SET_MODULE_SCHEDULE(SCHEDULE_ID: number): number {
  setMode(SCHEDULE_ID);
  return NO_ERROR;
}
/** The first LENGTH bytes of the message page, to the log. */
export function REPORT_APPLICATION_MESSAGE(LENGTH: number): number {
  log(LENGTH);
  return NO_ERROR;
}
/** The same, and the error APPLICATION_ERROR: the health monitor decides. */
export function RAISE_APPLICATION_ERROR(ERROR_CODE: number, LENGTH: number): number {
  if (ERROR_CODE !== APPLICATION_ERROR) return INVALID_PARAM;
  REPORT_APPLICATION_MESSAGE(LENGTH);
  raise(0);
  return NO_ERROR;
}
