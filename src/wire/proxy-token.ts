/** In which a proxy shows a token of its own; `authorization` is the client's. */
export const proxyTokenHeader = 'x-castellan-proxy-token';
