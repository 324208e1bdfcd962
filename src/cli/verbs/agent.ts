import type { Verb } from '../frame/verb.ts';
import { declareAgentState } from './agent-state.ts';

export const agent: Verb = {
  configure: (command, frame) => declareAgentState(command, frame),
};
