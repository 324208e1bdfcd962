import { readFileSync, statSync } from 'node:fs';
import {
  type AnyNodeAttestor,
  joinTokenNodeAttestor,
  k8sSatNodeAttestor,
  x509PopNodeAttestor,
} from '../identity/index.ts';
import { joinTokenRedeemer } from '../operations/redeem-join-token.ts';
import { type Certificate, parseCertificatesPem, validateMachinePath } from '../x509/index.ts';
import type { Environment } from './environment.ts';
import type { Issuing } from './issuing.ts';
import type { Settings } from './settings/index.ts';
import type { State } from './state.ts';

export interface NodeAttestorParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly issuing: Issuing;
}

/** The ways of attestation that the settings switch on; join tokens always. */
export function nodeAttestors({
  settings,
  environment,
  state,
  issuing,
}: NodeAttestorParts): readonly AnyNodeAttestor[] {
  const { trustDomain } = settings;
  const { clock, random } = environment;
  const { x509Pop, k8sSat } = settings.agents;
  const attestors: AnyNodeAttestor[] = [
    joinTokenNodeAttestor({ trustDomain, redeemer: joinTokenRedeemer(state.store.joinTokens, clock) }),
  ];
  if (k8sSat !== undefined)
    attestors.push(
      k8sSatNodeAttestor({ trustDomain, tokens: issuing.tokens, accounts: new Set(k8sSat.accounts) }),
    );
  if (x509Pop !== undefined) {
    const roots = machineRoots(x509Pop.bundleFile);
    attestors.push(
      x509PopNodeAttestor({
        trustDomain,
        name: x509Pop.name,
        nonce: () => random.bytes(32),
        validate: (chain) =>
          validateMachinePath(chain, { now: clock.now(), purpose: 'client', roots: roots() }),
      }),
    );
  }
  return attestors;
}

/** Read again when the file has changed; a file that cannot be read leaves what was read last. */
function machineRoots(file: string): () => readonly Certificate[] {
  const read = () => parseCertificatesPem(readFileSync(file, 'utf8'));
  let changedAt = statSync(file).mtimeMs;
  let roots = read();
  return () => {
    try {
      const now = statSync(file).mtimeMs;
      if (now !== changedAt) {
        roots = read();
        changedAt = now;
      }
    } catch {
      // A file that is being replaced: the next attestation looks again.
    }
    return roots;
  };
}
