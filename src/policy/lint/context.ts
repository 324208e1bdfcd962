import {
  defaultMeshConfig,
  type Finding,
  type FindingOptions,
  formatPath,
  type MapNode,
  type MeshConfigSpec,
  nodeAt,
  type ParsedResource,
  type PathStep,
  type ResourceKind,
  type ResourceOf,
  resourceTitle,
} from '../../resources/index.ts';
import { type LintCode, lintFinding } from './catalogue.ts';

/** A resource with the document it was read from. */
export interface Target<Kind extends ResourceKind> {
  readonly resource: ResourceOf<Kind>;
  readonly root: MapNode;
}

export type PolicyTarget = Target<'AuthorizationPolicy'>;
export type PeerTarget = Target<'PeerAuthentication'>;
export type RequestTarget = Target<'RequestAuthentication'>;

/** What is known about the world beside the resources; live data fills it, files alone leave it out. */
export interface LintFacts {
  /** The mesh's settings when no MeshConfig is among the resources. */
  readonly mesh?: MeshConfigSpec;
}

/** Everything that one run of the lint looks at, and where it puts what it finds. */
export class LintContext {
  readonly mesh: MeshConfigSpec;
  /** True when the mesh's settings were given, not assumed. */
  readonly isMeshKnown: boolean;
  readonly policies: readonly PolicyTarget[];
  readonly peers: readonly PeerTarget[];
  readonly requests: readonly RequestTarget[];
  readonly workloads: readonly Target<'WorkloadEntry'>[];
  readonly services: readonly Target<'ServiceEntry'>[];
  readonly registrations: readonly Target<'IdentityRegistration'>[];
  readonly #findings: Finding[] = [];

  constructor(parsed: readonly ParsedResource[], facts: LintFacts) {
    const written = ofKind(parsed, 'MeshConfig')[0]?.resource.spec;
    this.mesh = written ?? facts.mesh ?? defaultMeshConfig;
    this.isMeshKnown = written !== undefined || facts.mesh !== undefined;
    this.policies = ofKind(parsed, 'AuthorizationPolicy');
    this.peers = ofKind(parsed, 'PeerAuthentication');
    this.requests = ofKind(parsed, 'RequestAuthentication');
    this.workloads = ofKind(parsed, 'WorkloadEntry');
    this.services = ofKind(parsed, 'ServiceEntry');
    this.registrations = ofKind(parsed, 'IdentityRegistration');
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  report(code: LintCode, at: Place, message: string, options: FindingOptions = {}): void {
    const resource = resourceTitle(at.target.resource);
    this.#findings.push(
      lintFinding(code, nodeAt(at.target.root, at.path), message, { resource, ...options }),
    );
  }
}

/** A field of a resource. */
export interface Place {
  readonly target: ParsedResource;
  readonly path: readonly PathStep[];
}

export function place(target: ParsedResource, ...path: readonly PathStep[]): Place {
  return { target, path };
}

/** How a message names another place: `AuthorizationPolicy shop/cart, spec.rules[0] (a.yaml:12)`. */
export function describePlace({ target, path }: Place): string {
  const node = nodeAt(target.root, path);
  return `${resourceTitle(target.resource)}, ${formatPath(path)} (${node.file}:${node.line})`;
}

function ofKind<Kind extends ResourceKind>(parsed: readonly ParsedResource[], kind: Kind): Target<Kind>[] {
  return parsed.filter((item) => item.resource.kind === kind) as unknown as Target<Kind>[];
}
