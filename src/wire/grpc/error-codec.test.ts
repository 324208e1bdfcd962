import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { defineErrors } from '../../base/errors.ts';
import { decodeGrpcError, encodeGrpcError } from './error-codec.ts';

const errors = defineErrors({
  TEAPOT_BUSY: { kind: 'exhausted', message: 'the teapot is busy', next: 'wait' },
});

const overTheWire = (error: unknown) => encodeGrpcError(error) as unknown as ServiceError;

describe('errors over gRPC', () => {
  it('arrive with the code, message, next step, details and delay they left with', () => {
    const sent = errors.TEAPOT_BUSY({ details: { cups: 3 }, retryAfterSeconds: 1.5 });
    const wire = overTheWire(sent);
    expect([wire.code, wire.details]).toEqual([status.RESOURCE_EXHAUSTED, 'the teapot is busy']);
    const received = decodeGrpcError(wire);
    expect([received.code, received.kind, received.publicMessage, received.next]).toEqual([
      'TEAPOT_BUSY',
      'exhausted',
      'the teapot is busy',
      'wait',
    ]);
    expect([received.details, received.retryAfterSeconds]).toEqual([{ cups: '3' }, 1.5]);
  });

  it('never carry the private cause', () => {
    const wire = overTheWire(errors.TEAPOT_BUSY({ cause: new Error('kettle 7 on shelf 9') }));
    expect(JSON.stringify(wire.metadata.toJSON()) + wire.details).not.toContain('kettle');
    const body = wire.metadata.get('grpc-status-details-bin')[0] as Buffer;
    expect(body.toString('latin1')).not.toContain('kettle');
  });

  it('of any other class are INTERNAL and say nothing of what they said', () => {
    const wire = overTheWire(new TypeError('cannot read properties of undefined'));
    expect([wire.code, wire.details]).toEqual([status.INTERNAL, 'internal error']);
  });

  it('survive text that is not well-formed Unicode', () => {
    const wire = overTheWire(errors.TEAPOT_BUSY({ message: 'bad \ud800 text' }));
    expect(() => encodeURI(wire.details)).not.toThrow();
  });

  it('of a server that is not ours are known by their status', () => {
    const foreign = Object.assign(overTheWire(errors.TEAPOT_BUSY()), { code: status.UNAVAILABLE });
    foreign.metadata.remove('grpc-status-details-bin');
    const received = decodeGrpcError(foreign);
    expect([received.code, received.kind]).toEqual(['GRPC_UNAVAILABLE', 'unavailable']);
  });
});
