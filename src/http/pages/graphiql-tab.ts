/** One operation that GraphiQL offers in a tab; the tab's title is the operation's name. */
export interface GraphiqlTab {
  readonly query: string
  /** The text of the page's headers editor: JSON, or empty where no authentication is needed. */
  readonly headers: string
}

export const noHeaders = ''
export const clientHeaders = '{ "Authorization": "Basic PASTE_THE_LINE_JSON" }'
export const ownerHeaders = '{ "Authorization": "Bearer PASTE_AN_ACCESS_TOKEN" }'
