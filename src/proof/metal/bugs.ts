// Seeded bugs of kernel/metal, each with the theorem that is to refute it.
export interface Bug {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly theorem: string;
}
const regions = (name: string, from: string, to: string, theorem = 'PMP'): Bug => ({
  name,
  file: 'metal/regions.ts',
  from,
  to,
  theorem,
});
export const BUGS: readonly Bug[] = [
  regions(
    'the NAPOT mask is one bit too long: a region of twice the size',
    'word((1 << (r.regionShift[row] + FRAME_SHIFT - 3)) - 1)',
    'word((1 << (r.regionShift[row] + FRAME_SHIFT - 2)) - 1)',
  ),
  regions(
    'the NAPOT mask lacks its last bit',
    'word((1 << (r.regionShift[row] + FRAME_SHIFT - 3)) - 1)',
    'word((1 << (r.regionShift[row] + FRAME_SHIFT - 3)) - 2)',
  ),
  regions('an address of bytes, not of words', 'FRAME_SHIFT - 2),\n    word', 'FRAME_SHIFT),\n    word'),
  regions(
    'everything may be executed',
    'word((rights & R_ACCESS) | NAPOT)',
    'word((rights & R_ACCESS) | R_EXECUTE | NAPOT)',
  ),
  regions('a region without rights has an entry', 'if (rights !== R_NONE) partition =', 'partition ='),
  regions(
    'a VMM and its guest have one configuration',
    'store64(add64(at, word(PMP_GUEST * 8)), guest)',
    'store64(add64(at, word(PMP_GUEST * 8)), partition)',
  ),
  regions('entry 3 stays that of the partition before', '  csrWrite(PMPADDR3, load64(add64(at, word(24))));\n', ''),
  regions(
    'entry 7 gets what entry 6 has',
    'csrWrite(PMPADDR7, load64(add64(at, word(56))))',
    'csrWrite(PMPADDR7, load64(add64(at, word(48))))',
  ),
  regions('the row of another partition', 'word(p * PMP_ROW_BYTES)', 'word(p * PMP_ROW_BYTES + (p & 1) * 8)'),
  regions(
    'the configuration stays that of the partition before',
    'csrWrite(PMPCFG0, load64(add64(at, word(PMP_PARTITION * 8))));\n  fenceTranslations();\n}\n/** Of the regions',
    'fenceTranslations();\n}\n/** Of the regions',
  ),
  regions('entries are locked', 'const NAPOT = 0x18;', 'const NAPOT = 0x98;'),
  regions('regions need not be aligned to their size', 'return (frame & ((1 << shift) - 1)) === 0;', 'return true;'),
  regions(
    'regions of one partition may overlap',
    'const others = p === q ? i : MAX_REGIONS;',
    'const others = p === q ? 0 : MAX_REGIONS;',
  ),
  {
    name: 'a stream may lead to where it comes from',
    file: 'core/core.ts',
    from: '|| from === to) return false;',
    to: ') return false;',
    theorem: 'PLAN',
  },
];
