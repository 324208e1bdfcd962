import { generateKeyPair, type KeyObject } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { SpiffeId } from '../../spiffe/index.ts';
import {
  buildCsr,
  formatCsrPem,
  localSigner,
  parseCertificatesPem,
  parseCsrPem,
  publicKeyOf,
  validatePath,
} from '../../x509/index.ts';
import { connect } from '../client/connect.ts';
import type { CertificateJson } from '../client/types.ts';
import { choiceOf, secondsOf, spiffeIdOf } from '../frame/arguments.ts';
import { cliErrors } from '../frame/errors.ts';
import { readInputText, writeFiles } from '../frame/files.ts';
import { formatAge, formatInstant, formatRelative } from '../frame/times.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';

const keyTypes = ['P-256', 'P-384', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'Ed25519'] as const;
type KeyType = (typeof keyTypes)[number];

interface Options {
  readonly csr?: string;
  readonly ttl?: string;
  readonly keyType?: string;
  readonly out?: string;
}

const generate = promisify(generateKeyPair);

async function makeKey(type: KeyType): Promise<KeyObject> {
  if (type === 'Ed25519') return (await generate('ed25519')).privateKey;
  if (type.startsWith('RSA-'))
    return (await generate('rsa', { modulusLength: Number(type.slice('RSA-'.length)) })).privateKey;
  return (await generate('ec', { namedCurve: type })).privateKey;
}

/** The request to send, and the key that stays here; no key when the operator brought a CSR. */
async function prepare(
  context: VerbContext,
  options: Options,
): Promise<{ csrPem: string; spkiSha256: string; key?: KeyObject }> {
  if (options.csr !== undefined) {
    if (options.keyType !== undefined)
      throw usageError(
        '--key-type and --csr exclude each other',
        'leave out --key-type: the request has its key',
      );
    const csrPem = await readInputText(context.io, options.csr);
    const { publicKey } = parseCsrPem(csrPem, { allowEd25519: true, blockedSpki: new Set() });
    return { csrPem, spkiSha256: publicKey.spkiSha256 };
  }
  const key = await makeKey(choiceOf('--key-type', options.keyType ?? 'P-256', keyTypes));
  const csrPem = formatCsrPem(await buildCsr(localSigner(key)));
  return { csrPem, spkiSha256: publicKeyOf(key).spkiSha256, key };
}

/** Checks that the answer is what was asked for: our key, our identity, and a chain that ends in its bundle. */
function checkAnswer(answer: CertificateJson, id: SpiffeId, spkiSha256: string, now: number) {
  const leafAndMiddle = parseCertificatesPem(answer.chainPem.slice(0, -1).join(''));
  const roots = parseCertificatesPem(answer.chainPem.at(-1) ?? '');
  const verdict = validatePath(
    leafAndMiddle.map(({ der }) => der),
    { now, purpose: 'client', rootsFor: (domain) => (domain === id.trustDomain ? roots : undefined) },
  );
  if (!verdict.ok) {
    const cause = new Error(`${verdict.detail}; here it is ${new Date(now).toISOString()}`);
    const isOfTime = verdict.reason === 'expired' || verdict.reason === 'not_yet_valid';
    throw isOfTime ? cliErrors.CLOCKS_DISAGREE({ cause }) : cliErrors.CERTIFICATE_WRONG({ cause });
  }
  const isOurs = verdict.spiffeId.equals(id) && verdict.leaf.publicKey.spkiSha256 === spkiSha256;
  if (!isOurs) throw cliErrors.CERTIFICATE_WRONG({ cause: new Error('it names another identity or key') });
  return verdict.path;
}

function describe(context: VerbContext, answer: CertificateJson, files: readonly string[]): string {
  const { io, style } = context;
  const [from, until] = [Date.parse(answer.notBefore), Date.parse(answer.notAfter)];
  const renewAt = io.now() + (until - io.now()) / 2;
  const lines = [
    `${style.ok} ${answer.spiffeId}`,
    `  valid ${formatAge(until - Math.max(from, io.now()))}, until ${formatInstant(until)}; renew from ${formatInstant(Math.floor(renewAt / 1000) * 1000)} (${formatRelative(renewAt, io.now())})`,
    `  serial ${answer.serial}`,
  ];
  if (answer.shortened) lines.push(`  ${style.warning} cut to the end of its issuer`);
  if (files.length > 0) lines.push(`  ${files.join('  ')}`);
  lines.push('  chain verified against the bundle');
  return lines.join('\n');
}

async function issueOne(context: VerbContext, idText: string, options: Options): Promise<void> {
  const { io, out } = context;
  const id = spiffeIdOf(idText);
  const ttlSeconds = options.ttl === undefined ? undefined : secondsOf('--ttl', options.ttl);
  const client = connect(context);
  const { csrPem, spkiSha256, key } = await prepare(context, options);
  const answer = await client.post<CertificateJson>('/certificates', {
    csrPem,
    spiffeId: id.uri,
    ttlSeconds,
  });
  checkAnswer(answer, id, spkiSha256, io.now());
  const certificatePem = answer.chainPem.slice(0, -1).join('');
  const bundlePem = answer.chainPem.at(-1) ?? '';
  const { chainPem: _chain, ...facts } = answer;
  if (key === undefined && options.out === undefined) {
    if (out.isStructured) out.document({ ...facts, certificatePem, bundlePem });
    else io.stdout(certificatePem + bundlePem);
    return;
  }
  const directory = resolve(io.cwd, options.out ?? '.');
  const files = [
    { name: 'bundle.pem', content: bundlePem, mode: 0o644 },
    ...(key === undefined
      ? []
      : [{ name: 'key.pem', content: key.export({ format: 'pem', type: 'pkcs8' }), mode: 0o600 }]),
    { name: 'cert.pem', content: certificatePem, mode: 0o644 },
  ];
  writeFiles(directory, files);
  const shown = files.map(({ name }) => `./${relative(io.cwd, join(directory, name))}`).toReversed();
  out.item(
    {
      kind: 'Certificate',
      columns: [],
      name: () => shown.join('\n'),
      toJson: () => ({
        ...facts,
        files: Object.fromEntries(files.map(({ name }) => [name, join(directory, name)])),
      }),
    },
    answer,
    describe(context, answer, shown),
  );
}

export const issue: Verb = {
  configure: (command, frame) => {
    command
      .argument('<spiffe-id>', 'the identity, such as spiffe://cluster.local/ns/shop/sa/cart')
      .option('--csr <file>', 'a certificate request of your own (PEM, - for standard input)')
      .option('--ttl <duration>', 'how long it lives, such as 1h')
      .option('--key-type <type>', `the key to make: ${keyTypes.join(', ')}`)
      .option('--out <dir>', 'where to write cert.pem, key.pem and bundle.pem (default: here)')
      .addHelpText(
        'after',
        '\nThe key is made here and never sent.\n\nExample:\n  castellan issue spiffe://cluster.local/ns/shop/sa/cart --out certs/dev',
      )
      .action(
        frame.action<Options>(async (context, [id = ''], options) => {
          await issueOne(context, id, options);
          return undefined;
        }),
      );
  },
};
