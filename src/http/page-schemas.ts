import { z } from 'zod';
import { attribution, cause, count, milliseconds, statusSchema } from './schemas.ts';

/** Schemas of the requests that only the web page makes: the live view and the reports. */

const gauge = z.int().min(0);
const sampleSchema = z.object({
  at: z.number().describe('End of the second; milliseconds since 1970.'),
  waiting: gauge,
  starting: gauge,
  live: gauge,
  warm: gauge,
  ...(Object.fromEntries(attribution.options.map((one) => [one, count] as const)) as Record<
    z.output<typeof attribution>,
    typeof count
  >),
});

export const finishedCallSchema = z.object({
  at: z.number(),
  rollout: z.string(),
  call: z.string(),
  tool: z.string(),
  attribution,
  cause,
  status: z.int(),
  duration_ms: milliseconds,
});

export const alarmSchema = z.object({
  name: z.string(),
  state: z.enum(['raised', 'quiet', 'unknown']),
  sentence: z.string().describe('What it means when it is raised.'),
  detail: z.string(),
});

/** The first event of the live view: a sample for each second of the last half hour, and the last calls. */
export const liveHistorySchema = z.object({
  samples: z.array(sampleSchema),
  calls: z.array(finishedCallSchema),
});

/** The event of each further second. */
export const liveNewsSchema = z.object({
  sample: sampleSchema,
  calls: z.array(finishedCallSchema),
  status: statusSchema,
  alarms: z.array(alarmSchema),
});

const moment = z
  .string()
  .refine(
    (text) => /^\d+[mhd]$/.test(text) || !Number.isNaN(Date.parse(text)),
    'expected a date and time, or a span such as 2h',
  )
  .optional();

/** Reports have the types of `src/report`, as `faultline … --json` prints them. */
export const reportSchema = z.looseObject({});

/** Which part of the journal is reported; an absent field selects everything. */
export const reportQuerySchema = z.object({
  since: moment,
  until: moment,
  job: z.string().optional(),
  task: z.string().optional(),
  image: z.string().optional(),
  step: z.coerce.number().int().min(1).optional(),
});
