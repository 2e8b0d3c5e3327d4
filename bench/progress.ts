/** Shows the current step on stderr: on a terminal it overwrites one line, elsewhere it prints a new line each time. */
export interface Progress {
  say(what: string): void
  /** Keeps the current line and moves to the next. */
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
