/** Grading of a short answer against the expected one: full credit, partial, or none. Pure. */

export interface Expected {
  /** Such as `1,496.5` or a phrase. */
  readonly answer: string;
  /** What the answer's number counts; empty where it counts ones. */
  readonly scale: '' | 'thousand' | 'million' | 'billion' | 'percent';
}

export const FULL = 1;
/** The right number in the wrong scale or sign, or one that is close; a phrase that shares most of its words. */
export const PARTIAL = 0.5;
export const NONE = 0;

const SCALES = { thousand: 1e3, million: 1e6, billion: 1e9, percent: 0.01 } as const;
/** What rounding may take away; and what is close. */
const ROUNDING = 0.005;
const NEAR = 0.05;
/** Slips of scale: per cent for a share, thousands for ones, and so on. */
const SLIPS = [100, 1e3, 1e6, 1e9];
const MOST_WORDS = 0.5;

export function grade(given: string, { answer, scale }: Expected): number {
  const wanted = numberIn(answer);
  if (wanted === null) return gradePhrase(given, answer);
  const found = numberIn(given);
  if (found === null) return NONE;
  const target = wanted.unit === null ? wanted.value * factorOf(scale) : valueOf(wanted);
  // A bare number is read in the scale that was asked for, and as it stands: `0.07` is `7%`.
  const readings = found.unit === null ? [found.value * factorOf(scale), found.value] : [valueOf(found)];
  if (readings.some((reading) => within(reading, target, ROUNDING))) return FULL;
  const slips = readings.flatMap((reading) => SLIPS.flatMap((slip) => [reading * slip, reading / slip]));
  const near = readings.some(
    (reading) => within(reading, target, NEAR) || within(-reading, target, ROUNDING),
  );
  return near || slips.some((reading) => within(reading, target, ROUNDING)) ? PARTIAL : NONE;
}

interface Found {
  readonly value: number;
  readonly unit: keyof typeof SCALES | null;
}

const NUMBER =
  /(\()?[-−]?\s*[$€£]?\s*([-−]?\d[\d,]*(?:\.\d+)?|[-−]?\.\d+)\s*(%|percent|thousand|million|billion)?/i;

/** The first number of a text, such as in `$32`, `32 dollars`, `(3%)` or `about 1,496.5 million`; null where there is none. */
function numberIn(text: string): Found | null {
  const match = NUMBER.exec(text);
  if (match?.[2] === undefined) return null;
  const value = Number(match[2].replaceAll(',', '').replace('−', '-'));
  const negative = match[1] !== undefined || /^\(?[-−]/.test(match[0].trim());
  const word = match[3]?.toLowerCase().replace('%', 'percent') as keyof typeof SCALES | undefined;
  return { value: negative ? -Math.abs(value) : value, unit: word ?? null };
}

const factorOf = (scale: Expected['scale']): number => (scale === '' ? 1 : SCALES[scale]);
const valueOf = ({ value, unit }: Found): number => value * factorOf(unit ?? '');

function within(value: number, target: number, tolerance: number): boolean {
  return Math.abs(value - target) <= Math.abs(target) * tolerance;
}

function gradePhrase(given: string, answer: string): number {
  const [a, b] = [wordsOf(given), wordsOf(answer)];
  if (a.join(' ') === b.join(' ')) return FULL;
  const shared = b.filter((word) => a.includes(word)).length;
  const f1 = shared === 0 ? 0 : (2 * shared) / (a.length + b.length);
  return f1 >= MOST_WORDS ? PARTIAL : NONE;
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
