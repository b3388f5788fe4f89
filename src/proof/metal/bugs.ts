// Seeded bugs of kernel/metal, each with the theorem that is to refute it.
export interface Bug {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly theorem: string;
  /** The goal that is refuted. */
  readonly goal: string;
  /** Of SAFE: the function that is asked about. */
  readonly about?: string;
}
const regions = (name: string, goal: string, from: string, to: string): Bug => ({
  name,
  file: 'metal/regions.ts',
  from,
  to,
  theorem: 'PMP',
  goal,
});
const safe = (name: string, about: string, file: string, goal: string, from: string, to: string): Bug => ({
  name,
  about,
  file: `metal/${file}.ts`,
  from,
  to,
  theorem: 'SAFE',
  goal,
});
export const BUGS: readonly Bug[] = [
  regions(
    'the NAPOT mask is one bit too long: a region of twice the size',
    'partition: bytes of entry 0',
    'word((1 << (r.regionShift[row] + FRAME_SHIFT - 3)) - 1)',
    'word((1 << (r.regionShift[row] + FRAME_SHIFT - 2)) - 1)',
  ),
  regions(
    'the NAPOT mask lacks its last bit',
    'partition: bytes of entry 1',
    'word((1 << (r.regionShift[row] + FRAME_SHIFT - 3)) - 1)',
    'word((1 << (r.regionShift[row] + FRAME_SHIFT - 3)) - 2)',
  ),
  regions(
    'an address of bytes, not of words',
    'partition: bytes of entry 0',
    'FRAME_SHIFT - 2),\n    word',
    'FRAME_SHIFT),\n    word',
  ),
  regions(
    'everything may be executed',
    'partition: x of entry 1',
    'word((rights & R_ACCESS) | NAPOT)',
    'word((rights & R_ACCESS) | R_EXECUTE | NAPOT)',
  ),
  regions(
    'a region without rights has an entry',
    'partition: bytes of entry 5',
    'if (rights !== R_NONE) partition =',
    'partition =',
  ),
  regions(
    'a VMM and its guest have one configuration',
    'guest: bytes of entry 0',
    'store64(add64(at, word(PMP_GUEST * 8)), guest)',
    'store64(add64(at, word(PMP_GUEST * 8)), partition)',
  ),
  regions(
    'entry 3 stays that of the partition before',
    'partition: bytes of entry 3',
    '  csrWrite(PMPADDR3, load64(add64(at, word(24))));\n',
    '',
  ),
  regions(
    'entry 7 gets what entry 6 has',
    'partition: bytes of entry 7',
    'csrWrite(PMPADDR7, load64(add64(at, word(56))))',
    'csrWrite(PMPADDR7, load64(add64(at, word(48))))',
  ),
  regions(
    'the entries of another partition',
    'partition: bytes of entry 2',
    'const at = pmpRow(r, p);\n  csrWrite(PMPCFG0, word(0));',
    'const at = pmpRow(r, p === 3 ? 2 : p);\n  csrWrite(PMPCFG0, word(0));',
  ),
  regions(
    'the configuration stays that of the partition before',
    'partition: r of entry 0',
    'csrWrite(PMPCFG0, load64(add64(at, word(PMP_PARTITION * 8))));\n  fenceTranslations();\n}\n/** Of the regions',
    'fenceTranslations();\n}\n/** Of the regions',
  ),
  regions('entries are locked', 'partition: no entry is locked', 'const NAPOT = 0x18;', 'const NAPOT = 0x98;'),
  regions(
    'regions need not be aligned to their size',
    'partition: bytes of entry 3',
    'return (frame & ((1 << shift) - 1)) === 0;',
    'return true;',
  ),
  regions(
    'regions of one partition may overlap',
    'regions 0 and 1 share no byte',
    'const others = p === q ? i : MAX_REGIONS;',
    'const others = p === q ? 0 : MAX_REGIONS;',
  ),
  {
    name: 'a stream may lead to where it comes from',
    file: 'core/core.ts',
    from: '|| from === to) return false;',
    to: ') return false;',
    theorem: 'PLAN',
    goal: 'no stream to itself',
  },
  // ---- SAFE and TRAP
  // prettier-ignore
  safe('a shift by what the layout says, before it is judged', 'layoutIsSound', 'regions', 'shift count',
    '    if (!regionIsSound(r, row)) return false;\n', ''),
  safe(
    'a source beyond the PLIC',
    'readInterrupts',
    'supervisor',
    'of a device',
    'if (source < 0 || source > MAX_SOURCE) return false;',
    'if (source < 0) return false;',
  ),
  safe('a half of the seed that there is not', 'exchangeSeed', 'seed', 'in bounds', ' || e.seedHalf[p] === 0', ''),
  safe(
    'a plan longer than its buffer',
    'readPlan',
    'supervisor',
    'in bounds',
    'n > MAX_PLAN_WORDS',
    'n > MAX_PLAN_WORDS + 1',
  ),
  safe(
    'messages of one byte too many',
    'onCall',
    'supervisor',
    'in bounds',
    'a1 <= MESSAGE_BYTES ?',
    'a1 <= MESSAGE_BYTES + 1 ?',
  ),
  safe(
    'results beyond the page',
    'answer',
    'supervisor',
    'its own memory',
    'const MESSAGE_OUT = 1024;',
    'const MESSAGE_OUT = 3072;',
  ),
  safe(
    "another partition's page",
    'tellVmm',
    'guest',
    'its own memory',
    'void {\n  const page = dataOf(r, p);\n  store64(add64(page, word(V_CAUSE))',
    'void {\n  const page = dataOf(r, p ^ 1);\n  store64(add64(page, word(V_CAUSE))',
  ),
  safe(
    'the code is written',
    'answer',
    'supervisor',
    'its own memory',
    'const out = add64(dataOf(r, p)',
    'const out = add64(codeOf(r, p)',
  ),
  safe(
    'a blob is cleared beyond its region',
    'loadSlice',
    'regions',
    'its own memory ((add64 (mul64 (sext M.regionFrame',
    'from + LOAD_SLICE < words ? from + LOAD_SLICE : words;\n    const to = frameAddress(r.regionFrame[row]);',
    'from + LOAD_SLICE;\n    const to = frameAddress(r.regionFrame[row]);',
  ),
  safe(
    'a row of saved registers is a word short',
    'resetGuest',
    'guest',
    'of saved',
    'const SAVED_EACH = 90;',
    'const SAVED_EACH = 89;',
  ),
  safe(
    'the background goes round beyond the partitions',
    'nextBackground',
    'supervisor',
    'its result',
    'if (turn < k.np && k.background',
    'if (k.background',
  ),
  safe(
    'a turn of no time',
    'pauseOfBackground',
    'supervisor',
    'its result',
    'lo > k.timeLo ? lo - k.timeLo : 1',
    'lo > k.timeLo ? lo - k.timeLo : 0',
  ),
  safe(
    'grace is counted for ever',
    'advance',
    'supervisor',
    'slt 100',
    ' && s.grace < GRACE_FRAMES) s.grace',
    ') s.grace',
  ),
  safe(
    'a log that makes no room',
    'noteRestart',
    'log',
    '',
    '  if (!makeRoom(l, NAME_BYTES + LONGEST_NOTE + LONGEST_NOTE)) return;\n',
    '',
  ),
  safe("another's frame is given on", 'resume', 'supervisor', 'its result', 's.current = p;', 's.current = s.current;'),
  safe(
    "another's regions are in force",
    'resume',
    'supervisor',
    'its result',
    'confine(r, p);\n    s.confined = p;',
    'confine(r, p);',
  ),
  safe(
    'the guest that was left is given on',
    'leaveGuest',
    'guest',
    '',
    'confineGuest(r, p, false);\n  g.isGuest = 0;',
    'confineGuest(r, p, false);',
  ),
  safe(
    'after many rounds partition 0 is given on',
    'giveHart',
    'supervisor',
    'its result',
    '  powerOff(70);\n  return registersOf(s, 0);',
    '  return registersOf(s, 0);',
  ),
];
