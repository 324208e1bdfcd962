import { closeSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { WorkloadPeer } from '../../agent/index.ts';

/** From <asm-generic/socket.h>, the same on every architecture that Node runs on under Linux. */
const solSocket = 1;
const soPeerCred = 17;
const soPeerGroups = 59;
const soPeerPidfd = 77;
const maxGroups = 65_536;

type GetSockOpt = (...args: readonly [number, number, number, Uint8Array, number[]]) => number;

interface Koffi {
  load(path: null): { func(signature: string): GetSockOpt };
}

let getsockopt: GetSockOpt | undefined;

/** Loaded when the first connection comes: a client of this program pays nothing for it. */
function loadGetSockOpt(): GetSockOpt {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  return koffi.load(null).func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)');
}

function readOption(fd: number, option: number, bytes: number): Buffer | undefined {
  getsockopt ??= loadGetSockOpt();
  const value = Buffer.alloc(bytes);
  const length = [bytes];
  if (getsockopt(fd, solSocket, option, value, length) !== 0) return undefined;
  return value.subarray(0, length[0]);
}

/**
 * Who connected to a Unix socket: the kernel keeps it since `connect`, so the process cannot change it. Undefined where
 * it cannot be read, or where the process lives in a namespace whose numbers are not ours: then nobody is believed.
 */
export function socketPeer(socket: Socket): WorkloadPeer | undefined {
  const fd = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  if (process.platform !== 'linux' || fd === undefined || fd < 0) return undefined;
  const credentials = readOption(fd, soPeerCred, 12);
  if (credentials?.length !== 12) return undefined;
  const pid = credentials.readInt32LE(0);
  if (pid <= 0) return undefined;
  const life = followLife(fd, pid);
  if (life === undefined) return undefined;
  socket.once('close', life.close);
  const [uid, gid] = [credentials.readUInt32LE(4), credentials.readUInt32LE(8)];
  return Object.freeze({ pid, uid, gid, groups: readGroups(fd), isAlive: life.isAlive });
}

interface Life {
  readonly isAlive: () => boolean;
  readonly close: () => void;
}

/** By a pidfd where the kernel gives one (Linux 6.5), else by the moment the process began. */
function followLife(fd: number, pid: number): Life | undefined {
  const pidfd = readOption(fd, soPeerPidfd, 4)?.readInt32LE(0);
  if (pidfd === undefined) return followStart(pid);
  let isOpen = true;
  return {
    isAlive: () => isOpen && pidOf(pidfd) === pid,
    close() {
      if (isOpen) closeSync(pidfd);
      isOpen = false;
    },
  };
}

function pidOf(pidfd: number): number | undefined {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${pidfd}`, 'latin1');
    return Number(/^Pid:\s*(-?\d+)$/m.exec(text)?.[1]);
  } catch {
    return undefined;
  }
}

export function followStart(pid: number, readStat = statOf): Life | undefined {
  const began = startOf(readStat(pid));
  if (began === undefined) return undefined;
  return { isAlive: () => startOf(readStat(pid)) === began, close: () => undefined };
}

function statOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
}

/** Field 22; the name of the process, field 2, may hold anything, so it is read from behind its last bracket. */
function startOf(stat: string | undefined): string | undefined {
  if (stat === undefined) return undefined;
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function readGroups(fd: number): readonly number[] {
  let bytes = 4 * 64;
  for (;;) {
    const groups = readOption(fd, soPeerGroups, bytes);
    if (groups !== undefined)
      return Array.from({ length: groups.length / 4 }, (_, i) => groups.readUInt32LE(i * 4));
    // More than fit: the kernel knows at most 65,536.
    if (bytes >= 4 * maxGroups) return [];
    bytes = 4 * maxGroups;
  }
}
