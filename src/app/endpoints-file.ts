import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** Where the doors are, each `host:port` or `unix:path`; doors that are closed are left out. */
export interface Endpoints {
  readonly csr: string;
  readonly csrPlaintext?: string;
  readonly admin: string;
  readonly adminSocket: string;
  readonly observability: string;
  readonly extAuthz: string;
  readonly extAuthzHttp: string;
  /** Our trust bundle for others, https. */
  readonly bundle?: string;
  /** The socket for workloads, when an agent runs beside the server. */
  readonly workloadApi?: string;
}

/** Written when the server is ready, replaced atomically: whoever finds the file can connect. */
export function writeEndpoints(file: string, endpoints: Endpoints): void {
  const draft = `${file}.new`;
  writeFileSync(draft, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o644 });
  renameSync(draft, file);
}

export function removeEndpoints(file: string): void {
  rmSync(file, { force: true });
}

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
