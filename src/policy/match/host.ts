/**
 * Strict mode's reading of an authority (Z09): as it stands; without one trailing dot; and without its port as well, so
 * that `admin.example` in a policy covers `admin.example:8080` and `admin.example.`.
 */
export function hostForms(host: string): readonly string[] {
  const colon = portColon(host);
  const name = colon === -1 ? host : host.slice(0, colon);
  const port = colon === -1 ? '' : host.slice(colon);
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  const forms = [host];
  if (bare !== host) forms.push(bare);
  if (port.length > 1 && bare !== name) forms.push(bare + port);
  return forms;
}

/** The colon before the port; brackets hold the colons of an IPv6 address. */
function portColon(host: string): number {
  const colon = host.lastIndexOf(':');
  if (colon === -1 || colon < host.lastIndexOf(']')) return -1;
  for (let i = colon + 1; i < host.length; i++) {
    const unit = host.charCodeAt(i);
    if (unit < 48 || unit > 57) return -1;
  }
  return host.startsWith('[') || host.indexOf(':') === colon ? colon : -1;
}
