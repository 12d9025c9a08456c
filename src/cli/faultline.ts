#!/usr/bin/env node
import { Command } from 'commander';
import { errorCode, errorMessage } from '../kernel/errors.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { rejudgeCommand } from './rejudge.ts';
import { reportCommand } from './report.ts';
import { rolloutCommand } from './rollout.ts';
import { sqlCommand } from './sql.ts';
import { tasksCommand } from './tasks.ts';
import { tailCommand } from './tail.ts';
import { topCommand } from './top.ts';
import { verdictCommand } from './verdict.ts';

/** A reader such as `head` may close the pipe early; that is not an error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const program = new Command('faultline')
  .description('Sandbox backend for agent reinforcement fine-tuning: checks a host, reads the journal')
  .showHelpAfterError();
for (const command of [
  doctorCommand,
  tasksCommand,
  topCommand,
  reportCommand,
  rolloutCommand,
  verdictCommand,
  tailCommand,
  sqlCommand,
  exportCommand,
  rejudgeCommand,
])
  program.addCommand(command());

try {
  await program.parseAsync();
} catch (error) {
  const missing = errorCode(error) === 'ENOENT';
  console.error(
    missing
      ? 'There is no journal. Name the data folder of the server with --data or FAULTLINE_DATA.'
      : errorMessage(error),
  );
  process.exitCode = 1;
}
