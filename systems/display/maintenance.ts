// Has windows on the ground alone: until then it waits, wherever it stands.
import {
  INFINITE_TIME_VALUE,
  LENGTH,
  NO_ERROR,
  RECEIVE_QUEUING_MESSAGE,
  REPORT_APPLICATION_MESSAGE,
} from 'virtsec/sdk/apex';
import { gotByte, putByte, putText } from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';

const MOST = 0x7fff_ffff;

export function main(_restarts: number, _startKind: number): number {
  for (let found = 0; found < MOST; found++) {
    if (RECEIVE_QUEUING_MESSAGE(port('findings'), INFINITE_TIME_VALUE) === NO_ERROR) {
      const length = LENGTH();
      const start = putText(0, text('found '));
      for (let i = 0; i < length; i++) putByte(start + i, gotByte(i));
      REPORT_APPLICATION_MESSAGE(start + length);
    }
  }
  return 0;
}
