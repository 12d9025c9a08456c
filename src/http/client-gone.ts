import type { FastifyReply } from 'fastify';
import type { Requester } from '../tools/call-answer.ts';

/** Aborted when the client closes the connection before the whole answer was sent. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** The client that waits for this reply. Its answer is delivered when the last byte was passed to the operating system. */
export function requesterOf(reply: FastifyReply): Requester {
  const gone = clientGone(reply);
  return {
    gone,
    onDelivered: (note) => {
      // Node finishes a response also where the connection was closed before.
      reply.raw.once('finish', () => {
        if (!gone.aborted) note();
      });
    },
  };
}
