/** HTTP/2 as no client library would write it (RFC 9113 §4.1): for what a hostile peer sends. */

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const settings = frame(4, 0, 0);

/** HEADERS of one gRPC call that does not end: HPACK without the dynamic table. */
export function openCall(path: string, stream = 1): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    Buffer.from([0x83, 0x87]),
    Buffer.concat([Buffer.from([0x04]), text(path)]),
    Buffer.concat([Buffer.from([0x01]), text('localhost')]),
    Buffer.concat([Buffer.from([0x0f, 0x10]), text('application/grpc')]),
  ]);
  return frame(1, 0x4, stream, block);
}

const literal = Buffer.concat([Buffer.from([0x00, 0x01, 0x61, 0x7f, 0x81, 0x07]), Buffer.alloc(1024, 0x62)]);

/** HEADERS without END_HEADERS, and one CONTINUATION of the many that follow. */
export const endlessHeaders = {
  first: frame(1, 0, 1, Buffer.from([0x83])),
  next: frame(9, 0, 1, literal),
} as const;

/** One frame each of what can be sent without end. */
export const floods: readonly (readonly [string, Buffer])[] = [
  ['PING', frame(6, 0, 0, Buffer.alloc(8))],
  ['SETTINGS', settings],
  ['PRIORITY', frame(2, 0, 1, Buffer.from([0, 0, 0, 3, 1]))],
  ['WINDOW_UPDATE of one', frame(8, 0, 0, Buffer.from([0, 0, 0, 1]))],
  ['WINDOW_UPDATE of zero', frame(8, 0, 0, Buffer.alloc(4))],
  ['WINDOW_UPDATE that overflows', frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]))],
  ['frames of an unknown type', frame(0xfa, 0, 0, Buffer.alloc(64))],
];

/** Header blocks that no decoder may take. */
export const brokenHeaders: readonly (readonly [string, Buffer])[] = [
  ['an index that is not there', Buffer.from([0xff, 0xff, 0xff, 0x7f])],
  ['a string that is too short', Buffer.from([0x00, 0x85, 0xff])],
  ['a table size over the limit', Buffer.from([0x3f, 0xff, 0xff, 0xff, 0x7f])],
];
