import { logOutOthers, mySessions, readRecord, waitForLogout } from './graphiql-session-tabs.ts'
import { client, type GraphiqlTab, nobody, tokenOwner } from './graphiql-tab.ts'

const createPair: GraphiqlTab = {
  query: `# Creates a token pair for alice, as a login
# service does once she has proved who she is.
#
# Replace all that stands under Headers, below, by
# the line "header" of npm start's first run.
# Then press the play button.
# Expect an accessToken and a refreshToken: the
# other tabs ask for them. Copy them now, they are
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
  headers: client,
}

const invalidateToken: GraphiqlTab = {
  query: `# Invalidates one access token. The refresh token
# of its pair lives on.
#
# Paste an accessToken from the tab CreatePair.
# Needs no headers: to hold the token is enough.
# Expect invalidatedTokens 1 and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 1.
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
  headers: nobody,
}

const invalidateRefreshToken: GraphiqlTab = {
  query: `# Invalidates one refresh token: it buys no new
# pair. The access token of its pair lives on.
#
# Paste a refreshToken from the tab CreatePair.
# Needs no headers: to hold the token is enough.
# Expect invalidatedTokens 1 and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 1.
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
  headers: nobody,
}

const invalidateOwner: GraphiqlTab = {
  query: `# Invalidates all tokens of one owner: alice of
# the realm demo, and no other alice.
#
# Replace all that stands under Headers, below, by
# the line "header" of npm start's first run.
# Expect, for each fresh pair, invalidatedTokens 2
# (its access and its refresh token) and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 0, no live token is left.
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
  headers: client,
}

const invalidateRealm: GraphiqlTab = {
  query: `# Invalidates all tokens of a whole realm.
#
# Replace all that stands under Headers, below, by
# the line "header" of npm start's first run.
# Expect, for each fresh pair, invalidatedTokens 2
# (its access and its refresh token) and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 0, no live token is left.
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
  headers: client,
}

const invalidateUsername: GraphiqlTab = {
  query: `# Invalidates all tokens of one username, whatever
# the realm.
#
# Replace all that stands under Headers, below, by
# the line "header" of npm start's first run.
# Expect, for each fresh pair, invalidatedTokens 2
# (its access and its refresh token) and
# previouslyInvalidatedTokens 0.
# Run it again: 0 and 0, no live token is left.
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
  headers: client,
}

const refresh: GraphiqlTab = {
  query: `# Spends a refresh token and hands out the next
# pair.
#
# Paste a refreshToken from the tab CreatePair.
# Needs no headers.
# Expect a TokenPair of the same session. If the
# token was invalidated: a RefreshTokenRejected.
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
  headers: nobody,
}

const introspect: GraphiqlTab = {
  query: `# Tells a client whether a token is good, and
# whose it is.
#
# Paste an accessToken from the tab CreatePair.
# Replace all that stands under Headers, below, by
# the line "header" of npm start's first run.
# Expect active true. Of a token that was
# invalidated, has expired or never was: active
# false, and null for the rest.
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
  headers: client,
}

const currentToken: GraphiqlTab = {
  query: `# Tells an owner about the token they come with.
#
# Under Headers, below, put an accessToken from
# CreatePair in place of PASTE_AN_ACCESS_TOKEN.
# Expect active true and the owner's name. Once
# that token is invalidated it is refused.
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
  headers: tokenOwner,
}

/**
 * The operations that a newcomer finds ready to run, in the order of a first walk through the service.
 *
 * Values stand in the queries as literals: GraphiQL loses the variables of default tabs. Lines end at 50 characters:
 * more does not show in a window 1280 pixels wide.
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
