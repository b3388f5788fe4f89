// virtsec/sdk/arinc653: the services of ARINC 653 Part 1 that make sense for an application with one thread of control, under
// their own names, parameters and return codes. Where Part 1 has out parameters, these functions give an object; where it
// blocks, a promise. Processes, buffers, blackboards, semaphores and events are inside a partition: JavaScript has its own.
import {
  E_EMPTY,
  E_FULL,
  E_LIMIT,
  FAULT_APPLICATION,
  FAULT_DEADLINE,
  FAULT_ILLEGAL,
  FAULT_MEMORY,
  LAST_FAULT,
  OP_FAULTS,
  OP_READ,
  OP_RECEIVE,
  OP_SEND,
  OP_STATUS,
  OP_TIME,
  OP_WRITE,
  TIME_BASE,
} from '../kernel/abi.ts';
import type { PortEnd } from '../kernel/abi.ts';
import { own } from './app/own.ts';

/** RETURN_CODE_TYPE (Part 1, appendix D): the numbers are those of its C interface. */
export const NO_ERROR = 0;
/** The request needs no action: the system is in that state already. */
export const NO_ACTION = 1;
/** Not now. */
export const NOT_AVAILABLE = 2;
export const INVALID_PARAM = 3;
/** It does not fit the configuration, or the queue has overflowed. */
export const INVALID_CONFIG = 4;
/** Not in this mode of the partition, or not in this direction. */
export const INVALID_MODE = 5;
export const TIMED_OUT = 6;

export const SOURCE = 0;
export const DESTINATION = 1;

/** OPERATING_MODE_TYPE. */
export const IDLE = 0;
export const COLD_START = 1;
export const WARM_START = 2;
export const NORMAL = 3;

/** START_CONDITION_TYPE, of which these occur. */
export const NORMAL_START = 0;
export const HM_PARTITION_RESTART = 3;

/** VALIDITY_TYPE. */
export const INVALID = 0;
export const VALID = 1;

/** ERROR_CODE_TYPE, of which these occur. */
export const DEADLINE_MISSED = 0;
export const APPLICATION_ERROR = 1;
export const ILLEGAL_REQUEST = 3;
export const MEMORY_VIOLATION = 5;
export const HARDWARE_FAULT = 6;

/** SYSTEM_TIME_TYPE: nanoseconds. */
export type SystemTime = bigint;
export const INFINITE_TIME_VALUE: SystemTime = -1n;
/** Longest message of RAISE_APPLICATION_ERROR and REPORT_APPLICATION_MESSAGE, in bytes. */
export const MAX_ERROR_MESSAGE_SIZE = 128;

type Result<T> = { readonly RETURN_CODE: number } & Partial<T>;
const just = (RETURN_CODE: number): { readonly RETURN_CODE: number } => ({ RETURN_CODE });

const { kernel } = own;
let operatingMode = own.self.startKind === 'warm' ? WARM_START : COLD_START;
/** Ports that were created; a port's identifier is its place here. */
const sampling: PortEnd[] = [];
const queuing: (PortEnd & { lost: number })[] = [];

const millisecondsOf = (time: SystemTime): number => Number(time) / 1e6;
const nanosecondsOf = (ticks: number): SystemTime => BigInt(ticks) * BigInt(own.self.tick) * 1000n;
const directionOf = (end: PortEnd): number => (end.direction === 'out' ? SOURCE : DESTINATION);

function configured(kind: PortEnd['kind'], name: string, size: number, direction: number): PortEnd | undefined {
  return own.self.ports.find(
    (end) => end.kind === kind && end.name === name && end.bytes === size && directionOf(end) === direction,
  );
}

// ---- sampling ports (Part 1, 3.6.2.1)

export interface SamplingPortId {
  readonly SAMPLING_PORT_ID: number;
}

/** `REFRESH_PERIOD` in nanoseconds, as the description's `refresh` says. Only before NORMAL mode. */
export function CREATE_SAMPLING_PORT(
  SAMPLING_PORT_NAME: string,
  MAX_MESSAGE_SIZE: number,
  PORT_DIRECTION: number,
  REFRESH_PERIOD: SystemTime,
): Result<SamplingPortId> {
  if (sampling.some(({ name }) => name === SAMPLING_PORT_NAME)) return just(NO_ACTION);
  const end = configured('sampling', SAMPLING_PORT_NAME, MAX_MESSAGE_SIZE, PORT_DIRECTION);
  if (end === undefined || BigInt(end.refresh ?? 0) * 1000n !== REFRESH_PERIOD) return just(INVALID_CONFIG);
  if (operatingMode === NORMAL) return just(INVALID_MODE);
  return { RETURN_CODE: NO_ERROR, SAMPLING_PORT_ID: sampling.push(end) - 1 };
}

