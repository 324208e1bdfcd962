/** Metrics of the keys that sign and of their rotation; part of the one table in metric-names.ts. */
export const rotationMetrics = {
  castellan_ca_certificate_not_after_timestamp_seconds: {
    type: 'gauge',
    help: 'When a certificate of the authority ends.',
    labels: ['role', 'state', 'serial_short'],
  },
  castellan_ca_certificate_not_before_timestamp_seconds: {
    type: 'gauge',
    help: 'When a certificate of the authority began: with its end this gives a share of its life.',
    labels: ['role', 'state', 'serial_short'],
  },
  castellan_signing_key_life_left_ratio: {
    type: 'gauge',
    help: 'The share of its life that a signing key has left, 0 to 1: for alerts that suit every lifetime.',
    labels: ['role'],
  },
  castellan_rotation_phase: {
    type: 'gauge',
    help: 'Where the rotation of a kind of key is: 0 idle, 1 prepared, 2 published, 3 activated.',
    labels: ['role'],
  },
  castellan_rotation_blockers: {
    type: 'gauge',
    help: 'Who or what a rotation waits for before its next phase.',
    labels: ['role'],
  },
} as const;
