import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../../test/support/tools.ts';
import { percentile } from './bench.ts';

export interface Load {
  /** `host:port`, TLS. */
  readonly address: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly message: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly calls: number;
  readonly connections: number;
  /** On each connection. */
  readonly streams: number;
}

export interface Loaded {
  readonly perSecond: number;
  /** Milliseconds from request to last byte, as the client saw it. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * gRPC calls by h2load, which outruns any server written in JavaScript. It counts HTTP 200 only: who calls this
 * checks apart what the calls came to.
 */
export async function h2load(load: Load): Promise<Loaded> {
  const tool = findTool('h2load');
  if (tool === undefined) throw new Error('this bench needs h2load');
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-h2load-'));
  try {
    const [body, log] = [join(scratch, 'body'), join(scratch, 'log')];
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(load.message.byteLength, 1);
    writeFileSync(body, Buffer.concat([prefix, load.message]));
    const headers = { 'content-type': 'application/grpc', te: 'trailers', ...load.headers };
    const size = `-n ${load.calls} -c ${load.connections} -m ${load.streams} -t 1`.split(' ');
    const output = await run(tool, [
      ...size,
      '-d',
      body,
      '--log-file',
      log,
      ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
      `https://${load.address}${load.path}`,
    ]);
    return readResult(output, readFileSync(log, 'utf8'), load.calls);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function run(tool: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`h2load ended with ${code}: ${output}`)),
    );
  });
}

/** One line a request in the log: start in µs, HTTP status, duration in µs. */
function readResult(output: string, log: string, calls: number): Loaded {
  const succeeded = Number(/(\d+) succeeded/.exec(output)?.[1]);
  if (succeeded !== calls) throw new Error(`${succeeded} of ${calls} calls got an answer:\n${output}`);
  const perSecond = Number(/finished in .*?, ([\d.]+) req\/s/.exec(output)?.[1]);
  const micros = log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('\t')[2]));
  return { perSecond, p50: percentile(micros, 0.5) / 1000, p99: percentile(micros, 0.99) / 1000 };
}
