// "Did you mean": the nearest of the names that would have been right.

/** Number of insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replace, last[j] + 1, row[j - 1] + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length];
}

/**
 * The one of `names` that `word` most likely means: at most a third of its letters (and never less than one) wrong, and one
 * at least right.
 */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance < least && distance < Math.max(word.length, name.length)) {
      least = distance;
      best = name;
    }
  }
  return best;
}

/** `U+0441` of a word that looks as if it were of ASCII letters: the first character that is none, or that nobody sees. */
export function oddCharacter(word: string): string | undefined {
  const found = /[^ -~]/u.exec(word)?.[0];
  const code = found?.codePointAt(0);
  return code === undefined ? undefined : `it holds U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** What to write instead of `wrong`; `what` introduces the names when none is near. */
export function meantHelp(wrong: string, names: readonly string[], what: string): string {
  const odd = oddCharacter(wrong);
  const meant = nearest(wrong, names);
  const help = meant === undefined ? `${what}: ${names.join(', ')}` : `did you mean \`${meant}\`?`;
  return odd === undefined ? help : `${odd}; ${help}`;
}
