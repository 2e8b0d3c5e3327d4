import { clientHeaders, type GraphiqlTab, ownerHeaders } from './graphiql-tab.ts'

export const mySessions: GraphiqlTab = {
  query: `# Lists the devices that an owner is logged in on,
# the newest login first.
#
# Under Headers, below, replace
# PASTE_AN_ACCESS_TOKEN by an accessToken from the
# tab CreatePair.
# Expect one node for each CreatePair that is still
# logged in. isCurrent is true for the session of
# the token under Headers.
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
  headers: ownerHeaders,
}

export const logOutOthers: GraphiqlTab = {
  query: `# Logs out all other devices, as after a change of
# password. The device that asks stays logged in.
#
# Under Headers, below, replace
# PASTE_AN_ACCESS_TOKEN by an accessToken from the
# tab CreatePair.
# Expect invalidatedTokens 2 for each other device
# that is logged in. A dry run only counts: remove
# dryRun to log them out.
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
  headers: ownerHeaders,
}

export const waitForLogout: GraphiqlTab = {
  query: `# Waits until the token that it is sent with ends,
# as a page does that shows "You were logged out".
# It runs until then; the stop button ends it.
#
# Under Headers, below, replace
# PASTE_AN_ACCESS_TOKEN by an accessToken from the
# tab CreatePair.
# Then run InvalidateToken with that token in
# another window: changing the tab here stops it.
# The event appears here.
subscription WaitForLogout {
  tokenInvalidated {
    id
    selector
    reason
    at
  }
}
`,
  headers: ownerHeaders,
}

export const readRecord: GraphiqlTab = {
  query: `# Lists the invalidations: which tokens, by whom,
# when and why. The newest is first.
#
# Under Headers, below, replace everything by the
# line "JSON" of npm start's first run.
# Expect one node for each invalidation that ended
# a token or was a sweep: of an owner, a realm, a
# username, a client or everything. A dry run, and
# a repeated invalidation of one token, add none.
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
  headers: clientHeaders,
}
