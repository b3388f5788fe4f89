// Whole machines with small programs (test/programs.S) on the real engine.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Guest, type GuestConfiguration, type Images } from './guest.ts';

const FIRMWARE = Buffer.from(
  '8yJA8WOUAgY3BAAQtwQQABcJAAATCQkNAyMJAJMDEwAjIHkAEwUDA+8AQAqDQlQAk/ISAOOMAv4DRQQAEwMAB2MBZQITAyAHYwVlAhMDYAZj' +
    'B2UCEwNwB2MKZQLvAAAH8beVYpuCUlUjoFQAcwBQEPW/nWKbgnJ3I6BUAMW/tzIHAJuCMjMjoFQAzbe3SQACt8IAAgOzgv+VY5uDA+IekyOw' +
    'aQCTAgAIc5BCMHMAUBDzIkA0k/ICCOOKAv59UyOwaQATBUAH7wBgAI23g0JUAJPyAgLjjAL+IwCkAIKAAQAAAAAAEwAAAA==',
  'base64',
);
const KERNEL = Buffer.from(
  'bwAABAAAAAAAACAAAAAAAAAAAQAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAAAAAAAUklTQ1YAAABSU0MFAAAAABcEAAATBAT8twQAELdIQkSb' +
    'iOg0AUgZRZcFAACThcUTAUZzAAAAYeW3WEgAm4jYNAFIBUWXBQAAk4XlDBMGcAdzAAAATeWXAgAAk4KiEQOjAgDjDgP+t1hzAJuImAQBSAlF' +
    'gUVzAAAAWeGXAgAAk4JiD4lDA6MCAOMec/5zJRDAiWKbggJxFpW3WElUm4hY1AFIcwAAAJMCAAJzkEIQcwBQEPMiQBST8gIC44oC/rdYSACb' +
    'iNg0CUgFRXMAAACFQuOXVf63WEZSm4g45AVIAUX9VQFG/VZzAAAAEem3WFJTm4hINQFIAUWBRXMAAAC3WFJTm4hINQFIAUWFRXMAAAD9txMD' +
    'cAfjlGX+BUPjEWX+lwIAAJOCAgUjoGIACUNzEEMQcwBQEHMjQBQTcyMA4woD/glDczBDFJcCAACTgoICI6BiALdYSACbiNg0BUhzAAAAcb9o' +
    'ZWxsbwoBABMAAAAAAAAAEwAAAA==',
  'base64',
);

const CONFIGURATION: GuestConfiguration = {
  harts: 1,
  memory: 16 << 20,
  cmdline: '',
  deviceTree: true,
  devices: { uart0: 'console' },
};

interface Result {
  readonly status: number;
  readonly output: string;
  readonly restarts: number;
}

/** Runs a guest to its end. `room`: the output stream takes so many bytes at a time. */
function run(images: Images, typed = '', changes: Partial<GuestConfiguration> = {}, room = Infinity): Promise<Result> {
  return new Promise((resolve, reject) => {
    let output = '';
    let restarts = 0;
    let rest = Buffer.from(typed);
    let space = room;
    const end = async (result: () => void): Promise<void> => {
      await Promise.all(guest.workers.map((worker) => worker.terminate()));
      result();
    };
    const guest = new Guest({ ...CONFIGURATION, ...changes }, images, {
      lines: [
        {
          output: {
            closed: false,
            write(bytes) {
              const n = Math.min(space, bytes.length);
              space -= n;
              output += Buffer.from(bytes.subarray(0, n)).toString('latin1');
              return n;
            },
            waitForSpace() {
              if (space > 0) return false;
              setTimeout(() => {
                space = room;
                guest.onStreams();
              }, 1);
              return true;
            },
          },
          input: {
            read(into) {
              const n = Math.min(into.length, rest.length);
              into.set(rest.subarray(0, n));
              rest = rest.subarray(n);
              return n;
            },
            waitForData: () => rest.length === 0,
          },
        },
        undefined,
      ],
      restarted: () => restarts++,
      ended: (status) => void end(() => resolve({ status, output, restarts })),
      failed: (text) => void end(() => reject(new Error(text))),
    });
    const wrong = guest.boot();
    if (wrong) void end(() => reject(new Error(wrong.code)));
    else guest.onStreams();
  });
}

test('M-mode firmware: power-off with pass and with failure, output and early input over the UART', async () => {
  assert.deepEqual(await run({ firmware: FIRMWARE }, 'abcp'), { status: 0, output: '0abc', restarts: 0 });
  assert.deepEqual(await run({ firmware: FIRMWARE }, 'f', { harts: 2 }), { status: 7, output: '0', restarts: 0 });
});

test('reset in place: RAM is zero again, input that was not read yet stays', async () => {
  const result = await run({ firmware: FIRMWARE }, 'xrryp', { harts: 2 });
  assert.deepEqual(result, { status: 0, output: '0x00y', restarts: 2 });
});

test('mtimecmp wakes a hart from wfi', async () => {
  assert.equal((await run({ firmware: FIRMWARE }, 'wwp')).output, '0tt');
});

test('a slow reader loses nothing, and holds the guest up meanwhile', async () => {
  const typed = 'abcdeghij'.repeat(1000);
  const result = await run({ firmware: FIRMWARE }, `${typed}p`, {}, 500);
  assert.equal(result.output, `0${typed}`);
});

test('S-mode kernel: SBI starts, interrupts and stops another hart, sets the timer, prints, powers off', async () => {
  assert.deepEqual(await run({ kernel: KERNEL }, '', { harts: 2 }), { status: 0, output: 'hello\n', restarts: 0 });
  // Without a second hart the program says "system failure".
  assert.deepEqual(await run({ kernel: KERNEL }, ''), { status: 1, output: 'hello\n', restarts: 0 });
});

test('images that cannot be loaded', async () => {
  await assert.rejects(run({}), /image.none/);
  await assert.rejects(run({ kernel: Buffer.from('text') }), /image.format/);
  await assert.rejects(run({ kernel: KERNEL, initrd: new Uint8Array(16 << 20) }), /image.outside-ram/);
});
