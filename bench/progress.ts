/** One line on stderr that says what is going on; a new line each time where stderr is no terminal. */
export interface Progress {
  say(what: string): void
  /** Leaves the line as it is and goes to the next. */
  end(): void
}

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const startedAt = performance.now()
  return {
    say: (what) => {
      const seconds = Math.round((performance.now() - startedAt) / 1000)
      const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
      const line = `[${clock}] ${what}`
      stream.write(stream.isTTY ? `\r\u001b[K${line.slice(0, stream.columns - 1)}` : `${line}\n`)
    },
    end: () => {
      if (stream.isTTY) stream.write('\n')
    },
  }
}
