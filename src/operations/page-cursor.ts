import { createHmac, timingSafeEqual } from 'node:crypto';
import { operatorErrors } from './operator-errors.ts';

/**
 * O11: what a client gets to see of a page position is signed and bound to its query, so that it can be neither made
 * up nor carried into another list. The key lives as long as the process: after a restart one starts from the top.
 */
export class PageCursors {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  seal(position: string, query: string): string {
    const body = Buffer.from(position, 'utf8').toString('base64url');
    return `${body}.${this.#sign(position, query)}`;
  }

  /** Throws CURSOR_INVALID for anything that `seal` did not make for this query. */
  open(cursor: string, query: string): string {
    const [body = '', signature = '', ...rest] = cursor.split('.');
    const position = Buffer.from(body, 'base64url').toString('utf8');
    const wanted = Buffer.from(this.#sign(position, query), 'latin1');
    const given = Buffer.from(signature, 'latin1');
    const isOurs = rest.length === 0 && given.length === wanted.length && timingSafeEqual(given, wanted);
    if (!isOurs) throw operatorErrors.CURSOR_INVALID();
    return position;
  }

  #sign(position: string, query: string): string {
    return createHmac('sha256', this.#key).update(`${query}\n${position}`).digest('base64url');
  }
}
