// vault on bare metal: an unmodified Debian has messages signed, and whoever is root in it, or has its VMM or the console driver, reaches
// neither the key nor the kernel. Controls: with PMP open each of these attacks on memory goes through.

import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { bareImage } from '../src/cli/commands/build.ts';
import { readDescriptionFile } from '../src/cli/description-file.ts';
import { processIo } from '../src/cli/io.ts';
import { checkedDescription } from '../src/cli/plan-source.ts';
import { Script, type Step } from '../src/cli/script.ts';
import { kernelSources } from '../src/compiler/system-image.ts';
import { qemu, runOnQemu } from '../src/compiler/tests/board.ts';
import { ImageError, fetchImage } from '../src/images/images.ts';
import { runBare } from '../src/vmm/hosted/bare.ts';
import { root } from './command.ts';

const VAULT = path.join(root, 'systems/vault');
const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-metal-vault-'));
after(() => rmSync(folder, { recursive: true }));

const KERNEL = kernelSources(path.join(root, 'src/kernel'));
/** The last entry of the PMP, which no partition here uses, admits programs everywhere, and guests to all of RAM. */
const opened = (pmpaddr: string, more: string) =>
  KERNEL.map((file) => ({
    ...file,
    text: file.text.replace('store64(add64(at, word(PMP_PARTITION * 8)), partition);', (line) => {
      const entry = 'shiftLeft64(word(31), 56)';
      return `store64(add64(at, word(56)), ${pmpaddr}); ${more} = or64(${more}, ${entry}); ${line}`;
    }),
  }));
const OPEN_TO_PROGRAMS = opened('word(-1)', 'partition');
const OPEN_TO_GUESTS = opened('word(0x2fff_ffff)', 'guest');
const build = async (system: string, kernel = KERNEL) => {
  const description = checkedDescription(await readDescriptionFile(path.join(system, 'system.yaml')));
  return bareImage(description, system, processIo(), false, kernel);
};
type Image = Awaited<ReturnType<typeof build>>;

// ---- root in the guest

const send = (text: string): Step => ({ kind: 'send', text: `${text}\n` });
const expect = (pattern: string): Step => ({ kind: 'expect', pattern: new RegExp(pattern, 'm') });

