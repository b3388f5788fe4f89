// Whole machines with small programs (test/programs.S) on the real engine.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { Guest, type GuestConfiguration, type Image } from './guest.ts';

const FIRMWARE = Buffer.from(
  'IWkFKUIJ8yJA8WOIAgAFQ5MCSQAvoGIAnag3BAAQtwQQAAMjCQCTAxMAIyB5ABMFAwPvAMALg0JUAJPyEgDjjAL+A0UEABMDAAdjDWUCEwMg' +
    'B2MBZQQTA2AGYwNlBBMDgAZjCWUAEwNwB2MCZQTvAAAI0beDIkkACUPjnWL+7wAAB1W/lWKbglJVI6BUAHMAUBD1v51im4JydyOgVADFv7cy' +
    'BwCbgjIzI6BUAM23t0kAArfCAAIDs4L/lWObgwPiHpMjsGkAkwIACHOQQjBzAFAQ8yJANJPyAgjjigL+fVMjsGkAEwVAB+8AYACpt4NCVACT' +
    '8gIC44wC/iMApACCgA==',
  'base64',
);
const KERNEL = Buffer.from(
  'bwAABAAAAAAAACAAAAAAAAAAAQAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAAAAAAAUklTQ1YAAABSU0MFAAAAABcEAAATBAT8twQAELdIQkSb' +
    'iOg0AUgZRZcFAACThQUfAUZzAAAAYxMFErdYSACbiNg0AUgFRZcFAACThaUSEwZwB3MAAABjEwUQlwIAAJOCYhwDowIA4w4D/rdYcwCbiJgE' +
    'AUgJRYFFcwAAAGXhlwIAAJOCIhqJQwOjAgDjHnP+lwIAAJOCwhcXAwAAEwPDF4MjAwAjoHIADwAwA7dYRlKbiDjkAUgFRYVFcwAAAFntlwIA' +
    'AJOCAhaNQyOgcgCRQwOjAgDjHnP+lwIAAJOCwhQDowIAsUNjG3MGcyUQwIlim4ICcRaVt1hJVJuIWNQBSHMAAACTAgACc5BCEHMAUBDzIkAU' +
    'k/ICAuOKAv63WEgAm4jYNAlIBUVzAAAAhULjl1X+t1hGUpuIOOQFSAFF/VUBRv1WcwAAABHpt1hSU5uISDUBSAFFgUVzAAAAt1hSU5uISDUB' +
    'SAFFhUVzAAAA/bcTA3AH45Rl/gVD4xFl/pcCAACTgiIKI6BiAAlDcxBDEHMAUBBzI0AUE3MjAOMKA/4JQ3MwQxSXAAAA54BgBpcCAACTgmIH' +
    'I6CiAJcCAACTgmIGCUMjoGIAjUMDowIA4x5z/pcAAADngKADlwIAAJOCogQDowIACgMqkyOgYgCXAgAAk4IiAxFDI6BiALdYSACbiNg0BUhz' +
    'AAAAib8TBSAAZ4AAABMFQABoZWxsbwoBAAAAAAAAAAAA',
  'base64',
);

const CONFIGURATION: GuestConfiguration = {
  harts: 1,
  memory: 16 << 20,
  cmdline: '',
  deviceTree: true,
  devices: { uart0: 'console' },
};

/** A machine that hangs fails its test; busy hosts are slow. */
const TIMEOUT_MS = 20_000;

interface Result {
  readonly status: number;
  readonly output: string;
  readonly restarts: number;
}

/** Runs a guest to its end. `room`: the output stream takes so many bytes at a time. */
/** Images by their bytes. */
type Files = Readonly<Partial<Record<'kernel' | 'initrd' | 'firmware', Uint8Array>>>;
const image = (bytes: Uint8Array): Image => ({
  size: bytes.length,
  read(into, at) {
    const part = bytes.subarray(at, at + into.length);
    into.set(part);
    return part.length;
  },
});

function run(files: Files, typed = '', changes: Partial<GuestConfiguration> = {}, room = Infinity): Promise<Result> {
  return new Promise((resolve, reject) => {
    let output = '';
    let restarts = 0;
    let rest = Buffer.from(typed);
    let space = room;
    const watchdog = setTimeout(() => void end(() => reject(new Error(`still running after ${output}`))), TIMEOUT_MS);
    const end = async (result: () => void): Promise<void> => {
      clearTimeout(watchdog);
      await Promise.all(guest.workers.map((worker) => worker.terminate()));
      result();
    };
    const images = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, image(bytes)]));
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

test(
  'M-mode firmware: power-off with pass and with failure, output and early input over the UART',
  { timeout: 30_000 },
  async () => {
    assert.deepEqual(await run({ firmware: FIRMWARE }, 'abcp'), { status: 0, output: '0abc', restarts: 0 });
    assert.equal((await run({ firmware: FIRMWARE }, 'hp', { harts: 3 })).output, '0h', 'every hart begins');
    assert.deepEqual(await run({ firmware: FIRMWARE }, 'f', { harts: 2 }), { status: 7, output: '0', restarts: 0 });
  },
);

test('reset in place: RAM is zero again, input that was not read yet stays', async () => {
  const result = await run({ firmware: FIRMWARE }, 'xrryp', { harts: 2 });
  assert.deepEqual(result, { status: 0, output: '0x00y', restarts: 2 });
});

test('mtimecmp wakes a hart from wfi', async () => {
  assert.equal((await run({ firmware: FIRMWARE }, 'wwp')).output, '0tt');
});

test('a slow reader loses nothing, and holds the guest up meanwhile', async () => {
  const typed = 'abcdegijk'.repeat(1000);
  const result = await run({ firmware: FIRMWARE }, `${typed}p`, {}, 500);
  assert.equal(result.output, `0${typed}`);
});

test(
  'S-mode kernel: SBI starts, interrupts and stops another hart, sets the timer, prints, powers off',
  { timeout: 30_000 },
  async () => {
    assert.deepEqual(await run({ kernel: KERNEL }, '', { harts: 2 }), { status: 0, output: 'hello\n', restarts: 0 });
    // Without a second hart the program says "system failure".
    assert.deepEqual(await run({ kernel: KERNEL }, ''), { status: 1, output: 'hello\n', restarts: 0 });
    assert.equal(
      (await run({ kernel: gzipSync(KERNEL) }, '')).output,
      'hello\n',
      'a packed one is not read into place',
    );
  },
);

test('images that cannot be loaded', async () => {
  await assert.rejects(run({}), /image.none/);
  await assert.rejects(run({ kernel: Buffer.from('text') }), /image.format/);
  await assert.rejects(run({ kernel: KERNEL, initrd: new Uint8Array(16 << 20) }), /image.outside-ram/);
});
