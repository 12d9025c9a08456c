interface EndingRow {
  /** Another request may go better. */
  readonly retry: boolean;
  /** HTTP status of our answer to the platform. */
  readonly status: 200 | 502 | 504;
  readonly sentence: string;
}

/** How a request to the customer's grader can end. The README of this folder lists the same rows; a test compares them. */
export const graderEndings = {
  scored: { retry: false, status: 200, sentence: 'The grader gave a score.' },
  refused: { retry: false, status: 502, sentence: 'The grader refused the request (4xx).' },
  failed: { retry: true, status: 502, sentence: 'The grader failed (5xx), or was too busy (408, 429).' },
  timed_out: { retry: true, status: 504, sentence: 'The grader did not answer in time.' },
  unreachable: { retry: true, status: 502, sentence: 'The grader could not be reached, or broke off.' },
  no_score: {
    retry: false,
    status: 502,
    sentence: 'The answer of the grader has no score that is a finite number.',
  },
} as const satisfies Record<string, EndingRow>;

export type GraderEndingCode = keyof typeof graderEndings;

export type GraderEnding =
  /** `body` is the grader's whole answer, as it came. */
  | { readonly code: 'scored'; readonly score: number; readonly body: string }
  | { readonly code: Exclude<GraderEndingCode, 'scored'>; readonly detail: string };
