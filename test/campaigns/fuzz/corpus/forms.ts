import { elasticsearch, type FuzzInput, type FuzzRequest, form, graphql, type Tokens } from '../input.ts'

const endpoints = ['/oauth2/revoke', '/oauth2/introspect', '/oauth2/token'] as const

type Pairs = (tokens: Tokens) => readonly (readonly [string, string])[]

/** Parameters that are repeated, missing, contradictory or in the wrong place. */
const forms: readonly Pairs[] = [
  () => [],
  ({ plantedAccess }) => [
    ['token', plantedAccess],
    ['token', plantedAccess],
  ],
  ({ plantedAccess }) => [
    ['token', plantedAccess],
    ['token', ''],
  ],
  ({ plantedRefresh }) => [
    ['refresh_token', plantedRefresh],
    ['refresh_token', plantedRefresh],
    ['grant_type', 'refresh_token'],
  ],
  ({ plantedAccess }) => [
    ['token', plantedAccess],
    ['token_type_hint', 'access_token'],
  ],
  ({ plantedAccess }) => [
    ['token', plantedAccess],
    ['token_type_hint', 'refresh_token'],
  ],
  ({ plantedAccess }) => [
    ['token', plantedAccess],
    ['token_type_hint', plantedAccess],
  ],
  ({ plantedAccess }) => [
    [plantedAccess, 'x'],
    ['token', 'x'],
  ],
  ({ chosenSecret }) => [
    ['token', 'x'],
    ['client_id', 'login'],
    ['client_secret', chosenSecret],
  ],
  ({ chosenSecret }) => [
    ['token', 'x'],
    ['client_secret', chosenSecret],
  ],
  ({ chosenSecret }) => [
    ['token', 'x'],
    ['client_id', chosenSecret],
  ],
  ({ chosenSecret }) => [
    ['token', 'x'],
    ['client_assertion', chosenSecret],
  ],
  ({ chosenSecret }) => [
    ['token', chosenSecret],
    ['client_id', 'a\0b'],
    ['client_secret', chosenSecret],
  ],
  () => [
    ['grant_type', 'password'],
    ['username', 'u'],
    ['password', 'p'],
  ],
  () => [['grant_type', 'client_credentials']],
  ({ plantedRefresh }) => [
    ['grant_type', 'refresh_token'],
    ['refresh_token', plantedRefresh],
    ['scope', 'a "b" \\'],
  ],
  ({ plantedRefresh }) => [
    ['grant_type', 'refresh_token'],
    ['refresh_token', plantedRefresh],
    ['scope', plantedRefresh],
  ],
  () => [
    ['__proto__', '1'],
    ['constructor', '2'],
    ['token', 'x'],
  ],
  () => [['token', '\0']],
  () => [['token', 'a'.repeat(60_000)]],
  () => Array.from({ length: 5_000 }, (_, index) => [`p${index}`, 'x'] as const),
]

const asForms: readonly FuzzInput[] = endpoints.flatMap((path) =>
  forms.flatMap((pairs) =>
    (['anonymous', 'client introspect', 'owner'] as const).map(
      (caller): FuzzInput => ({ class: 'forms', caller, request: (tokens) => form(path, pairs(tokens)) }),
    ),
  ),
)

const latin1 = (text: string) => Buffer.from(text).toString('latin1')
const encode = (text: string | Buffer) => Buffer.from(text).toString('base64')

