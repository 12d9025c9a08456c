import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printedUrl } from './support/printed-url.ts';
import { blocksOf, inlineCommandsOf } from './support/readme-commands.ts';
import { TOKEN, World, type Server } from './support/server.ts';

/** All commands of a README together; each of the command line's is a process with a database in it. */
const README_MS = 150_000;

const root = join(import.meta.dirname, '../..');
/** Not those of test/fixtures: their commands record with an earlier version of the project. */
const READMES = globSync(
  ['README.md', 'CONTRIBUTING.md', '{docker,images,policies,src,test}{,/*}/README.md'],
  {
    cwd: root,
  },
).sort();

/**
 * Commands that this test does not run, and why. A command that is in no README any more must leave the list. The
 * quickstarts are run by quickstarts.test.ts.
 */
const NOT_RUN: Readonly<Record<string, string>> = {
  'npm start': 'set-up and a server in the foreground: this test starts the server',
  'npm test': 'runs this test',
  'node images/reports/examples/grader.ts &': 'this test starts it, on a free port',
  'FAULTLINE_GRADER_URL=http://127.0.0.1:8090 FAULTLINE_TOKEN=choose-a-token npm start &':
    'this test starts the server',
  'FAULTLINE_TOKEN=choose-a-token python3 images/reports/examples/trainer.py': 'reports.test.ts',
  'faultline tail --attribution infra': 'never ends; tail.test.ts',
  'faultline top': 'never ends; top.test.ts',
  'faultline doctor': 'doctor.test.ts',
  'node src/cli/faultline.ts': 'a name, not a command',
  'faultline report --json': 'a name for what the page asks for; views.test.ts',
  'faultline rollout --json': 'a name for what the page asks for; rollout.test.ts',
  'faultline tasks check': 'the one with names is run',
  'faultline tasks check NAME': 'the one with names is run',
  'faultline report': 'quickstarts.test.ts',
  'faultline rollout': 'the one with an id is run',
  'faultline rollout ID': 'the one with an id is run',
  'faultline tail': 'never ends; tail.test.ts',
  'faultline sql': 'those with a query are run',
  'faultline export': 'those with a view are run',
  'faultline tasks check [name…]': 'the one with names is run',
  'faultline sql "<query>"': 'those with a query are run',
  'faultline export <view> <file>': 'those with a view are run',
  'kill -HUP <pid>': 'tasks.test.ts sends the signal',
  'docker login': 'with a registry of its own in pull.test.ts',
  'kill $(cat /var/run/docker.pid)': "stops the machine's engine",
  'docker/setup/controller': 'set-up has run it',
  'docker/setup/engine': 'a mention',
  'docker/setup/sandboxd': 'set-up has run it',
  'docker/setup/limits': 'set-up has run it',
  'docker inspect': 'a mention',
  'python3 -c': 'a mention',
  'python3 -I': 'a mention',
  'faultline verdict': 'the one with an id is run',
  'faultline verdict --accept-gap': 'needs a journal with lost records; verdict-index.test.ts',
  'faultline rejudge': 'the one with a folder is run',
  'faultline rejudge --write': 'the server must not run; rejudge-folder.test.ts',
  'faultline rejudge --data ./data --write': 'the server must not run; rejudge-folder.test.ts',
  'npm run bench:risk': '200 months of training; risk.test.ts has fewer',
  'node test/bench/verdict-index.ts': 'minutes; verdict-index.test.ts',
  'node test/bench/verdict-index.ts 500000 1': 'minutes; verdict-index.test.ts',
  'docker/setup/images': 'a mention',
  'npx vitest run --config test/vitest.config.ts --project docker [FILE]': 'npm test runs it',
  'docker/setup/images NAME...': 'minutes: builds images; set-up has run it',
  'docker build -f docker/Dockerfile --build-arg NODE_IMAGE=node:24-bookworm-slim .':
    'needs a public registry',
  'FAULTLINE_TOKEN=… docker compose -f docker/compose.yaml up -d': 'needs Compose; controller-image.test.ts',
  'FAULTLINE_ENGINE_ROOT=DIR docker/setup/engine': 'the fault kit starts it; faults.test.ts',
  'npm run images': 'minutes; set-up has run it',
  'npm run build': 'writes dist/',
  'npm run check': 'npm test runs its parts',
  'npm run check:types': 'npm test runs it',
  'npm run seccomp': 'writes into policies/; seccomp.test.ts',
  'npx vitest run --config test/vitest.config.ts --project unit': 'npm test runs it',
  'npx vitest run --config test/vitest.config.ts --project web': 'npm test runs it',
  'npx vitest run --config test/vitest.config.ts --project unit test/unit/outcome/attribute.test.ts':
    'npm test runs it',
  'npx vitest run --config test/vitest.config.ts --project unit -u test/unit/policy/shipped.test.ts':
    'writes into policies/; npm test runs it without -u',
  'npm run check:size': 'prints figures',
  'npm run hostile': 'minutes; npm test plays the cases',
  'npm run hostile:neighbours': 'minutes',
  'make test': 'npm test runs it, in docker/sandboxd',
  'make fuzz': 'minutes, in docker/sandboxd',
  'npm run demo': 'minutes',
  'npm run demo -- --data DIR': 'minutes, and data from outside',
  'npm run faults': 'an hour; faults.test.ts runs one case',
  'npm run faults -- --calls 60000 --seed 8': 'a quarter of an hour',
  'npm run bench:burst': 'minutes',
  'npm run bench:calls': 'minutes',
  'npm run bench:gate': 'minutes',
  'npm run bench:month': 'minutes',
  'npm run bench:report': 'minutes',
  'npm run bench:reports -- --passes 40': 'minutes',
  'npm run bench:reports -- --data DIR': 'minutes, and data from outside',
  'npm run bench:tasks': 'minutes',
  'docker exec': 'a mention',
  'docker exec … bash -c': 'a mention',
  'docker kill': 'a mention',
  'docker run': 'a mention',
  'docker volume prune': 'a mention',
  'npm ci': 'a mention',
  'npm install': 'a mention',
  'curl -d': 'a mention',
};

