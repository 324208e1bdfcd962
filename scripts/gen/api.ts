/** docs/reference/openapi.json and api.md: the admin API, from the schemas its routes are checked with. */

import { buildInfo } from '../../src/app/settings/index.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { adminPrefix, adminRoutes, adminServer } from '../../src/endpoints/admin/index.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { FakeRandom } from '../../test/fakes/random.ts';
import { FakeStore } from '../../test/fakes/store.ts';
import { fakeAdminParts } from '../../test/support/admin-parts.ts';
import { mono, table, writeReference } from '../support/markdown.ts';

const clock = new FakeClock();
const parts = {
  ...fakeAdminParts(new FakeStore({ clock }), clock),
  version: { version: buildInfo().version },
};
const http = { logger: silentLogger, clock, random: new FakeRandom() };
const server = await adminServer({ http, access: { kind: 'local' }, parts });
const document = await server.inject({ url: `${adminPrefix}/openapi.json` });

writeReference('openapi.json', `${JSON.stringify(document.json(), null, 1)}\n`);
writeReference(
  'api.md',
  `# Admin API

On the Unix socket of the state directory (whoever reaches it is the local operator) and over https on 15080 with \`authorization: Bearer\` and a token of the state directory: the one in \`operator-token\` may do everything, the one in \`viewer-token\` may read. The whole description is [openapi.json](openapi.json) (OpenAPI 3.1), served at \`${adminPrefix}/openapi.json\` too.

Errors are \`application/problem+json\` (RFC 9457) with \`code\`, \`title\`, \`next\` and \`requestId\`. Members that a schema does not name are refused. Lists go on with \`cursor\`, which works for the query it came from. \`GET\` changes nothing.

${table(
  ['route', 'who', 'what'],
  adminRoutes(parts).map(({ method, url, role, summary }) => [
    mono(`${method} ${adminPrefix}${url.replace(/:(\w+)/g, '{$1}')}`),
    role,
    summary,
  ]),
)}`,
);
await server.close();
