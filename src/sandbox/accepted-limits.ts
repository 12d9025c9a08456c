import { z } from 'zod';
import { ACCEPTABLE } from './limit-findings.ts';

/** The value of `FAULTLINE_ACCEPTED_LIMITS`: names of limits with spaces or commas between them. */
export const acceptedLimits = z
  .string()
  .transform((text) => text.trim().split(/[\s,]+/))
  .pipe(z.array(z.enum(ACCEPTABLE, { error: `expected names out of ${ACCEPTABLE.join(', ')}` })));
