/** Requests of one caller for one operation of one workload, counted one by one within an hour of wall time. */
export interface TrafficRow {
  /** When the hour began, ms. */
  readonly hour: number;
  /** The agent that decided; empty: the server. */
  readonly node: string;
  /** SPIFFE ID of the client, or its address where it has none. */
  readonly caller: string;
  /** `namespace/name` of the workload. */
  readonly destination: string;
  readonly port: number;
  readonly tls: 'mutual' | 'one-way' | 'none';
  /** Empty for a plain connection. */
  readonly method: string;
  /** The shape of the path: ids as `{id}`. */
  readonly path: string;
  readonly allowed: number;
  readonly denied: number;
  /** Wall time of the last of them, ms. */
  readonly lastAt: number;
}

/** Over hours and nodes. */
export type TrafficSum = Omit<TrafficRow, 'hour' | 'node'>;

export interface TrafficQuery {
  /** Wall time in ms: the hour it falls in, and those after it. */
  readonly since?: number | undefined;
  readonly caller?: string | undefined;
  readonly destination?: string | undefined;
  /** 1 to 100,000; default 500. */
  readonly limit?: number | undefined;
}

/** How much was asked, by whom and for what (D22): unsampled, bounded in keys an hour; what is beyond is `(others)`. */
export interface TrafficLedger {
  /** Adds to what was counted under the same key. */
  add(rows: readonly TrafficRow[]): Promise<void>;
  /** The most frequent first. */
  list(query?: TrafficQuery): Promise<readonly TrafficSum[]>;
}

/** Caller and destination of what no key is left for. */
export const otherTraffic = '(others)';
/** The key, but for hour and node, of the row that counts them. */
export const otherTrafficKey = {
  caller: otherTraffic,
  destination: otherTraffic,
  port: 0,
  tls: 'none',
  method: '',
  path: '',
} as const satisfies Partial<TrafficRow>;
export const hourMs = 3_600_000;
