interface EndingRow {
  /** Another request may succeed. */
  readonly retry: boolean;
  /** HTTP status of the gate's answer to the platform. */
  readonly status: 200 | 502 | 504;
  readonly sentence: string;
}

/** How a request to the customer's grader can end. The README of this folder has the same table; a test compares them. */
export const graderEndings = {
  scored: { retry: false, status: 200, sentence: 'The grader returned a score.' },
  refused: { retry: false, status: 502, sentence: 'The grader refused the request (4xx).' },
  failed: { retry: true, status: 502, sentence: 'The grader failed (5xx) or was too busy (408, 429).' },
  timed_out: { retry: false, status: 504, sentence: 'The grader did not answer in time.' },
  unreachable: {
    retry: true,
    status: 502,
    sentence: 'The grader could not be reached, or the connection broke.',
  },
  no_score: {
    retry: false,
    status: 502,
    sentence: "The grader's answer has no score that is a finite number.",
  },
} as const satisfies Record<string, EndingRow>;

export type GraderEndingCode = keyof typeof graderEndings;

export type GraderEnding =
  /** `body` is the grader's whole answer, unchanged. */
  | { readonly code: 'scored'; readonly score: number; readonly body: string }
  | { readonly code: Exclude<GraderEndingCode, 'scored'>; readonly detail: string };
