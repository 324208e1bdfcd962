import { describe, expect, it } from 'vitest';
import { workloadEndpoint } from './endpoint.ts';

describe('the address of a Workload API', () => {
  it('is what the environment says when none is given (spiffe:E-07)', () => {
    expect(workloadEndpoint(undefined, { SPIFFE_ENDPOINT_SOCKET: 'unix:///run/a.sock' })).toBe(
      'unix:/run/a.sock',
    );
    expect(() => workloadEndpoint(undefined, {})).toThrow('nothing says where the Workload API is');
  });

  it('is a URI of a socket with an absolute path, or of an IP address and a port (spiffe:E-08)', () => {
    expect(workloadEndpoint('unix:/run/a.sock')).toBe('unix:/run/a.sock');
    expect(workloadEndpoint('tcp://127.0.0.1:8000')).toBe('ipv4:127.0.0.1:8000');
    expect(workloadEndpoint('tcp://[::1]:8000')).toBe('ipv6:[::1]:8000');
    const refused = [
      '/run/a.sock',
      'unix:a.sock',
      'unix://host/run/a.sock',
      'unix:///run/a.sock?x=1',
      'unix:///run/a.sock#x',
      'http://127.0.0.1:80',
      'tcp://localhost:8000',
      'tcp://127.0.0.1',
      'tcp://127.0.0.1:0',
      'tcp://127.0.0.1:70000',
      'tcp://127.0.0.1:8000/path',
      'tcp://user@127.0.0.1:8000',
      'tcp://127.1:8000',
    ];
    for (const text of refused) expect(() => workloadEndpoint(text), text).toThrow(/not the address/);
  });
});
