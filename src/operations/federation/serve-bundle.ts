import type { Authority } from '../../authority/index.ts';
import { bundleDocument } from './bundle-document.ts';
import type { BundleReaders } from './bundle-readers.ts';

export interface ServeBundleParts {
  readonly authority: Pick<Authority, 'bundle'>;
  readonly readers: Pick<BundleReaders, 'nameOf' | 'fetched'>;
}

export interface ServedBundle {
  readonly text: string;
  /** To be called when it was given out whole: only then the reader has it. */
  readonly given: () => void;
}

/** The newest bundle, for anybody or, with a token, for a named reader; undefined when the token is nobody's. */
export function serveBundle(
  { authority, readers }: ServeBundleParts,
  token?: string,
): ServedBundle | undefined {
  const name = token === undefined ? undefined : readers.nameOf(token);
  if (token !== undefined && name === undefined) return undefined;
  const bundle = authority.bundle();
  return {
    text: bundleDocument(bundle),
    given: () => {
      if (name !== undefined) readers.fetched(name, bundle.sequence);
    },
  };
}
