import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numberOf } from './call-numbers.ts';
import type { FilteredCall } from './call-numbers.ts';
import { AUDIT_ARCH } from './linux.ts';
import { partitionFilter } from './jail-lists.ts';
import { ACTION, kernelFilter, noIoUring } from './seccomp.ts';
import type { Instruction } from './seccomp.ts';

/** Classic BPF over struct seccomp_data, as the host kernel runs it (kernel/seccomp.c); independent of the assembler. */
function verdict(
  program: readonly Instruction[],
  number: number,
  args: readonly number[] = [],
  arch = AUDIT_ARCH,
): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setInt32(0, number, true);
  data.setUint32(4, arch, true);
  args.forEach((value, i) => data.setUint32(16 + 8 * i, value >>> 0, true));
  let a = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const [code, jumpTrue, jumpFalse, k] = program[pc];
    assert.ok(jumpTrue >= 0 && jumpTrue < 256 && jumpFalse >= 0 && jumpFalse < 256);
    const jump = (condition: boolean) => (pc += condition ? jumpTrue : jumpFalse);
    if (code === 0x20) a = data.getUint32(k, true);
    else if (code === 0x54) a = (a & k) >>> 0;
    else if (code === 0x15) jump(a === k >>> 0);
    else if (code === 0x25) jump(a > k >>> 0);
    else if (code === 0x45) jump((a & k) !== 0);
    else if (code === 0x06) return k >>> 0;
    else assert.fail(`instruction ${code}`);
  }
  return assert.fail('the program runs off its end');
}

const n = (name: FilteredCall) => numberOf(name) ?? assert.fail(name);
const kinds = ['app', 'driver', 'vmm'] as const;

test('deadly calls kill in every kind of partition', () => {
  for (const kind of kinds) {
    for (const name of [
      'execve',
      'execveat',
      'ptrace',
      'kill',
      'socket',
      'connect',
      'bpf',
      'pidfd_getfd',
      'process_vm_writev',
    ] as const) {
      assert.equal(verdict(partitionFilter(kind), n(name)), ACTION.killProcess, `${kind} ${name}`);
    }
  }
});

test('opening, new threads and unknown calls are refused with an error', () => {
  for (const kind of kinds) {
    const filter = partitionFilter(kind);
    for (const number of [n('openat'), n('clone'), n('ftruncate'), n('landlock_create_ruleset'), n('seccomp'), 9999]) {
      assert.equal(verdict(filter, number), ACTION.eperm, `${kind} ${number}`);
    }
    assert.equal(verdict(filter, n('clone3')), ACTION.enosys);
    assert.equal(verdict(filter, n('io_uring_setup')), ACTION.enosys);
  }
});

test('arguments are looked at', () => {
  const filter = partitionFilter('vmm');
  const PRIVATE = 128;
  assert.equal(verdict(filter, n('futex'), [0, 0 | PRIVATE]), ACTION.allow);
  assert.equal(verdict(filter, n('futex'), [0, 1]), ACTION.allow);
  assert.equal(verdict(filter, n('futex'), [0, 3]), ACTION.eperm); // REQUEUE
  assert.equal(verdict(filter, n('futex'), [0, 6 | PRIVATE]), ACTION.eperm); // LOCK_PI
  assert.equal(verdict(filter, n('mmap'), [0, 4096, 3, 0x22]), ACTION.allow);
  assert.equal(verdict(filter, n('mmap'), [0, 4096, 3, 0x01]), ACTION.eperm); // shared, of a descriptor
  assert.equal(verdict(filter, n('fcntl'), [1, 3]), ACTION.allow);
  assert.equal(verdict(filter, n('fcntl'), [1, 4]), ACTION.eperm); // F_SETFL
  assert.equal(verdict(filter, n('prctl'), [15]), ACTION.allow);
  assert.equal(verdict(filter, n('prctl'), [4]), ACTION.eperm); // SET_DUMPABLE
});

test('only a driver may ask a terminal for its size, and nobody may type into it', () => {
  const TIOCGWINSZ = 0x5413;
  const TIOCSTI = 0x5412;
  assert.equal(verdict(partitionFilter('driver'), n('ioctl'), [0, TIOCGWINSZ]), ACTION.allow);
  assert.equal(verdict(partitionFilter('driver'), n('ioctl'), [0, TIOCSTI]), ACTION.eperm);
  assert.equal(verdict(partitionFilter('vmm'), n('ioctl'), [0, TIOCGWINSZ]), ACTION.eperm);
});

test('calls of another architecture kill', () => {
  const I386 = 0x40000003;
  assert.equal(verdict(partitionFilter('app'), n('read'), [], I386), ACTION.killProcess);
  if (process.arch === 'x64') assert.equal(verdict(partitionFilter('app'), 0x40000000 + n('read')), ACTION.killProcess);
});

test('from birth: no io_uring, and nothing else', () => {
  assert.equal(verdict(noIoUring(), n('io_uring_setup')), ACTION.enosys);
  for (const name of ['openat', 'execve', 'clone3', 'socket'] as const)
    assert.equal(verdict(noIoUring(), n(name)), ACTION.allow);
});

test('the kernel process: none of the calls that harm a host most, and all that it makes', () => {
  const filter = kernelFilter();
  for (const name of [
    'ptrace',
    'process_vm_writev',
    'socket',
    'connect',
    'mount',
    'setns',
    'bpf',
    'init_module',
  ] as const)
    assert.equal(verdict(filter, n(name)), ACTION.eperm, name);
  for (const name of ['openat', 'execve', 'clone3', 'futex_waitv', 'pidfd_send_signal', 'seccomp', 'prctl'] as const)
    assert.equal(verdict(filter, n(name)), ACTION.allow, name);
});
