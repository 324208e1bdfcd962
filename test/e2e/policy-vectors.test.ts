/** `castellan test` on files of the corpus: one of each folder, as anybody would run them. */
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../support/cli-process.ts';
import { listVectorFiles, readVectorFile, vectorsFolder } from '../support/policy-vectors.ts';

const firstOfEachFolder = [...Map.groupBy(listVectorFiles(), dirname).values()].map(([first]) => first ?? '');

describe('castellan test', () => {
  it.each(firstOfEachFolder)('passes every case of %s', async (file) => {
    const { code, stdout, stderr } = await run(['test', file, '-o', 'json'], { cwd: vectorsFolder });
    const { vectors } = readVectorFile(file);
    expect([code, stderr]).toEqual([0, '']);
    for (const { name } of vectors) expect(stdout).toContain(JSON.stringify(name));
  });
});
