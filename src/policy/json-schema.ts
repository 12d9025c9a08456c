import { z } from 'zod';
import { imageSchema, policySchema, taskFileSchema } from './schema.ts';

/** JSON schemas (2020-12) of the configuration files, for editors that complete and check YAML; kept in `policies/schema`. */
export function configurationJsonSchemas(): Record<'policy' | 'image' | 'tasks', object> {
  return {
    policy: z.toJSONSchema(policySchema, { io: 'input' }),
    image: z.toJSONSchema(imageSchema, { io: 'input' }),
    tasks: z.toJSONSchema(taskFileSchema, { io: 'input' }),
  };
}
