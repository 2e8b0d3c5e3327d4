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

/**
 * A token as it must not be sent, by what happened to it on its way. A caller that sends it holds a whole token, and
 * means to name it.
 */
export const damages: readonly (readonly [name: string, damage: (token: string) => string])[] = [
  ['a space before it', (token) => ` ${token}`],
  ['a space after it', (token) => `${token} `],
  ['a line break after it', (token) => `${token}\n`],
  ['a line break of Windows after it', (token) => `${token}\r\n`],
  ['white space around it', (token) => `\t ${token}\n\n`],
  ['a no-break space after it', (token) => `${token}\u00a0`],
  ['a byte order mark before it', (token) => `\ufeff${token}`],
  ['a NUL after it', (token) => `${token}\0`],
  ['Bearer before it', (token) => `Bearer ${token}`],
  ['bearer before it, and white space', (token) => ` bearer  ${token}\n`],
  ['Bearer and a plus before it', (token) => `Bearer+${token}`],
  ['a whole header', (token) => `Authorization: Bearer ${token}`],
  ['double quotes', (token) => `"${token}"`],
  ['single quotes', (token) => `'${token}'`],
  ['typographic quotes', (token) => `“${token}”`],
  ['angle brackets', (token) => `<${token}>`],
  ['quotes, as JSON in JSON', (token) => JSON.stringify(JSON.stringify(token))],
  ['an object of JSON', (token) => JSON.stringify({ token })],
  ['a quote on one side', (token) => `${token}"`],
  ['a comma after it', (token) => `${token},`],
  ['padding of base64', (token) => `${token}==`],
  ['the name of its parameter', (token) => `token=${token}`],
  ['percent-encoded white space', (token) => `%20${token}%0A`],
  ['percent-encoded quotes', (token) => `%22${token}%22`],
  ['a percent-encoded prefix', (token) => token.replace('_', '%5F')],
  ['each character percent-encoded', (token) => token.replaceAll(/./g, (one) => `%${one.charCodeAt(0).toString(16)}`)],
  ['percent-encoded Bearer', (token) => `Bearer%20${token}`],
  ['a line break in it', (token) => `${token.slice(0, 40)}\n${token.slice(40)}`],
  ['a line break of Windows in it', (token) => `${token.slice(0, 40)}\r\n${token.slice(40)}`],
  ['lines of 20', (token) => token.replaceAll(/.{20}/g, '$&\n')],
  ['lines that are indented', (token) => token.replaceAll(/.{20}/g, '$&\n    ')],
  ['Bearer before it, and a line break in it', (token) => `Bearer ${token.slice(0, 40)}\n${token.slice(40)}`],
  ['a line break right after its prefix', (token) => `${token.slice(0, 4)}\n${token.slice(4)}`],
  ['a space in it', (token) => `${token.slice(0, 40)} ${token.slice(40)}`],
  ['a tab in it', (token) => `${token.slice(0, 40)}\t${token.slice(40)}`],
  ['an invisible space in it', (token) => `${token.slice(0, 40)}\u200b${token.slice(40)}`],
  ['a soft hyphen in it', (token) => `${token.slice(0, 40)}\u00ad${token.slice(40)}`],
  ['an escape for a line break in it', (token) => `${token.slice(0, 40)}\\n${token.slice(40)}`],
  ['an escape for a line break before it', (token) => `\\n${token}`],
  ['a backslash at the end of a line in it', (token) => `${token.slice(0, 40)}\\\n${token.slice(40)}`],
  ['a line break of quoted-printable in it', (token) => `${token.slice(0, 40)}=\r\n${token.slice(40)}`],
  ['a percent-encoded line break in it', (token) => `${token.slice(0, 40)}%0D%0A${token.slice(40)}`],
  ['words around it', (token) => `the token ${token} of alice`],
  ['words around it, and a line break in it', (token) => `token ${token.slice(0, 40)}\n${token.slice(40)} of alice`],
  ['another token after it', (token) => `${token} ${token}`],
]
