import { expect, test } from 'vitest';
import { ManualClock } from '../support/manual-clock.ts';
import { Deadline } from '../../../src/kernel/deadline.ts';
import {
  sandboxdIsMissing,
  dockerFault,
  isGone,
  startFault,
  type Operation,
} from '../../../src/sandbox/docker/docker-errors.ts';
import type { FaultCode } from '../../../src/outcome/evidence.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';

/** Captured from dockerd 20.10.24 with runc 1.1.5 and crun 1.8.1; dockerode puts its own words before them. */
const MERGED =
  '/var/lib/docker/overlay2/e22487c39ab030a3c0fd54425f0c615591c064bf81d5dad4a8d281f04abef3ba/merged';
const OCI = 'failed to create shim task: OCI runtime create failed: ';
const NO_SANDBOXD_RUNC = `${OCI}runc create failed: unable to start container process: exec: "/.faultline/sandboxd": stat /.faultline/sandboxd: no such file or directory: unknown`;
const NO_OVERLAY =
  "error while mounting volume '/var/lib/docker/volumes/c052/_data': failed to mount local volume: mount overlay:/var/lib/docker/volumes/c052/_data, flags: 0x1, data: lowerdir=/var/lib/docker/volumes/nope/_data/files:/var/lib/docker/volumes/nope/_data/empty: no such file or directory";
const NO_SANDBOXD_CRUN = `${OCI}executable file \`/.faultline/sandboxd\` not found in $PATH: No such file or directory: unknown`;

const api = (statusCode: number, message: string) =>
  Object.assign(new Error(`(HTTP code ${String(statusCode)}) server error - ${message} `), {
    statusCode,
    reason: 'x',
  });
const system = (code: string) => Object.assign(new Error(`connect ${code} /var/run/docker.sock`), { code });

