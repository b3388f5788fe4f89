// A test that fails, for the test of `virtsec test`.
import { test } from 'node:test';

test('fails', () => {
  throw new Error('on purpose');
});
