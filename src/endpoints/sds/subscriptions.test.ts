import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildCrl } from '../../../test/support/crl.ts';
import { makeLeaf, makePki, type TestPki } from '../../../test/support/pki.ts';
import type { AgentBundle, OfferedIdentity } from '../../agent/index.ts';
import { parseTrustDomain, SpiffeId } from '../../spiffe/index.ts';
import {
  SecretSchema,
  SPIFFECertValidatorConfigSchema,
} from '../../wire/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from '../../wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import { Delta } from './delta.ts';
import { rootsSecret, secretTypeUrl } from './secret.ts';
import type { Available } from './secret-source.ts';
import { type Nack, StateOfTheWorld } from './state-of-the-world.ts';

const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const batch = 'spiffe://cluster.local/ns/shop/sa/batch';
let pki: TestPki;
let foreign: TestPki;
let available: Available;

async function identity(id: string): Promise<OfferedIdentity> {
  const { certificate, key } = await makeLeaf(pki.intermediate, id);
  return {
    hint: '',
    svid: {
      spiffeId: SpiffeId.parse(id),
      chainDer: [certificate.der, pki.intermediate.certificate.der],
      privateKeyPkcs8: key.export({ type: 'pkcs8', format: 'der' }),
      receivedAt: 0,
      notAfter: certificate.notAfter,
      serial: certificate.serial,
      issuerKeyId: '',
      issuerKeyIds: [],
    },
  };
}

const bundle = (trustDomain: string, from: TestPki): AgentBundle => ({
  trustDomain: parseTrustDomain(trustDomain),
  sequence: 1n,
  refreshHintSeconds: 300,
  roots: [from.root.certificate],
  jwtKeys: [],
  crlsDer: [],
  knownIssuersDer: [],
});

/** What Envoy would read of a validation context. */
const validationOf = (of: AgentBundle) => {
  const { resource } = rootsSecret('ROOTCA', of);
  const { type } = fromBinary(SecretSchema, resource.value as Uint8Array<ArrayBuffer>);
  if (type.case !== 'validationContext') throw new Error('not a validation context');
  const { value } = type.value.crl?.specifier ?? {};
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : undefined;
};

describe('a validation context', () => {
  it('brings revocation lists when every root has one, and none otherwise: Envoy refuses chains it has no list for', () => {
    const list = (from: TestPki) =>
      buildCrl(from.rootKey, { issuerDer: from.root.certificate.subjectDer, serials: [Uint8Array.of(7)] });
    const own = bundle('cluster.local', pki);
    expect(validationOf(own)).toBeUndefined();
    expect(validationOf({ ...own, crlsDer: [list(pki)] })).toContain('BEGIN X509 CRL');
    expect(validationOf({ ...own, crlsDer: [list(foreign)] })).toBeUndefined();
  });
});

beforeAll(async () => {
  pki = await makePki();
  foreign = await makePki({ trustDomain: 'other.example' });
  available = {
    identities: [await identity(cart), await identity(batch)],
    bundles: { own: bundle('cluster.local', pki), federated: [bundle('other.example', foreign)] },
    isComplete: true,
  };
});

/** A rotation: the default identity has another certificate. */
const rotated = async (): Promise<Available> => ({
  ...available,
  identities: [await identity(cart), ...available.identities.slice(1)],
});

const nothing: Available = { identities: [], bundles: undefined, isComplete: false };

function streamed() {
  const nacks: Nack[] = [];
  const stream = new StateOfTheWorld((nack) => nacks.push(nack));
  const say = (request: MessageInitShape<typeof DiscoveryRequestSchema>) =>
    stream.receive(create(DiscoveryRequestSchema, request));
  const hear = (from: Available = available) => {
    const answer = stream.next(from);
    if (answer === undefined) return undefined;
    const secrets = (answer.resources ?? []).map(({ value }) =>
      fromBinary(SecretSchema, value as Uint8Array<ArrayBuffer>),
    );
    return { ...answer, secrets, names: secrets.map(({ name }) => name) };
  };
  return { say, hear, nacks, repeat: () => stream.repeat() };
}

