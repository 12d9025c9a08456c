import type { FastifyReply } from 'fastify';
import { RETRY_AFTER_S } from '../outcome/render.ts';
import type { CallAnswer } from '../tools/call-answer.ts';

/** Headers of a call's answer: whether an earlier request got it first, and of a 503 when to send the request again. */
export function callHeaders(reply: FastifyReply, { status, fromJournal, retryAfterMs }: CallAnswer): void {
  reply.header('idempotent-replayed', String(fromJournal));
  reply.header('x-faultline-replayed', String(fromJournal)); // Its name in 0.1.0, sent for one more version.
  if (status !== 503) return;
  const seconds = retryAfterMs === undefined ? RETRY_AFTER_S : Math.ceil(retryAfterMs / 1000);
  reply.header('retry-after', Math.max(1, seconds));
}
