/** `npm run seccomp`: makes `policies/seccomp/<name>.json` of every `<name>.yaml` beside it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { seccompProfile, seccompSourceSchema } from '../policy/seccomp.ts';

const folder = join(import.meta.dirname, '../../policies/seccomp');
for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
  const source = seccompSourceSchema.parse(parse(readFileSync(join(folder, file), 'utf8')));
  const target = join(folder, file.replace(/\.yaml$/, '.json'));
  writeFileSync(target, `${JSON.stringify(seccompProfile(source), null, 2)}\n`);
  console.log(target);
}
