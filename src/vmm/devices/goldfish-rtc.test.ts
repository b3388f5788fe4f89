import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as r from './goldfish-rtc.ts';

const NOW = 1_700_000_000_123_456_789n;

function host(s: Int32Array, now: bigint): void {
  s[r.R_HOST_LOW] = Number(BigInt.asIntN(32, now));
  s[r.R_HOST_HIGH] = Number(BigInt.asIntN(32, now >> 32n));
}
function clock(now = NOW): Int32Array {
  const s = new Int32Array(r.RTC_WORDS);
  r.rtcReset(s);
  host(s, now);
  return s;
}
function time(s: Int32Array): bigint {
  const low = BigInt(r.rtcRead(s, r.RTC_TIME_LOW) >>> 0);
  return (BigInt(r.rtcRead(s, r.RTC_TIME_HIGH) >>> 0) << 32n) | low;
}
function write(s: Int32Array, low: number, high: number, value: bigint): void {
  r.rtcWrite(s, high, Number(BigInt.asIntN(32, value >> 32n)));
  r.rtcWrite(s, low, Number(BigInt.asIntN(32, value)));
}

test('TIME_LOW latches the high word that TIME_HIGH gives', () => {
  const s = clock(0x1_ffff_ffffn);
  assert.equal(r.rtcRead(s, r.RTC_TIME_LOW), -1);
  host(s, 0x2_0000_0000n);
  assert.equal(r.rtcRead(s, r.RTC_TIME_HIGH), 1);
  assert.equal(time(s), 0x2_0000_0000n);
});

test('setting the time keeps its distance to the host, over borrows and carries', () => {
  for (const value of [0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, NOW - 1n, NOW + 0x7_ffff_fff3n]) {
    const s = clock();
    write(s, r.RTC_TIME_LOW, r.RTC_TIME_HIGH, value);
    assert.equal(time(s), value);
    host(s, NOW + 0xf000_0001n);
    assert.equal(time(s), value + 0xf000_0001n);
  }
});

test('the alarm fires once when it is due; the line needs IRQ_ENABLED and falls with CLEAR_INTERRUPT', () => {
  const s = clock();
  write(s, r.RTC_ALARM_LOW, r.RTC_ALARM_HIGH, NOW + 0x1_0000_0000n);
  assert.equal(r.rtcRead(s, r.RTC_ALARM_STATUS), 1);
  host(s, NOW + 0xffff_ffffn);
  r.rtcUpdate(s);
  assert.equal(r.rtcRead(s, r.RTC_ALARM_STATUS), 1);
  host(s, NOW + 0x1_0000_0000n);
  r.rtcUpdate(s);
  assert.equal(r.rtcRead(s, r.RTC_ALARM_STATUS), 0);
  assert.equal(s[r.R_LEVEL], 0);
  r.rtcWrite(s, r.RTC_IRQ_ENABLED, 1);
  assert.equal(s[r.R_LEVEL], 1);
  r.rtcWrite(s, r.RTC_CLEAR_INTERRUPT, 1);
  assert.equal(s[r.R_LEVEL], 0);
});

test('a cleared alarm does not fire; one in the past fires at once; host time of an alarm respects the set time', () => {
  const s = clock();
  write(s, r.RTC_ALARM_LOW, r.RTC_ALARM_HIGH, NOW + 5n);
  r.rtcWrite(s, r.RTC_CLEAR_ALARM, 1);
  host(s, NOW + 10n);
  r.rtcWrite(s, r.RTC_IRQ_ENABLED, 1);
  assert.equal(s[r.R_LEVEL], 0);
  write(s, r.RTC_ALARM_LOW, r.RTC_ALARM_HIGH, NOW);
  assert.equal(s[r.R_LEVEL], 1);

  const set = clock();
  write(set, r.RTC_TIME_LOW, r.RTC_TIME_HIGH, 1000n);
  write(set, r.RTC_ALARM_LOW, r.RTC_ALARM_HIGH, 0x1_0000_0000n);
  const due = (BigInt(r.rtcAlarmHigh(set) >>> 0) << 32n) | BigInt(r.rtcAlarmLow(set) >>> 0);
  assert.equal(due, NOW - 1000n + 0x1_0000_0000n);
});
