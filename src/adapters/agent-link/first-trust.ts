import { connect, type TLSSocket } from 'node:tls';
import { SpiffeId } from '../../spiffe/index.ts';
import { presentedChain } from '../../wire/tls/peer-chain.ts';
import { type Certificate, parseCertificate, validatePath } from '../../x509/index.ts';
import type { ServerAddress } from './channel.ts';
import { agentLinkErrors } from './errors.ts';

const connectMs = 10_000;

/**
 * D25: the root with this SHA-256 fingerprint, taken from the chain that the server shows. Nothing is sent, and nothing
 * is believed, before the chain was found to end in that very certificate. Throws SERVER_NOT_PINNED.
 */
export async function fetchPinnedRoots(
  address: ServerAddress,
  fingerprint: string,
  now: number,
): Promise<readonly Uint8Array[]> {
  const chain = await shownChain(address.target);
  const wanted = fingerprint.replaceAll(':', '').toLowerCase();
  const certificates = chain.map((der) => readOne(der));
  const root = certificates.find((one) => one?.sha256 === wanted);
  if (root === undefined) throw agentLinkErrors.SERVER_NOT_PINNED();
  const { serverId } = address;
  const verdict = validatePath(chain, {
    now,
    purpose: 'server',
    rootsFor: (trustDomain) => (trustDomain === serverId.trustDomain ? [root] : undefined),
  });
  if (!verdict.ok)
    throw agentLinkErrors.SERVER_NOT_PINNED({
      message: `the chain that the server shows is not acceptable: ${verdict.reason}`,
    });
  if (!SpiffeId.parse(verdict.spiffeId.uri).equals(serverId))
    throw agentLinkErrors.SERVER_NOT_PINNED({
      message: `the far end is \`${verdict.spiffeId.uri}\`, not \`${serverId.uri}\``,
    });
  return [root.der];
}

function readOne(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch {
    return undefined;
  }
}

function shownChain(target: string): Promise<readonly Uint8Array[]> {
  const at = target.lastIndexOf(':');
  const host = target.slice(0, at).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    // Not to trust it: to look at it. The connection carries nothing and is closed again.
    const socket: TLSSocket = connect(
      { host, port: Number(target.slice(at + 1)), ALPNProtocols: ['h2'], rejectUnauthorized: false },
      () => {
        const chain = presentedChain(socket) ?? [];
        socket.destroy();
        resolve(chain);
      },
    );
    socket.setTimeout(connectMs, () => socket.destroy(new Error('timeout')));
    socket.once('error', (cause) =>
      reject(
        agentLinkErrors.SERVER_CANNOT_BE_REACHED({
          message: `the server at \`${target}\` cannot be reached`,
          cause,
        }),
      ),
    );
  });
}
