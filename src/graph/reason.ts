import type { Builder } from './builder.ts'

/** `InvalidationReason`, in requests and in answers. */
export function defineReason(builder: Builder) {
  return builder.enumType('InvalidationReason', {
    description: 'Why tokens were invalidated, in the terms of OpenID’s events (CAEP 1.0 and RISC 1.0).',
    values: {
      LOGOUT: { value: 'logout', description: 'The owner logged out.' },
      SESSION_REVOKED: { value: 'session-revoked', description: 'The session was ended (CAEP).' },
      CREDENTIAL_CHANGE: { value: 'credential-change', description: 'A password or key was changed (CAEP).' },
      CREDENTIAL_COMPROMISE: {
        value: 'credential-compromise',
        description: 'A password, key or token was compromised (RISC).',
      },
      TOKEN_CLAIMS_CHANGE: {
        value: 'token-claims-change',
        description: 'What the token states is no longer true (CAEP).',
      },
      ASSURANCE_LEVEL_CHANGE: {
        value: 'assurance-level-change',
        description: 'The login no longer counts as strong enough (CAEP).',
      },
      DEVICE_COMPLIANCE_CHANGE: {
        value: 'device-compliance-change',
        description: 'The device no longer meets the rules, or is lost (CAEP).',
      },
      ACCOUNT_DISABLED: { value: 'account-disabled', description: 'The owner may no longer log in (RISC).' },
      ACCOUNT_PURGED: { value: 'account-purged', description: 'The owner’s account was deleted (RISC).' },
      REFRESH_TOKEN_REUSE: {
        value: 'refresh-token-reuse',
        description: 'A refresh token was used again, so it may have been stolen (RFC 9700 §4.14.2).',
      },
    } as const,
  })
}

export type ReasonRef = ReturnType<typeof defineReason>
