import { readFileSync, statSync } from 'node:fs';

/** Names of users or groups by number, from a file such as /etc/passwd, read again when it changes. */
export class AccountNames {
  readonly #file: string;
  #stamp = '';
  #names = new Map<number, string>();

  constructor(file: string) {
    this.#file = file;
  }

  nameOf(id: number): string | undefined {
    try {
      const { mtimeMs, size, ino } = statSync(this.#file);
      const stamp = `${ino} ${size} ${mtimeMs}`;
      if (stamp !== this.#stamp) {
        this.#names = parseAccounts(readFileSync(this.#file, 'utf8'));
        this.#stamp = stamp;
      }
    } catch {
      return undefined;
    }
    return this.#names.get(id);
  }
}

/** `name:x:id:…` lines. Of two names for one number the first is the account's, as the system's own look-up has it. */
export function parseAccounts(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name === '' || !/^\d{1,10}$/.test(id) || names.has(Number(id))) continue;
    names.set(Number(id), name);
  }
  return names;
}
