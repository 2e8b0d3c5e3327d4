/**
 * Why tokens were ended, in OpenID's terms: the events of CAEP 1.0 (`session-revoked`, `credential-change`, …) and
 * RISC 1.0 (`account-disabled`, `credential-compromise`, …).
 */
export const invalidationReasons = [
  'logout',
  'session-revoked',
  'credential-change',
  'credential-compromise',
  'token-claims-change',
  'assurance-level-change',
  'device-compliance-change',
  'account-disabled',
  'account-purged',
  'refresh-token-reuse',
] as const

export type InvalidationReason = (typeof invalidationReasons)[number]
