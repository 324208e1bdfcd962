import { fromBinary } from '@bufbuild/protobuf';
import { MetadataSchema } from '../../wire/gen/envoy/config/core/v3/base_pb.js';
import { delimitedTag, fieldSet, MessageReader, varintTag } from '../../wire/message-reader.ts';

/** What a CheckRequest says, as it says it; fields that no decision reads are passed over. Absent texts are empty. */
export interface CheckMessage {
  readonly source: PeerMessage;
  readonly destination: PeerMessage;
  http: HttpMessage | undefined;
  extensions: Map<string, string> | undefined;
  hasTls: boolean;
  sni: string;
  metadata: Readonly<Record<string, unknown>> | undefined;
}

export interface PeerMessage {
  /** Of a socket address, else empty. */
  address: string;
  port: number | undefined;
  labels: Map<string, string> | undefined;
  principal: string;
  certificate: string;
}

export interface HttpMessage {
  method: string;
  path: string;
  host: string;
  scheme: string;
  /** Names and values by turns, as they came. */
  readonly headers: string[];
  /** The other form in which headers may come: raw values are bytes. */
  readonly headerMap: (string | Uint8Array)[];
}

/**
 * Reads `envoy.service.auth.v3.CheckRequest`; numbers of the fields as in proto/envoy. A message that comes twice is
 * merged into one, and the last of a single value counts, as protobuf has it.
 *
 * @throws UnreadableMessage
 */
export function readCheckMessage(bytes: Uint8Array): CheckMessage {
  const reader = new MessageReader(bytes);
  const check: CheckMessage = {
    source: newPeer(),
    destination: newPeer(),
    http: undefined,
    extensions: undefined,
    hasTls: false,
    sni: '',
    metadata: undefined,
  };
  const end = reader.length;
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    if (tag === delimited1) readAttributes(reader, check, reader.enter(end));
    else reader.skip(tag, end, only1);
  }
  return check;
}

const newPeer = (): PeerMessage => ({
  address: '',
  port: undefined,
  labels: undefined,
  principal: '',
  certificate: '',
});

const delimited1 = delimitedTag(1);
const delimited2 = delimitedTag(2);
const delimited3 = delimitedTag(3);
const only1 = fieldSet(1);

const attributes = {
  source: delimited1,
  destination: delimited2,
  request: delimitedTag(4),
  extensions: delimitedTag(10),
  metadata: delimitedTag(11),
  tls: delimitedTag(12),
  known: fieldSet(1, 2, 4, 10, 11, 12),
} as const;

function readAttributes(reader: MessageReader, check: CheckMessage, end: number): void {
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    switch (tag) {
      case attributes.source:
        readPeer(reader, check.source, reader.enter(end));
        break;
      case attributes.destination:
        readPeer(reader, check.destination, reader.enter(end));
        break;
      case attributes.request:
        readRequest(reader, check, reader.enter(end));
        break;
      case attributes.extensions:
        check.extensions = readEntry(reader, check.extensions, reader.enter(end));
        break;
      case attributes.metadata:
        // Rare, and of any shape: the generated code reads it.
        check.metadata = {
          ...check.metadata,
          ...fromBinary(MetadataSchema, reader.bytes(end)).filterMetadata,
        };
        break;
      case attributes.tls:
        readTls(reader, check, reader.enter(end));
        break;
      default:
        reader.skip(tag, end, attributes.known);
    }
  }
}

const peer = {
  address: delimited1,
  labels: delimited3,
  principal: delimitedTag(4),
  certificate: delimitedTag(5),
  known: fieldSet(1, 3, 4, 5),
} as const;

function readPeer(reader: MessageReader, into: PeerMessage, end: number): void {
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    switch (tag) {
      case peer.address:
        readAddress(reader, into, reader.enter(end));
        break;
      case peer.labels:
        into.labels = readEntry(reader, into.labels, reader.enter(end));
        break;
      case peer.principal:
        into.principal = reader.ownText(end);
        break;
      case peer.certificate:
        into.certificate = reader.ownText(end);
        break;
      default:
        reader.skip(tag, end, peer.known);
    }
  }
}

const addressKinds = fieldSet(1, 2, 3);

