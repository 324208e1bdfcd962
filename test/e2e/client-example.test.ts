import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { run, scratchDirectory, startServer } from '../support/cli-process.ts';

const scratch = scratchDirectory();
afterAll(() => scratch.remove());
const example = fileURLToPath(new URL('../../examples/workload-client/show-identity.ts', import.meta.url));

describe('the client example beside castellan up', () => {
  it('prints who the process is, and a new line with each rotation', async () => {
    const cwd = scratch.path;
    const server = await startServer({ cwd });
    const registration = {
      apiVersion: 'castellan.dev/v1alpha1',
      kind: 'IdentityRegistration',
      metadata: { name: 'example' },
      spec: {
        spiffeId: 'spiffe://cluster.local/ns/shop/sa/example',
        parentId: 'spiffe://cluster.local/castellan/agent/join_token/local',
        selectors: [`unix:uid:${process.getuid?.() ?? 0}`],
        x509Ttl: '6s',
      },
    };
    writeFileSync(join(cwd, 'registration.yaml'), JSON.stringify(registration));
    expect(await run(['apply', '-f', 'registration.yaml'], { cwd })).toMatchObject({ code: 0 });
    const child = spawn(process.execPath, [example], {
      cwd,
      env: { PATH: process.env['PATH'], SPIFFE_ENDPOINT_SOCKET: server.endpoints.workloadApi },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let text = '';
      const serials = new Set<string>();
      for await (const part of child.stdout) {
        text += (part as Buffer).toString();
        for (const [, id, serial = ''] of text.matchAll(/^(spiffe:\S+) serial ([0-9a-f]+) until \S+$/gm)) {
          expect(id).toBe('spiffe://cluster.local/ns/shop/sa/example');
          serials.add(serial);
        }
        if (serials.size >= 3) break;
      }
      expect(serials.size).toBe(3);
    } finally {
      child.kill();
      await server.stop();
    }
  });
});