/** What the guest's console shows while the steps are carried out. */
function typed(image: Image, steps: readonly Step[]): string {
  const script = new Script({ steps, ready: /^~ # /m });
  const bytes: number[] = [...Buffer.from(script.feed().send)];
  const last = performance.now() + 60_000;
  let [transcript, isDone] = ['', false];
  runBare(image.flat, {
    ram: 2 * Math.ceil(image.ram / 2 ** 21) * 2 ** 20,
    output: (more) => {
      transcript += Buffer.from(more).toString();
      const { send: next, done } = script.feed(more);
      bytes.push(...Buffer.from(next));
      isDone ||= done !== undefined;
    },
    input: () => bytes.shift(),
    isOver: () => isDone || performance.now() > last,
  });
  assert.ok(isDone, transcript.slice(-3000));
  return transcript.replaceAll('\r', '');
}
/** Of each place a word, with what the shell says of it: 139, the program that read it had a fault. */
function rootReads(image: Image, expected: number): Step[] {
  const places = ['vault', 'gate', 'tty', 'linux'].flatMap((name) => {
    const [code, data] = image.places.get(name) ?? assert.fail(name);
    return [[`${name}-code`, code.address] as const, [`${name}-data`, data.address + 4096] as const];
  });
  return [['kernel', 0x8000_0000] as const, ...places].flatMap(([name, address]) => [
    send(`devmem 0x${address.toString(16)} 32 >/dev/null; echo ${name}-$?`),
    expect(`^${name}-${expected}$`),
  ]);
}

/** SubjectPublicKeyInfo of an Ed25519 key, before its 32 bytes (RFC 8410, 4). */
const ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
function isSigned(message: string, publicKey: string, signature: string): boolean {
  const der = Buffer.concat([ED25519, Buffer.from(publicKey, 'hex')]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return verify(undefined, Buffer.from(message), key, Buffer.from(signature, 'hex'));
}

test("vault: from Debian's shell a line in, a signature out; its root reads nothing but its own memory", async (t) => {
  try {
    await fetchImage('debian');
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    t.skip(error.message);
    return;
  }
  const image = await build(VAULT);
  const transcript = typed(image, [
    send('exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo; echo open-$((1+1))'),
    expect('^open-2$'),
    send('echo public >&3; head -n 1 <&3'),
    expect('^[0-9a-f]{64}$'),
    send('echo sign 100 EUR to Bob >&3; head -n 1 <&3'),
    expect('^[0-9a-f]{128}$'),
    send('echo dump key >&3; head -n 1 <&3'),
    expect('^refused$'),
    ...rootReads(image, 139),
    // The board's timer, and a device that does DMA: the guest has none that does.
    send('devmem 0x200bff8 32 >/dev/null; echo timer-$?'),
    expect('^timer-139$'),
    send('devmem 0x10001000 32 >/dev/null; echo dma-$?'),
    expect('^dma-139$'),
    send('echo alive-$((6*7))'),
    expect('^alive-42$'),
  ]);
  const [key] = /^[0-9a-f]{64}$/m.exec(transcript)!;
  const [signature] = /^[0-9a-f]{128}$/m.exec(transcript)!;
  assert.ok(isSigned('100 EUR to Bob', key, signature));
  assert.ok(!isSigned('100 EUR to Eve', key, signature));
  const open = await build(VAULT, OPEN_TO_GUESTS);
  typed(open, rootReads(open, 0));
});

// ---- its VMM and the console driver, taken over: U-mode programs of these partitions

/** One attack a life. Each ends it, or is told. */
const attacker = (image: Image | undefined) => {
  const page = (name: string, region: number): number =>
    (image?.places.get(name)?.[region].address ?? 0x9000_0000) / 4096;
  const reads = [
    ['reads the key', page('vault', 1) + 1],
    ['reads the program of the vault', page('vault', 0)],
    ['reads the gate', page('gate', 1) + 1],
    ['reads the kernel', 0x8_0000],
    ['reads the timer', 0x2004],
    ['reads a device that does DMA', 0x1_0001],
  ] as const;
  return {
    names: reads.map(([name]) => name),
    text: `
import { log, putText, raise, shutDown, sleep } from 'virtsec/sdk/bare';
import { ecall, load32, shiftLeft64, text, word } from 'virtsec/sdk/intrinsics';
const LAST = 24;
export class Attacker {
  seen = 0;
}
function reads(s: Attacker, page: number): void {
  s.seen = load32(shiftLeft64(word(page), 12));
}
export function main(s: Attacker, lives: number, _startKind: number): number {
  // Until there is a key; then as long as the log takes.
  sleep(lives === 0 ? 5000 : 300);
  ${reads.map(([name, at], i) => `if (lives === ${i}) {\n    reads(s, ${at});\n    log(putText(0, text('${name}')));\n  }`).join('\n  ')}
  if (lives === ${reads.length}) {
    if (ecall(35, 0, 0, 0) === 0) log(putText(0, text('has the seed')));
  }
  if (lives > ${reads.length} && lives < LAST) {
    // FETCH and REPLY: the vault's calls, by each handle that there could be.
    if (ecall(18 + (lives & 1), lives - ${reads.length + 1}, 0, 0) === 0) log(putText(0, text('has the calls')));
  }
  return lives < LAST ? raise(0) : shutDown();
}`,
  };
};
/** vault's description, with the attacker in the places of Linux (that is, of its VMM) and of the console driver. */
async function attacked(name: string, kernel = KERNEL): Promise<{ image: Image; names: readonly string[] }> {
  const place = path.join(folder, name);
  mkdirSync(place);
  for (const file of ['gate.ts', 'vault.ts']) copyFileSync(path.join(VAULT, file), path.join(place, file));
  const faults = 'faults: { otherwise: cold-restart, backoff: 0us, restarts: 100 per 1m }';
  const form = `app: ./attacker.ts, label: public, may: { shut-down: true }, ${faults}`;
  const text = readFileSync(path.join(VAULT, 'system.yaml'), 'utf8')
    .replace(/^ {2}linux: .*$/m, `  linux: { ${form} }`)
    .replace(/^ {2}tty: .*$/m, `  tty: { ${form} }`)
    .replaceAll(/, as: uart\d/g, '');
  writeFileSync(path.join(place, 'system.yaml'), text);
  const write = (image?: Image): readonly string[] => {
    const { text: program, names } = attacker(image);
    writeFileSync(path.join(place, 'attacker.ts'), program);
    return names;
  };
  // Where the others lie does not depend on what is attacked.
  write();
  const names = write(await build(place, kernel));
  return { image: await build(place, kernel), names };
}
const through = (transcript: string): string[] =>
  [...transcript.matchAll(/^(linux|tty): ((?:reads|has) .*)$/gm)].map(([, who, what]) => `${who} ${what}`).toSorted();
const ofBoth = (names: readonly string[]): string[] =>
  ['linux', 'tty'].flatMap((who) => names.map((name) => `${who} ${name}`)).toSorted();
function inEngine(image: Image): string {
  let transcript = '';
  const output = (bytes: Uint8Array): void => void (transcript += Buffer.from(bytes).toString());
  runBare(image.flat, { ram: 2 ** 26, budget: 3_000_000_000, output });
  return transcript;
}

test('vault: a taken-over VMM or console driver reaches neither key nor kernel, and no call of the vault', async () => {
  const { image } = await attacked('closed');
  const seen = inEngine(image);
  assert.deepEqual(through(seen), []);
  const death = /^virtsec: (?:linux|tty) was stopped for a fault \(trap\)\./gm;
  assert.ok([...seen.matchAll(death)].length >= 12, seen);
  if (qemu) assert.deepEqual(through(runOnQemu(image.elf).transcript), []);
});

test('control: with memory open, each of these attacks on memory goes through', async () => {
  const { image, names } = await attacked('open', OPEN_TO_PROGRAMS);
  // Our board has no device that does DMA.
  assert.deepEqual(through(inEngine(image)), ofBoth(names.slice(0, -1)));
  if (qemu) assert.deepEqual(through(runOnQemu(image.elf).transcript), ofBoth(names));
});
