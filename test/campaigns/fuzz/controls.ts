import { inspect } from 'node:util'
import type { FuzzAnswer, FuzzService, Send } from './service.ts'

/** Services that do one thing wrong. The oracle must see each. */
export const controls: Readonly<Record<string, (service: FuzzService) => Send>> = {
  'an error repeats its input': ({ send }) =>
    onError(send, async (answer, body) => ({ ...answer, text: answer.text + body })),
  'an error is answered 500': ({ send }) => onError(send, async (answer) => ({ ...answer, status: 500 })),
  'an error is logged with its input': ({ send, events }) =>
    onError(send, async (answer, body) => {
      events.push({ name: 'authentication_failed', facts: { body } })
      return answer
    }),
  'a refused caller ends a session': (service) =>
    onError(service.send, async (answer) => {
      await service.breakIn()
      return answer
    }),
  'an input adds to a prototype': ({ send }) =>
    onError(send, async (answer) => {
      Object.defineProperty(Object.prototype, 'polluted', { value: true, configurable: true })
      return answer
    }),
  'after an error, nobody is served': ({ send }) => {
    let isDown = false
    return async (request) => {
      const answer = await send(request)
      const down = isDown
      isDown = isDown || answer.status >= 400
      return down ? { ...answer, status: 401 } : answer
    }
  },
}

function onError(send: Send, act: (answer: FuzzAnswer, body: string) => Promise<FuzzAnswer>): Send {
  return async (request) => {
    const answer = await send(request)
    const body = typeof request.body === 'string' ? request.body : inspect(request.body)
    return answer.status >= 400 ? act(answer, body) : answer
  }
}
