/** What we use of Segment's browser SDK: the event that is delivered, the visitor, the notice of a logout. */

export interface Event {
  type: string
  event?: string
  userId?: string | null
  anonymousId?: string | null
  traits?: Record<string, unknown>
  properties?: Record<string, unknown>
  integrations?: Record<string, unknown>
}

export interface Context {
  event: Event
  updateEvent(path: string, value: unknown): unknown
}

export interface Visitor {
  id(): string | null | undefined
  anonymousId(): string | null | undefined
  traits(): Record<string, unknown> | undefined
}

export interface Analytics {
  user(): Visitor
  on(name: string, callback: () => void): unknown
  queue?: { failedInitializations?: string[] }
}

type Call = (context: Context) => Promise<unknown>

/** One member of what a plugin factory gives. */
export interface Plugin {
  name: string
  type: string
  version: string
  isLoaded(): boolean
  load(context: Context, analytics: Analytics): Promise<unknown>
  track: Call
  identify: Call
  page: Call
  group: Call
  alias: Call
  screen?: Call
}
