import { readFile } from 'node:fs/promises';
import type { TokenReviewer, TokenReviewStatus } from '../../identity/index.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJsonObjectText } from '../../jwt/index.ts';
import type { OutboundClient } from '../../wire/outbound/index.ts';
import { tokenReviewErrors } from './errors.ts';

export interface KubernetesTokenReviewerOptions {
  readonly client: OutboundClient;
  /** The API server, `https://10.0.0.1:6443`. */
  readonly server: string;
  /** Our own token, read anew for each review: the kubelet rotates it. */
  readonly tokenFile: string;
  /** The authority of the API server, likewise read anew. */
  readonly caFile?: string;
  readonly timeoutMs?: number;
}

const path = '/apis/authentication.k8s.io/v1/tokenreviews';

/** Asks a Kubernetes API server by `TokenReview`. Our own refusal there (401, 403) is our fault, not the caller's: it throws. */
export function kubernetesTokenReviewer(options: KubernetesTokenReviewerOptions): TokenReviewer {
  const url = `${options.server.replace(/\/$/, '')}${path}`;
  return {
    async review(token, audiences, signal) {
      const [own, ca] = await Promise.all([
        readFile(options.tokenFile, 'utf8'),
        options.caFile === undefined ? undefined : readFile(options.caFile, 'utf8'),
      ]);
      const body = JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences },
      });
      const answer = await options.client.ask(
        {
          url,
          method: 'POST',
          body,
          headers: { authorization: `Bearer ${own.trim()}`, 'content-type': 'application/json' },
          statuses: [200, 201],
          timeoutMs: options.timeoutMs ?? 2_000,
          ...(ca !== undefined && { ca }),
        },
        signal,
      );
      return readStatus(answer);
    },
  };
}

function readStatus(text: string): TokenReviewStatus {
  const answer = parseJsonObjectText(text, 16);
  const status = answer.ok ? answer.value.status : undefined;
  if (!answer.ok || answer.value.kind !== 'TokenReview' || !isJsonObject(status))
    throw tokenReviewErrors.TOKEN_REVIEW_ANSWER_MALFORMED();
  const user = isJsonObject(status.user) ? status.user : ({} as JsonObject);
  return {
    authenticated: status.authenticated === true,
    username: typeof user.username === 'string' ? user.username : '',
    groups: texts(user.groups),
    audiences: texts(status.audiences),
    extra: readExtra(user.extra),
  };
}

function readExtra(extra: JsonValue | undefined): ReadonlyMap<string, readonly string[]> {
  if (!isJsonObject(extra)) return new Map();
  return new Map(Object.entries(extra).map(([name, values]) => [name, texts(values)]));
}

/** A list of strings; anything else is none: what is not there cannot vouch for anybody. */
function texts(value: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(value)) return [];
  const list: readonly JsonValue[] = value;
  return list.every((entry) => typeof entry === 'string') ? (list as readonly string[]) : [];
}
