import { logOutOthers, mySessions, readRecord, waitForLogout } from './graphiql-session-tabs.ts'
import { clientHeaders, type GraphiqlTab, noHeaders, ownerHeaders } from './graphiql-tab.ts'

const createPair: GraphiqlTab = {
  query: `# Creates a token pair for alice, as a login
# service does after it has verified who she is.
#
# Under Headers, below, replace everything by the
# line "JSON" of npm start's first run.
# Then press the play button.
# Expect an accessToken and a refreshToken. Copy
# them now: the other tabs need them, and they are
# not shown again.
mutation CreatePair {
  createTokenPair(
    input: {
      realmName: "demo"
      username: "alice"
      scopes: ["read"]
      device: { label: "Work laptop" }
    }
  ) {
    accessToken
    refreshToken
    tokenType
    expiresIn
    refreshExpiresAt
    scopes
    session {
      id
      realmName
      username
    }
  }
}
`,
  headers: clientHeaders,
}

const invalidateToken: GraphiqlTab = {
  query: `# Invalidates one access token. The refresh token
# of its pair stays active.
#
# Paste an accessToken from the tab CreatePair.
# Needs no headers: holding the token is enough.
# Expect invalidatedTokens 1 and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 1. If it is 0 and 0, you did
# not paste a token of this service.
mutation InvalidateToken {
  invalidateToken(
    input: { token: "PASTE_AN_ACCESS_TOKEN" }
  ) {
    invalidatedTokens
    previouslyInvalidatedTokens
    errorCount
    errorDetails {
      type
      reason
    }
  }
}
`,
  headers: noHeaders,
}

const invalidateRefreshToken: GraphiqlTab = {
  query: `# Invalidates one refresh token: it is no longer
# exchanged for a new pair. The access token of
# its pair stays active.
#
# Paste a refreshToken from the tab CreatePair.
# Needs no headers: holding the token is enough.
# Expect invalidatedTokens 1 and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 1. If it is 0 and 0, you did
# not paste a token of this service.
mutation InvalidateRefreshToken {
  invalidateToken(
    input: {
      refreshToken: "PASTE_A_REFRESH_TOKEN"
    }
  ) {
    invalidatedTokens
    previouslyInvalidatedTokens
    errorCount
    errorDetails {
      type
      reason
    }
  }
}
`,
  headers: noHeaders,
}

const invalidateOwner: GraphiqlTab = {
  query: `# Invalidates all tokens of one owner: alice in
# the realm demo, and no alice of another realm.
#
# Under Headers, below, replace everything by the
# line "JSON" of npm start's first run.
# Expect, for each fresh pair, invalidatedTokens 2
# (its access and its refresh token) and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 0, no active token is left.
mutation InvalidateOwner {
  invalidateToken(
    input: {
      owner: {
        realmUser: {
          realmName: "demo"
          username: "alice"
        }
      }
    }
  ) {
    invalidatedTokens
    previouslyInvalidatedTokens
    errorCount
    errorDetails {
      type
      reason
    }
  }
}
`,
  headers: clientHeaders,
}

const invalidateRealm: GraphiqlTab = {
  query: `# Invalidates all tokens of a realm.
#
# Under Headers, below, replace everything by the
# line "JSON" of npm start's first run.
# Expect, for each fresh pair, invalidatedTokens 2
# (its access and its refresh token) and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 0, no active token is left.
mutation InvalidateRealm {
  invalidateToken(
    input: { owner: { realmName: "demo" } }
  ) {
    invalidatedTokens
    previouslyInvalidatedTokens
    errorCount
    errorDetails {
      type
      reason
    }
  }
}
`,
  headers: clientHeaders,
}

const invalidateUsername: GraphiqlTab = {
  query: `# Invalidates all tokens of one username, in all
# realms.
#
# Under Headers, below, replace everything by the
# line "JSON" of npm start's first run.
# Expect, for each fresh pair, invalidatedTokens 2
# (its access and its refresh token) and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 0, no active token is left.
mutation InvalidateUsername {
  invalidateToken(
    input: { owner: { username: "alice" } }
  ) {
    invalidatedTokens
    previouslyInvalidatedTokens
    errorCount
    errorDetails {
      type
      reason
    }
  }
}
`,
  headers: clientHeaders,
}

const refresh: GraphiqlTab = {
  query: `# Exchanges a refresh token for a new pair.
#
# Paste a refreshToken from the tab CreatePair.
# Needs no headers.
# Expect a TokenPair of the same session, or a
# RefreshTokenRejected if it was invalidated.
# Run it again within 30 seconds: the same pair.
# Later: ALREADY_USED, and the session ends.
mutation Refresh {
  refreshTokenPair(
    input: {
      refreshToken: "PASTE_A_REFRESH_TOKEN"
    }
  ) {
    __typename
    ... on TokenPair {
      accessToken
      refreshToken
      tokenType
      expiresIn
      refreshExpiresAt
      session {
        id
      }
    }
    ... on RefreshTokenRejected {
      code
      message
    }
  }
}
`,
  headers: noHeaders,
}

const introspect: GraphiqlTab = {
  query: `# Shows a client whether a token is active, and
# who its owner is.
#
# Paste an accessToken from the tab CreatePair.
# Under Headers, below, replace everything by the
# line "JSON" of npm start's first run.
# Expect active true. For a token that was
# invalidated, has expired or never existed: active
# false, and null for all other fields.
query Introspect {
  introspectToken(
    token: "PASTE_AN_ACCESS_TOKEN"
  ) {
    active
    realmName
    username
    scopes
    issuedAt
    expiresAt
    clientId
    session {
      id
    }
  }
}
`,
  headers: clientHeaders,
}

const currentToken: GraphiqlTab = {
  query: `# Shows an owner the access token that this request
# is sent with.
#
# Under Headers, below, replace
# PASTE_AN_ACCESS_TOKEN by an accessToken from the
# tab CreatePair.
# Expect active true and the owner's name. The
# request is refused once the token is invalidated.
query CurrentToken {
  currentToken {
    active
    realmName
    username
    scopes
    issuedAt
    expiresAt
    session {
      id
    }
  }
}
`,
  headers: ownerHeaders,
}

/**
 * The operations that GraphiQL opens with, in the order in which a newcomer may try the service.
 *
 * Values are literals in the queries, because GraphiQL loses the variables of default tabs. Lines have at most 51
 * characters: longer ones do not fit into a window 1280 pixels wide.
 */
export const graphiqlTabs: readonly GraphiqlTab[] = [
  createPair,
  introspect,
  currentToken,
  mySessions,
  logOutOthers,
  waitForLogout,
  refresh,
  invalidateToken,
  invalidateRefreshToken,
  invalidateOwner,
  invalidateRealm,
  invalidateUsername,
  readRecord,
]
