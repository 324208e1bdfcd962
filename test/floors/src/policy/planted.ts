import { readFileSync } from 'node:fs';
import { door } from '../endpoints/csr/door.ts';

export const planted = () => readFileSync(door);
