/**
 * Debounce: an identify or group call that says nothing new does not reach Braze; it still reaches us.
 *
 * Equal is what the SDK remembers: user id, anonymous id and traits, in memory, so the first call of a page
 * always passes. A repeat is switched off for Braze by name, for the web destination and, through the same
 * flags, for the cloud ones. A call that passes is not touched: a flag of true would overrule `All: false`.
 * A call that the page itself switched off for Braze was never sent, so it is not remembered.
 */

import type { Analytics, Context } from '../analytics'

/** Names under which an event can be switched off for Braze. */
export const NAMES = ['Braze Web Mode (Actions)', 'Braze Cloud Mode (Actions)', 'Appboy'] as const

export class Debounce {
  private id: unknown
  private anonymousId: unknown
  private traits: unknown = null

  constructor(private readonly analytics: Analytics) {
    analytics.on('reset', () => {
      this.id = this.anonymousId = undefined
      this.traits = null
    })
  }

  /** Look at an event before any destination does. */
  look(context: Context): void {
    if (isOff(context.event.integrations ?? {})) return
    if (!this.isNew(context)) for (const name of NAMES) context.updateEvent(`integrations.${name}`, false)
    const user = this.analytics.user()
    this.id = user.id()
    this.anonymousId = user.anonymousId()
    this.traits = user.traits()
  }

  private isNew({ event }: Context): boolean {
    return (
      (Boolean(event.userId) && event.userId !== this.id) ||
      (Boolean(event.anonymousId) && event.anonymousId !== this.anonymousId) ||
      JSON.stringify(this.traits) !== JSON.stringify(event.traits ?? {})
    )
  }
}

function isOff(integrations: Record<string, unknown>): boolean {
  const said = NAMES.map((name) => integrations[name])
  return said.includes(false) || (integrations.All === false && !said.some(Boolean))
}
