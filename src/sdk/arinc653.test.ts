// The ARINC 653 services, each with its return codes (Part 1, chapter 3).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bedWith } from './tests/bed.ts';
import { text } from './testing.ts';

/** An application that logs what expressions give: `name = value`. */
const application = (...expressions: string[]): string => `
  import * as a653 from 'virtsec/sdk/arinc653';
  import { log, utf8, text } from 'virtsec/sdk';
  const {
    CREATE_SAMPLING_PORT, WRITE_SAMPLING_MESSAGE, READ_SAMPLING_MESSAGE, GET_SAMPLING_PORT_ID, GET_SAMPLING_PORT_STATUS,
    CREATE_QUEUING_PORT, SEND_QUEUING_MESSAGE, RECEIVE_QUEUING_MESSAGE, GET_QUEUING_PORT_ID, GET_QUEUING_PORT_STATUS,
    CLEAR_QUEUING_PORT, GET_TIME, TIMED_WAIT, GET_PARTITION_STATUS, SET_PARTITION_MODE, GET_MODULE_SCHEDULE_ID,
    SET_MODULE_SCHEDULE, RAISE_APPLICATION_ERROR, REPORT_APPLICATION_MESSAGE, GET_ERROR_STATUS,
    SOURCE, DESTINATION, NORMAL, IDLE, COLD_START, INFINITE_TIME_VALUE, APPLICATION_ERROR, HARDWARE_FAULT,
  } = a653;
  const CODES = ['NO_ERROR', 'NO_ACTION', 'NOT_AVAILABLE', 'INVALID_PARAM', 'INVALID_CONFIG', 'INVALID_MODE', 'TIMED_OUT'];
  const MS = 1_000_000n;
  const show = ({ RETURN_CODE, ...rest }) => [CODES[RETURN_CODE], ...Object.values(rest).map((value) =>
    value instanceof Uint8Array ? text(value) : String(value))].join(' ');
  ${expressions.map((one) => `await log(show(await ${one}));`).join('\n')}
`;

const PAIR = {
  partitions: { app: {}, peer: {} },
  channels: {
    speed: { sampling: 'app -> peer', bytes: 8, refresh: '10ms' },
    level: { sampling: 'peer -> app', bytes: 8, refresh: '10ms' },
    orders: { queuing: 'peer -> app', bytes: 8, depth: 2, credit: 4 },
    reports: { queuing: 'app -> peer', bytes: 8, depth: 1, overflow: 'block' },
    notes: { queuing: 'app -> peer', bytes: 8, depth: 2, credit: 1 },
  },
};

test('ports are created as configured, once, and only before NORMAL mode', async () => {
  const app = application(
    `CREATE_SAMPLING_PORT('none', 8, SOURCE, 10n * MS)`,
    `CREATE_SAMPLING_PORT('speed', 9, SOURCE, 10n * MS)`,
    `CREATE_SAMPLING_PORT('speed', 8, DESTINATION, 10n * MS)`,
    `CREATE_SAMPLING_PORT('speed', 8, SOURCE, 11n * MS)`,
    `CREATE_SAMPLING_PORT('speed', 8, SOURCE, 10n * MS)`,
    `CREATE_SAMPLING_PORT('speed', 8, SOURCE, 10n * MS)`,
    `GET_SAMPLING_PORT_ID('speed')`,
    `GET_SAMPLING_PORT_ID('level')`,
    `CREATE_QUEUING_PORT('orders', 8, 3, DESTINATION)`,
    `CREATE_QUEUING_PORT('orders', 8, 2, DESTINATION)`,
    `CREATE_QUEUING_PORT('orders', 8, 2, DESTINATION)`,
    `GET_PARTITION_STATUS()`,
    `SET_PARTITION_MODE(NORMAL)`,
    `SET_PARTITION_MODE(NORMAL)`,
    `SET_PARTITION_MODE(COLD_START)`,
    `SET_PARTITION_MODE(9)`,
    `CREATE_SAMPLING_PORT('level', 8, DESTINATION, 10n * MS)`,
    `CREATE_QUEUING_PORT('reports', 8, 1, SOURCE)`,
    `GET_PARTITION_STATUS()`,
    `SET_PARTITION_MODE(IDLE)`,
    `GET_TIME()`,
  );
  await using bed = await bedWith({ app }, PAIR);
  assert.deepEqual(await bed.ended('app'), { by: 'exit', status: 0, reason: '' });
  assert.deepEqual(bed.log('app'), [
    'INVALID_CONFIG',
    'INVALID_CONFIG',
    'INVALID_CONFIG',
    'INVALID_CONFIG',
    'NO_ERROR 0',
    'NO_ACTION',
    'NO_ERROR 0',
    'INVALID_CONFIG',
    'INVALID_CONFIG',
    'NO_ERROR 0',
    'NO_ACTION',
    'NO_ERROR 0 0 1 0 1',
    'NO_ERROR',
    'NO_ACTION',
    'INVALID_MODE',
    'INVALID_PARAM',
    'INVALID_MODE',
    'INVALID_MODE',
    'NO_ERROR 0 0 3 0 1',
  ]);
});

