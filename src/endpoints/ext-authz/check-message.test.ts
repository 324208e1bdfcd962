import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CheckRequest,
  CheckRequestSchema,
} from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { UnreadableMessage } from '../../wire/message-reader.ts';
import { type CheckMessage, readCheckMessage } from './check-message.ts';

type Init = MessageInitShape<typeof CheckRequestSchema>;

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', 'x'.repeat(200), 'ü'.repeat(70)),
);
const word = text.filter((name) => name !== '__proto__');
const map = fc.dictionary(word, text, { maxKeys: 4, noNullPrototype: true });

const port = fc.constantFrom(0, 80, 65_535, 70_000, 2 ** 32 - 1);
const portSpecifier = fc.oneof(
  fc.record({ case: fc.constant('portValue' as const), value: port }),
  fc.record({ case: fc.constant('namedPort' as const), value: text }),
  fc.constant(undefined),
);
const socketAddress = fc.record({
  case: fc.constant('socketAddress' as const),
  value: fc.record({ address: text, portSpecifier }, { requiredKeys: ['address'] }),
});
const pipe = fc.record({ case: fc.constant('pipe' as const), value: fc.record({ path: text }) });
const address = fc.record({ address: fc.oneof(socketAddress, pipe) });
const peer = fc.record(
  { address, service: text, labels: map, principal: text, certificate: text },
  { requiredKeys: [] },
);
const headerMap = fc.record({
  headers: fc.array(fc.record({ key: text, value: text, rawValue: fc.uint8Array({ maxLength: 5 }) }), {
    maxLength: 4,
  }),
});
const http = fc.record(
  { id: text, method: text, headers: map, path: text, host: text, scheme: text, body: text, headerMap },
  { requiredKeys: [] },
);
const metadata = fc.record({
  filterMetadata: fc.dictionary(word, fc.record({ a: fc.oneof(text, fc.boolean()) }), { maxKeys: 2 }),
});
const attributes = fc.record(
  {
    source: peer,
    destination: peer,
    request: fc.record({ http }, { requiredKeys: [] }),
    contextExtensions: map,
    metadataContext: metadata,
    tlsSession: fc.record({ sni: text }),
  },
  { requiredKeys: [] },
);
const checks: fc.Arbitrary<Init> = fc.record({ attributes }, { requiredKeys: [] }) as fc.Arbitrary<Init>;

const bytesOf = (init: Init) => toBinary(CheckRequestSchema, create(CheckRequestSchema, init));

/** What the generated code reads, in the shape of ours. */
function asGenerated({ attributes: all }: CheckRequest): CheckMessage {
  const peerOf = (side: NonNullable<typeof all>['source']) => {
    const at = side?.address?.address;
    const place = at?.case === 'socketAddress' ? at.value : undefined;
    const { case: kind, value } = place?.portSpecifier ?? {};
    return {
      address: place?.address ?? '',
      port: kind === 'portValue' ? (value as number) : undefined,
      labels: mapOf(side?.labels),
      principal: side?.principal ?? '',
      certificate: side?.certificate ?? '',
    };
  };
  const found = all?.request?.http;
  const fields = all?.metadataContext?.filterMetadata;
  return {
    source: peerOf(all?.source),
    destination: peerOf(all?.destination),
    http: found && {
      method: found.method,
      path: found.path,
      host: found.host,
      scheme: found.scheme,
      headers: Object.entries(found.headers).flat(),
      headerMap: (found.headerMap?.headers ?? []).flatMap(({ key, value, rawValue }) => [
        key,
        rawValue.length > 0 ? rawValue : value,
      ]),
    },
    extensions: mapOf(all?.contextExtensions),
    hasTls: all?.tlsSession !== undefined,
    sni: all?.tlsSession?.sni ?? '',
    metadata: fields,
  };
}

function mapOf(fields: Readonly<Record<string, string>> | undefined): Map<string, string> | undefined {
  const entries = Object.entries(fields ?? {});
  return entries.length === 0 ? undefined : new Map(entries);
}