export async function WRITE_SAMPLING_MESSAGE(
  SAMPLING_PORT_ID: number,
  MESSAGE: Uint8Array,
): Promise<{ readonly RETURN_CODE: number }> {
  const end = sampling[SAMPLING_PORT_ID];
  if (end === undefined || MESSAGE.length === 0) return just(INVALID_PARAM);
  if (MESSAGE.length > end.bytes) return just(INVALID_CONFIG);
  if (end.direction !== 'out') return just(INVALID_MODE);
  await kernel.call(OP_WRITE, end.handle, MESSAGE.length, 0, MESSAGE);
  return just(NO_ERROR);
}

/** NO_ACTION and INVALID: nothing was written yet. */
export async function READ_SAMPLING_MESSAGE(
  SAMPLING_PORT_ID: number,
): Promise<Result<{ readonly MESSAGE: Uint8Array; readonly VALIDITY: number }>> {
  const end = sampling[SAMPLING_PORT_ID];
  if (end === undefined) return just(INVALID_PARAM);
  if (end.direction !== 'in') return just(INVALID_MODE);
  const { result, words, message } = await kernel.call(OP_READ, end.handle);
  if (result === E_EMPTY) return { RETURN_CODE: NO_ACTION, VALIDITY: INVALID };
  return { RETURN_CODE: NO_ERROR, MESSAGE: message, VALIDITY: words[2] !== 0 ? VALID : INVALID };
}

export function GET_SAMPLING_PORT_ID(SAMPLING_PORT_NAME: string): Result<SamplingPortId> {
  const id = sampling.findIndex(({ name }) => name === SAMPLING_PORT_NAME);
  return id < 0 ? just(INVALID_CONFIG) : { RETURN_CODE: NO_ERROR, SAMPLING_PORT_ID: id };
}

export interface SamplingPortStatus {
  readonly REFRESH_PERIOD: SystemTime;
  readonly MAX_MESSAGE_SIZE: number;
  readonly PORT_DIRECTION: number;
  /** Of the message that a read would give now; a source: INVALID. */
  readonly LAST_MSG_VALIDITY: number;
}

export async function GET_SAMPLING_PORT_STATUS(SAMPLING_PORT_ID: number): Promise<Result<SamplingPortStatus>> {
  const end = sampling[SAMPLING_PORT_ID];
  if (end === undefined) return just(INVALID_PARAM);
  const isValid = end.direction === 'in' && (await kernel.call(OP_STATUS, end.handle)).words[1] !== 0;
  return {
    RETURN_CODE: NO_ERROR,
    REFRESH_PERIOD: BigInt(end.refresh ?? 0) * 1000n,
    MAX_MESSAGE_SIZE: end.bytes,
    PORT_DIRECTION: directionOf(end),
    LAST_MSG_VALIDITY: isValid ? VALID : INVALID,
  };
}

// ---- queuing ports (Part 1, 3.6.2.2)

export interface QueuingPortId {
  readonly QUEUING_PORT_ID: number;
}

/** Waiting is in order of time (FIFO): there is one process. Only before NORMAL mode. */
export function CREATE_QUEUING_PORT(
  QUEUING_PORT_NAME: string,
  MAX_MESSAGE_SIZE: number,
  MAX_NB_MESSAGE: number,
  PORT_DIRECTION: number,
): Result<QueuingPortId> {
  if (queuing.some(({ name }) => name === QUEUING_PORT_NAME)) return just(NO_ACTION);
  const end = configured('queuing', QUEUING_PORT_NAME, MAX_MESSAGE_SIZE, PORT_DIRECTION);
  if (end === undefined || end.depth !== MAX_NB_MESSAGE) return just(INVALID_CONFIG);
  if (operatingMode === NORMAL) return just(INVALID_MODE);
  return { RETURN_CODE: NO_ERROR, QUEUING_PORT_ID: queuing.push({ ...end, lost: 0 }) - 1 };
}

const patienceOf = (timeOut: SystemTime): { within?: number } =>
  timeOut === INFINITE_TIME_VALUE ? {} : { within: millisecondsOf(timeOut) };

/**
 * `TIME_OUT` in nanoseconds, 0 or INFINITE_TIME_VALUE. NOT_AVAILABLE also with `overflow: drop`, when the sender's credit of this
 * frame is spent: such a queue never tells its sender that it is full.
 */
