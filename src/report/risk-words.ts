import type { Dimension } from './exposures.ts';
import type { RiskFinding, Rate, Risk } from './risk.ts';
import type { Trend } from './statistics.ts';

/** The risk report in plain sentences: what, how sure, what to do. */
export function riskSentences(found: Risk): string[] {
  if (found.calls === 0) return ['There are no calls to judge.'];
  return [
    ...(found.findings.length === 0 ? [nothing(found)] : found.findings.map(sentence)),
    ...rising('Excluded rollouts', found.excludedTrend, 'Look at what the last commands of excluded rollouts have in common: a model can learn to crash its sandbox.'),
    ...rising('Rollouts with an undetermined ending', found.undeterminedTrend, 'Read some of them (faultline rollout <id>): a model can learn endings that nobody can explain.'),
    `Excluded: ${share(found.excluded)} of rollouts. Undetermined: ${share(found.undetermined)} of calls.`,
    ...caution(found),
  ]; // prettier-ignore
}

const WHAT: Readonly<Record<Dimension, (level: string) => string>> = {
  tool: (level) => `The tool "${level}"`,
  family: (level) => `The command "${level}"`,
  after: (level) => `The call after the command "${level}"`,
  image: (level) => `The image "${level}"`,
  task: (level) => `The task "${level}"`,
  time: (level) => `The time "${level}" of a step`,
};

function sentence(finding: RiskFinding): string {
  const { dimension, level, rate, rest, ratio, interval, adjustedP, examples } = finding;
  return (
    `${WHAT[dimension](level)} fails for infrastructure's reasons in ${share(rate)} of calls, the rest in ${share(rest)}. ` +
    `At the same moments of the same steps that is ${times(ratio)} as often (95 % interval ${times(interval.low)} to ${times(interval.high)}; ` +
    `p ${adjustedP < 0.0001 ? '< 0.0001' : `= ${adjustedP.toPrecision(1)}`}, corrected for all comparisons). ${usage(finding)}` +
    `What to do: find out why on ${examples.join(', ')} (faultline rollout <id>), and keep these rollouts out of training until it is mended: the gate withholds them.`
  );
}

/** Falling is what a fault teaches; rising may be a coincidence or a model that found a way out. */
function usage({ usage: use }: RiskFinding): string {
  if (use === null || Math.abs(use.trend.correlation) < 0.5) return '';
  const moves = `from ${percent(use.early)} of calls to ${percent(use.late)}`;
  if (use.trend.correlation < 0)
    return `The model uses it less and less (${moves}): it may already be learning to avoid it. `;
  return `The model uses it more and more (${moves}). `;
}

function nothing({ compared, failures, calls }: Risk): string {
  return (
    `No tool, command, image, task or time of the step is hit by infrastructure more than the rest: ${String(failures)} failures in ` +
    `${String(calls)} calls, ${String(compared)} comparisons.`
  );
}

export const RISING_P = 0.01;

function rising(what: string, along: Trend | null, advice: string): string[] {
  if (along === null || along.p >= RISING_P) return [];
  return [
    `${what} rise with the steps (rank correlation ${along.correlation.toFixed(2)}, p = ${along.p.toPrecision(1)}). ${advice}`,
  ];
}

function caution({ unit, failures }: Risk): string[] {
  const few = failures < 20 ? ['With so few failures only a gross difference could have been seen.'] : [];
  if (unit === 'step') return few;
  return [
    ...few,
    'There are few steps, so five-minute windows stand for them: this is less sure, since one incident may span several.',
  ];
}

const share = (rate: Rate): string =>
  `${percent(rate.hits / Math.max(1, rate.of))} (${percent(rate.low)} to ${percent(rate.high)})`;
const percent = (rate: number): string => `${(rate * 100).toFixed(rate < 0.01 ? 2 : 1)} %`;
const times = (ratio: number): string => `${ratio.toFixed(1)} times`;
