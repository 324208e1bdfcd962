import type { Clock } from '../../base/clock.ts';
import { inodeAt, listenUnix, type UnixListener, type UnixListenerOptions } from './unix-listener.ts';

export interface KeptSocketOptions extends UnixListenerOptions {
  readonly clock: Clock;
  readonly checkMs: number;
  /** Told what is wrong with the file of the socket; undefined when it is well. */
  readonly onTrouble: (problem: string | undefined) => void;
}

/**
 * A Unix socket whose file is looked after (N11): one that was removed is made anew, so that workloads find the agent
 * again; what somebody else put there is left alone and told.
 */
export async function keepUnixSocket(options: KeptSocketOptions): Promise<UnixListener> {
  const { clock, checkMs, path, onTrouble } = options;
  let listener = await listenUnix(options);
  let isClosed = false;
  let timer: Disposable | undefined;
  const check = async () => {
    const found = inodeAt(path);
    if (found === listener.inode) return undefined;
    if (found !== undefined) return 'something else is in the place of the socket';
    const fresh = await listenUnix(options);
    // Nobody new can reach the old one; those who are connected stay so.
    listener.close();
    listener = fresh;
    return undefined;
  };
  const again = () => {
    timer = clock.schedule(checkMs, () => {
      check()
        .then(onTrouble, (error: unknown) => onTrouble((error as Error).message))
        .finally(() => {
          if (!isClosed) again();
        });
    });
  };
  again();
  return {
    path,
    get inode() {
      return listener.inode;
    },
    connections: () => listener.connections(),
    close() {
      isClosed = true;
      timer?.[Symbol.dispose]();
      listener.close();
    },
  };
}
