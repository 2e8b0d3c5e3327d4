import { client, type GraphiqlTab, tokenOwner } from './graphiql-tab.ts'

export const mySessions: GraphiqlTab = {
  query: `# Lists the devices that an owner is logged in on,
# the newest login first.
#
# Under Headers, below, put an accessToken from
# CreatePair in place of PASTE_AN_ACCESS_TOKEN.
# Expect one node for each CreatePair; isCurrent is
# true for the one that the token is of.
query MySessions {
  mySessions {
    nodes {
      id
      isCurrent
      device {
        label
        userAgent
        ipAddress
      }
      createdAt
      lastRefreshedAt
      expiresAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  headers: tokenOwner,
}

export const logOutOthers: GraphiqlTab = {
  query: `# Logs all other devices out, as after a change of
# password. The one that asks stays logged in.
#
# Under Headers, below, put an accessToken from
# CreatePair in place of PASTE_AN_ACCESS_TOKEN.
# Expect invalidatedTokens 2 for each other device
# that is logged in: a dry run counts and changes
# nothing. Take dryRun out, and they are out.
mutation LogOutOthers {
  invalidateToken(
    input: {
      owner: {
        realmUser: {
          realmName: "demo"
          username: "alice"
        }
      }
    }
    options: {
      keepCurrentSession: true
      reason: CREDENTIAL_CHANGE
      dryRun: true
    }
  ) {
    invalidatedTokens
    previouslyInvalidatedTokens
    revocation {
      id
    }
  }
}
`,
  headers: tokenOwner,
}

export const readRecord: GraphiqlTab = {
  query: `# Reads who ended what, when and why, the newest
# first.
#
# Under Headers, below, put what npm start printed
# in the place of PASTE_WHAT_npm_start_PRINTED.
# Expect one node for each invalidation so far.
query ReadRecord {
  revocations(
    filter: { owner: { realmName: "demo" } }
  ) {
    nodes {
      at
      selector
      username
      initiatingEntity
      invalidatedBy
      reason
      comment
      invalidatedTokens
      previouslyInvalidatedTokens
    }
  }
}
`,
  headers: client,
}
