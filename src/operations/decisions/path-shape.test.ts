import { expect, it } from 'vitest';
import { pathShape } from './path-shape.ts';

it.each([
  ['/items', '/items'],
  ['/items/42?x=1#y', '/items/{id}'],
  ['/users/3f2504e0-4f89-11d3-9a0c-0305e82c3301/orders/9', '/users/{id}/orders/{id}'],
  ['/blob/9b74c9897bac770ffc029102a200c5de', '/blob/{id}'],
  ['/d/01KB3F8YQ4ZP7R5XG2V6N9T0WC', '/d/{id}'],
  ['/api/v1/health-check', '/api/v1/health-check'],
  [`/${'a'.repeat(60)}`, '/{id}'],
  ['/a/b/c/d/e/f/g/h/i/j', '/a/b/c/d/e/f/g/h/…'],
  ['/facade/decade', '/facade/decade'],
])('the shape of %s is %s', (path, shape) => {
  expect(pathShape(path)).toBe(shape);
});
