import type { Ledger } from './ledger.ts';
import { condition, type Scope } from './scope.ts';

export interface Overview {
  readonly rollouts: {
    readonly total: number;
    readonly valid: number;
    readonly exclude: number;
    readonly pending: number;
  };
  readonly calls: readonly { readonly attribution: string; readonly cause: string; readonly calls: number }[];
  /** Faulty requests, which are no calls. The verdict counts them under `client`, and they exclude. */
  readonly refused: readonly {
    readonly cause: string;
    readonly requests: number;
    readonly rollouts: number;
  }[];
  /** calls = ok + model + infra + task + client + undetermined + pending. If `holds` is false, faultline has a bug. */
  readonly identity: { readonly calls: number; readonly sum: number; readonly holds: boolean };
  readonly over_time: readonly {
    readonly from: string;
    readonly calls: number;
    readonly infra: number;
    readonly rate: number;
  }[];
  readonly phases: readonly {
    readonly phase: string;
    readonly calls: number;
    readonly p50_ms: number;
    readonly p95_ms: number;
    readonly p99_ms: number;
    readonly max_ms: number;
  }[];
  readonly top_causes: readonly {
    readonly cause: string;
    readonly attribution: string;
    readonly rollouts: number;
    readonly first: string;
    readonly last: string;
    readonly images: string;
    readonly examples: readonly string[];
  }[];
  readonly retries: readonly {
    readonly phase: string;
    readonly code: string;
    readonly attempts: number;
    readonly rollouts: number;
  }[];
  readonly replayed: number;
}

const PERIODS = 12;

/** What happened in a part of the journal: the first report for an engineer on call. */
export async function overview(ledger: Ledger, scope: Scope): Promise<Overview> {
  const calls = `(SELECT * FROM calls WHERE ${condition(scope, 'ended_at')})`;
  const rollouts = `(SELECT * FROM rollouts WHERE ${condition(scope, 'opened_at')})`;
  const [verdicts] = await ledger.rows<Overview['rollouts']>(`SELECT count(*) AS total,
    count(*) FILTER (verdict = 'valid') AS valid, count(*) FILTER (verdict = 'exclude') AS exclude,
    count(*) FILTER (verdict = 'pending') AS pending FROM ${rollouts}`);
  const byCause = await ledger.rows<
    Overview['calls'][number]
  >(`SELECT coalesce(attribution, 'pending') AS attribution,
    coalesce(cause, 'under way') AS cause, count(*) AS calls FROM ${calls} GROUP BY ALL ORDER BY calls DESC, cause`);
  const [{ n } = { n: 0 }] = await ledger.rows<{ n: number }>(
    `SELECT count(*) AS n FROM (SELECT DISTINCT rollout, call FROM ${calls})`,
  );
  const sum = byCause.reduce((total, row) => total + row.calls, 0);
  return {
    rollouts: verdicts ?? { total: 0, valid: 0, exclude: 0, pending: 0 },
    calls: byCause,
    refused: await ledger.rows(`SELECT cause, count(*) AS requests, count(DISTINCT f.key) AS rollouts
      FROM refused f JOIN steps s USING (key) WHERE ${condition(scope, '"at"')} GROUP BY cause ORDER BY cause`),
    identity: { calls: n, sum, holds: n === sum },
    over_time: await overTime(ledger, calls),
    phases: await phases(ledger, calls),
    top_causes: await topCauses(ledger, calls),
    retries: await ledger.rows(`SELECT phase, code, count(*) AS attempts, count(DISTINCT rollout) AS rollouts
      FROM attempts WHERE ${condition(scope, '"at"')} GROUP BY ALL ORDER BY attempts DESC LIMIT 10`),
    replayed:
      (await ledger.rows<{ n: number }>(`SELECT count(*) AS n FROM ${calls} WHERE attempts > 1`))[0]?.n ?? 0,
  };
}

function overTime(ledger: Ledger, calls: string): Promise<Overview['over_time'][number][]> {
  return ledger.rows(`WITH span AS (SELECT epoch_ms(min(ended_at)) AS first,
      greatest(1, (epoch_ms(max(ended_at)) - epoch_ms(min(ended_at)) + 1) / ${String(PERIODS)}) AS width FROM ${calls})
    SELECT make_timestamp_ms((first + width * period)::BIGINT)::VARCHAR AS "from", count(*) AS calls,
      count(*) FILTER (attribution = 'infra') AS infra, count(*) FILTER (attribution = 'infra') / count(*) AS rate
    FROM (SELECT *, floor((epoch_ms(ended_at) - first) / width) AS period FROM ${calls}, span WHERE ended_at IS NOT NULL)
    GROUP BY first, width, period ORDER BY period`);
}

function phases(ledger: Ledger, calls: string): Promise<Overview['phases'][number][]> {
  const figures = (
    column: string,
  ): string => `count(*) AS calls, round(quantile_cont(${column}, 0.5)) AS p50_ms,
    round(quantile_cont(${column}, 0.95)) AS p95_ms, round(quantile_cont(${column}, 0.99)) AS p99_ms, max(${column}) AS max_ms`;
  return ledger.rows(`SELECT * FROM (
      SELECT 'first call of a rollout' AS phase, ${figures('duration_ms')}
        FROM (SELECT * FROM ${calls} QUALIFY row_number() OVER (PARTITION BY rollout ORDER BY ended_at) = 1)
      UNION ALL SELECT 'tool ' || tool, ${figures('duration_ms')} FROM ${calls} WHERE cause IS DISTINCT FROM 'unknown_tool' AND tool IS NOT NULL GROUP BY tool)
    WHERE calls > 0 ORDER BY p95_ms DESC LIMIT 10`);
}

function topCauses(ledger: Ledger, calls: string): Promise<Overview['top_causes'][number][]> {
  return ledger.rows(`SELECT cause, any_value(attribution) AS attribution, count(DISTINCT rollout) AS rollouts,
      min(ended_at)::VARCHAR AS first, max(ended_at)::VARCHAR AS last,
      string_agg(DISTINCT image, ', ') AS images, list_slice(list(DISTINCT rollout), 1, 3) AS examples
    FROM ${calls} WHERE attribution NOT IN ('ok') GROUP BY cause ORDER BY bool_or(excludes) DESC, rollouts DESC LIMIT 10`);
}
