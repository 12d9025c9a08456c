/** Commands whose second word is a subcommand. */
const WITH_SUBCOMMAND = [
  'git',
  'pip',
  'pip3',
  'npm',
  'apt',
  'apt-get',
  'cargo',
  'go',
  'docker',
  'conda',
  'uv',
  'make',
];

/** Skips `cd … &&`, assignments, `sudo` and the like, and `python -m`. RE2 syntax; two groups: command, next word. */
const PATTERN =
  String.raw`^\s*(?:cd\s+[^\s;&|]+\s*(?:&&|;)\s*)*(?:[A-Za-z_]\w*=\S*\s+)*(?:(?:sudo|time|nohup|env|exec|timeout\s+\S+)\s+)*` +
  String.raw`(?:\S*python[\d.]*\s+-m\s+)?(?:[\w./+-]*/)?([\w.+-]+)(?:\s+([a-z][\w-]*))?`;

/**
 * SQL for the first words of a shell command, as a struct for `familyOf`. The regular expression is the expensive part, so it
 * is applied once per command.
 */
export function commandWords(command: string): string {
  return `regexp_extract(${command}, '${PATTERN}', ['first', 'next'])`;
}

/**
 * SQL for the family of a shell command: `git clone` of `cd /repo && git clone https://…`. Only the first command counts;
 * text after a pipe or a semicolon is ignored. The result has only letters, digits and `._+-`, so it is safe to print.
 * NULL for NULL.
 */
export function familyOf(words: string): string {
  const list = WITH_SUBCOMMAND.map((one) => `'${one}'`).join(', ');
  return `CASE WHEN ${words}.first IS NULL THEN NULL WHEN ${words}.first = '' THEN 'other'
    WHEN ${words}.next <> '' AND ${words}.first IN (${list}) THEN ${words}.first || ' ' || ${words}.next
    ELSE ${words}.first END`;
}