const CAPTURED: readonly [FaultCode, Operation, Error][] = [
  ['image_missing', 'create', api(404, 'No such image: nosuch:1')],
  ['image_missing', 'create', api(400, 'invalid reference format: repository name must be lowercase')],
  ['image_broken', 'create', api(500, 'Cannot mkdir: /wd is not a directory')],
  ['image_broken', 'create', api(500, `lstat ${MERGED}/wd/x: not a directory`)],
  ['image_broken', 'create', api(500, `source ${MERGED}/.faultline is not directory`)],
  ['engine_down', 'create', system('ECONNREFUSED')],
  ['engine_down', 'create', system('ENOENT')],
  ['engine_down', 'start', system('EPIPE')],
  ['engine_down', 'start', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })],
  ['engine_down', 'attach', new Error('socket hang up')],
  ['lost', 'attach', api(404, 'No such container: nope')],
  ['lost', 'inspect', api(404, 'No such container: nope')],
  ['engine_error', 'attach', api(409, 'container 4ab1 is paused, unpause the container before attach.')],
  // Ours or the operator's, never the image's:
  ['engine_error', 'start', api(400, NO_SANDBOXD_RUNC)],
  ['engine_error', 'start', api(400, NO_SANDBOXD_CRUN)],
  ['engine_error', 'start', api(400, `${OCI}runc create failed: unable to start container process: exec: "/.faultline/sandboxd": permission denied: unknown`)],
  ['engine_error', 'start', api(400, `${OCI}open executable: Permission denied: unknown`)],
  ['engine_error', 'create', api(400, 'Unknown runtime specified kata')],
  ['engine_error', 'start', api(404, 'network nosuchnet not found')],
  ['engine_error', 'start', api(404, 'No such container: faultline-x')],
  ['engine_error', 'create', api(400, 'Minimum memory limit allowed is 6MB')],
  ['engine_error', 'start', api(500, 'Decoding seccomp profile failed: unexpected end of JSON input')],
  ['engine_error', 'create', api(409, 'Conflict. The container name "/faultline-cap-k" is already in use by container "b5c2". You have to remove (or rename) that container to be able to reuse that name.')],
  ['engine_error', 'start', api(500, `${OCI}cgroups in hybrid mode not supported, drop all controllers from cgroupv2: unknown`)],
  ['engine_error', 'create', api(500, 'error creating overlay mount to /var/lib/docker/overlay2/x-init/merged: no space left on device')],
  ['engine_error', 'remove', api(500, `lstat ${MERGED}/wd/x: not a directory`)],
  ['engine_error', 'prepare', api(404, 'No such image: nosuch:1')],
  ['engine_error', 'create', new TypeError('x is not a function')],
  ['image_missing', 'pull', api(404, 'manifest for 127.0.0.1:5977/s/x:2 not found: manifest unknown: manifest unknown')],
  ['image_missing', 'pull', api(400, 'invalid reference format: repository name must be lowercase')],
  ['engine_error', 'pull', api(500, 'Get "http://127.0.0.1:5978/v2/": dial tcp 127.0.0.1:5978: connect: connection refused')],
  ['engine_error', 'pull', api(500, 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host')],
  ['engine_down', 'pull', system('ECONNREFUSED')],
]; // prettier-ignore

/** From Docker's sources: no registry here asks for a password. */
const DOCUMENTED: typeof CAPTURED = [
  ['image_missing', 'pull', api(404, "pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied")],
  ['image_missing', 'pull', new Error('no matching manifest for linux/arm64/v8 in the manifest list entries')],
  ['engine_error', 'pull', new Error('unexpected EOF')],
]; // prettier-ignore

test.each([...CAPTURED, ...DOCUMENTED])('%s: %s said %s', (code, operation, error) => {
  expect(dockerFault(operation, error)).toMatchObject({ code, cause: error, executed: 'no' });
});

test('the clock that ran out decides: a start takes too long, or the engine does not answer', async () => {
  const clock = new ManualClock();
  for (const [clockName, code] of [
    ['sandbox_start', 'start_timeout'],
    ['engine_request', 'engine_down'],
  ] as const) {
    const raced = Deadline.after(clock, clockName, 5)
      .race(new Promise(() => undefined))
      .catch((error: unknown) => error);
    await clock.advance(6);
    expect(dockerFault('start', await raced)).toMatchObject({ code });
  }
});

test('before a sandbox is ready nothing can be lost: dead or silent is the engine’s error, or a start that took too long', async () => {
  const clock = new ManualClock();
  const deadline = Deadline.after(clock, 'sandbox_start', 5);
  const codes = ['lost', 'agent_silent', 'engine_down', 'image_missing', 'image_broken'] as const;
  const after = () => codes.map((code) => startFault(new SandboxFault(code, 'x'), deadline).code);
  expect(after()).toEqual(['engine_error', 'engine_error', 'engine_down', 'image_missing', 'image_broken']);
  await clock.advance(6);
  expect(after()).toEqual([
    'start_timeout',
    'start_timeout',
    'start_timeout',
    'image_missing',
    'image_broken',
  ]);
});

test('a fault stays what it is', () => {
  const fault = new SandboxFault('image_broken', 'x');
  expect(dockerFault('start', fault)).toBe(fault);
});

test('a sandboxd that is not on its volume is told apart from other missing files', () => {
  expect([NO_SANDBOXD_RUNC, NO_SANDBOXD_CRUN].map((text) => sandboxdIsMissing(api(400, text)))).toEqual([
    true,
    true,
  ]);
  expect(sandboxdIsMissing(api(500, NO_OVERLAY))).toBe(true);
  expect(dockerFault('start', api(500, NO_OVERLAY)).code).toBe('engine_error');
  expect(sandboxdIsMissing(api(500, 'mkdir /var/lib/docker: no such file or directory'))).toBe(false);
  expect(sandboxdIsMissing(api(400, 'exec: "/.faultline/sandboxd": permission denied'))).toBe(false);
});

test('gone, or being removed by somebody else, is removed; nothing else is', () => {
  expect(isGone(api(404, 'No such container: x'))).toBe(true);
  expect(isGone(api(409, 'removal of container x is already in progress'))).toBe(true);
  expect(isGone(api(409, 'Conflict. The container name "/x" is already in use'))).toBe(false);
  expect(isGone(api(500, 'removal of container x is already in progress'))).toBe(false);
  expect(isGone(system('ENOENT'))).toBe(false);
});
