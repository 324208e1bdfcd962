import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';

/**
 * For a process that is up and now serves for long. From here on the heap is collected before it has grown by half, so
 * that memory stays level; while a process starts, that would only collect again and again what is there to stay.
 */
export function settleMemory(): void {
  // Compiled code is kept only with the flags that it was compiled under: first keep, then change them.
  flushCompileCache();
  setFlagsFromString('--heap-growing-percent=40');
  // The launcher's --expose-gc: the heap limit that the start left behind is set by the first collection only.
  globalThis.gc?.();
}
