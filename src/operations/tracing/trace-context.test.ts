import { describe, expect, it } from 'vitest';
import { readTraceContext } from './index.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';
const read = (headers: Readonly<Record<string, string | readonly string[]>>) =>
  readTraceContext(
    new Map(
      Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]),
    ),
  );

describe('where a request stands in whose trace', () => {
  it('is read from W3C traceparent, with tracestate beside it', () => {
    expect(read({ traceparent: `00-${trace}-${span}-01`, tracestate: ['a=1', 'b=2'] })).toEqual({
      traceId: trace,
      spanId: span,
      isSampled: true,
      state: 'a=1,b=2',
    });
    expect(read({ traceparent: `00-${trace}-${span}-00` })).toMatchObject({ isSampled: false });
    // A later version may say more.
    expect(read({ traceparent: `cc-${trace}-${span}-03-more` })).toMatchObject({ isSampled: true });
  });

  it('is read from B3, in one header or in several, when there is no traceparent', () => {
    expect(read({ b3: `${trace}-${span}-1` })).toMatchObject({ traceId: trace, isSampled: true });
    expect(read({ b3: `${trace}-${span}-d-${span}` })).toMatchObject({ isSampled: true });
    const short = { 'x-b3-traceid': 'A3CE929D0E0E4736', 'x-b3-spanid': span, 'x-b3-sampled': '1' };
    expect(read(short)).toMatchObject({ traceId: '0000000000000000a3ce929d0e0e4736', isSampled: true });
    expect(read({ ...short, 'x-b3-sampled': '0' })).toMatchObject({ isSampled: false });
    expect(read({ ...short, 'x-b3-sampled': '0', 'x-b3-flags': '1' })).toMatchObject({ isSampled: true });
    expect(read({ ...short, traceparent: `00-${trace}-${span}-01` })).toMatchObject({ traceId: trace });
  });

  it('is nowhere when what is said is malformed, said twice, or zeros', () => {
    for (const bad of [
      `ff-${trace}-${span}-01`,
      `00-${trace.toUpperCase()}-${span}-01`,
      `00-${'0'.repeat(32)}-${span}-01`,
      `00-${trace}-${'0'.repeat(16)}-01`,
      `00-${trace}-${span}`,
      '',
    ])
      expect(read({ traceparent: bad })).toBeUndefined();
    const good = `00-${trace}-${span}-01`;
    expect(read({ traceparent: [good, good] })).toBeUndefined();
    expect(read({ b3: '0' })).toBeUndefined();
    expect(read({ 'x-b3-traceid': trace })).toBeUndefined();
  });

  it('drops a tracestate that is too long, and keeps the rest', () => {
    const found = read({ traceparent: `00-${trace}-${span}-01`, tracestate: 'x'.repeat(600) });
    expect(found).toMatchObject({ traceId: trace, state: undefined });
  });
});
