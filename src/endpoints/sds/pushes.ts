import { readTraceContext, type SpanWatch } from '../../operations/tracing/index.ts';
import type { StreamCall } from '../../wire/grpc/push-stream.ts';
import { readEnvoyNode } from './envoy-node.ts';
import type { Available } from './secret-source.ts';

type Ending = 'accepted' | 'refused' | 'unanswered';

interface Subscription<R, A> {
  receive(request: R): void;
  next(available: Available): A | undefined;
  repeat(): void;
}

interface Said {
  readonly nonce?: string;
  readonly resources?: readonly unknown[];
  readonly removedResources?: readonly string[];
}

interface Heard {
  readonly responseNonce: string;
  readonly errorDetail?: object | undefined;
  readonly node?: Parameters<typeof readEnvoyNode>[0] | undefined;
}

/** A proxy that never answers does not make us remember all that it was told. */
const mostOpen = 16;

/** The same subscription, with a span for each of its pushes where traces are wanted. */
export function watchPushes<R extends Heard, A extends Said>(
  subscription: Subscription<R, A>,
  call: Pick<StreamCall, 'header' | 'signal'>,
  spans: SpanWatch | undefined,
): Subscription<R, A> {
  if (spans === undefined) return subscription;
  const pushes = new Pushes(spans, (name) => call.header(name));
  call.signal.addEventListener('abort', () => pushes.close(), { once: true });
  return {
    receive(request) {
      pushes.heard(request);
      subscription.receive(request);
    },
    next(available) {
      const answer = subscription.next(available);
      if (answer !== undefined) pushes.sent(answer);
      return answer;
    },
    repeat: () => subscription.repeat(),
  };
}

/** The spans of one stream: each lasts from when secrets are pushed until the proxy says what it made of them. */
class Pushes {
  readonly #spans: SpanWatch;
  readonly #header: (name: string) => readonly string[];
  readonly #open = new Map<string, (ending: Ending) => void>();
  #node = '';

  constructor(spans: SpanWatch, header: (name: string) => readonly string[]) {
    this.#spans = spans;
    this.#header = header;
  }

  sent({ nonce = '', resources = [], removedResources = [] }: Said): void {
    const end = this.#spans.begin();
    this.#open.set(nonce, (ending) => {
      this.#open.delete(nonce);
      end({
        name: 'castellan.sds.push',
        kind: 'internal',
        parent: readTraceContext({ get: (name) => this.#header(name) }),
        isFault: false,
        attributes: () => ({
          'castellan.sds.node': this.#node,
          'castellan.sds.nonce': nonce,
          'castellan.sds.secrets': resources.length,
          'castellan.sds.removed': removedResources.length,
          'castellan.sds.result': ending,
        }),
      });
    });
    if (this.#open.size > mostOpen)
      for (const endOldest of this.#open.values()) return endOldest('unanswered');
  }

  heard({ responseNonce, errorDetail, node }: Heard): void {
    if (node !== undefined && this.#node === '') this.#node = readEnvoyNode(node).id;
    this.#open.get(responseNonce)?.(errorDetail === undefined ? 'accepted' : 'refused');
  }

  close(): void {
    for (const end of this.#open.values()) end('unanswered');
  }
}
