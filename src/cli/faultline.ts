#!/usr/bin/env node
import { Command } from 'commander';
import { errorCode, errorMessage } from '../kernel/errors.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { reportCommand } from './report.ts';
import { rolloutCommand } from './rollout.ts';
import { sqlCommand } from './sql.ts';
import { tasksCommand } from './tasks.ts';
import { tailCommand } from './tail.ts';
import { topCommand } from './top.ts';

/** A reader such as `head` that has seen enough is no fault of ours. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const program = new Command('faultline')
  .description('Sandbox backend for agent reinforcement fine-tuning: its host, its journal')
  .showHelpAfterError();
for (const command of [
  doctorCommand,
  tasksCommand,
  topCommand,
  reportCommand,
  rolloutCommand,
  tailCommand,
  sqlCommand,
  exportCommand,
])
  program.addCommand(command());

try {
  await program.parseAsync();
} catch (error) {
  const missing = errorCode(error) === 'ENOENT';
  console.error(
    missing
      ? 'No journal there: say where the server keeps its data with --data or FAULTLINE_DATA.'
      : errorMessage(error),
  );
  process.exitCode = 1;
}