let world: World;
let server: Server;
let grader: ChildProcess;
/** The repository as a reader has it, with the data of this test's server; what commands write stays here. */
let clone: string;

beforeAll(async () => {
  world = new World();
  copyFileSync(join(root, 'policies/tasks.yaml'), join(world.folder, 'policies/tasks.yaml'));
  grader = spawn(process.execPath, [join(root, 'images/reports/examples/grader.ts')], {
    env: { ...process.env, PORT: '0' },
  });
  server = await world.start({ FAULTLINE_GRADER_URL: await printedUrl(grader) });
  clone = join(world.folder, 'clone');
  mkdirSync(clone);
  for (const entry of readdirSync(root))
    if (entry !== 'data') symlinkSync(join(root, entry), join(clone, entry));
  symlinkSync(join(world.folder, 'data'), join(clone, 'data'));
});

afterAll(async () => {
  grader.kill();
  await world[Symbol.asyncDispose]();
});

/** As a reader would, who puts in the address and the token; a refused request ends it. */
async function run(commands: readonly string[]): Promise<string> {
  const script = commands
    .join('\n')
    .replaceAll('http://127.0.0.1:8080', server.url)
    .replaceAll(/Bearer (…|choose-a-token)/g, `Bearer ${TOKEN}`);
  const helpers = [
    'curl() { command curl --fail-with-body "$@"; echo; }',
    'faultline() { node src/cli/faultline.ts "$@"; }',
  ];
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  const argv = ['-euo', 'pipefail', '-c', [...helpers, script].join('\n')];
  return (await promisify(execFile)('bash', argv, { cwd: clone, env, timeout: README_MS })).stdout;
}

const given = READMES.map((file) => ({
  file,
  blocks: blocksOf(join(root, file)).map((block) => block.filter(({ text }) => !(text in NOT_RUN))),
})).filter(({ blocks }) => blocks.some((block) => block.length > 0));

describe('every command of a README', () => {
  it.each(given)('works: $file', { timeout: README_MS }, async ({ blocks }) => {
    for (const block of blocks) {
      const printed = await run(block.map(({ text }) => text));
      for (const { prints } of block) if (prints !== null) expect(printed.split('\n')).toContain(prints);
    }
  });

  it('in the middle of a sentence is on the list of those that are run elsewhere', () => {
    const inline = READMES.flatMap((file) => inlineCommandsOf(join(root, file)));
    expect(inline.filter((text) => !(text in NOT_RUN))).toEqual([]);
  });

  it('that is on the list is still in one, and names a script that there is', () => {
    const inline = READMES.flatMap((file) => inlineCommandsOf(join(root, file)));
    const inBlocks = READMES.flatMap((file) => blocksOf(join(root, file)).flat()).map(({ text }) => text);
    const known = new Set([...inline, ...inBlocks]);
    expect(Object.keys(NOT_RUN).filter((text) => !known.has(text))).toEqual([]);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...known].flatMap((text) => /npm run (\S+)/.exec(text)?.[1] ?? []);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
