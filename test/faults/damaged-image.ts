import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PrivateEngine } from './engine.ts';

const IMAGE = 'faultline/damaged:latest';
/** Past the ELF header: the file is still taken for a program. */
const DAMAGE_FROM = 4096;

/**
 * An image whose shell is damaged below the engine, as a bad disk does it: a copy of the shell in a layer of its own,
 * whose bytes are then overwritten in the engine's store.
 */
export async function damageImage(engine: PrivateEngine): Promise<void> {
  const copy = 'cp /bin/bash /bin/bash.new && mv /bin/bash.new /bin/bash';
  const container = (
    await engine.docker('run', '-d', '--network', 'none', 'faultline/minimal', 'sh', '-c', copy)
  ).trim();
  await engine.docker('wait', container);
  await engine.docker('commit', container, IMAGE);
  await engine.docker('rm', container);
  const layer = (await engine.docker('inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', IMAGE)).trim();
  const shell = join(layer, 'usr/bin/bash');
  const bytes = readFileSync(shell);
  bytes.fill(0xff, DAMAGE_FROM);
  writeFileSync(shell, bytes);
}
