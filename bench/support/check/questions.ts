import type { Load } from './load.ts';
import { checkBody, forwardAuthHeaders } from './plan.ts';

export const grpcCheck = (withToken: boolean): Load => ({
  url: (target) => `http://127.0.0.1:${target.grpc}/envoy.service.auth.v3.Authorization/Check`,
  args: ['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
  body: checkBody(withToken),
});

export const forwardAuth: Load = {
  url: (target) => `http://127.0.0.1:${target.http}/authz/forward-auth?workload=shop/cart&port=8080`,
  args: ['--h1', ...forwardAuthHeaders().flatMap((header) => ['-H', header])],
};
