import type * as OtelApi from '@opentelemetry/api';
import type { Context, Tracer as OtelTracer, SpanContext } from '@opentelemetry/api';
import type * as OtelSdk from '@opentelemetry/sdk-trace';
import type { Logger } from '../../base/logger.ts';
import type { Span, TraceContext, Tracer } from '../../operations/tracing/index.ts';

export interface TracingOptions {
  /** The standard names: OTEL_EXPORTER_OTLP_ENDPOINT and the others. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly logger: Logger;
}

export interface OpenTracer extends Tracer, AsyncDisposable {}

type Api = typeof OtelApi;
type Sdk = typeof OtelSdk;

const defaultShare = 0.01;

/** Where traces go, by the standard names; undefined: nobody wants them. */
export function tracesUrl(variables: TracingOptions['variables']): string | undefined {
  const { OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporter } = variables;
  if (disabled?.toLowerCase() === 'true') return undefined;
  if (exporter !== undefined && exporter !== '' && exporter !== 'otlp') return undefined;
  const own = variables['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  if (own) return own;
  const all = variables['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (all) return `${all.replace(/\/$/, '')}/v1/traces`;
  return exporter === 'otlp' ? 'http://localhost:4318/v1/traces' : undefined;
}

/** Spans over OTLP/HTTP. The libraries are loaded only where traces are wanted; without, there is nothing at all. */
export async function openTracer(options: TracingOptions): Promise<OpenTracer | undefined> {
  const url = tracesUrl(options.variables);
  if (url === undefined) return undefined;
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      ...resourceWords(options.variables['OTEL_RESOURCE_ATTRIBUTES']),
      'service.name': options.variables['OTEL_SERVICE_NAME'] || 'castellan',
      'service.version': options.version,
    }),
    sampler: samplerOf(sdk, options),
    // Its queue is bounded: what a collector does not take in time is dropped.
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
  });
  options.logger.info('traces are exported', { url: withoutCredentials(url) });
  const tracer = provider.getTracer('castellan', options.version);
  return {
    record: (span) => record(api, tracer, span),
    [Symbol.asyncDispose]: () => provider.shutdown().catch(() => undefined),
  };
}

function record(api: Api, tracer: OtelTracer, span: Span): void {
  const { name, kind, startAt, durationMs, parent, isFault, attributes } = span;
  const made = tracer.startSpan(
    name,
    { kind: kind === 'server' ? api.SpanKind.SERVER : api.SpanKind.INTERNAL, startTime: instant(startAt) },
    contextOf(api, parent),
  );
  if (made.isRecording()) {
    made.setAttributes(attributes());
    if (isFault) made.setStatus({ code: api.SpanStatusCode.ERROR });
  }
  made.end(instant(startAt + durationMs));
}

function contextOf(api: Api, parent: TraceContext | undefined): Context {
  if (parent === undefined) return api.ROOT_CONTEXT;
  const { traceId, spanId, isSampled, state } = parent;
  const context: SpanContext = {
    traceId,
    spanId,
    isRemote: true,
    traceFlags: isSampled ? api.TraceFlags.SAMPLED : api.TraceFlags.NONE,
    ...(state === undefined ? {} : { traceState: api.createTraceState(state) }),
  };
  return api.trace.setSpanContext(api.ROOT_CONTEXT, context);
}

/** Seconds and nanoseconds, whatever the clock says. */
function instant(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}

/** OTEL_TRACES_SAMPLER and its argument; what a caller decided holds, and of the rest one in a hundred. */
function samplerOf(sdk: Sdk, { variables, logger }: TracingOptions) {
  const name = variables['OTEL_TRACES_SAMPLER'] || 'parentbased_traceidratio';
  const text = variables['OTEL_TRACES_SAMPLER_ARG'];
  const given = text === undefined || text === '' ? defaultShare : Number(text);
  const share = given >= 0 && given <= 1 ? given : defaultShare;
  const roots = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(share),
  } as const;
  const make = Object.entries(roots).find(([known]) => known === name.replace(/^parentbased_/, ''))?.[1];
  if (make === undefined)
    logger.warn('OTEL_TRACES_SAMPLER names no sampler; one in a hundred is kept', { name });
  const root = (make ?? roots.traceidratio)();
  return make !== undefined && !name.startsWith('parentbased_') ? root : new sdk.ParentBasedSampler({ root });
}

/** `a=b,c=d`, percent-encoded. */
function resourceWords(text = ''): Record<string, string> {
  const words: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const [name = '', value] = pair.split('=', 2);
    if (name.trim() === '' || value === undefined) continue;
    try {
      words[name.trim()] = decodeURIComponent(value.trim());
    } catch {
      // Not encoded as it should be: left out, as the standard has it.
    }
  }
  return words;
}

function withoutCredentials(url: string): string {
  try {
    const { origin, pathname } = new URL(url);
    return `${origin}${pathname}`;
  } catch {
    return 'a URL that cannot be read';
  }
}