function readAddress(reader: MessageReader, into: PeerMessage, end: number): void {
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    if (tag === delimited1) readSocketAddress(reader, into, reader.enter(end));
    else if (tag === delimited2 || tag === delimited3) {
      // A pipe or an internal listener in place of a socket address: one of the three counts, the last.
      into.address = '';
      into.port = undefined;
      reader.bytes(end);
    } else reader.skip(tag, end, addressKinds);
  }
}

const socket = {
  address: delimited2,
  port: varintTag(3),
  namedPort: delimitedTag(4),
  known: fieldSet(2, 3, 4),
} as const;

function readSocketAddress(reader: MessageReader, into: PeerMessage, end: number): void {
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    switch (tag) {
      case socket.address:
        into.address = reader.ownText(end);
        break;
      case socket.port:
        into.port = reader.varint(end);
        break;
      case socket.namedPort:
        into.port = undefined;
        reader.bytes(end);
        break;
      default:
        reader.skip(tag, end, socket.known);
    }
  }
}

function readRequest(reader: MessageReader, check: CheckMessage, end: number): void {
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    if (tag !== delimited2) {
      reader.skip(tag, end, fieldSet2);
      continue;
    }
    check.http ??= { method: '', path: '', host: '', scheme: '', headers: [], headerMap: [] };
    readHttp(reader, check.http, reader.enter(end));
  }
}

const fieldSet2 = fieldSet(2);

const http = {
  method: delimited2,
  headers: delimited3,
  path: delimitedTag(4),
  host: delimitedTag(5),
  scheme: delimitedTag(6),
  headerMap: delimitedTag(13),
  known: fieldSet(2, 3, 4, 5, 6, 13),
} as const;

function readHttp(reader: MessageReader, into: HttpMessage, end: number): void {
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    switch (tag) {
      case http.headers:
        readHeader(reader, into.headers, reader.enter(end));
        break;
      case http.method:
        into.method = reader.text(end);
        break;
      case http.path:
        into.path = reader.text(end);
        break;
      case http.host:
        into.host = reader.text(end);
        break;
      case http.scheme:
        into.scheme = reader.text(end);
        break;
      case http.headerMap:
        readHeaderMap(reader, into.headerMap, reader.enter(end));
        break;
      default:
        reader.skip(tag, end, http.known);
    }
  }
}

const keyAndValue = fieldSet(1, 2);

function readHeader(reader: MessageReader, into: string[], end: number): void {
  let key = '';
  let value = '';
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    if (tag === delimited1) key = reader.text(end);
    else if (tag === delimited2) value = reader.text(end);
    else reader.skip(tag, end, keyAndValue);
  }
  into.push(key, value);
}

type TextMap = Map<string, string>;

/** With the entry that ends at `end`; the last of a name counts. */
function readEntry(reader: MessageReader, map: TextMap | undefined, end: number): TextMap {
  let key = '';
  let value = '';
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    if (tag === delimited1) key = reader.ownText(end);
    else if (tag === delimited2) value = reader.ownText(end);
    else reader.skip(tag, end, keyAndValue);
  }
  return (map ?? new Map<string, string>()).set(key, value);
}

function readHeaderMap(reader: MessageReader, into: (string | Uint8Array)[], end: number): void {
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    if (tag === delimited1) readHeaderValue(reader, into, reader.enter(end));
    else reader.skip(tag, end, only1);
  }
}

const headerValue = fieldSet(1, 2, 3);

/** `raw_value` where it is there, else `value`. */
function readHeaderValue(reader: MessageReader, into: (string | Uint8Array)[], end: number): void {
  let key = '';
  let value = '';
  let raw: Uint8Array | undefined;
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    if (tag === delimited1) key = reader.text(end);
    else if (tag === delimited2) value = reader.text(end);
    else if (tag === delimited3) raw = reader.bytes(end);
    else reader.skip(tag, end, headerValue);
  }
  into.push(key, raw !== undefined && raw.length > 0 ? raw : value);
}

function readTls(reader: MessageReader, check: CheckMessage, end: number): void {
  check.hasTls = true;
  for (let tag = reader.next(end); tag !== 0; tag = reader.next(end)) {
    if (tag === delimited1) check.sni = reader.text(end);
    else reader.skip(tag, end, only1);
  }
}
