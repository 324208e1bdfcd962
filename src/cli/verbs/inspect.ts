import { type DetailedPeerCertificate, connect as tlsConnect } from 'node:tls';
import { isCastellanError } from '../../base/errors.ts';
import {
  type Certificate,
  type CertificateDescription,
  describeCertificate,
  formatCertificatePem,
  isSelfIssued,
  type LintFinding,
  lintCertificate,
  parseCertificate,
  parseCertificatesPem,
  parseCsrPem,
  validatePath,
} from '../../x509/index.ts';
import { connect } from '../client/connect.ts';
import type { ListAnswer, RootJson } from '../client/types.ts';
import { cliErrors } from '../frame/errors.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { readInput, readInputText } from '../frame/files.ts';
import { apiVersion } from '../frame/output.ts';
import { formatRelative } from '../frame/times.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';

interface Options {
  readonly verify?: boolean;
  readonly lint?: boolean;
  readonly bundle?: string;
}

interface Verdict {
  readonly ok: boolean;
  readonly reason?: string;
  readonly detail: string;
}

const connectTimeoutMs = 10_000;
const hostPort = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;

/** What a server presents, leaf first; its chain is shown, not trusted. */
function presentedBy(host: string, port: number): Promise<readonly Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(cliErrors.PEER_UNREACHABLE({ message: `\`${host}:${port}\` shows no certificate`, cause }));
    const socket = tlsConnect(
      {
        host,
        port,
        rejectUnauthorized: false,
        ALPNProtocols: ['h2', 'http/1.1'],
        servername: serverName(host),
      },
      () => {
        resolve(chainOf(socket.getPeerCertificate(true)));
        socket.destroy();
      },
    );
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('no answer')));
    socket.on('error', fail);
  });
}

/** An address cannot be a server name (RFC 6066). */
function serverName(host: string): string {
  return /^[0-9.]+$|:/.test(host) ? '' : host;
}

function chainOf(peer: DetailedPeerCertificate): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  for (let at = peer; at?.raw !== undefined && !seen.has(at.fingerprint256); at = at.issuerCertificate) {
    seen.add(at.fingerprint256);
    chain.push(new Uint8Array(at.raw));
  }
  return chain;
}

async function readCertificates(context: VerbContext, what: string): Promise<readonly Certificate[]> {
  const [, host, port] = hostPort.exec(what) ?? [];
  if (host !== undefined) {
    const chain = await presentedBy(host.replace(/^\[|\]$/g, ''), Number(port));
    return chain.map((der) => parseCertificate(der));
  }
  const bytes = await readInput(context.io, what);
  if (bytes[0] === 0x30) return [parseCertificate(bytes)];
  const found = parseCertificatesPem(new TextDecoder().decode(bytes));
  if (found.length === 0) throw cliErrors.INPUT_UNREADABLE({ message: `\`${what}\` holds no certificate` });
  return found;
}

async function rootsFor(context: VerbContext, options: Options): Promise<readonly Certificate[]> {
  if (options.bundle !== undefined)
    return parseCertificatesPem(await readInputText(context.io, options.bundle));
  const { items } = await connect(context).get<ListAnswer<RootJson>>('/roots');
  return items.flatMap(({ certificatePem }) =>
    certificatePem === undefined ? [] : parseCertificatesPem(certificatePem),
  );
}

async function verify(
  context: VerbContext,
  certificates: readonly Certificate[],
  options: Options,
): Promise<Verdict> {
  const roots = await rootsFor(context, options);
  const chain = certificates.filter((certificate, i) => i === 0 || !isSelfIssued(certificate));
  const verdict = validatePath(
    chain.map(({ der }) => der),
    { now: context.io.now(), purpose: 'server', rootsFor: () => roots },
  );
  return verdict.ok
    ? { ok: true, detail: `${verdict.spiffeId.uri} by a path of ${verdict.path.length}` }
    : { ok: false, reason: verdict.reason, detail: verdict.detail };
}

