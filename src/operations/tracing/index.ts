/** Spans of what is done here, and the context in which others see them. */
export { checkSpan, compileSpan, type Span, type SpanAttributes, type Tracer } from './spans.ts';
export { readTraceContext, type TraceContext } from './trace-context.ts';
