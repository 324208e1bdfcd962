import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { httpCall } from '../http-call.ts';
import { findTool, type Tool } from '../tools.ts';
import { freePort } from './app-server.ts';

/** A file of `deploy/`, with what a test must change put in. Every change must hit. */
export function deployed(file: string, changes: Readonly<Record<string, string>>): string {
  let text = readFileSync(fileURLToPath(new URL(`../../../deploy/${file}`, import.meta.url)), 'utf8');
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new TypeError(`${file} has no \`${from}\``);
    text = text.replaceAll(from, to);
  }
  return text;
}

export interface RunningProxy extends AsyncDisposable {
  /** Where clients reach it. */
  readonly port: number;
  /** Its standard output and error so far. */
  output(): string;
  /** Resolves with the first match in what it printed or will print. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
}

interface Start {
  readonly tool: Tool;
  readonly args: (directory: string) => readonly string[];
  readonly files: Readonly<Record<string, string>>;
  /** Printed when it is about to serve. */
  readonly ready?: RegExp | undefined;
  readonly port: number;
  /** Where it listens before it knows what to do: whether it does. */
  readonly isServing?: (port: number) => Promise<boolean>;
}

const hangMs = 60_000;

/** Runs the program in a directory of its own until it is disposed of. */
async function start({ tool, args, files, ready, port, isServing = isOpen }: Start): Promise<RunningProxy> {
  const program = findTool(tool);
  if (program === undefined) throw new Error(`${tool} is not here: skip the test`);
  const directory = mkdtempSync(join(tmpdir(), `cst-${tool}-`));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const child = spawn(program, args(directory), {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: directory },
  });
  let text = '';
  const listeners = new Set<() => void>();
  const hear = (part: Buffer) => {
    text += part.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
      for (const listener of listeners) listener();
    });
  });
  const printed = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        listeners.delete(look);
      };
      const look = () => {
        const found = pattern.exec(text);
        if (found !== null) {
          stop();
          resolve(found);
        } else if (child.exitCode !== null) {
          stop();
          reject(new Error(`${tool} ended before it printed ${pattern}:\n${text}`));
        }
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`${tool} did not print ${pattern}:\n${text.slice(-2_000)}`));
      }, hangMs);
      listeners.add(look);
      look();
    });
  const dispose = async () => {
    // Not SIGKILL: a master would leave its workers behind.
    child.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    if (ready !== undefined) await printed(ready);
    await served(
      () => isServing(port),
      () => child.exitCode !== null,
    );
  } catch (error) {
    await dispose();
    throw new Error(`${tool} did not start:\n${text}`, { cause: error });
  }
  return { port, output: () => text, printed, [Symbol.asyncDispose]: dispose };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

async function served(isServing: () => Promise<boolean>, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + hangMs;
  while (!hasEnded() && Date.now() < deadline) {
    if (await isServing().catch(() => false)) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
  throw new Error('nothing is served');
}

export interface Around {
  /** The server behind. */
  readonly backend: number;
  /** The Castellan door. */
  readonly castellan: number;
}

/** `port` may be given where the configuration names its own. */
export async function startEnvoy(
  config: string,
  port: number,
  files: Readonly<Record<string, string>> = {},
): Promise<RunningProxy> {
  return await start({
    tool: 'envoy',
    files: { 'envoy.yaml': config, ...files },
    args: () => [
      '-c',
      'envoy.yaml',
      '--concurrency',
      '1',
      '--use-dynamic-base-id',
      '--file-flush-interval-msec',
      '20',
      '--component-log-level',
      'config:info',
      '--log-level',
      'warning',
    ],
    ready: /all dependencies initialized. starting workers/,
    port,
  });
}

export interface DeployedEnvoy {
  /** As the file has them. */
  readonly ports: { readonly listener: number; readonly backend: number; readonly castellan: number };
  readonly changes?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

/** One of `deploy/envoy`, its listener, admin and upstream ports replaced by free ones. */
export async function startDeployedEnvoy(
  file: string,
  around: Around,
  { ports, changes = {}, files = {} }: DeployedEnvoy,
): Promise<RunningProxy> {
  const port = await freePort();
  const config = deployed(`envoy/${file}`, {
    [`port_value: ${ports.listener} `]: `port_value: ${port} `,
    [`port_value: ${ports.backend} `]: `port_value: ${around.backend} `,
    [`port_value: ${ports.castellan} `]: `port_value: ${around.castellan} `,
    'port_value: 9901 ': 'port_value: 0 ',
    // A busy machine must not decide.
    'timeout: 0.25s': 'timeout: 10s',
    ...changes,
  });
  return await startEnvoy(config, port, files);
}

export async function startNginx({ backend, castellan }: Around): Promise<RunningProxy> {
  const port = await freePort();
  const conf = deployed('nginx/castellan.conf', {
    'listen 127.0.0.1:8000': `listen 127.0.0.1:${port}`,
    'server 127.0.0.1:9192': `server 127.0.0.1:${castellan}`,
    'http://127.0.0.1:8080': `http://127.0.0.1:${backend}`,
    'proxy_read_timeout 1s': 'proxy_read_timeout 10s',
  });
  const main = `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  include castellan.conf;
}
`;
  return await start({
    tool: 'nginx',
    files: { 'nginx.conf': main, 'castellan.conf': conf },
    args: (directory) => ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr'],
    port,
  });
}

export async function startHaproxy({ backend, castellan }: Around): Promise<RunningProxy> {
  const port = await freePort();
  const config = deployed('haproxy/haproxy.cfg', {
    '/etc/haproxy/castellan.lua': 'castellan.lua',
    'bind 127.0.0.1:8000': `bind 127.0.0.1:${port}`,
    'http://127.0.0.1:9192/': `http://127.0.0.1:${castellan}/`,
    'server app 127.0.0.1:8080': `server app 127.0.0.1:${backend}`,
  });
  return await start({
    tool: 'haproxy',
    files: {
      'haproxy.cfg': config,
      'castellan.lua': deployed('haproxy/castellan.lua', { 'timeout_ms = 1000': 'timeout_ms = 10000' }),
    },
    args: () => ['-db', '-f', 'haproxy.cfg'],
    port,
  });
}

export async function startCaddy({ backend, castellan }: Around): Promise<RunningProxy> {
  const port = await freePort();
  const config = deployed('caddy/Caddyfile', {
    'http://:8000': `http://:${port}`,
    'forward_auth 127.0.0.1:9192': `forward_auth 127.0.0.1:${castellan}`,
    'reverse_proxy 127.0.0.1:8080': `reverse_proxy 127.0.0.1:${backend}`,
    'response_header_timeout 1s': 'response_header_timeout 10s',
  });
  return await start({
    tool: 'caddy',
    files: { Caddyfile: config },
    args: () => ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'],
    port,
  });
}

export async function startTraefik({ backend, castellan }: Around): Promise<RunningProxy> {
  const port = await freePort();
  const config = deployed('traefik/castellan.yaml', {
    'http://127.0.0.1:9192/': `http://127.0.0.1:${castellan}/`,
    'http://127.0.0.1:8080': `http://127.0.0.1:${backend}`,
  });
  return await start({
    tool: 'traefik',
    files: { 'castellan.yaml': config },
    args: () => [
      `--entrypoints.web.address=127.0.0.1:${port}`,
      '--providers.file.filename=castellan.yaml',
      '--global.checknewversion=false',
      '--global.sendanonymoususage=false',
    ],
    port,
    isServing: async (at) => (await httpCall({ port: at, path: '/admin' })).status !== 404,
  });
}
