/** What no provider may set or remove on a request: its framing, its target, and the headers that are ours to vouch for. */
export function mayChange(name: string): boolean {
  return !name.startsWith(':') && !name.startsWith('x-castellan-') && !framing.has(name);
}

const framing: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
]);
