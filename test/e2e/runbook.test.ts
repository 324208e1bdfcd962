import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin, freePorts, type ServerProcess, scratchDirectory, startServer } from '../support/cli-process.ts';
import { testIntermediate, testRoot, writePluggedSet } from '../support/plugged-ca.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
let server: ServerProcess;

/** The shell blocks of a page, in order. */
function blocks(page: string): string[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
}

/** Runs blocks in one shell after the other, with what one defines known to the next, as somebody types them. */
function type(codes: readonly string[]): readonly string[] {
  const env = { PATH: `${join(cwd, 'bin')}:${process.env.PATH ?? ''}`, HOME: cwd, ...freePorts };
  let known = '';
  return codes.map((code) => {
    const ran = spawnSync('bash', ['-c', `${known}\n${code}`], {
      cwd,
      env,
      encoding: 'utf8',
      timeout: 90_000,
    });
    known += code
      .split('\n')
      .filter((line) => /^[A-Z]+=\$\(/.test(line))
      .map((line) => {
        const name = line.slice(0, line.indexOf('='));
        const value = spawnSync('bash', ['-c', `${known}\n${line}\necho "$${name}"`], {
          cwd,
          env,
          encoding: 'utf8',
        });
        return `${name}=${value.stdout.trim()}\n`;
      })
      .join('');
    return ran.stdout + ran.stderr;
  });
}

beforeAll(async () => {
  mkdirSync(join(cwd, 'bin'));
  symlinkSync(bin, join(cwd, 'bin', 'castellan'));
  server = await startServer({ cwd });
});
afterAll(async () => {
  await server.stop();
  scratch.remove();
});

describe('the runbook', () => {
  it('of planned rotations does what it says when its commands are typed as they stand', {
    timeout: 240_000,
  }, async () => {
    const valid = { from: Date.now() - 60_000, until: Date.now() + 3_600_000 };
    for (const name of ['cacerts', 'new-cacerts']) {
      const root = await testRoot(valid);
      writePluggedSet(join(cwd, name), await testIntermediate(root, valid), root);
    }
    const [see = '', start = '', step = '', leave = '', stop = '', check = '', stage = ''] = type(
      blocks('how-to/rotate-keys.md'),
    );
    expect(see).toMatch(/root: idle[\s\S]*prepare[\s\S]*publish[\s\S]*activate[\s\S]*retire/);
    // The agent beside the server is the one that has to acknowledge, unless it has not reported yet.
    expect(see).toMatch(/nobody reports yet|join_token\/local +holds bundle 1/);
    expect(start).toContain('root: published, running');
    expect(step).toContain('jwt: published');
    expect(leave).toMatch(/ROTATION_GATE_CLOSED|jwt: activated/);
    expect(stop).toContain('root: published, paused');
    expect(stop).toContain('root: idle');
    expect(check).toContain('JWT key');
    expect(stage).toMatch(
      /3 steps[\s\S]*1-publish: 2 roots[\s\S]*2-activate: 2 roots[\s\S]*3-retire: 1 root,/,
    );
    expect(existsSync(join(cwd, 'steps', '3-retire', 'ca-key.pem'))).toBe(true);
    expect([see, start, step, check].join('\n')).not.toMatch(/^error:/m);
  });

  it('of emergencies, too, and reaches as far as it said', { timeout: 240_000 }, () => {
    const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
    type([`castellan issue ${cart} --out certs/dev`]);
    const [workload = '', intermediate = '', taint = '', force = '', jwt = '', lost = '', expired = ''] =
      type(blocks('how-to/emergencies.md'));
    expect(workload).toContain('1 valid certificate would stop counting');
    expect(workload).toContain('is off the deny list');
    expect(intermediate).toContain('is tainted');
    expect(intermediate).toContain('would be revoked');
    expect(intermediate).toContain('is revoked');
    expect(taint).toContain('its successor signs as soon as the gates allow');
    expect(force).toContain('trust bundle');
    expect(force).toContain('is revoked');
    expect(jwt).toContain('every token that it signed stopped counting');
    expect(lost).toContain('root: idle');
    expect(expired).toMatch(/[0-9a-f]{64}/);
    expect([workload, intermediate, taint, force, jwt, lost, expired].join('\n')).not.toMatch(/^error:/m);
    const audit = type(['castellan get audit -o json'])[0] ?? '';
    for (const action of ['authority.order', 'authority.taint', 'authority.revoke', 'bundle.publish'])
      expect(audit).toContain(action);
    expect(existsSync(join(server.stateDir, 'revocation-lists.pem'))).toBe(true);
  });
});

describe('castellan up --demo-rotation', () => {
  it('replaces a root while two workloads call each other, counts what fails, and that is nothing', {
    timeout: 240_000,
  }, () => {
    const [printed = ''] = type(['castellan up --demo-rotation; echo "exit $?"']);
    expect(printed).toContain('both roots published, the old one signs');
    expect(printed).toContain('the new root signs, the old one is still believed');
    expect(printed).toMatch(/the root was replaced; \d+ requests, 0 failed\nexit 0/);
  });
});
