/** Bounds of one gRPC server. Every one is a defence named in the threat model (N03 … N10); none is infinite. */
export interface GrpcLimits {
  /** Largest request message in bytes; more is RESOURCE_EXHAUSTED (N08). */
  readonly maxMessageBytes: number;
  /** Streams open at once on one connection (N07). */
  readonly maxConcurrentStreams: number;
  /** Sum of header names and values plus 32 bytes for each, as HTTP/2 counts (N07). */
  readonly maxHeaderListBytes: number;
  readonly maxHeaderPairs: number;
  /** Memory nghttp2 may use for one connection, in megabytes. */
  readonly maxSessionMemoryMegabytes: number;
  /** Streams a peer may reset at once, and how many a second it earns back (N03, rapid reset). */
  readonly streamResetBurst: number;
  readonly streamResetRatePerSecond: number;
  /** Malformed frames and refused streams after which the connection is closed (N05, N06). */
  readonly maxInvalidFrames: number;
  readonly maxRejectedStreams: number;
  /** Bytes of frames a connection may send in one second without opening a single stream (N05, floods). */
  readonly maxIdleBytesPerSecond: number;
  /** A unary call that has not been answered by then is ended (N10). */
  readonly unaryDeadlineMs: number;
  readonly connectionIdleMs: number;
  /** Age after which clients are asked to reconnect, so that new bundles, certificates and limits reach them. */
  readonly connectionAgeMs: number;
  readonly connectionAgeGraceMs: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
}

export const defaultGrpcLimits: GrpcLimits = Object.freeze({
  maxMessageBytes: 64 * 1024,
  maxConcurrentStreams: 256,
  maxHeaderListBytes: 16 * 1024,
  maxHeaderPairs: 128,
  maxSessionMemoryMegabytes: 10,
  streamResetBurst: 200,
  streamResetRatePerSecond: 33,
  maxInvalidFrames: 100,
  maxRejectedStreams: 100,
  maxIdleBytesPerSecond: 64 * 1024,
  unaryDeadlineMs: 10_000,
  connectionIdleMs: 15 * 60_000,
  connectionAgeMs: 30 * 60_000,
  connectionAgeGraceMs: 30_000,
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
});
