/** A timer that keeps no process alive. Where it is a number, as in workers, nothing has to be done. */
export function background<Timer>(timer: Timer): Timer {
  if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
    timer.unref()
  return timer
}
