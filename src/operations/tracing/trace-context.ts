/** Where in whose trace a request stands, as its headers say. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
  /** W3C `tracestate`, as it came. */
  readonly state?: string | undefined;
}

/** Headers by lower-case name; one that is not there has no lines. */
export interface HeaderLines {
  get(name: string): readonly string[] | undefined;
}

const w3c = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const b3Single = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d]))?(?:-[0-9a-f]{16})?$/i;
const b3TraceId = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;
const b3SpanId = /^[0-9a-f]{16}$/i;
const longestState = 512;

/** W3C first, then B3 in one header, then B3 in several. What is malformed is no context: a new trace begins. */
export function readTraceContext(headers: HeaderLines): TraceContext | undefined {
  return readW3c(headers) ?? readB3Single(headers) ?? readB3(headers);
}

/** The one line of a header; two say two things. */
function only(headers: HeaderLines, name: string): string | undefined {
  const lines = headers.get(name);
  return lines?.length === 1 ? lines[0]?.trim() : undefined;
}

function readW3c(headers: HeaderLines): TraceContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = w3c.exec(only(headers, 'traceparent') ?? '') ?? [];
  const joined = headers.get('tracestate')?.join(',');
  const state = joined && joined.length <= longestState ? joined : undefined;
  return made({ traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1, state });
}

function readB3Single(headers: HeaderLines): TraceContext | undefined {
  const [, traceId = '', spanId = '', sampled] = b3Single.exec(only(headers, 'b3') ?? '') ?? [];
  return made({ traceId, spanId, isSampled: sampled === '1' || sampled === 'd' });
}

function readB3(headers: HeaderLines): TraceContext | undefined {
  const traceId = only(headers, 'x-b3-traceid') ?? '';
  const spanId = only(headers, 'x-b3-spanid') ?? '';
  if (!b3TraceId.test(traceId) || !b3SpanId.test(spanId)) return undefined;
  const sampled = only(headers, 'x-b3-sampled');
  const isSampled = sampled === '1' || sampled === 'true' || only(headers, 'x-b3-flags') === '1';
  return made({ traceId, spanId, isSampled });
}

/** An id of zeros is none. Ids of 64 bits are filled up, as B3 has it. */
function made({ traceId, spanId, ...rest }: TraceContext): TraceContext | undefined {
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined;
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase(), ...rest };
}