function describe(context: VerbContext, certificate: CertificateDescription, now: number): string {
  const line = (name: string, value: string) =>
    value === '' ? [] : [`  ${name.padEnd(11)}${printable(value)}`];
  const names = [...certificate.dnsNames, ...certificate.ips, ...certificate.emails];
  const title = certificate.spiffeId ?? (certificate.subject === '' ? '(no name)' : certificate.subject);
  const ended = Date.parse(certificate.notAfter) < now;
  return [
    `${context.style.bold(printable(title))}${certificate.isAuthority ? '   authority' : ''}`,
    ...line('subject', certificate.subject),
    ...line('issuer', certificate.issuer),
    ...line('serial', certificate.serial),
    ...line(
      'valid',
      `${certificate.notBefore} to ${certificate.notAfter} (${ended ? 'ended' : 'ends'} ${formatRelative(Date.parse(certificate.notAfter), now)})`,
    ),
    ...line('key', `${certificate.key}, signed with ${certificate.signatureAlgorithm}`),
    ...line('uris', certificate.spiffeId === undefined ? certificate.uris.join(' ') : ''),
    ...line('names', names.join(' ')),
    ...line('usage', [...certificate.keyUsage, ...certificate.extKeyUsage].join(', ')),
    ...line('extensions', certificate.extensions.join(' ')),
    ...line('sha-256', certificate.sha256),
  ].join('\n');
}

function printFindings(
  context: VerbContext,
  verdict: Verdict | undefined,
  lints: readonly LintFinding[],
): void {
  const { style, out } = context;
  for (const { severity, lint, message } of lints)
    out.line(`${severity === 'error' ? style.bad : style.warning} ${lint}: ${printable(message)}`);
  if (verdict === undefined) return;
  const text = verdict.ok ? 'verified: ' : `not valid (${verdict.reason ?? ''}): `;
  out.line(`${verdict.ok ? style.ok : style.bad} ${text}${printable(verdict.detail)}`);
}

async function inspectCertificates(
  context: VerbContext,
  certificates: readonly Certificate[],
  options: Options,
): Promise<ExitCode | undefined> {
  const { out, io } = context;
  const lints =
    options.lint === true ? certificates.flatMap(({ der }) => lintCertificate(der, { now: io.now() })) : [];
  const verdict = options.verify === true ? await verify(context, certificates, options) : undefined;
  const described = certificates.map(describeCertificate);
  if (out.isStructured)
    out.document({
      apiVersion,
      kind: 'Inspection',
      ...(verdict === undefined ? {} : { verdict }),
      ...(options.lint === true ? { lints } : {}),
      items: described.map((one, i) => ({
        ...one,
        certificatePem: formatCertificatePem((certificates[i] as Certificate).der),
      })),
    });
  else {
    for (const one of described) out.line(describe(context, one, io.now()));
    printFindings(context, verdict, lints);
  }
  const isBad = verdict?.ok === false || lints.some(({ severity }) => severity === 'error');
  return isBad ? exitCodes.no : undefined;
}

/** A request, if that is what it is. */
async function inspectRequest(context: VerbContext, what: string): Promise<boolean> {
  if (hostPort.test(what) || what === '-') return false;
  const text = await readInputText(context.io, what);
  if (!/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(text)) return false;
  const csr = parseCsrPem(text, { allowEd25519: true, blockedSpki: new Set() });
  const { algorithm, bits, spkiSha256 } = csr.publicKey;
  const { requested } = csr;
  const json = { key: { algorithm, bits, spkiSha256 }, requested, sha256: csr.sha256 };
  const asked = [...requested.uris, ...requested.dnsNames, ...requested.ips].join(' ');
  context.out.item(
    { kind: 'CertificateRequest', columns: [], name: () => csr.sha256, toJson: () => json },
    csr,
    `certificate request\n  key        ${algorithm} ${bits}, ${spkiSha256}\n  asks for   ${asked === '' ? 'no names' : printable(asked)}\n  sha-256    ${csr.sha256}`,
  );
  return true;
}

export const inspect: Verb = {
  configure: (command, frame) => {
    command
      .argument('<file-or-address>', 'a file (PEM or DER, - for standard input), or host:port')
      .option('--verify', 'check the chain against the trust bundle, as a peer would')
      .option('--bundle <file>', 'the roots to verify against (default: those of the server)')
      .option('--lint', 'check each certificate against the SPIFFE and RFC 5280 rules')
      .addHelpText('after', '\nExit code 1: it is not valid, or a lint of severity error was found.')
      .action(
        frame.action<Options>(async (context, [what = ''], options) => {
          if (await inspectRequest(context, what)) return undefined;
          try {
            return await inspectCertificates(context, await readCertificates(context, what), options);
          } catch (error) {
            // What cannot be read as a certificate is bad input, whatever the reader calls it.
            if (isCastellanError(error) && error.kind === 'internal')
              throw cliErrors.INPUT_UNREADABLE({ message: `\`${what}\` holds no certificate`, cause: error });
            throw error;
          }
        }),
      );
  },
};
