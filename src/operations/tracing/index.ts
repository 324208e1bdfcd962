/** Spans of what is done here, and the context in which others see them. */
export { type SpanWatch, spanWatch } from './span-watch.ts';
export { checkSpan, compileSpan, type Span, type SpanAttributes, type Tracer } from './spans.ts';
export { type HeaderLines, readTraceContext, type TraceContext } from './trace-context.ts';
