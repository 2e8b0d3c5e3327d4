// An honest caller in a process of its own, so that what attacks costs it no time: a request every 50 ms, one at a time,
// until its input ends. Prints how many were sent and failed, and the time of the slowest of 99 %.
// Of its environment: PROBE_URL, PROBE_TOKEN.
import { setTimeout as sleep } from 'node:timers/promises'

const { PROBE_URL: url = '', PROBE_TOKEN: token } = process.env
const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
const body = JSON.stringify({ query: '{ currentToken { active } }' })
let isOver = false
process.stdin.once('end', () => {
  isOver = true
})
process.stdin.resume()

const times = []
let failed = 0
do {
  const startedAt = performance.now()
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(30_000) })
    await response.arrayBuffer()
    if (response.status !== 200) failed++
  } catch {
    failed++
  }
  times.push(performance.now() - startedAt)
  await sleep(50)
} while (!isOver)
// The first opens the connection.
const settled = times.slice(1).sort((one, other) => one - other)
const p99Ms = Math.round((settled[Math.floor(settled.length * 0.99)] ?? 0) * 10) / 10
process.stdout.write(JSON.stringify({ sent: times.length, failed, p99Ms }))
