import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NodeEvidence } from '../adapters/agent-link/index.ts';
import { parseCertificatesPem } from '../x509/index.ts';
import { readSecretFile, type Settings } from './settings/index.ts';

/** What the settings give this node to prove itself with; read when it is used. */
export function evidenceOf({ agent }: Settings): NodeEvidence | undefined {
  const { joinTokenFile, certificateFile, keyFile, serviceAccountTokenFile } = agent;
  if (joinTokenFile !== undefined)
    return { method: 'join_token', readToken: () => readSecretFile(joinTokenFile).trim() };
  // Kubernetes mounts it readable for others of the pod: it is its lifetime that protects it.
  if (serviceAccountTokenFile !== undefined)
    return { method: 'k8s_sat', readToken: () => readFileSync(serviceAccountTokenFile, 'utf8').trim() };
  if (certificateFile === undefined || keyFile === undefined) return undefined;
  return {
    method: 'x509pop',
    read: () => ({
      chainDer: parseCertificatesPem(readFileSync(certificateFile, 'utf8')).map(({ der }) => der),
      key: createPrivateKey(readSecretFile(keyFile)),
    }),
  };
}
