import { settleMemory } from '../settle-memory.ts';
import { runWorker } from './worker.ts';

settleMemory();
runWorker();
