/** The floors of the house (docs/explanation/architecture.md): imports run down only. */
const floors = [
  ['base'],
  ['spiffe'],
  ['x509', 'jwt', 'resources'],
  ['policy', 'identity', 'authority'],
  ['operations', 'agent'],
  ['wire'],
  ['endpoints', 'adapters'],
  ['app', 'client'],
  ['cli'],
];
const root = process.env.FLOORS_ROOT ?? 'src';
const at = (rooms) => `^${root}/(${rooms.join('|')})/`;
const pure = at(floors.slice(0, 5).flat());

const floorRules = floors.flatMap((rooms, floor) => {
  const above = floors.slice(floor + 1).flat();
  const rules = [];
  if (above.length > 0)
    rules.push({
      name: `floor-${floor}-imports-down`,
      comment: 'A room imports only rooms on lower floors.',
      severity: 'error',
      from: { path: at(rooms), pathNot: '\\.test\\.ts$' },
      to: { path: at(above) },
    });
  for (const room of rooms) {
    const neighbours = rooms.filter((other) => other !== room);
    if (neighbours.length > 0)
      rules.push({
        name: `strangers-${room}`,
        comment: 'Rooms on one floor are strangers.',
        severity: 'error',
        from: { path: at([room]), pathNot: '\\.test\\.ts$' },
        to: { path: at(neighbours) },
      });
  }
  return rules;
});

const keeper = (name, library, rooms) => ({
  name: `keeper-of-${name}`,
  comment: 'One keeper per library.',
  severity: 'error',
  from: { path: `^${root}/`, pathNot: [at(rooms), '\\.test\\.ts$'] },
  to: { path: library },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', comment: 'No cycles anywhere.', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', comment: 'Every import resolves.', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...floorRules,
    {
      name: 'pure-floors-do-no-io',
      comment: 'Floors 0-4 do no I/O and start no loop of their own.',
      severity: 'error',
      from: { path: pure, pathNot: '\\.test\\.ts$' },
      to: { path: '^(node:)?(fs|fs/promises|net|http|https|http2|tls|dgram|dns|child_process|worker_threads|cluster|process|os|sqlite|timers|timers/promises)$' },
    },
    {
      name: 'endpoints-are-strangers',
      comment: 'Endpoints never import endpoints.',
      severity: 'error',
      from: { path: `^${root}/endpoints/([^/]+)/` },
      to: { path: `^${root}/endpoints/([^/]+)/`, pathNot: `^${root}/endpoints/$1/` },
    },
    {
      name: 'adapters-are-strangers',
      comment: 'Adapters never import adapters.',
      severity: 'error',
      from: { path: `^${root}/adapters/([^/]+)/` },
      to: { path: `^${root}/adapters/([^/]+)/`, pathNot: `^${root}/adapters/$1/` },
    },
    keeper('peculiar', 'node_modules/(@peculiar|asn1js|reflect-metadata)', ['x509']),
    keeper('jose', 'node_modules/jose', ['jwt']),
    keeper('grpc-and-fastify', 'node_modules/(@grpc|grpc-health-check|fastify|@fastify)/?', ['wire', 'endpoints', 'adapters', 'app', 'client', 'cli']),
    keeper('yaml', 'node_modules/yaml/', ['resources']),
    keeper('opentelemetry', 'node_modules/@opentelemetry/', ['adapters']),
    keeper('commander', 'node_modules/commander/', ['cli']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'], extensions: ['.ts', '.js', '.d.ts', '.json'] },
    exclude: { path: 'src/wire/gen' },
  },
};
