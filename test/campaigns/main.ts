/** `npm run campaign -- NAME`. That of the guard has rules of its own. */
await (process.argv[2] === 'guard' ? import('./guard-main.ts') : import('./service-main.ts'))
