import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlainText, Script, type Step, Transcript, unescape } from './script.ts';

const expect = (pattern: RegExp): Step => ({ kind: 'expect', pattern });
const bytes = (text: string): Uint8Array => Buffer.from(text);

test('control sequences and carriage returns are taken out, however the pieces are cut', () => {
  const shown = 'a\x1b[1;31mred\x1b[0m\r\n/ # \x1b[6n\x1b]0;title\x07b\x1b]2;x\x1b\\c\x1b7d\x1b(Bé';
  const whole = new PlainText().add(bytes(shown));
  const pieces = new PlainText();
  let cut = '';
  for (const byte of bytes(shown)) cut += pieces.add(Uint8Array.of(byte));
  assert.equal(cut, whole);
  assert.equal(whole, 'ared\n/ # bcdé');
});

test('a first send waits until the guest is ready, at the end of its output and not in its midst', () => {
  const script = new Script({ steps: [{ kind: 'send', text: 'ls\n' }], ready: /# $/m });
  assert.deepEqual(script.feed(), { send: '' });
  assert.deepEqual(script.feed(bytes('[ 0.1] # cpus: 1\r\n')), { send: '' });
  assert.equal(script.isReady, false);
  assert.deepEqual(script.feed(bytes('/ # \x1b[6n')), { send: 'ls\n' });
  assert.equal(script.isReady, true);
});

test('without a ready pattern a first send is typed at once', () => {
  assert.equal(new Script({ steps: [{ kind: 'send', text: 'x' }] }).feed().send, 'x');
});

test('a send that is not the first step does not wait for ready', () => {
  const steps = [{ kind: 'expect', pattern: /login: /m } as const, { kind: 'send', text: 'root\n' } as const];
  assert.equal(new Script({ steps, ready: /# $/m }).feed(bytes('debian login: ')).send, 'root\n');
});

test('each expect looks at what came after the last match or send', () => {
  const script = new Script({ steps: [expect(/a/), expect(/a/), { kind: 'send', text: '!' }, expect(/b/)] });
  assert.deepEqual(script.feed(bytes('ba')), { send: '' });
  assert.equal(script.carriedOut, 1);
  assert.deepEqual(script.feed(bytes('ab')), { send: '!' });
  assert.equal(script.waitsFor, '--expect b');
  assert.deepEqual(script.feed(bytes('b')), { send: '', done: 'steps' });
  assert.equal(script.waitsFor, undefined);
});

test('until is looked for after the last step only', () => {
  const script = new Script({ steps: [{ kind: 'expect', pattern: /one/ }], until: /stop/ });
  assert.deepEqual(script.feed(bytes('stop one')), { send: '' });
  assert.equal(script.waitsFor, '--until stop');
  assert.deepEqual(script.feed(bytes(' stop')), { send: '', done: 'until' });
});

test('a last send, or no step at all, leaves the end to the guest', () => {
  assert.deepEqual(new Script({ steps: [{ kind: 'send', text: 'x' }] }).feed(bytes('y')), { send: 'x' });
  assert.deepEqual(new Script({ steps: [] }).feed(bytes('y')), { send: '' });
});

test('escapes of --send', () => {
  assert.equal(unescape(String.raw`a\tb\x03\\n\n\r`), 'a\tb\x03\\n\n\r');
  assert.throws(() => unescape(String.raw`\q`), /`\\q` is not an escape/);
  assert.throws(() => unescape('end\\'), /is not an escape/);
  assert.throws(() => unescape(String.raw`\x1`), /is not an escape/);
});

test('a transcript keeps the newest output and counts the rest', () => {
  const transcript = new Transcript(4);
  for (const text of ['ab', 'cd', 'ef', 'g']) transcript.add(bytes(text));
  assert.equal(transcript.toString(), 'cdefg');
  assert.equal(transcript.dropped, 2);
});

test('a transcript of single bytes is no slower than another', () => {
  const transcript = new Transcript(1 << 16);
  const before = process.cpuUsage();
  const kept = 200_000;
  for (let i = 0; i < kept; i++) transcript.add(bytes('x'));
  assert.equal(transcript.toString().length + transcript.dropped, kept);
  assert.ok(transcript.dropped >= kept - (1 << 16) - 1024);
  assert.ok(process.cpuUsage(before).user < 5e6); // a piece for each byte: 50 s
});