function incremental() {
  const nacks: Nack[] = [];
  const stream = new Delta((nack) => nacks.push(nack));
  const say = (request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>) =>
    stream.receive(create(DeltaDiscoveryRequestSchema, request));
  const hear = (from: Available = available) => {
    const answer = stream.next(from);
    if (answer === undefined) return undefined;
    return {
      nonce: answer.nonce as string,
      names: (answer.resources ?? []).map(({ name }) => name),
      versions: (answer.resources ?? []).map(({ version }) => version),
      removed: answer.removedResources,
    };
  };
  return { say, hear, nacks, repeat: () => stream.repeat() };
}

describe('names of secrets', () => {
  it('are Istio’s and SPIRE’s: certificates, the own roots, and bundles for the SPIFFE validator (sds:2.4/2)', () => {
    const { say, hear } = streamed();
    say({ resourceNames: ['default', batch, 'ROOTCA', 'ALL', 'spiffe://other.example'] });
    const secrets = new Map(hear()?.secrets.map((secret) => [secret.name, secret.type]));
    const text = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);
    const chain = secrets.get('default');
    expect(chain?.case).toBe('tlsCertificate');
    if (chain?.case !== 'tlsCertificate') throw new Error('unreachable');
    expect(text(chain.value.certificateChain?.specifier.value).match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(text(chain.value.privateKey?.specifier.value)).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(secrets.get(batch)?.case).toBe('tlsCertificate');
    const roots = secrets.get('ROOTCA');
    if (roots?.case !== 'validationContext') throw new Error('no validation context');
    expect(text(roots.value.trustedCa?.specifier.value).match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    const domainsOf = (name: string) => {
      const type = secrets.get(name);
      if (type?.case !== 'validationContext') throw new Error('no validation context');
      const { name: validator, typedConfig } = type.value.customValidatorConfig ?? {};
      expect(validator).toBe('envoy.tls.cert_validator.spiffe');
      const config = fromBinary(
        SPIFFECertValidatorConfigSchema,
        typedConfig?.value as Uint8Array<ArrayBuffer>,
      );
      return config.trustDomains.map(({ name }) => name);
    };
    expect(domainsOf('ALL')).toEqual(['cluster.local', 'other.example']);
    expect(domainsOf('spiffe://other.example')).toEqual(['other.example']);
  });

  it('never merge the bundles of two trust domains for an Envoy without the validator (sds:2.4/8)', () => {
    const names = ['ALL', 'spiffe://other.example'];
    for (const node of [
      { metadata: { disable_spiffe_cert_validation: true } },
      {
        userAgentVersionType: {
          case: 'userAgentBuildVersion' as const,
          value: { version: { majorNumber: 1, minorNumber: 17 } },
        },
      },
    ]) {
      const { say, hear } = streamed();
      say({ resourceNames: names, node });
      const answer = hear();
      expect(answer?.names).toEqual(['spiffe://other.example']);
      const [type] = answer?.secrets.map((secret) => secret.type) ?? [];
      expect(type?.case === 'validationContext' && type.value.trustedCa).toBeTruthy();
    }
  });
});

describe('a stream of the state of the world', () => {
  it('is answered with version, nonce and type, and again only when something is new (sds:2.2/1 sds:2.2/2)', async () => {
    const { say, hear } = streamed();
    expect(hear()).toBeUndefined();
    say({ resourceNames: ['default'] });
    const first = hear();
    expect(first).toMatchObject({ typeUrl: secretTypeUrl, nonce: '1', names: ['default'] });
    say({ resourceNames: ['default'], responseNonce: '1', versionInfo: first?.versionInfo as string });
    expect(hear()).toBeUndefined();
    const second = hear(await rotated());
    expect(second).toMatchObject({ nonce: '2', names: ['default'] });
    expect(second?.versionInfo).not.toBe(first?.versionInfo);
  });

  it('ignores what was said before the last response was seen (sds:2.2/3)', async () => {
    const { say, hear } = streamed();
    say({ resourceNames: ['default'] });
    hear();
    hear(await rotated());
    say({ resourceNames: ['default', batch], responseNonce: '1' });
    expect(hear(await rotated())?.names).not.toContain(batch);
  });

  it('takes names that come with an acknowledgement, and sends an added one even if it was sent before (sds:2.2/4)', () => {
    const { say, hear } = streamed();
    say({ resourceNames: ['default'] });
    hear();
    say({ resourceNames: ['default', batch], responseNonce: '1' });
    expect(hear()?.names).toEqual([batch]);
    say({ resourceNames: ['default'], responseNonce: '2' });
    expect(hear()).toBeUndefined();
    say({ resourceNames: ['default', batch], responseNonce: '2' });
    expect(hear()?.names).toEqual([batch]);
  });

  it('stays silent about a name that does not exist, serves the others, and sends it when it comes (sds:2.2/6 sds:2.4/3)', () => {
    const { say, hear } = streamed();
    say({ resourceNames: ['default', 'spiffe://cluster.local/not/mine', 'file-cert:x', 'ROOTCA'] });
    expect(hear(nothing)).toBeUndefined();
    expect(hear({ ...nothing, bundles: available.bundles })?.names).toEqual(['ROOTCA']);
    expect(hear()?.names).toEqual(['default']);
    expect(hear()).toBeUndefined();
  });

  it('knows a refusal by its detail alone, tells of it, and does not send the same again (sds:2.2/2 sds:2.2/10)', async () => {
    const { say, hear, nacks } = streamed();
    say({ resourceNames: ['default'], node: { id: 'front' } });
    const first = hear();
    say({
      resourceNames: ['default'],
      responseNonce: '1',
      versionInfo: first?.versionInfo as string,
      errorDetail: { message: 'bad key' },
    });
    expect(nacks).toMatchObject([{ detail: 'bad key', names: ['default'], node: { id: 'front' } }]);
    expect(hear()).toBeUndefined();
    expect(hear(await rotated())?.names).toEqual(['default']);
  });

  it('means everything by no names at first, and nothing once a name was given (sds:2.2/9)', () => {
    const everything = streamed();
    everything.say({});
    expect(everything.hear()?.names).toEqual([
      'default',
      cart,
      batch,
      'ROOTCA',
      'ALL',
      'spiffe://cluster.local',
      'spiffe://other.example',
    ]);
    const named = streamed();
    named.say({ resourceNames: ['default'] });
    named.hear();
    named.say({ resourceNames: [], responseNonce: '1' });
    expect(named.hear({ ...available })).toBeUndefined();
  });

  it('refuses another type, and names in the thousands', () => {
    const { say } = streamed();
    expect(() => say({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' })).toThrow(
      'only secrets are served here',
    );
    const many = Array.from({ length: 1001 }, (_, n) => `spiffe://cluster.local/${n}`);
    expect(() => say({ resourceNames: many })).toThrow(/more than 1000 secrets/);
    expect(() => say({ resourceNames: ['x'.repeat(5000)] })).toThrow(/4096 bytes/);
  });
});

describe('a delta stream', () => {
  it('is answered for every name on each stream, whatever versions the client says it has (sds:2.2/8 sds:2.2/11)', () => {
    const first = incremental();
    first.say({ resourceNamesSubscribe: ['default', 'ROOTCA'] });
    const answer = first.hear();
    expect(answer?.names).toEqual(['default', 'ROOTCA']);
    first.say({ responseNonce: answer?.nonce as string });
    expect(first.hear()).toBeUndefined();
    const again = incremental();
    again.say({
      resourceNamesSubscribe: ['default', 'ROOTCA'],
      initialResourceVersions: {
        default: answer?.versions[0] as string,
        ROOTCA: answer?.versions[1] as string,
      },
    });
    expect(again.hear()?.names).toEqual(['default', 'ROOTCA']);
    again.say({ resourceNamesSubscribe: ['default'], responseNonce: '1' });
    expect(again.hear()?.names).toEqual(['default']);
  });

  it('sends one changed secret and not the rest, each with a version of its own (sds:2.2/8)', async () => {
    const { say, hear } = incremental();
    say({ resourceNamesSubscribe: ['default', batch, 'ROOTCA'] });
    const first = hear();
    const second = hear(await rotated());
    expect(second?.names).toEqual(['default']);
    expect(second?.versions[0]).not.toBe(first?.versions[0]);
  });

  it('says once that a name is not there, and sends it when it comes (sds:2.2/8)', async () => {
    const { say, hear } = incremental();
    const later = 'spiffe://cluster.local/ns/shop/sa/later';
    say({ resourceNamesSubscribe: [later, 'default', 'nonsense'] });
    expect(hear()).toMatchObject({ names: ['default'], removed: [later, 'nonsense'] });
    expect(hear()).toBeUndefined();
    const grown = { ...available, identities: [...available.identities, await identity(later)] };
    expect(hear(grown)).toMatchObject({ names: [later], removed: [] });
    expect(hear()).toMatchObject({ names: [], removed: [later] });
  });

  it('waits in silence for a certificate that is on its way', () => {
    const { say, hear } = incremental();
    say({ resourceNamesSubscribe: ['default', batch] });
    expect(hear(nothing)).toBeUndefined();
    expect(hear()?.names).toEqual(['default', batch]);
  });

  it('means everything by no names at first, or by a star, and never by unsubscribing the last (sds:2.2/9)', () => {
    const legacy = incremental();
    legacy.say({});
    expect(legacy.hear()?.names).toContain('ALL');
    const starred = incremental();
    starred.say({ resourceNamesSubscribe: ['*'] });
    expect(starred.hear()?.names).toContain(batch);
    const named = incremental();
    named.say({ resourceNamesSubscribe: ['default'] });
    named.hear();
    named.say({ resourceNamesUnsubscribe: ['default'], responseNonce: '1' });
    expect(named.hear()).toBeUndefined();
    expect(named.hear({ ...available, identities: [...available.identities].reverse() })).toBeUndefined();
  });

  it('does not send again what was refused, and tells of it (sds:2.2/10)', async () => {
    const { say, hear, nacks } = incremental();
    say({ resourceNamesSubscribe: ['default'] });
    hear();
    say({ responseNonce: '1', errorDetail: { message: 'no' } });
    expect(nacks).toHaveLength(1);
    expect(hear()).toBeUndefined();
    expect(hear(await rotated())?.names).toEqual(['default']);
  });

  it('counts names over the whole stream', () => {
    const { say } = incremental();
    const many = (from: number) =>
      Array.from({ length: 600 }, (_, n) => `spiffe://cluster.local/${from + n}`);
    say({ resourceNamesSubscribe: many(0) });
    expect(() => say({ resourceNamesSubscribe: many(600) })).toThrow(/more than 1000 secrets/);
  });
});

describe('a repetition', () => {
  it('sends everything again under another version, for an Envoy that took up a secret without asking (sds:2.2/11)', () => {
    const [whole, delta] = [streamed(), incremental()];
    whole.say({ resourceNames: ['default'] });
    delta.say({ resourceNamesSubscribe: ['default'] });
    const before = [whole.hear()?.versionInfo, delta.hear()?.versions[0]];
    expect([whole.hear(), delta.hear()]).toEqual([undefined, undefined]);
    whole.repeat();
    delta.repeat();
    const [again, deltaAgain] = [whole.hear(), delta.hear()];
    expect([again?.names, deltaAgain?.names]).toEqual([['default'], ['default']]);
    expect([again?.versionInfo, deltaAgain?.versions[0]]).not.toEqual(before);
    expect(again?.versionInfo).not.toBe(before[0]);
    expect(deltaAgain?.versions[0]).not.toBe(before[1]);
  });
});
