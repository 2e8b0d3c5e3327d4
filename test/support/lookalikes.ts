/** Texts with one of our prefixes in them that hold no token and no secret. Each is accepted wherever text is kept. */
export const harmlessTexts: readonly string[] = [
  'units_production rotated',
  'Ann’s visits_dashboard_tab',
  'digita_services',
  'benefits_administration_of_the_state_of_x',
  'audits_department_of_foreign_affairs_and_trade',
  'its_dashboard',
  'ita_IT',
  'key_ita_translations',
  'ita_AQUAAAAAAAkAAZqv… was logged out',
  'a token begins with ita_ or itr_',
]

/** Texts with most of a token or a secret in them. Each is refused, or masked, wherever text is kept. */
export const textsWithSecrets: readonly (readonly [name: string, text: string, secret: string])[] = [
  ['an access token', ...both((token) => token)],
  ['a refresh token', ...both((token) => token, 'itr_')],
  ['a client’s secret', ...both((token) => token, 'its_')],
  ['a token in a sentence', ...both((token) => `was ${token}, see there`)],
  ['a token in quotes', ...both((token) => `"${token}"`)],
  ['a token in a header', ...both((token) => `Bearer ${token}`)],
  ['a token in a url', ...both((token) => `https://a.example/?token=${token}&a=b`)],
  ['a token after a colon', ...both((token) => `token:${token}`)],
  ['a token after an underscore', ...both((token) => `my_${token}`)],
  ['a token that is cut off', ...both((token) => token.slice(0, 40))],
  ['a token with more after it', ...both((token) => `${token}AAAA`)],
]

function both(surround: (token: string) => string, prefix = 'ita_'): [text: string, secret: string] {
  const body = `AQUAAAAAAAkAAZqvXc3${'mK8_q-Z2'.repeat(5)}`.slice(0, prefix === 'its_' ? 43 : 56)
  return [surround(prefix + body), body.slice(0, 36)]
}