export async function SEND_QUEUING_MESSAGE(
  QUEUING_PORT_ID: number,
  MESSAGE: Uint8Array,
  TIME_OUT: SystemTime,
): Promise<{ readonly RETURN_CODE: number }> {
  const end = queuing[QUEUING_PORT_ID];
  if (end === undefined || MESSAGE.length === 0 || TIME_OUT < INFINITE_TIME_VALUE) return just(INVALID_PARAM);
  if (MESSAGE.length > end.bytes) return just(INVALID_CONFIG);
  if (end.direction !== 'out') return just(INVALID_MODE);
  const result = await kernel.until(async () => {
    const answer = await kernel.call(OP_SEND, end.handle, MESSAGE.length, 0, MESSAGE);
    return answer.result === E_FULL ? undefined : answer.result;
  }, patienceOf(TIME_OUT));
  if (result === undefined) return just(TIME_OUT === 0n ? NOT_AVAILABLE : TIMED_OUT);
  return just(result === E_LIMIT ? NOT_AVAILABLE : NO_ERROR);
}

/** INVALID_CONFIG with a message: messages before it were lost, because the queue was full. */
export async function RECEIVE_QUEUING_MESSAGE(
  QUEUING_PORT_ID: number,
  TIME_OUT: SystemTime,
): Promise<Result<{ readonly MESSAGE: Uint8Array }>> {
  const end = queuing[QUEUING_PORT_ID];
  if (end === undefined || TIME_OUT < INFINITE_TIME_VALUE) return just(INVALID_PARAM);
  if (end.direction !== 'in') return just(INVALID_MODE);
  const answer = await kernel.until(async () => {
    const one = await kernel.call(OP_RECEIVE, end.handle, 0);
    return one.result === E_EMPTY ? undefined : one;
  }, patienceOf(TIME_OUT));
  if (answer === undefined) return just(TIME_OUT === 0n ? NOT_AVAILABLE : TIMED_OUT);
  const hasOverflowed = answer.words[1] !== end.lost;
  end.lost = answer.words[1];
  return { RETURN_CODE: hasOverflowed ? INVALID_CONFIG : NO_ERROR, MESSAGE: answer.message };
}

export function GET_QUEUING_PORT_ID(QUEUING_PORT_NAME: string): Result<QueuingPortId> {
  const id = queuing.findIndex(({ name }) => name === QUEUING_PORT_NAME);
  return id < 0 ? just(INVALID_CONFIG) : { RETURN_CODE: NO_ERROR, QUEUING_PORT_ID: id };
}

export interface QueuingPortStatus {
  /** Messages that wait; of a source with `overflow: drop`: those that it may no longer send in this frame. */
  readonly NB_MESSAGE: number;
  readonly MAX_NB_MESSAGE: number;
  readonly MAX_MESSAGE_SIZE: number;
  readonly PORT_DIRECTION: number;
}

export async function GET_QUEUING_PORT_STATUS(QUEUING_PORT_ID: number): Promise<Result<QueuingPortStatus>> {
  const end = queuing[QUEUING_PORT_ID];
  if (end === undefined) return just(INVALID_PARAM);
  const { words } = await kernel.call(OP_STATUS, end.handle);
  const depth = end.depth ?? 0;
  return {
    RETURN_CODE: NO_ERROR,
    NB_MESSAGE: end.direction === 'in' ? words[0] : Math.max(0, depth - words[0]),
    MAX_NB_MESSAGE: depth,
    MAX_MESSAGE_SIZE: end.bytes,
    PORT_DIRECTION: directionOf(end),
  };
}

/** Discards what waits. */
export async function CLEAR_QUEUING_PORT(QUEUING_PORT_ID: number): Promise<{ readonly RETURN_CODE: number }> {
  const end = queuing[QUEUING_PORT_ID];
  if (end === undefined) return just(INVALID_PARAM);
  if (end.direction !== 'in') return just(INVALID_MODE);
  for (let waiting = (await kernel.call(OP_STATUS, end.handle)).words[0]; waiting > 0; waiting--) {
    await kernel.call(OP_RECEIVE, end.handle, 0);
  }
  return just(NO_ERROR);
}

// ---- time (Part 1, 3.4)

/** Nanoseconds since the system started. */
export async function GET_TIME(): Promise<Result<{ readonly SYSTEM_TIME: SystemTime }>> {
  const { words } = await kernel.call(OP_TIME);
  return { RETURN_CODE: NO_ERROR, SYSTEM_TIME: nanosecondsOf(words[0] * TIME_BASE + words[1]) };
}

/** `DELAY_TIME` in nanoseconds, not infinite. */
export async function TIMED_WAIT(DELAY_TIME: SystemTime): Promise<{ readonly RETURN_CODE: number }> {
  if (DELAY_TIME < 0n) return just(INVALID_PARAM);
  await own.time.sleep(millisecondsOf(DELAY_TIME));
  return just(NO_ERROR);
}

/**
 * The deadline of the process, which there is one of: so many nanoseconds from now, or none (INFINITE_TIME_VALUE). What a missed one
 * leads to, the description says (`faults: { deadline }`).
 */
