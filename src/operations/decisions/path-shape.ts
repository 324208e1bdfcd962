const mostSegments = 8;
const longestSegment = 48;

/** A path without what changes from request to request: query gone, ids as `{id}`, bounded in length. */
export function pathShape(path: string): string {
  const [bare = ''] = path.split(/[?#;]/, 1);
  const segments = bare.split('/');
  const kept = segments
    .slice(0, mostSegments + 1)
    .map(segmentShape)
    .join('/');
  return segments.length > mostSegments + 1 ? `${kept}/…` : kept;
}

const isNumber = /^\d+$/;
const isUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const isHex = /^(?=.*\d)[0-9a-f]{8,}$/i;
/** Long, with digits among letters: base64, ULIDs, tokens. */
const isOpaque = /^(?=.*\d)(?=.*[a-z])[\w.~%-]{20,}$/i;

function segmentShape(segment: string): string {
  if (segment.length > longestSegment) return '{id}';
  return isNumber.test(segment) || isUuid.test(segment) || isHex.test(segment) || isOpaque.test(segment)
    ? '{id}'
    : segment;
}
