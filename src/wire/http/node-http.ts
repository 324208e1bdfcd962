/**
 * `node:http`, taken without an import: a module that imports it by name makes Node read every export, one of which is a
 * whole further HTTP client (tens of milliseconds and several megabytes at each start).
 */
export const nodeHttp = process.getBuiltinModule('node:http');
