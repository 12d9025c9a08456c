import type { Dimension } from './exposures.ts';
import type { RiskFinding, Rate, Risk } from './risk.ts';
import type { Trend } from './statistics.ts';

/** The risk report as sentences: what was found, how certain it is, what to do. The first are the findings, one each. */
export function riskSentences(found: Risk): string[] {
  if (found.calls === 0) return ['There are no calls in this part of the journal.'];
  return [
    ...(found.findings.length === 0 ? [nothing(found)] : found.findings.map(sentence)),
    ...rising('Excluded rollouts', found.excludedTrend, 'What to do: compare the last commands of excluded rollouts, because a model can learn to crash its sandbox.'),
    ...rising('Rollouts with an undetermined ending', found.undeterminedTrend, 'What to do: read some of them (faultline rollout <id>), because a model can learn to end calls without evidence.'),
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
    `${WHAT[dimension](level)} fails because of infrastructure in ${share(rate)} of calls; all other calls in ${share(rest)}. ` +
    `Within the same step and time that is ${times(ratio)} as often (95 % interval ${times(interval.low)} to ${times(interval.high)}; ` +
    `p ${adjustedP < 0.0001 ? '< 0.0001' : `= ${adjustedP.toPrecision(1)}`}, corrected for all comparisons). ${usage(finding)}` +
    `What to do: find the cause in ${examples.join(', ')} (faultline rollout <id>). Until it is fixed, keep these rollouts out of training; the grader gate withholds them.`
  );
}

/** A falling share can mean that the model learns to avoid the behaviour; a rising one that it uses the failure. */
function usage({ usage: use }: RiskFinding): string {
  if (use === null || Math.abs(use.trend.correlation) < 0.5) return '';
  const moves = `from ${percent(use.early)} of calls to ${percent(use.late)}`;
  if (use.trend.correlation < 0)
    return `The model uses it less and less (${moves}): it may be learning to avoid it. `;
  return `The model uses it more and more (${moves}). `;
}

function nothing({ compared, failures, calls }: Risk): string {
  return (
    `Infrastructure fails no tool, command, image, task or time of the step more often than the rest: ${String(failures)} failures in ` +
    `${String(calls)} calls, ${String(compared)} comparisons.`
  );
}

export const RISING_P = 0.01;

function rising(what: string, along: Trend | null, advice: string): string[] {
  if (along === null || along.p >= RISING_P) return [];
  return [
    `${what} increase from step to step (rank correlation ${along.correlation.toFixed(2)}, p = ${along.p.toPrecision(1)}). ${advice}`,
  ];
}

function caution({ unit, failures }: Risk): string[] {
  const few = failures < 20 ? ['With so few failures, only a large difference could be found.'] : [];
  if (unit === 'step') return few;
  return [
    ...few,
    'There are few steps, so windows of five minutes are compared instead. This is less certain, because one incident can span several windows.',
  ];
}

const share = (rate: Rate): string =>
  `${percent(rate.hits / Math.max(1, rate.of))} (${percent(rate.low)} to ${percent(rate.high)})`;
const percent = (rate: number): string => `${(rate * 100).toFixed(rate < 0.01 ? 2 : 1)} %`;
const times = (ratio: number): string => `${ratio.toFixed(1)} times`;
