/** One operation that stands ready in GraphiQL, which titles its tab with the operation's name. */
export interface GraphiqlTab {
  readonly query: string
  /** The text of the page's headers editor: JSON, or nothing where nobody need say who they are. */
  readonly headers: string
}

export const nobody = ''
export const client = '{ "Authorization": "Basic PASTE_THE_LINE_header" }'
export const tokenOwner = '{ "Authorization": "Bearer PASTE_AN_ACCESS_TOKEN" }'
