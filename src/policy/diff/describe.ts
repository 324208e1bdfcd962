import type { Cube } from './diagram.ts';
import type { Example } from './example.ts';
import type { VariableName } from './sides.ts';
import { filler } from './texts.ts';
import type { Variable } from './variables.ts';

/** Names of a request's parts, and the examples of each that belong. */
export type Who = Readonly<Record<VariableName, readonly string[]>>;

const maxLabels = 12;

/** What the requests of a cube have in common, in words. */
export function describeCube(cube: Cube, variables: readonly Variable[]): Who {
  const who: Record<VariableName, readonly string[]> = {};
  for (const [index, values] of cube) {
    const variable = variables[index];
    if (variable === undefined) continue;
    const examples = values.flatMap((value) => variable.classes[value] ?? []);
    if (examples[0]?.parts !== undefined)
      Object.assign(who, describeParts(examples, variable.classes.flat()));
    else if (!holdsAllSound(variable, values)) who[variable.name] = labelsOf(examples);
  }
  return who;
}

/** What is left out is malformed on both sides: not worth a word. */
function holdsAllSound({ signatures }: Variable, values: readonly number[]): boolean {
  return signatures.every(
    (signature, value) => values.includes(value) || signature.every((facts) => facts[0] === false),
  );
}

/** A filled-up text is said with dots. */
function labelsOf(examples: readonly Example[]): readonly string[] {
  const plain = examples.filter(({ isSpelling }) => isSpelling !== true);
  const labels = (plain.length > 0 ? plain : examples).map(({ label }) => label.split(filler).join('…'));
  return [...new Set(labels)].slice(0, maxLabels);
}

/** Each part by itself; one that could be anything says nothing. */
function describeParts(examples: readonly Example[], all: readonly Example[]): Who {
  const valuesOf = (list: readonly Example[], part: string) =>
    new Set(list.map(({ parts }) => parts?.[part] ?? ''));
  const who: Record<string, readonly string[]> = {};
  for (const part of Object.keys(examples[0]?.parts ?? {})) {
    const values = valuesOf(examples, part);
    if (values.size < valuesOf(all, part).size)
      who[part] = [...values].slice(0, maxLabels).map((value) => value.split(filler).join('…'));
  }
  return who;
}
