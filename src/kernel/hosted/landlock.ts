// Landlock (landlock(7), linux/landlock.h): what a thread, and every process and thread that it starts later, may reach by
// name. A domain can only be narrowed. It binds the calling THREAD: threads that run already stay as they are.
import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs';
import { addressOf, closeDescriptor, must, systemCall } from './linux.ts';

const LANDLOCK_CREATE_RULESET_VERSION = 1;
const LANDLOCK_RULE_PATH_BENEATH = 1;
/** Rights that reading a file or running a program needs; of a folder, its list too. */
const READ = 0x5n;
const READ_FOLDER = 0xdn;
/** All rights over what is a file: execute, write, read, truncate, ioctl. */
const OF_FILES = 0xc007n;
/** bind and connect of TCP (ABI 4) */
const NET_ALL = 3n;
/** abstract Unix sockets and signals to processes outside (ABI 6) */
const SCOPE_ALL = 3n;

/** The ABI version that this kernel has, or a negative errno. */
export function landlockAbi(): number {
  return systemCall('landlock_create_ruleset', 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/** All file system rights that a version knows of: handled means denied unless a rule allows. */
function handledFileRights(abi: number): bigint {
  if (abi >= 5) return 0xffffn; // + ioctl on devices
  if (abi >= 3) return 0x7fffn; // + truncate
  if (abi >= 2) return 0x3fffn; // + refer
  return 0x1fffn;
}

/**
 * Puts the calling thread into a new domain: no file but `readable` (read and execute, whole trees) and `writable` (all rights), as far
 * as they are there, and, as far as the host's version goes, no TCP, no abstract socket and no signal to the outside. Needs
 * no_new_privs (or CAP_SYS_ADMIN). Throws SystemCallError. Nothing: done; a text: why it cannot be done on this host.
 */
export function enterLandlockDomain(readable: readonly string[], writable: readonly string[] = []): string | void {
  const abi = landlockAbi();
  if (abi < 1) return 'the host kernel has no Landlock';
  const attribute = new BigUint64Array([handledFileRights(abi), abi >= 4 ? NET_ALL : 0n, abi >= 6 ? SCOPE_ALL : 0n]);
  const size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const ruleset = must('landlock_create_ruleset', addressOf(attribute), size, 0);
  for (const path of readable) addRule(ruleset, path, READ, READ_FOLDER);
  const all = handledFileRights(abi);
  for (const path of writable) addRule(ruleset, path, all & OF_FILES, all);
  must('landlock_restrict_self', ruleset, 0);
  closeDescriptor(ruleset);
}

function addRule(ruleset: number, path: string, ofFile: bigint, ofFolder: bigint): void {
  if (!existsSync(path)) return;
  const O_PATH = 0o10000000;
  const real = realpathSync(path);
  const parent = openSync(real, O_PATH);
  const rights = statSync(real).isDirectory() ? ofFolder : ofFile;
  // struct landlock_path_beneath_attr, packed: { u64 allowed_access; s32 parent_fd }
  const rule = new DataView(new ArrayBuffer(12));
  rule.setBigUint64(0, rights, true);
  rule.setInt32(8, parent, true);
  must('landlock_add_rule', ruleset, LANDLOCK_RULE_PATH_BENEATH, addressOf(rule), 0);
  closeSync(parent);
}
