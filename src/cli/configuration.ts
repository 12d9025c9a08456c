import { join } from 'node:path';
import { loadCatalog } from '../policy/load.ts';
import type { Catalog } from '../policy/schema.ts';
import { seccompProfiles } from '../policy/seccomp.ts';
import { acceptedLimits } from '../sandbox/accepted-limits.ts';
import type { LimitName } from '../sandbox/limit-findings.ts';

/** What a command that starts sandboxes takes from the server's variables. */
export interface Configured {
  readonly catalog: Catalog;
  readonly seccompProfiles: ReadonlyMap<string, string>;
  readonly acceptedLimits: ReadonlySet<LimitName>;
}

/** @throws ConfigurationError, or a ZodError for a limit that does not exist. */
export function readConfigured(environment = process.env): Configured {
  const policiesDir = environment['FAULTLINE_POLICIES'] ?? './policies';
  const catalog = loadCatalog({
    policiesDir,
    imagesDir: environment['FAULTLINE_IMAGES'] ?? './images',
    taskFile: environment['FAULTLINE_TASKS'] ?? join(policiesDir, 'tasks.yaml'),
  });
  const accepted = environment['FAULTLINE_ACCEPTED_LIMITS'] ?? '';
  return {
    catalog,
    seccompProfiles: seccompProfiles(policiesDir, catalog.policies.values()),
    acceptedLimits: new Set(accepted === '' ? [] : acceptedLimits.parse(accepted)),
  };
}
