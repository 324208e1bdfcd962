import { readFileSync } from 'node:fs';

export interface BuildInfo {
  readonly version: string;
  readonly node: string;
}

/** The version in package.json, beside `src` in a checkout and beside `dist` in a package. */
export function buildInfo(): BuildInfo {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return { version, node: process.versions.node };
}
