const surrogates = ['\ud800', '\udc00', 'a\ud800b', '\udc00\ud800', '\ud83d', '\ude00a']

const unicode = [
  '\ufffd',
  '\uffff',
  '\ufdd0',
  '\u{10ffff}',
  '\ufeffalice',
  'a\u2028b',
  'a\u2029b',
  '\u202ealice',
  '\u2066a\u2069',
  'a\u200db',
  'a\u200bb',
  'a\u00adb',
  '\u00a0',
  '\u3000a',
  'e\u0301',
  'é',
  'İ',
  'ı',
  'ß',
  'ﬁ',
  'Å',
  'ａｌｉｃｅ',
  '👩‍👩‍👧‍👦',
  `a${'\u0301'.repeat(200)}`,
]

const controls = [
  '\0',
  'a\0b',
  '\u0001',
  'a\nb',
  'a\rb',
  'a\r\nX-Injected: yes',
  'a\tb',
  '\u001b[31mred\u001b[0m',
].concat(['\u001b]0;title\u0007', '\u007f', '\u0085', '\b\b\bxyz', '\u009b2J'])

const sql = ["' or '1'='1", "'; drop table token_pairs; --", '" or ""="', '\\', "\\'", '$1', '$$', '%', '_', '*', '?']
  .concat(['--', '/*', 'a%', "E'\\x00'", '{}', '{"a":1}', 'null', 'NULL', 'undefined', '0', '-1', 'true', 'NaN'])
  .concat(['1) union select secret_digest from clients --', 'pg_sleep(10)', '\\x41', "x'41'"])

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: these are what a template engine would evaluate
const templates = ['${7*7}', '{{7*7}}', '#{7*7}', '<%= 7*7 %>', '${jndi:ldap://127.0.0.1/a}', '%s%s%n', '%00', '%0d%0a']
  .concat(['<script>alert(1)</script>', '"><img src=x>', '../../etc/passwd', '`id`', '$(id)', '; id', '| id'])
  .concat(['{"$gt":""}', '{"$ne":null}', '[$ne]', 'a[]', '\\u0000', '&#0;', '=1+1', '@SUM(1)', 'data:text/html,a'])
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above

const prototypes = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
]

const sizes = [0, 1, 31, 32, 100, 101, 255, 256, 500, 501, 1_024, 1_025, 2_704, 8_191, 65_535]

/** Texts that break something somewhere, by class. */
export const texts: Readonly<Record<string, readonly string[]>> = {
  surrogates,
  unicode,
  'control characters': controls,
  SQL: sql,
  templates,
  'names of prototypes': prototypes,
  sizes: sizes.map((size) => 'a'.repeat(size)),
}

export const everyText: readonly string[] = Object.values(texts).flat()
export { prototypes }
