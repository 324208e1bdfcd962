import { describeHttpProxy } from '../../support/proxies/http-proxy-suite.ts';
import { startCaddy, startHaproxy, startNginx, startTraefik } from '../../support/proxies/program.ts';

describeHttpProxy({
  tool: 'nginx',
  title: 'nginx with deploy/nginx/castellan.conf',
  start: startNginx,
  door: 'extAuthzHttp',
  relaysBody: false,
  downStatus: 500,
});

describeHttpProxy({
  tool: 'haproxy',
  title: 'HAProxy with deploy/haproxy',
  start: startHaproxy,
  door: 'extAuthzHttp',
  relaysBody: true,
  downStatus: 503,
});

describeHttpProxy({
  tool: 'caddy',
  title: 'Caddy with deploy/caddy/Caddyfile',
  start: startCaddy,
  door: 'extAuthzHttp',
  relaysBody: true,
  downStatus: 502,
});

describeHttpProxy({
  tool: 'traefik',
  title: 'Traefik with deploy/traefik/castellan.yaml',
  start: startTraefik,
  door: 'extAuthzHttp',
  relaysBody: true,
  downStatus: 500,
  isTraefik: true,
});