test('sampling messages', async () => {
  const app = application(
    `CREATE_SAMPLING_PORT('speed', 8, SOURCE, 10n * MS)`,
    `CREATE_SAMPLING_PORT('level', 8, DESTINATION, 10n * MS)`,
    `WRITE_SAMPLING_MESSAGE(7, utf8('x'))`,
    `WRITE_SAMPLING_MESSAGE(0, utf8(''))`,
    `WRITE_SAMPLING_MESSAGE(0, utf8('too long!'))`,
    `WRITE_SAMPLING_MESSAGE(1, utf8('x'))`,
    `WRITE_SAMPLING_MESSAGE(0, utf8('fast'))`,
    `READ_SAMPLING_MESSAGE(0)`,
    `READ_SAMPLING_MESSAGE(7)`,
    `READ_SAMPLING_MESSAGE(1)`,
    `TIMED_WAIT(50n * MS)`,
    `READ_SAMPLING_MESSAGE(1)`,
    `GET_SAMPLING_PORT_STATUS(1)`,
    `TIMED_WAIT(20n * MS)`,
    `READ_SAMPLING_MESSAGE(1)`,
    `GET_SAMPLING_PORT_STATUS(1)`,
    `TIMED_WAIT(INFINITE_TIME_VALUE)`,
  );
  await using bed = await bedWith({ app }, PAIR);
  await bed.advance(55);
  const { port } = bed.partition('peer');
  assert.equal(text((await port.reader('speed').read())!.message), 'fast');
  await port.writer('level').write('7');
  await bed.ended('app');
  assert.deepEqual(bed.log('app').slice(2), [
    'INVALID_PARAM',
    'INVALID_PARAM',
    'INVALID_CONFIG',
    'INVALID_MODE',
    'NO_ERROR',
    'INVALID_MODE',
    'INVALID_PARAM',
    'NO_ACTION 0',
    'NO_ERROR',
    'NO_ERROR 7 1',
    'NO_ERROR 10000000 8 1 1',
    'NO_ERROR',
    'NO_ERROR 7 0',
    'NO_ERROR 10000000 8 1 0',
    'INVALID_PARAM',
  ]);
});

