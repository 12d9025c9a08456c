import { z } from 'zod';
import { attribution, cause, count, milliseconds, statusSchema } from './schemas.ts';

/** The forms of what only the page asks for: the live view and reports. Beside `wire.ts`, and used in the same way. */

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
  sentence: z.string().describe('When it is raised.'),
  detail: z.string(),
});

/** The first event of the live view: the last half hour by the second, and the last calls. */
export const liveHistorySchema = z.object({
  samples: z.array(sampleSchema),
  calls: z.array(finishedCallSchema),
});

/** Every second's event. */
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
    'expected a time, or a span such as 2h',
  )
  .optional();

/** The forms of reports are those of `src/report`, as `faultline … --json` prints them. */
export const reportSchema = z.looseObject({});

/** Which part of the journal; what is absent isn't asked for. */
export const reportQuerySchema = z.object({
  since: moment,
  until: moment,
  job: z.string().optional(),
  task: z.string().optional(),
  image: z.string().optional(),
  step: z.coerce.number().int().min(1).optional(),
});