export async function REPLENISH(BUDGET_TIME: SystemTime): Promise<{ readonly RETURN_CODE: number }> {
  if (BUDGET_TIME < INFINITE_TIME_VALUE) return just(INVALID_PARAM);
  await own.health.deadline(BUDGET_TIME === INFINITE_TIME_VALUE ? undefined : millisecondsOf(BUDGET_TIME));
  return just(NO_ERROR);
}

// ---- the partition (Part 1, 3.2)

export interface PartitionStatus {
  readonly IDENTIFIER: number;
  readonly LOCK_LEVEL: number;
  readonly OPERATING_MODE: number;
  readonly START_CONDITION: number;
  readonly NUM_ASSIGNED_CORES: number;
}

export function GET_PARTITION_STATUS(): Result<PartitionStatus> {
  return {
    RETURN_CODE: NO_ERROR,
    IDENTIFIER: own.self.id,
    LOCK_LEVEL: 0,
    OPERATING_MODE: operatingMode,
    START_CONDITION: own.self.startKind === 'boot' ? NORMAL_START : HM_PARTITION_RESTART,
    NUM_ASSIGNED_CORES: 1,
  };
}

/**
 * NORMAL: initialization is over, no port can be created any more. IDLE: the partition ends. A partition cannot restart itself:
 * COLD_START and WARM_START are INVALID_MODE (raise an error, and the health monitor restarts it).
 */
export async function SET_PARTITION_MODE(OPERATING_MODE: number): Promise<{ readonly RETURN_CODE: number }> {
  switch (OPERATING_MODE) {
    case NORMAL:
      if (operatingMode === NORMAL) return just(NO_ACTION);
      operatingMode = NORMAL;
      return just(NO_ERROR);
    case IDLE:
      return own.exit(0);
    case COLD_START:
    case WARM_START:
      return just(INVALID_MODE);
    default:
      return just(INVALID_PARAM);
  }
}

// ---- multiple schedules (Part 2, 3.2)

export function GET_MODULE_SCHEDULE_ID(SCHEDULE_NAME: string): Result<{ readonly SCHEDULE_ID: number }> {
  const id = own.mode.names.indexOf(SCHEDULE_NAME);
  return id < 0 ? just(INVALID_CONFIG) : { RETURN_CODE: NO_ERROR, SCHEDULE_ID: id };
}

/** Takes effect at the end of the major frame. INVALID_CONFIG: the plan does not give that right. */
export async function SET_MODULE_SCHEDULE(SCHEDULE_ID: number): Promise<{ readonly RETURN_CODE: number }> {
  const { names } = own.mode;
  if (names.length === 0) return just(INVALID_CONFIG);
  if (names[SCHEDULE_ID] === undefined) return just(INVALID_PARAM);
  await own.mode.switchTo(names[SCHEDULE_ID]);
  return just(NO_ERROR);
}

// ---- health monitoring (Part 1, 3.8)

/** Only APPLICATION_ERROR can be raised; the message goes to the log. */
export async function RAISE_APPLICATION_ERROR(
  ERROR_CODE: number,
  MESSAGE: Uint8Array,
): Promise<{ readonly RETURN_CODE: number }> {
  if (ERROR_CODE !== APPLICATION_ERROR || MESSAGE.length > MAX_ERROR_MESSAGE_SIZE) return just(INVALID_PARAM);
  await REPORT_APPLICATION_MESSAGE(MESSAGE);
  await own.health.raise(0);
  return just(NO_ERROR);
}

export async function REPORT_APPLICATION_MESSAGE(MESSAGE: Uint8Array): Promise<{ readonly RETURN_CODE: number }> {
  if (MESSAGE.length > MAX_ERROR_MESSAGE_SIZE) return just(INVALID_PARAM);
  if (MESSAGE.length > 0) await own.logBytes(MESSAGE);
  return just(NO_ERROR);
}

/** The next fault that the plan gives to the partition itself (`process: { ...: handler }`). NO_ACTION: there is none. */
export async function GET_ERROR_STATUS(): Promise<Result<{ readonly ERROR_CODE: number }>> {
  for (let fault = 0; fault <= LAST_FAULT; fault++) {
    const { words } = await kernel.call(OP_FAULTS, 1 << fault);
    if (words[0] !== 0) return { RETURN_CODE: NO_ERROR, ERROR_CODE: errorCodeOf(fault) };
  }
  return just(NO_ACTION);
}

function errorCodeOf(fault: number): number {
  if (fault >= FAULT_APPLICATION) return APPLICATION_ERROR;
  if (fault === FAULT_ILLEGAL) return ILLEGAL_REQUEST;
  if (fault === FAULT_DEADLINE) return DEADLINE_MISSED;
  return fault === FAULT_MEMORY ? MEMORY_VIOLATION : HARDWARE_FAULT;
}
