// A partition that is killed and comes back. As `config.does`:
//   produce: writes lines `LIFE NUMBER` to its stream `line` without end; LIFE is another one each time
//   consume: reads them, logs each new life, and `WRONG ...` when a line does not follow the one before
//   hog: takes memory without end; beat: says that it lives, until `after` ms
//   late: sets itself deadlines and meets them, until it hangs after `after` ms
//   crash: ends at once, or (`after` ms) later; idle: does nothing
// All log how they were started.
import { OP_BEAT, OP_TIME } from '../../src/kernel/abi.ts';
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const { startKind } = partition.start;
const config = partition.start.config as { does: string; after?: number };
await partition.seal();
await partition.hello();
partition.log(`up ${startKind}`);

function produce(): void {
  const out = partition.producer('line');
  const life = Math.trunc(performance.timeOrigin * 1000) % 1e9;
  let number = 0;
  let pending: Uint8Array = new Uint8Array(0);
  const move = () => {
    for (let budget = 2000; budget > 0; budget--) {
      if (pending.length === 0) pending = new TextEncoder().encode(`${life} ${number++}\n`);
      const sent = out.write(pending);
      pending = pending.subarray(sent);
      if (pending.length > 0 && out.waitForSpace()) return;
    }
    setImmediate(move);
  };
  partition.onWake(({ stopping }) => {
    if (stopping) partition.exit(0);
    move();
  });
  move();
}

function consume(): void {
  const input = partition.consumer('line');
  const buffer = new Uint8Array(1000);
  let rest = '';
  let life = '';
  let next = 0;
  let lines = 0;
  const take = (line: string, isFirst: boolean) => {
    const [of = '', number = ''] = line.split(' ');
    if (of !== life) {
      // The first line of a life is its first, unless this consumer is new; what came before may be cut off anywhere.
      if (life !== '' && !isFirst && number !== '0')
        partition.log(`WRONG beginning ${JSON.stringify(line)} after ${life}`);
      life = of;
      next = Number(number);
      partition.log(`life ${life}`);
    }
    if (Number(number) !== next) partition.log(`WRONG ${JSON.stringify(line)}, not ${life} ${next}`);
    next += 1;
    lines += 1;
    if (lines % 10_000 === 0) partition.log(`lines ${lines}`);
  };
  let isNew = startKind !== 'boot';
  const look = () => {
    for (;;) {
      const n = input.read(buffer);
      if (input.takeRestart()) rest = '';
      if (n > 0) {
        const lines = (rest + Buffer.from(buffer.subarray(0, n)).toString('latin1')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (!isNew) take(line, life === '');
          isNew = false;
        }
      } else if (input.waitForData()) return;
    }
  };
  partition.onWake(({ stopping }) => {
    look();
    if (stopping) partition.exit(0);
  });
  look();
}

switch (config.does) {
  case 'produce':
    produce();
    break;
  case 'consume':
    consume();
    break;
  case 'crash':
    setTimeout(() => process.exit(3), config.after ?? 0);
    break;
  case 'hog': {
    // Memory without end, outside V8's own limit.
    const kept: Uint8Array[] = [];
    setInterval(() => kept.push(new Uint8Array(16 << 20).fill(1)), 5);
    break;
  }
  case 'late': {
    const TIME_MASK = 2 ** 30 - 1;
    const deadlineIn = (ticks: number): void =>
      partition.operate(OP_TIME, 0, 0, 0, undefined, (_, out) =>
        partition.setDeadline(((out[1] + ticks) & TIME_MASK) + 1),
      );
    const end = performance.now() + (config.after ?? 0);
    const work = (): void => {
      deadlineIn(100_000 / partition.start.tick);
      while (performance.now() > end);
      partition.setDeadline(0);
    };
    setInterval(work, 10);
    break;
  }
  case 'beat': {
    // Until it hangs.
    const end = performance.now() + (config.after ?? 0);
    const timer = setInterval(() => {
      if (performance.now() > end) clearInterval(timer);
      else partition.operate(OP_BEAT, 0, 0, 0, undefined, () => 0);
    }, 20);
    setInterval(() => {}, 1e6);
    break;
  }
}
