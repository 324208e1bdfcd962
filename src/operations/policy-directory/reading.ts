/** One file of resources. */
export interface DirectoryFile {
  /** Relative to the directory, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** One whole version of a directory, or why there is none. */
export type DirectoryReading =
  | { readonly ok: true; readonly files: readonly DirectoryFile[] }
  | { readonly ok: false; readonly reason: string };

/** A directory that somebody else keeps up to date (D19). */
export interface PolicyDirectory {
  read(): Promise<DirectoryReading>;
  /** Calls `changed` after something in it may have changed. */
  watch(changed: () => void): Disposable;
}
