import { client, type GraphiqlTab, tokenOwner } from './graphiql-tab.ts'

export const mySessions: GraphiqlTab = {
  query: `# Lists the devices that an owner is logged in on,
# the newest login first.
#
# Under Headers, below, put an accessToken from
# CreatePair in place of PASTE_AN_ACCESS_TOKEN.
# Expect one node for each CreatePair that is still
# logged in; isCurrent is true for the token's own.
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

export const waitForLogout: GraphiqlTab = {
  query: `# Waits until the token that it comes with is
# ended, as a page does that shows "You were logged
# out". It runs until then; the button stops it.
#
# Under Headers, below, put an accessToken from
# CreatePair in place of PASTE_AN_ACCESS_TOKEN.
# Then run InvalidateToken with that token, in
# another window, and see the event come.
subscription WaitForLogout {
  tokenInvalidated {
    id
    selector
    reason
    at
  }
}
`,
  headers: tokenOwner,
}

export const readRecord: GraphiqlTab = {
  query: `# Reads who ended what, when and why, the newest
# first.
#
# Replace all that stands under Headers, below, by
# the line "header" of npm start's first run.
# Expect one node for each invalidation that ended
# a token or named an owner. To repeat one for a
# token, or a dry run, leaves none.
query ReadRecord {
  revocations {
    nodes {
      at
      selector
      realmName
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
