import { processIo } from './frame/io.ts';
import { runCommandLine } from './frame/program.ts';
import { verbs } from './verbs/index.ts';

const argv = process.argv.slice(2);
const stop = new AbortController();

function onSignal(signal: NodeJS.Signals): void {
  // The second signal ends at once; the first lets the verb close what it opened.
  if (stop.signal.aborted) process.exit(128 + (signal === 'SIGINT' ? 2 : 15));
  stop.abort(new Error(`stopped by ${signal}`));
}
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader went away (`castellan get … | head`): nothing is left to say.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

if (argv[0] === '__complete') {
  const { completeWords } = await import('./frame/completion.ts');
  const words = argv.slice(argv[1] === '--' ? 2 : 1);
  for (const name of await completeWords(verbs, words, processIo())) process.stdout.write(`${name}\n`);
} else {
  process.exitCode = await runCommandLine(verbs, argv, processIo(), stop.signal);
}
