/** Trailing metadata of every answer, good or bad: what `castellan explain` wants to know. */
export const requestIdTrailer = 'x-castellan-request-id';