test('queuing messages: waiting, time-outs, overflow', async () => {
  const app = application(
    `CREATE_QUEUING_PORT('orders', 8, 2, DESTINATION)`,
    `CREATE_QUEUING_PORT('reports', 8, 1, SOURCE)`,
    `CREATE_QUEUING_PORT('notes', 8, 2, SOURCE)`,
    `RECEIVE_QUEUING_MESSAGE(9, 0n)`,
    `RECEIVE_QUEUING_MESSAGE(1, 0n)`,
    `RECEIVE_QUEUING_MESSAGE(0, -2n)`,
    `RECEIVE_QUEUING_MESSAGE(0, 0n)`,
    `RECEIVE_QUEUING_MESSAGE(0, 5n * MS)`,
    `SEND_QUEUING_MESSAGE(0, utf8('x'), 0n)`,
    `SEND_QUEUING_MESSAGE(1, utf8(''), 0n)`,
    `SEND_QUEUING_MESSAGE(1, utf8('too long!'), 0n)`,
    `SEND_QUEUING_MESSAGE(1, utf8('first'), 0n)`,
    `SEND_QUEUING_MESSAGE(1, utf8('second'), 0n)`,
    `SEND_QUEUING_MESSAGE(1, utf8('second'), 5n * MS)`,
    `GET_QUEUING_PORT_STATUS(1)`,
    `SEND_QUEUING_MESSAGE(2, utf8('note'), 0n)`,
    `SEND_QUEUING_MESSAGE(2, utf8('note'), 0n)`,
    `SEND_QUEUING_MESSAGE(1, utf8('second'), INFINITE_TIME_VALUE)`,
    `RECEIVE_QUEUING_MESSAGE(0, INFINITE_TIME_VALUE)`,
    `GET_QUEUING_PORT_STATUS(0)`,
    `RECEIVE_QUEUING_MESSAGE(0, 0n)`,
    `TIMED_WAIT(20n * MS)`,
    `CLEAR_QUEUING_PORT(1)`,
    `CLEAR_QUEUING_PORT(0)`,
    `RECEIVE_QUEUING_MESSAGE(0, 0n)`,
    `GET_QUEUING_PORT_ID('orders')`,
  );
  await using bed = await bedWith({ app }, PAIR);
  const { port } = bed.partition('peer');
  await bed.advance(30);
  for (const order of ['1', '2', 'lost']) await port.sender('orders').send(order);
  assert.equal(text(await port.receiver('reports').receive()), 'first');
  assert.equal(text(await port.receiver('reports').receive()), 'second');
  await bed.until(() => bed.log('app').length >= 21);
  await port.sender('orders').send('cleared');
  assert.equal((await bed.ended('app')).reason, '');
  assert.deepEqual(bed.log('app').slice(3), [
    'INVALID_PARAM',
    'INVALID_MODE',
    'INVALID_PARAM',
    'NOT_AVAILABLE',
    'TIMED_OUT',
    'INVALID_MODE',
    'INVALID_PARAM',
    'INVALID_CONFIG',
    'NO_ERROR',
    'NOT_AVAILABLE',
    'TIMED_OUT',
    'NO_ERROR 1 1 8 0',
    'NO_ERROR',
    'NOT_AVAILABLE',
    'NO_ERROR',
    // The one that was lost is told with the first message after it.
    'INVALID_CONFIG 1',
    'NO_ERROR 1 2 8 1',
    'NO_ERROR 2',
    'NO_ERROR',
    'INVALID_MODE',
    'NO_ERROR',
    'NOT_AVAILABLE',
    'NO_ERROR 0',
  ]);
});

test('schedules, time and the health monitor', async () => {
  const app = application(
    `GET_MODULE_SCHEDULE_ID('flight')`,
    `GET_MODULE_SCHEDULE_ID('space')`,
    `SET_MODULE_SCHEDULE(1)`,
    `SET_MODULE_SCHEDULE(5)`,
    `TIMED_WAIT(30n * MS)`,
    `REPORT_APPLICATION_MESSAGE(utf8('a report'))`,
    `GET_ERROR_STATUS()`,
    `RAISE_APPLICATION_ERROR(HARDWARE_FAULT, utf8('no'))`,
    `RAISE_APPLICATION_ERROR(APPLICATION_ERROR, new Uint8Array(129))`,
    `RAISE_APPLICATION_ERROR(APPLICATION_ERROR, utf8('too hot'))`,
    `GET_ERROR_STATUS()`,
    `GET_ERROR_STATUS()`,
  );
  await using bed = await bedWith(
    { app, other: application(`GET_MODULE_SCHEDULE_ID('flight')`, `SET_MODULE_SCHEDULE(0)`) },
    {
      partitions: { app: { may: { switch: true }, faults: { process: { application: 'handler' } } }, other: {} },
      schedules: {
        ground: { frame: '10ms', cores: { 0: [{ app: '0-5ms' }, { other: '5-10ms' }] } },
        flight: { frame: '20ms', cores: { 0: [{ app: '0-15ms' }, { other: '15-20ms' }] } },
      },
    },
  );
  assert.equal((await bed.ended('app')).reason, '');
  assert.deepEqual(bed.log('app'), [
    'NO_ERROR 1',
    'INVALID_CONFIG',
    'NO_ERROR',
    'INVALID_PARAM',
    'NO_ERROR',
    'a report',
    'NO_ERROR',
    'NO_ACTION',
    'INVALID_PARAM',
    'INVALID_PARAM',
    'too hot',
    'NO_ERROR',
    'NO_ERROR 1',
    'NO_ACTION',
  ]);
  await bed.ended('other');
  assert.deepEqual(bed.log('other'), ['INVALID_CONFIG', 'INVALID_CONFIG']);
});
