import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { cliErrors } from '../frame/errors.ts';
import type { Io } from '../frame/io.ts';
import { usageError } from '../frame/usage.ts';

/** Where the admin API answers, and how we know. */
export type ServerAddress =
  | { readonly kind: 'socket'; readonly path: string; readonly foundBy: string }
  | { readonly kind: 'https'; readonly host: string; readonly port: number; readonly foundBy: string };

export interface ServerTarget {
  readonly address: ServerAddress;
  /** For https: the operator's token and the roots to trust, by file. */
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/** What a running server writes into its state directory. */
export interface Endpoints {
  readonly csr?: string;
  readonly admin?: string;
  readonly adminSocket?: string;
  readonly observability?: string;
}

const systemDirectory = '/run/castellan';
const defaultAdminPort = 15_080;

/**
 * D31: `--server`, CASTELLAN_SERVER, the current context, CASTELLAN_STATE_DIR, `./.castellan`, `/run/castellan`, in
 * this order. Throws SERVER_NOT_FOUND, and SERVER_UNTRUSTED for a socket that somebody else made.
 */
export function findServer(io: Io, given: string | undefined): ServerTarget {
  const files = { tokenFile: io.env.CASTELLAN_TOKEN_FILE, caFile: io.env.CASTELLAN_CA_FILE };
  if (given !== undefined) return withFiles(parseServer(given, io.cwd), files);
  const context = currentContext(io);
  if (context !== undefined) return context;
  const state = io.env.CASTELLAN_STATE_DIR;
  const directories = [
    ...(state === undefined || state === '' ? [] : [resolve(io.cwd, state)]),
    join(io.cwd, '.castellan'),
    systemDirectory,
  ];
  for (const directory of directories) {
    const found = fromDirectory(directory);
    if (found !== undefined) return withFiles(found, files);
  }
  const systemSocket = join(systemDirectory, 'admin.sock');
  if (existsSync(systemSocket)) {
    demandTrustedSocket(systemSocket, false);
    return withFiles({ kind: 'socket', path: systemSocket, foundBy: systemDirectory }, files);
  }
  throw cliErrors.SERVER_NOT_FOUND({
    message: `no castellan server is known in ${directories.join(' or ')}`,
  });
}

function withFiles(
  address: ServerAddress,
  files: { readonly tokenFile?: string | undefined; readonly caFile?: string | undefined },
): ServerTarget {
  const { tokenFile, caFile } = files;
  return {
    address,
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}

/** `unix:PATH`, a directory with endpoints.json, `https://host[:port]` or `host[:port]`. */
export function parseServer(text: string, cwd: string): ServerAddress {
  const foundBy = '--server or CASTELLAN_SERVER';
  if (text.startsWith('unix:')) {
    const path = resolve(cwd, text.slice('unix:'.length));
    demandTrustedSocket(path, true);
    return { kind: 'socket', path, foundBy };
  }
  if (text.startsWith('/') || text.startsWith('./')) {
    const found = fromDirectory(resolve(cwd, text), true);
    if (found !== undefined) return { ...found, foundBy };
    throw cliErrors.SERVER_NOT_FOUND({ message: `there is no endpoints.json in \`${text}\`` });
  }
  return { ...parseHostPort(text), foundBy };
}

function parseHostPort(text: string): { kind: 'https'; host: string; port: number } {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  const isPlain = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (url === null || url.protocol !== 'https:' || !isPlain || url.hostname === '')
    throw usageError(`\`${text}\` is no server address`, 'write host:port, https://host:port or unix:PATH');
  const port = url.port === '' ? (text.endsWith(':443') ? 443 : defaultAdminPort) : Number(url.port);
  return { kind: 'https', host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

function fromDirectory(directory: string, isExplicit = false): ServerAddress | undefined {
  const endpoints = readEndpoints(directory, isExplicit);
  const foundBy = join(directory, 'endpoints.json');
  if (endpoints?.adminSocket?.startsWith('unix:')) {
    const written = endpoints.adminSocket.slice('unix:'.length);
    const path = isAbsolute(written) ? written : resolve(dirname(directory), written);
    demandTrustedSocket(path, isExplicit);
    return { kind: 'socket', path, foundBy };
  }
  return endpoints?.admin === undefined ? undefined : { ...parseHostPort(endpoints.admin), foundBy };
}

/** Undefined when the directory has none; throws SERVER_UNTRUSTED when somebody else wrote it. */
export function readEndpoints(directory: string, isExplicit = false): Endpoints | undefined {
  const path = join(directory, 'endpoints.json');
  try {
    const stats = statSync(path);
    if (!isTrustedOwner(stats.uid, path, isExplicit)) throw untrusted(path);
    return JSON.parse(readFileSync(path, 'utf8')) as Endpoints;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof SyntaxError)
      throw cliErrors.INPUT_UNREADABLE({ message: `\`${path}\` is not JSON`, cause: error });
    throw error;
  }
}

function demandTrustedSocket(path: string, isExplicit: boolean): void {
  let stats: ReturnType<typeof statSync>;
  try {
    stats = statSync(path);
  } catch (cause) {
    throw cliErrors.SERVER_UNREACHABLE({ message: `there is no socket \`${path}\``, cause });
  }
  if (!stats.isSocket()) throw cliErrors.SERVER_UNTRUSTED({ message: `\`${path}\` is not a socket` });
  if (!isTrustedOwner(stats.uid, path, isExplicit)) throw untrusted(path);
}

/**
 * Ours and root's are trusted; below `/run/castellan`, which only root can make, so is the owner of that directory;
 * and root may name anybody's by hand.
 */
function isTrustedOwner(owner: number, path: string, isExplicit: boolean): boolean {
  const self = process.geteuid?.() ?? 0;
  if (owner === self || owner === 0) return true;
  if (isExplicit && self === 0) return true;
  return path.startsWith(`${systemDirectory}/`) && statSync(systemDirectory).uid === owner;
}

function untrusted(path: string) {
  return cliErrors.SERVER_UNTRUSTED({ message: `\`${path}\` belongs to another user` });
}

interface Contexts {
  readonly currentContext?: string;
  readonly contexts?: Readonly<Record<string, { server: string; tokenFile?: string; caFile?: string }>>;
}

/** `contexts.json` in the user's configuration directory, as kubectl's contexts. */
function currentContext(io: Io): ServerTarget | undefined {
  const home = io.env.XDG_CONFIG_HOME ?? join(io.env.HOME ?? homedir(), '.config');
  const path = join(home, 'castellan', 'contexts.json');
  let contexts: Contexts;
  try {
    contexts = JSON.parse(readFileSync(path, 'utf8')) as Contexts;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cliErrors.INPUT_UNREADABLE({ message: `\`${path}\` cannot be read`, cause: error });
  }
  const name = io.env.CASTELLAN_CONTEXT ?? contexts.currentContext;
  if (name === undefined) return undefined;
  const found = Object.hasOwn(contexts.contexts ?? {}, name) ? contexts.contexts?.[name] : undefined;
  if (found === undefined) throw usageError(`there is no context \`${name}\` in \`${path}\``);
  const address = parseServer(found.server, dirname(path));
  return withFiles({ ...address, foundBy: `context ${name}` }, found);
}