/** Headers that authenticate nobody. */
const headers: readonly ((tokens: Tokens) => string)[] = [
  () => '',
  () => 'Basic',
  () => 'Bearer ',
  () => 'Basic =',
  () => `Basic ${encode('a\0b:c')}`,
  () => `Basic ${encode(':')}`,
  () => `Basic ${encode('a:')}`,
  () => `Basic ${encode(':a')}`,
  () => `Basic ${encode('a')}`,
  () => `Basic ${encode('login:a:b:c')}`,
  () => `Basic ${encode('ü:é')}`,
  () => `Basic ${encode(Buffer.of(0xff, 0xfe, 0x3a, 0x61))}`,
  () => `Basic ${encode('%00:%ff')}`,
  () => `Basic ${encode(`${'a'.repeat(5_000)}:b`)}`,
  () => `Basic ${encode("' or 1=1 --:x")}`,
  () => `Basic ${encode('__proto__:constructor')}`,
  () => latin1('Basic üöä'),
  () => latin1('Bearer \u{1f511}'),
  ({ chosenSecret }) => chosenSecret,
  ({ chosenSecret }) => `Basic login:${chosenSecret}`,
  ({ chosenSecret }) => `Basic ${encode(`login:${chosenSecret}`)}`,
  ({ chosenSecret }) => `ApiKey ${encode(`${chosenSecret}:login`)}`,
  ({ chosenSecret }) => `Digest username="login", response="${chosenSecret}"`,
  ({ plantedAccess }) => `Bearer ${plantedAccess}`,
  ({ plantedAccess }) => `Bearer ${plantedAccess} ${plantedAccess}`,
  ({ plantedAccess }) => `Token ${plantedAccess}`,
  ({ plantedRefresh }) => `Bearer ${plantedRefresh}`,
  ({ plantedSecret }) => `Bearer ${plantedSecret}`,
  ({ refresh }) => `Bearer ${refresh}`,
  ({ access }) => `Basic ${access}`,
  ({ access }) => `Bearer "${access}"`,
  ({ access }) => `Bearer ${access},`,
  ({ access }) => `Basic ${encode(`login:${access}`)}`,
]

const everywhere: readonly FuzzRequest[] = [
  graphql('mutation { invalidateToken(input: { owner: { realmName: "innocent" } }) { errorCount } }'),
  elasticsearch('DELETE', { realm_name: 'innocent' }),
  elasticsearch('POST', { grant_type: 'client_credentials' }),
  { method: 'GET', path: '/_security/_authenticate', headers: {} },
  form('/oauth2/revoke', [['token', 'x']]),
  form('/oauth2/introspect', [['token', 'x']]),
  form('/oauth2/token', [
    ['grant_type', 'refresh_token'],
    ['refresh_token', 'x'],
  ]),
  elasticsearch('POST', { sub_id: { format: 'opaque', id: 'innocent' } }, '/oauth2/global-token-revocation'),
]

const asHeaders: readonly FuzzInput[] = headers.flatMap((header) =>
  everywhere.map(
    (request): FuzzInput => ({
      class: 'authorization',
      caller: 'anonymous',
      request: (tokens) => ({ ...request, headers: { ...request.headers, authorization: header(tokens) } }),
    }),
  ),
)

/** Bodies of Elasticsearch with a secret where none is expected. */
const bodies: readonly ((tokens: Tokens) => unknown)[] = [
  ({ plantedAccess }) => ({ [plantedAccess]: 'x' }),
  ({ chosenSecret }) => ({ [chosenSecret]: 'x' }),
  ({ plantedSecret }) => ({ token: 'x', [plantedSecret]: { a: 1 } }),
  ({ plantedAccess }) => ({ token: plantedAccess, refresh_token: plantedAccess }),
  ({ plantedAccess }) => ({ token: plantedAccess, realm_name: 'r' }),
  ({ plantedAccess }) => ({ realm_name: plantedAccess, username: plantedAccess }),
  ({ chosenSecret }) => ({ grant_type: 'password', username: 'u', password: chosenSecret }),
  ({ chosenSecret }) => ({ grant_type: chosenSecret, password: chosenSecret }),
  ({ chosenSecret }) => ({ grant_type: '_kerberos', kerberos_ticket: chosenSecret }),
  ({ plantedRefresh }) => ({ grant_type: 'refresh_token', refresh_token: plantedRefresh, scope: plantedRefresh }),
  ({ plantedAccess }) => ({ sub_id: { format: 'opaque', id: plantedAccess } }),
  ({ chosenSecret }) => ({ sub_id: { format: chosenSecret, [chosenSecret]: 1 } }),
]

const asBodies: readonly FuzzInput[] = bodies.flatMap((body) =>
  (['client all', 'anonymous'] as const).flatMap((caller) =>
    [
      (value: unknown) => elasticsearch('DELETE', value),
      (value: unknown) => elasticsearch('POST', value),
      (value: unknown) => elasticsearch('DELETE', value, '/_xpack/security/oauth2/token'),
      (value: unknown) => elasticsearch('POST', value, '/oauth2/global-token-revocation'),
    ].map((send): FuzzInput => ({ class: 'Elasticsearch', caller, request: (tokens) => send(body(tokens)) })),
  ),
)

export const formInputs: readonly FuzzInput[] = [...asForms, ...asHeaders, ...asBodies]
