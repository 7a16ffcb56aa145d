/** One voice on the console: what was left out, and why. Never a value of the visitor's. */

export function warn(text: string, error?: unknown): void {
  if (error === undefined) console.warn(`[segue] ${text}`)
  else console.warn(`[segue] ${text}`, error)
}
