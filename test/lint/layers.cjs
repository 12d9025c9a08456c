/** The layers of src/: a file imports only from lower layers or its own folder. */
const layers = [
  ['kernel'],
  ['protocol'],
  ['outcome', 'policy'],
  ['sandbox', 'journal', 'telemetry', 'tokens'],
  ['admission', 'report'],
  ['rollouts'],
  ['tools'],
  ['grading', 'preflight', 'mcp', 'adapters', 'rejudge'],
  ['http', 'cli', 'web'],
  ['wiring'],
];

/** The schemas of requests and replies, for folders that talk to a running server and are no part of it. */
const SCHEMAS = '^src/http/(page-)?schemas\\.ts$';
const speaksToServer = new Set(['cli', 'web']);

/** Everything a folder must not reach: its neighbours, and what lies above. */
const rules = layers.flatMap((folders, level) =>
  folders.map((folder) => {
    const forbidden = layers
      .slice(level)
      .flat()
      .filter((other) => other !== folder);
    return {
      name: `${folder}-looks-down-only`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: {
        path: `^src/(${[...forbidden].join('|')})/|^src/[^/]+\\.ts$`,
        ...(speaksToServer.has(folder) && { pathNot: SCHEMAS }),
      },
    };
  }),
);

/** A vendor's types stop at its adapter. */
const vendor = (name, home) => ({
  name: `${name}-stays-home`,
  severity: 'error',
  from: { pathNot: home },
  to: { path: `node_modules/(@types/)?${name}/` },
});

module.exports = {
  forbidden: [
    ...rules.filter((rule) => !/\(\)/.test(rule.to.path)),
    { name: 'no-rings', severity: 'error', from: {}, to: { circular: true } },
    vendor('dockerode', '^src/sandbox/docker/'),
    vendor('fastify', '^src/(http/|app\\.ts)'),
    vendor('p-queue', '^src/admission/'),
    vendor('@modelcontextprotocol', '^src/mcp/'),
    {
      name: 'client-knows-the-schemas-only',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { path: '^src/(?!client/|http/schemas\\.ts)' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  },
};
