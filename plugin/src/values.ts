/** Customers' values as Braze's SDK takes them. */

import { warn } from './notice'

export type Dictionary = Record<string, unknown>

export function isDictionary(value: unknown): value is Dictionary {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

/** Text, number or boolean as text; null stays, as it clears; anything else is nothing. */
export function asText(value: unknown): string | null | undefined {
  if (value === null || typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** A number, also when it comes as text. */
export function asNumber(value: unknown): number | undefined {
  const found = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined
}

/** The calendar day that is meant, whatever the browser's time zone: year, month 1..12, day; null clears. */
export function asDay(value: unknown): [number, number, number] | null | undefined {
  if (value === null) return null
  if (typeof value === 'string') {
    const written = /^\s*(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)/.exec(value)
    if (written) return checked(Number(written[1]), Number(written[2]), Number(written[3]))
    if (/^\s*\d{10}(\d{3})?\s*$/.test(value)) return asDay(Number(value))
    const read = new Date(value)
    return Number.isNaN(read.getTime()) ? undefined : local(read)
  }
  if (typeof value === 'number') {
    // Ten digits are seconds, thirteen milliseconds, as in the cloud.
    return utc(new Date(Math.abs(value) < 1e11 ? value * 1000 : value))
  }
  if (value instanceof Date) return value.getTime() % 86_400_000 === 0 ? utc(value) : local(value)
  return undefined
}

function checked(year: number, month: number, day: number): [number, number, number] | undefined {
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? [year, month, day] : undefined
}

function utc(date: Date): [number, number, number] | undefined {
  return Number.isNaN(date.getTime())
    ? undefined
    : [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
}

function local(date: Date): [number, number, number] | undefined {
  return Number.isNaN(date.getTime()) ? undefined : [date.getFullYear(), date.getMonth() + 1, date.getDate()]
}

/** Properties without those for which the SDK would refuse the whole event: names with quotes or control
 * characters, values that are no data. */
export function asProperties(properties: unknown, of: string, without: readonly string[] = []): Dictionary {
  const kept: Dictionary = {}
  if (!isDictionary(properties)) return kept
  for (const [name, value] of Object.entries(properties)) {
    if (without.includes(name) || value === undefined || value === null) continue
    if (name === '' || /[\x00-\x1f"]/.test(name) || ['function', 'symbol', 'bigint'].includes(typeof value))
      warn(`${of}: the property ${JSON.stringify(name)} is left out, Braze takes no such name or value`)
    else kept[name] = value
  }
  return kept
}

/** A custom attribute's value: Braze takes lists of texts or of objects, so other scalars become texts. */
export function asAttribute(value: unknown): unknown {
  if (!Array.isArray(value) || value.some(isDictionary)) return value
  return value.filter((one) => one !== null && one !== undefined).map((one) => (one instanceof Date ? one.toISOString() : String(one)))
}
