import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  type Metric,
  type MetricObject,
  Registry,
} from 'prom-client';
import { type CitadelName, citadelSpecs } from './citadel-names.ts';
import type { Attestor, CsrReason } from './metric-labels.ts';
import { type MetricName, type MetricSpec, metricSpecs } from './metric-names.ts';
import { TimeHistogram } from './time-histogram.ts';

export interface CsrOutcome {
  readonly result: 'success' | 'denied' | 'error';
  readonly reason: CsrReason;
  readonly attestor: Attestor;
  readonly seconds: number;
}

export interface GrpcOutcome {
  readonly service: string;
  readonly method: string;
  readonly type: 'unary' | 'server_stream' | 'bidi_stream';
  /** The code's name, e.g. `InvalidArgument`. */
  readonly code: string;
  readonly seconds: number;
}

/** Called at every scrape; sets gauges from what is true now. */
export type MetricSource = (set: GaugeSetter) => void | Promise<void>;

/** Sets one series. Series of the metric that are not set in a scrape are gone from it. */
export type GaugeSetter = (
  name: MetricName | CitadelName,
  value: number,
  labels?: Readonly<Record<string, string>>,
) => void;

/** Snapshots of other processes, one each. */
export type MemberSource = () => Promise<readonly (readonly object[])[]>;

type AnyMetric = Counter | Gauge | TimeHistogram;

/** The registry of one process and the few verbs that write to it. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #byName = new Map<string, AnyMetric>();
  readonly #sources = new Set<MetricSource>();
  readonly #sampled = new Set<string>();
  readonly #members: MemberSource[] = [];

  constructor(build: { readonly version: string; readonly component: string }) {
    collectDefaultMetrics({ register: this.#registry });
    for (const [name, spec] of Object.entries({ ...metricSpecs, ...citadelSpecs }))
      this.#byName.set(name, this.#make(name, spec));
    this.set('castellan_build_info', 1, {
      version: build.version,
      component: build.component,
      node_version: process.versions.node,
    });
  }

  #make(name: string, spec: MetricSpec): AnyMetric {
    const common = { name, help: spec.help, labelNames: [...spec.labels], registers: [this.#registry] };
    if (spec.type === 'counter') return new Counter(common);
    if (spec.type === 'gauge') return new Gauge(common);
    const { labels, help, buckets = [] } = spec;
    const histogram = new TimeHistogram({ name, help, labels, buckets });
    // Scrapes and aggregation ask a metric for nothing but `get`.
    this.#registry.registerMetric(histogram as unknown as Metric);
    return histogram;
  }

  add(name: MetricName | CitadelName, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    (this.#byName.get(name) as Counter).inc({ ...labels }, by);
  }

  set(name: MetricName | CitadelName, value: number, labels: Readonly<Record<string, string>> = {}): void {
    (this.#byName.get(name) as Gauge).set({ ...labels }, value);
  }

  observe(name: MetricName, seconds: number, labels: Readonly<Record<string, string>> = {}): void {
    (this.#byName.get(name) as TimeHistogram).observe(labels, seconds);
  }

  /** Adds a source that is asked at every scrape until it is disposed of. */
  sample(source: MetricSource): Disposable {
    this.#sources.add(source);
    return { [Symbol.dispose]: () => void this.#sources.delete(source) };
  }

  csrReceived(): void {
    this.add('citadel_server_csr_count');
    (this.#byName.get('castellan_ca_csr_in_flight') as Gauge).inc();
  }

  /** One call for every `csrReceived`. */
  csrFinished(outcome: CsrOutcome): void {
    (this.#byName.get('castellan_ca_csr_in_flight') as Gauge).dec();
    const { result, reason, attestor, seconds } = outcome;
    this.add('castellan_ca_csr_requests_total', { result, reason, attestor });
    this.observe('castellan_ca_csr_duration_seconds', seconds, { result });
    const alias = citadelAlias[reason];
    if (typeof alias === 'string') this.add(alias);
    else if (alias !== undefined) this.add('citadel_server_csr_sign_err_count', { error: alias.error });
  }

  signed(keyType: string, signer: string, seconds: number): void {
    this.observe('castellan_ca_sign_duration_seconds', seconds, { key_type: keyType, signer });
  }

  grpcHandled(outcome: GrpcOutcome): void {
    const labels = {
      grpc_service: outcome.service,
      grpc_method: outcome.method,
      grpc_type: outcome.type,
    };
    this.add('grpc_server_handled_total', { ...labels, grpc_code: outcome.code });
    this.observe('grpc_server_handling_seconds', outcome.seconds, labels);
  }

  limitHit(limit: string): void {
    this.add('castellan_limit_hits_total', { limit });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Adds processes whose snapshots are added to what is counted here. */
  member(source: MemberSource): void {
    this.#members.push(source);
  }

  /** What was counted here, for the process that is scraped. */
  async snapshot(wants: (name: string) => boolean): Promise<readonly object[]> {
    await this.#sample();
    return (await this.#registry.getMetricsAsJSON()).filter(({ name }) => wants(name));
  }

  /** The text of one scrape. */
  async scrape(): Promise<string> {
    await this.#sample();
    const members = (await Promise.all(this.#members.map((source) => source()))).flat();
    if (members.length === 0) return await this.#registry.metrics();
    const all = [await this.#registry.getMetricsAsJSON(), ...(members as MetricObject[][])];
    return await AggregatorRegistry.aggregate(all).metrics();
  }

  async #sample(): Promise<void> {
    for (const name of this.#sampled) this.#byName.get(name)?.reset();
    this.#sampled.clear();
    const set: GaugeSetter = (name, value, labels = {}) => {
      this.#sampled.add(name);
      const metric = this.#byName.get(name);
      if (metric instanceof Gauge) metric.set({ ...labels }, value);
      else if (metric instanceof Counter) metric.inc({ ...labels }, value);
    };
    for (const source of this.#sources) await source(set);
  }
}

/** Which of Istio's counters an outcome also counts in. */
const citadelAlias: Readonly<Partial<Record<CsrReason, CitadelName | { readonly error: string }>>> = {
  issued: 'citadel_server_success_cert_issuance_count',
  unauthenticated: 'citadel_server_authentication_failure_count',
  impersonation_denied: 'citadel_server_authentication_failure_count',
  revoked: 'citadel_server_authentication_failure_count',
  csr_malformed: { error: 'CSR_ERROR' },
  key_refused: { error: 'CSR_ERROR' },
  lifetime_refused: { error: 'TTL_ERROR' },
  not_ready: { error: 'CA_NOT_READY' },
  sign_failed: { error: 'CERT_GEN_ERROR' },
  internal_error: { error: 'UNKNOWN' },
};
