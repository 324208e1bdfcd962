/** Every metric of the server, in one place: name, type, labels and help. The reference page is made from it. */
import { rotationMetrics } from './metric-names-rotation.ts';

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricSpec {
  readonly type: MetricType;
  readonly help: string;
  /** Each label's values are a closed or a configured set; never a SPIFFE ID, a serial or a path. */
  readonly labels: readonly string[];
  /** Upper bounds in seconds, for histograms. */
  readonly buckets?: readonly number[];
}

const quick = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;

export const metricSpecs = {
  castellan_build_info: {
    type: 'gauge',
    help: 'Always 1; what is running, in its labels.',
    labels: ['version', 'component', 'node_version'],
  },
  castellan_ca_csr_requests_total: {
    type: 'counter',
    help: 'Certificate requests by how they ended.',
    labels: ['result', 'reason', 'attestor'],
  },
  castellan_ca_csr_in_flight: {
    type: 'gauge',
    help: 'Certificate requests being worked on.',
    labels: [],
  },
  castellan_ca_sign_duration_seconds: {
    type: 'histogram',
    help: 'From a checked request to a signed and re-read certificate.',
    labels: ['key_type', 'signer'],
    buckets: quick,
  },
  castellan_ca_csr_duration_seconds: {
    type: 'histogram',
    help: 'From the arrival of a certificate request to its answer, durable record included.',
    labels: ['result'],
    buckets: quick,
  },
  ...rotationMetrics,
  castellan_agent_attestations_total: {
    type: 'counter',
    help: 'Attestations of nodes by how they ended.',
    labels: ['method', 'result'],
  },
  castellan_agents: {
    type: 'gauge',
    help: 'Agents on record.',
    labels: ['state'],
  },
  castellan_agents_connected: {
    type: 'gauge',
    help: 'Agents with an open stream.',
    labels: [],
  },
  castellan_ca_alarms: {
    type: 'gauge',
    help: 'Things about the authority that an operator should look at, by code.',
    labels: ['code'],
  },
  castellan_ca_records: {
    type: 'gauge',
    help: 'Issued certificates on record.',
    labels: [],
  },
  castellan_trust_bundle_generation: {
    type: 'gauge',
    help: 'The sequence number of the trust bundle that is published.',
    labels: ['trust_domain'],
  },
  castellan_revocations: {
    type: 'gauge',
    help: 'Entries on the deny list.',
    labels: [],
  },
  castellan_resources_revision: {
    type: 'gauge',
    help: 'The revision of the resource store; grows by one with every write.',
    labels: [],
  },
  castellan_store_ready: {
    type: 'gauge',
    help: '1 while the store can be written.',
    labels: [],
  },
  castellan_store_bytes: {
    type: 'gauge',
    help: 'Size of the database files.',
    labels: ['file'],
  },
  castellan_store_queued_writes: {
    type: 'gauge',
    help: 'Writes waiting for the next commit.',
    labels: [],
  },
  castellan_store_writes_total: {
    type: 'counter',
    help: 'Writes that were committed.',
    labels: [],
  },
  castellan_store_commits_total: {
    type: 'counter',
    help: 'Commits: several writes share one.',
    labels: [],
  },
  castellan_store_failures_total: {
    type: 'counter',
    help: 'Writes that failed, by cause.',
    labels: ['cause'],
  },
  castellan_audit_sequence: {
    type: 'gauge',
    help: 'The number of the newest audit entry.',
    labels: [],
  },
  castellan_refusal_notes_dropped_total: {
    type: 'counter',
    help: 'Notes about refused requests that a flood has cost.',
    labels: [],
  },
  castellan_authz_decisions_total: {
    type: 'counter',
    help: 'Decisions for proxies; mode shadow counts what dry-run policies would have decided.',
    labels: [
      'decision',
      'mode',
      'reason',
      'policy',
      'destination_workload',
      'destination_workload_namespace',
    ],
  },
  castellan_authz_faults_total: {
    type: 'counter',
    help: 'Denials that were faults of this server or late answers, not judgements.',
    labels: ['reason'],
  },
  castellan_authz_decision_duration_seconds: {
    type: 'histogram',
    help: 'From a decoded question of a proxy to its decision.',
    labels: ['protocol'],
    buckets: quick,
  },
  castellan_authz_traffic_beyond_total: {
    type: 'counter',
    help: 'Requests that counts of traffic have as `(others)`, for lack of room.',
    labels: [],
  },
  castellan_authz_custom_requests_total: {
    type: 'counter',
    help: 'Questions to CUSTOM providers by answer; refused: not asked, for it fails or has too many calls open.',
    labels: ['provider', 'outcome'],
  },
  castellan_authz_custom_duration_seconds: {
    type: 'histogram',
    help: 'How long CUSTOM providers took to answer, or to fail.',
    labels: ['provider'],
    buckets: quick,
  },
  castellan_authz_token_cache_entries: {
    type: 'gauge',
    help: 'Verified tokens of requests that are remembered.',
    labels: [],
  },
  castellan_authz_token_cache_hits_total: {
    type: 'counter',
    help: 'Tokens of requests found among the verified ones.',
    labels: [],
  },
  castellan_authz_token_cache_misses_total: {
    type: 'counter',
    help: 'Tokens of requests that had to be verified.',
    labels: [],
  },
  castellan_authz_token_cache_evictions_total: {
    type: 'counter',
    help: 'Verified tokens forgotten for lack of room.',
    labels: [],
  },
  castellan_policy_objects: {
    type: 'gauge',
    help: 'Resources in the policy in force.',
    labels: ['kind', 'state'],
  },
  castellan_policy_generation: {
    type: 'gauge',
    help: 'The revision of the resource store that is in force; -1 before the first.',
    labels: [],
  },
  castellan_policy_reloads_total: {
    type: 'counter',
    help: 'Policy snapshots that took force.',
    labels: [],
  },
  castellan_policy_reload_failed_total: {
    type: 'counter',
    help: 'Times that stored resources did not compile and the last good policy stayed.',
    labels: [],
  },
  castellan_policy_directory_in_force: {
    type: 'gauge',
    help: '1 while the policy directory is in force as it is; 0 while its last good version is.',
    labels: [],
  },
  castellan_policy_directory_files: {
    type: 'gauge',
    help: 'Files of the policy directory, in the version in force.',
    labels: [],
  },
  castellan_policy_directory_resources: {
    type: 'gauge',
    help: 'Resources that the policy directory owns.',
    labels: [],
  },
  castellan_policy_directory_failures_total: {
    type: 'counter',
    help: 'Times that the policy directory could not be taken up.',
    labels: [],
  },
  castellan_policy_propagation_seconds: {
    type: 'histogram',
    help: 'From a committed write of resources to the moment decisions are made by it.',
    labels: [],
    buckets: quick,
  },
  castellan_workers: {
    type: 'gauge',
    help: 'Processes that answer proxies beside the server.',
    labels: [],
  },
  castellan_worker_restarts_total: {
    type: 'counter',
    help: 'Workers that ended by themselves and were replaced.',
    labels: [],
  },
  castellan_worker_decisions_dropped_total: {
    type: 'counter',
    help: 'Decision records that workers dropped in a flood.',
    labels: [],
  },
  castellan_agent_decisions_dropped_total: {
    type: 'counter',
    help: 'Decision records that agents said they lost in a flood.',
    labels: [],
  },
  castellan_policy_age_seconds: {
    type: 'gauge',
    help: 'At an agent that decides: how long its server has not been heard.',
    labels: [],
  },
  castellan_decisions_waiting: {
    type: 'gauge',
    help: 'At an agent that decides: records that the server has not taken yet.',
    labels: [],
  },
  castellan_policy_compile_seconds: {
    type: 'gauge',
    help: 'How long the last compilation took, pauses included.',
    labels: [],
  },
  castellan_jwks_fetches_total: {
    type: 'counter',
    help: 'Fetches of key sets of configured issuers.',
    labels: ['issuer', 'result'],
  },
  castellan_jwks_last_success_timestamp_seconds: {
    type: 'gauge',
    help: 'When the key set of a configured issuer was last read.',
    labels: ['issuer'],
  },
  castellan_log_lines_dropped_total: {
    type: 'counter',
    help: 'Log lines lost because their reader was too slow.',
    labels: [],
  },
  castellan_agent_svids: {
    type: 'gauge',
    help: 'Identities registered on this node, by whether their certificate is there.',
    labels: ['state'],
  },
  castellan_agent_renewals_total: {
    type: 'counter',
    help: 'Certificates asked for by the agent, by what came of it.',
    labels: ['result'],
  },
  castellan_agent_streams: {
    type: 'gauge',
    help: 'Streams of workloads that are open.',
    labels: [],
  },
  castellan_agent_alarms: {
    type: 'gauge',
    help: 'Things about the agent that an operator should look at, by code.',
    labels: ['code'],
  },
  castellan_agent_server_connected: {
    type: 'gauge',
    help: 'Whether the stream from the server is open.',
    labels: [],
  },
  castellan_agent_node_not_after_timestamp_seconds: {
    type: 'gauge',
    help: 'When the certificate of the node ends.',
    labels: [],
  },
  castellan_agent_earliest_not_after_timestamp_seconds: {
    type: 'gauge',
    help: 'When the first of the certificates held for workloads ends.',
    labels: [],
  },
  castellan_agent_bundle_sequence: {
    type: 'gauge',
    help: 'The sequence number of the bundle that workloads were given.',
    labels: ['trust_domain'],
  },
  castellan_agent_sds_nacks_total: {
    type: 'counter',
    help: 'Secrets that a proxy refused.',
    labels: [],
  },
  castellan_agent_refusals_total: {
    type: 'counter',
    help: 'Workloads that were refused, by error code.',
    labels: ['code'],
  },
  castellan_limit_hits_total: {
    type: 'counter',
    help: 'Requests refused or connections closed by a limit.',
    labels: ['limit'],
  },
  grpc_server_handled_total: {
    type: 'counter',
    help: 'gRPC calls that were answered.',
    labels: ['grpc_service', 'grpc_method', 'grpc_type', 'grpc_code'],
  },
  grpc_server_handling_seconds: {
    type: 'histogram',
    help: 'Time from a gRPC call to its answer.',
    labels: ['grpc_service', 'grpc_method', 'grpc_type'],
    buckets: quick,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricName = keyof typeof metricSpecs;
