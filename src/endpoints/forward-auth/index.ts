export { type HttpCheckParts, httpCheckServer } from './server.ts';