/** Headers in one order, bytes as plain ones: two spellings of one message are one. */
function plain(message: CheckMessage): object {
  const { http: found, metadata: fields, ...rest } = message;
  const pairs: string[] = [];
  for (let i = 0; i < (found?.headers.length ?? 0); i += 2)
    pairs.push(JSON.stringify(found?.headers.slice(i, i + 2)));
  const raw = found?.headerMap.map((one) => (typeof one === 'string' ? one : [...one]));
  return {
    ...rest,
    source: { ...rest.source, labels: sorted(rest.source.labels) },
    destination: { ...rest.destination, labels: sorted(rest.destination.labels) },
    extensions: sorted(rest.extensions),
    metadata: Object.keys(fields ?? {}).length === 0 ? undefined : fields,
    http: found && { ...found, headers: pairs.sort(), headerMap: raw },
  };
}

const sorted = (of: Map<string, string> | undefined) => of && [...of].sort(([a], [b]) => (a < b ? -1 : 1));

/** Undefined: refused. */
function read<T>(reading: () => T): T | undefined {
  try {
    return reading();
  } catch {
    return undefined;
  }
}

const namesTwice = ({ http: found }: CheckMessage) => {
  const names = found?.headers.filter((_, i) => i % 2 === 0) ?? [];
  return new Set(names).size < names.length;
};

describe('a CheckRequest read without message objects', () => {
  it('says what the generated code says, whatever is in it', () => {
    fc.assert(
      fc.property(checks, (init) => {
        const bytes = bytesOf(init);
        expect(plain(readCheckMessage(bytes))).toEqual(
          plain(asGenerated(fromBinary(CheckRequestSchema, bytes))),
        );
      }),
    );
  });

  it('is the merge of two that stand one behind the other, as protobuf has it', () => {
    fc.assert(
      fc.property(checks, checks, (first, second) => {
        const bytes = Buffer.concat([bytesOf(first), bytesOf(second)]);
        const ours = readCheckMessage(bytes);
        fc.pre(!namesTwice(ours));
        const { metadata: _, ...theirs } = asGenerated(fromBinary(CheckRequestSchema, bytes));
        expect(plain({ ...ours, metadata: undefined })).toEqual(plain({ ...theirs, metadata: undefined }));
      }),
    );
  });

  it('is refused, or says the same, when bytes were changed on the way (adv:Z33)', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() });
    fc.assert(
      fc.property(checks, fc.array(change, { minLength: 1, maxLength: 3 }), (init, changes) => {
        let bytes = Buffer.from(bytesOf(init));
        fc.pre(bytes.length > 0);
        for (const { at, byte, cut } of changes) {
          if (cut) bytes = bytes.subarray(0, (at % bytes.length) + 1);
          else bytes[at % bytes.length] = byte;
        }
        const ours = read(() => readCheckMessage(bytes));
        const theirs = read(() => fromBinary(CheckRequestSchema, bytes));
        // We refuse more of what a decision reads; what none reads, such as a broken body, is passed over.
        if (ours === undefined || theirs === undefined || namesTwice(ours) || tooLarge(ours)) return;
        expect(plain({ ...ours, metadata: undefined })).toEqual(
          plain({ ...asGenerated(theirs), metadata: undefined }),
        );
      }),
    );
  });

  it.each([
    ['a known field of another type', [0x08, 0x01]],
    ['a group', [0x0b, 0x0c]],
    ['a field without a number', [0x02, 0x00]],
    ['a length beyond the end', [0x0a, 0x05, 0x00]],
    ['a number without an end', [0x18, 0xff]],
    ['a number of more than ten bytes', [0x18, ...Array(10).fill(0xff), 0x01]],
    ['text that is no UTF-8', [0x0a, 0x05, 0x0a, 0x03, 0x22, 0x01, 0xff]],
  ])('%s is refused', (_, bytes) => {
    expect(() => readCheckMessage(Uint8Array.from(bytes))).toThrow(UnreadableMessage);
  });

  it('fields of other versions are passed over', () => {
    const later = [0x50, 0x01, 0x5a, 0x01, 0x00, 0x61, ...Array(8).fill(0), 0x6d, 0, 0, 0, 0];
    const known = bytesOf({ attributes: { tlsSession: { sni: 'cart' } } });
    expect(readCheckMessage(Uint8Array.from([...later, ...known])).sni).toBe('cart');
  });
});

/** The generated code keeps 32 bits of a port; we keep it as it is, and the door refuses it. */
const tooLarge = ({ source, destination }: CheckMessage) =>
  Math.max(source.port ?? 0, destination.port ?? 0) >= 2 ** 32;
