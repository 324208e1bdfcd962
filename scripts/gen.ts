/** `npm run gen`: everything that is generated and checked in. CI runs it and fails if it leaves a diff. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, runStep, type Step } from './steps.ts';

const steps: Step[] = [];
if (existsSync(join(root, 'buf.gen.yaml')))
  steps.push({ name: 'protobuf code', command: ['buf', 'generate'] });
for (const file of readdirSync(join(root, 'scripts', 'gen')).sort())
  steps.push({ name: file.replace('.ts', ''), command: [process.execPath, join('scripts', 'gen', file)] });

process.exitCode = steps.every((step) => runStep(step, { quiet: true })) ? 0 : 1;
