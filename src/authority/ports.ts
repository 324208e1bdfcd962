import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Signer } from '../x509/index.ts';
import type { RotationObserver } from './ports-rotation.ts';

/** Key types that an authority, a serving certificate or an audit log signs with. */
export type KeyType = 'P-256' | 'P-384' | 'RSA-2048' | 'RSA-3072' | 'RSA-4096' | 'Ed25519';

/**
 * Where private keys live: encrypted files today, a token or a remote service later. A key never leaves it; what it
 * gives out is a signer.
 */
export interface KeyStore {
  /** Makes a key and stores it durably before it resolves. Refuses a name that is taken. */
  create(name: string, type: KeyType): Promise<Signer>;
  /** Undefined when there is no key of this name: whoever asks decides what that means (never: make one). */
  open(name: string): Promise<Signer | undefined>;
  /** Forgets a key; not an error when it is gone already, so that an interrupted removal can be repeated. */
  remove(name: string): Promise<void>;
}

/** One small document, replaced atomically and durably. */
export interface JournalStore {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** Serial numbers for certificates: 1 to 20 octets, positive, never the same twice (G2). */
export interface SerialSource {
  next(): Uint8Array;
}

/** A key for a short-lived certificate of our own, which a TLS listener needs in its hands. */
export interface EphemeralKey {
  readonly signer: Signer;
  readonly privateKeyPem: string;
}

export interface EphemeralKeys {
  generate(type: KeyType): Promise<EphemeralKey>;
}

/** What a directory with plugged-in CA material holds, as text, not yet checked. */
export interface PluggedFiles {
  readonly layout: 'istio' | 'kubernetes-tls';
  readonly signingCertificatePem: string;
  readonly signingKeyPem: string;
  /** What goes between leaf and roots, in order. */
  readonly chainPem: string;
  readonly rootsPem: string;
  readonly crlPem: string | undefined;
  /** Names by role, for messages. */
  readonly names: {
    readonly certificate: string;
    readonly key: string;
    readonly chain: string;
    readonly roots: string;
    readonly crl: string;
  };
  /** Sentences about what is unwise but accepted, such as a key that others can read. */
  readonly warnings: readonly string[];
}

export interface PluggedFilesSource {
  /** Throws CACERTS_INCOMPLETE naming the files that are missing, or CACERTS_UNREADABLE. */
  read(): Promise<PluggedFiles>;
  /** Calls `changed` when the directory may hold something new. */
  watch(changed: () => void): Disposable;
}

/** Everything an authority needs from outside. */
export interface AuthorityPorts {
  readonly keys: KeyStore;
  readonly journal: JournalStore;
  readonly serials: SerialSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who holds which bundle, and what lives under which authority; absent: nothing is known. */
  readonly observer?: RotationObserver;
}
