import type { MetricSpec } from './metric-names.ts';

/** The names of Istio's CA, so that existing dashboards keep working. */
export const citadelSpecs = {
  citadel_server_csr_count: { type: 'counter', help: 'Certificate requests received.', labels: [] },
  citadel_server_authentication_failure_count: {
    type: 'counter',
    help: 'Callers that could not be authenticated or may not have what they asked for.',
    labels: [],
  },
  citadel_server_csr_parsing_err_count: {
    type: 'counter',
    help: 'Requests whose CSR could not be read.',
    labels: [],
  },
  citadel_server_id_extraction_err_count: {
    type: 'counter',
    help: 'Kept for its name; identities never come from the CSR.',
    labels: [],
  },
  citadel_server_csr_sign_err_count: { type: 'counter', help: 'Requests not signed.', labels: ['error'] },
  citadel_server_success_cert_issuance_count: { type: 'counter', help: 'Certificates issued.', labels: [] },
  citadel_server_root_cert_expiry_timestamp: {
    type: 'gauge',
    help: 'When the first root ends, in seconds since the epoch.',
    labels: [],
  },
  citadel_server_root_cert_expiry_seconds: {
    type: 'gauge',
    help: 'Seconds until the first root ends; negative afterwards.',
    labels: [],
  },
  citadel_server_cert_chain_expiry_timestamp: {
    type: 'gauge',
    help: 'When the signing certificate ends, in seconds since the epoch.',
    labels: [],
  },
  citadel_server_cert_chain_expiry_seconds: {
    type: 'gauge',
    help: 'Seconds until the signing certificate ends; negative afterwards.',
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type CitadelName = keyof typeof citadelSpecs;
