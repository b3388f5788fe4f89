// Seeded bugs of kernel/metal, each with the theorem that is to refute it.
export interface Bug {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly theorem: string;
  /** The goal that is refuted. */
  readonly goal: string;
}
const regions = (name: string, goal: string, from: string, to: string): Bug => ({
  name,
  file: 'metal/regions.ts',
  from,
  to,
  theorem: 'PMP',
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
];
