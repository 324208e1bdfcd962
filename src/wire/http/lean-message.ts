import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { nodeHttp } from './node-http.ts';

/** What Node itself asks a message for, before it hands the message on; no two are of one length. */
const askedByNode: readonly (string | undefined)[] = byLength([
  'te',
  'host',
  'expect',
  'content-length',
  'transfer-encoding',
]);

function byLength(names: readonly string[]): (string | undefined)[] {
  const found: (string | undefined)[] = [];
  for (const name of names) found[name.length] = name;
  return Array.from(found);
}

const property = Object.getOwnPropertyDescriptor(nodeHttp.IncomingMessage.prototype, 'headers');
if (property?.get === undefined)
  throw new TypeError('Node no longer makes the headers of a message as we know it');

function allHeaders(message: IncomingMessage): IncomingHttpHeaders {
  return property?.get?.call(message) as IncomingHttpHeaders;
}

/**
 * A request whose header lines are read by the one who answers it, from `rawHeaders`. Node's object of all headers costs
 * as much as a decision, and is made for a look at a few of them; here it is made only after `useAllHeaders`.
 */
export class LeanMessage extends nodeHttp.IncomingMessage {
  isWhole = false;
  few: IncomingHttpHeaders | undefined;
}

Object.defineProperty(LeanMessage.prototype, 'headers', {
  get(this: LeanMessage): IncomingHttpHeaders {
    if (this.isWhole) return allHeaders(this);
    this.few ??= fewOf(this.rawHeaders);
    return this.few;
  },
});

/** The first of each, which is what Node takes of all of these. */
function fewOf(rawHeaders: readonly string[]): IncomingHttpHeaders {
  const few: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const rawName = rawHeaders[i] as string;
    const name = askedByNode[rawName.length];
    if (name !== undefined && rawName.toLowerCase() === name) few[name] ??= rawHeaders[i + 1] as string;
  }
  return few;
}

/** For a message that goes on to who reads `headers`. */
export function useAllHeaders(message: IncomingMessage): void {
  if (message instanceof LeanMessage) message.isWhole = true;
}
