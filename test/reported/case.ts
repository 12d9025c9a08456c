import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ATTRIBUTIONS } from '../../src/outcome/causes.ts';

const pattern = z.string().transform((text) => new RegExp(text));

/** What one answer must be. Without a status, a tool call must be answered 200. */
const expectation = z.strictObject({
  status: z.int().optional(),
  /** The answer's text matches; for a route that is not a tool's, the body's text. */
  output: pattern.optional(),
  not: pattern.optional(),
  exact: z.string().optional(),
  min_ms: z.number().optional(),
  max_ms: z.number().optional(),
  /** As recorded in the journal. */
  cause: z.string().optional(),
  attribution: z
    .union([z.enum(ATTRIBUTIONS), z.array(z.enum(ATTRIBUTIONS))])
    .transform((value) => [value].flat())
    .optional(),
});

const toolCall = z.strictObject({
  tool: z.string(),
  /** `native`: `POST /v1/rollouts/<id>/calls`; absent: the platform's form. */
  route: z.literal('native').optional(),
  arguments: z.json().optional(),
  /** Sent as the text of `arguments` as it is. */
  arguments_raw: z.string().optional(),
  /** Absent: a new one. */
  call_id: z.string().nullable().optional(),
  trace_id: z.string().optional(),
  /** The client leaves after this time, and its answer is not looked at. */
  abort_ms: z.number().optional(),
  expect: expectation.default({}),
});

/** The body of `POST /v1/tools/shell`, as it is, apart from `ROLLOUT`. */
const rawBody = z.strictObject({ raw_body: z.string(), expect: expectation.default({}) });

const parallelCalls = z.strictObject({ parallel: z.array(toolCall), expect: expectation.default({}) });

/** Another route: SWE-ReX's are under the rollout's URL, the others name it in a header. */
const otherRoute = z.strictObject({
  route: z.string(),
  body: z.record(z.string(), z.json()).default({}),
  expect: expectation.default({}),
});

const reportedCase = z.strictObject({
  id: z.string(),
  /** The public reports: repository and number of the issue. */
  source: z.string(),
  about: z.string(),
  task: z.string().default('base'),
  /** Null: the request is refused before there is a rollout. */
  verdict: z.string().nullable().default('valid'),
  counts: z.record(z.string(), z.int()).default({}),
  /** Why the answer differs from what the reporter wished, where it does. */
  decision: z.string().optional(),
  /** None: `reported.test.ts` has a test of its own with this id. */
  steps: z.array(z.union([toolCall, rawBody, parallelCalls, otherRoute])),
});

export type Expectation = z.output<typeof expectation>;
export type ToolCall = z.output<typeof toolCall>;
export type ReportedCase = z.output<typeof reportedCase>;
export type Step = ReportedCase['steps'][number];

export const cases: readonly ReportedCase[] = readFileSync(join(import.meta.dirname, 'cases.jsonl'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => reportedCase.parse(JSON.parse(line)));
