import type { Dimension } from './contrasts.ts';
import type { JobTrend, RiskFinding, Rate, Risk } from './risk.ts';

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
};

function sentence(finding: RiskFinding): string {
  const { dimension, level, rate, rest, ratio, interval, adjustedP, examples } = finding;
  return (
    `${WHAT[dimension](level)} fails because of infrastructure in ${share(rate)} of calls; all other calls in ${share(rest)}. ` +
    `Within the same step and time that is ${times(ratio)} as often (95 % interval ${times(interval.low)} to ${times(interval.high)}; ` +
    `p ${adjustedP < 0.0001 ? '< 0.0001' : `= ${adjustedP.toPrecision(1)}`}, corrected for all comparisons and repeated looks). ${usage(finding)}` +
    `What to do: find the cause in ${examples.join(', ')} (faultline rollout <id>). Until it is fixed, keep these rollouts out of training; the grader gate withholds them.`
  );
}

/** A falling share can mean that the model learns to avoid the behaviour; a rising one that it uses the failure. */
function usage({ usage: use }: RiskFinding): string {
  if (use === null || Math.abs(use.trend.correlation) < 0.5) return '';
  const moves = `from ${percent(use.early)} of calls to ${percent(use.late)} in job ${use.job}`;
  if (use.trend.correlation < 0)
    return `The model uses it less and less (${moves}): it may be learning to avoid it. `;
  return `The model uses it more and more (${moves}). `;
}

function nothing({ compared, failures, calls }: Risk): string {
  return (
    `Infrastructure fails no tool, command, image or task more often than the rest: ${String(failures)} failures in ` +
    `${String(calls)} calls, ${String(compared)} comparisons.`
  );
}

const RISING_P = 0.01;

function rising(what: string, along: JobTrend | null, advice: string): string[] {
  if (along === null || along.p >= RISING_P) return [];
  return [
    `${what} increase from step to step in job ${along.job} (rank correlation ${along.correlation.toFixed(2)}, p = ${along.p.toPrecision(1)}). ${advice}`,
  ];
}

/** What could have been found: a report that names nothing says little where this is large. */
function caution({ unit, units, failures, smallest }: Risk): string[] {
  const long =
    unit === 'window' ? ['A step lasted longer than an hour, so hours are compared in its place.'] : [];
  if (smallest.every(({ ratio }) => ratio === null))
    return [
      ...long,
      `No difference could be found with ${String(failures)} failures in ${String(units)} ${unit === 'step' ? 'steps' : 'hours'}: a finding needs failures in at least 3.`,
    ];
  const could = smallest.map(({ share: part, ratio }) =>
    ratio === null
      ? `in ${percent(part)} of calls none`
      : `in ${percent(part)} of calls ${times(ratio)} as often`,
  );
  return [...long, `Smallest difference that could be found, for a behaviour ${could.join(', ')}.`];
}

const share = (rate: Rate): string =>
  `${percent(rate.hits / Math.max(1, rate.of))} (${percent(rate.low)} to ${percent(rate.high)})`;
const percent = (rate: number): string => `${(rate * 100).toFixed(rate < 0.01 ? 2 : 1)} %`;
const times = (ratio: number): string => `${ratio.toFixed(1)} times`;
