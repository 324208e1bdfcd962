export const door = 'csr';
