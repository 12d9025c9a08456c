import { z } from 'zod';
import { duration } from '../../../src/policy/schema.ts';
import { COMMAND_TYPES, REPORT_TYPES } from '../../../src/protocol/tags.ts';
import { ROUTES } from './routes.ts';

/** Frames between controller and sandboxd, by their number on the wire (`docker/sandboxd/README.md`). */
export const FRAMES = { ...COMMAND_TYPES, ...REPORT_TYPES } as const;

export type FrameName = keyof typeof FRAMES;

/** What may become of a request before, or instead of, the engine's answer. */
const requestOperation = z.union(
  [
    /** The connection is closed; the engine hears nothing. */
    z.literal('refuse'),
    /** Never answered; the engine hears nothing. */
    z.literal('hang'),
    /** The engine does it, the answer is dropped with the connection. */
    z.literal('drop_reply'),
    /** The engine gets it twice, one after the other; the first answer counts. */
    z.literal('duplicate'),
    /** Answered with this status; the engine hears nothing. */
    z.strictObject({ status: z.int().min(400).max(599) }),
    z.strictObject({ delay: duration }),
  ],
  { error: 'expected refuse, hang, drop_reply, duplicate, a status or a delay' },
);

/** What may become of bytes of an attached stream, or of the body of an answer. */
const streamOperation = z.union(
  [
    /** The connection is closed before these bytes, or right behind them. */
    z.enum(['cut_before', 'cut_after']),
    /** One bit of these bytes is flipped. */
    z.literal('corrupt'),
    /** These bytes and all that follow in this direction are held until the rules are lifted. */
    z.literal('stall'),
    /** These bytes come twice. */
    z.literal('duplicate'),
    /** Only the first half of these bytes arrives, then the connection is closed. */
    z.literal('truncate'),
    /** This direction is ended in order; the other goes on. */
    z.literal('half_close'),
    z.strictObject({ delay: duration }),
  ],
  { error: 'expected cut_before, cut_after, corrupt, stall, duplicate, truncate, half_close or a delay' },
);

const common = {
  on: z.enum(ROUTES),
  /** Matches that are let through first. */
  skip: z.int().min(0).default(0),
  /** Matches that it works on; absent: all of them. */
  times: z.int().min(1).optional(),
  /** Of working on a match. */
  probability: z.number().min(0).max(1).default(1),
  /** Only containers of the victims. */
  victims: z.boolean().default(false),
};

export const ruleSchema = z.union(
  [
    z.strictObject({ ...common, request: requestOperation }),
    z.strictObject({
      ...common,
      stream: streamOperation,
      /** Only bytes that complete such a frame, of a model's call or of the attachment itself. */
      frame: z.enum(Object.keys(FRAMES) as [FrameName, ...FrameName[]]).optional(),
      /** Absent: `frame` says it, else both. */
      toward: z.enum(['sandboxd', 'controller']).optional(),
    }),
  ],
  { error: 'expected a route and exactly one of request or stream' },
);

export type Rule = z.output<typeof ruleSchema>;
export type RequestOperation = z.output<typeof requestOperation>;
export type StreamOperation = z.output<typeof streamOperation>;
