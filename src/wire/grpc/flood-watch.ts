import { constants, type ServerHttp2Session } from 'node:http2';
import type { Logger } from '../../base/logger.ts';
import type { GrpcLimits } from './limits.ts';

interface Watched {
  bytes: number;
  newStreams: number;
  openStreams: number;
}

const periodMs = 1_000;

/**
 * N05: nghttp2 bounds what a flood of PING, SETTINGS, empty DATA, PRIORITY or WINDOW_UPDATE may make it keep, not
 * how long it may go on. A connection that sends more bytes in a second than its calls can account for is closed.
 */
export class FloodWatch {
  readonly #sessions = new Map<ServerHttp2Session, Watched>();
  readonly #limits: GrpcLimits;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: GrpcLimits, logger: Logger) {
    this.#limits = limits;
    this.#logger = logger;
  }

  add(session: ServerHttp2Session): void {
    const watched: Watched = { bytes: 0, newStreams: 0, openStreams: 0 };
    this.#sessions.set(session, watched);
    session.on('error', (error) => this.#logger.debug('http/2 session error', { error: String(error) }));
    session.once('close', () => {
      this.#sessions.delete(session);
      if (this.#sessions.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    this.#timer ??= setInterval(() => this.#sweep(), periodMs).unref();
  }

  /** A call of the session begins. */
  opened(session: ServerHttp2Session | undefined): void {
    const watched = session && this.#sessions.get(session);
    if (watched === undefined) return;
    watched.newStreams++;
    watched.openStreams++;
  }

  closed(session: ServerHttp2Session | undefined): void {
    const watched = session && this.#sessions.get(session);
    if (watched !== undefined) watched.openStreams--;
  }

  #sweep(): void {
    for (const [session, watched] of this.#sessions) {
      if (session.destroyed) continue;
      const bytes = session.socket.bytesRead;
      const perStream = this.#limits.maxMessageBytes + this.#limits.maxHeaderListBytes;
      const accounted = (watched.newStreams + watched.openStreams) * perStream;
      if (bytes - watched.bytes > this.#limits.maxIdleBytesPerSecond + accounted) {
        this.#logger.warn('connection closed: a flood of frames', { bytes: bytes - watched.bytes });
        session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }
      watched.bytes = bytes;
      watched.newStreams = 0;
    }
  }
}
