/**
 * Segment's own browser runtime, as the published destinations use it: it finds the subscriptions of an action,
 * evaluates their triggers and mappings on each event, and makes the plugins that the SDK takes.
 *
 * Source  @segment/browser-destination-runtime 1.6.0, plugin.ts, read 2026-11-26
 */

import { generatePlugins } from '@segment/browser-destination-runtime/plugin'
import { transform } from '@segment/actions-core/mapping-kit'
import { parseFql, validate } from '@segment/destination-subscriptions'

import type { Analytics, Context, Event, Plugin } from './analytics'
import type { Dictionary } from './values'

export interface Subscription {
  enabled: boolean
  partnerAction: string
  subscribe: string
  mapping: Dictionary
}

export interface Call {
  payload: Dictionary
  mapping: Dictionary
  context: Context
}

export interface Action<Client> {
  /** `before` runs ahead of every destination, and may switch them off. */
  lifecycleHook?: 'before' | 'destination'
  perform(client: Client, call: Call): void
}

export interface Definition<Client> {
  name: string
  initialize(analytics: Analytics): Client
  actions: Record<string, Action<Client>>
}

/** Plugins for the actions that enabled subscriptions name; screen calls are evaluated like pages. */
export function plugins<Client>(definition: Definition<Client>, subscriptions: Subscription[]): Plugin[] {
  const asked = {
    ...definition,
    initialize: ({ analytics }: { analytics: Analytics }) => Promise.resolve(definition.initialize(analytics)),
  }
  const made = generatePlugins(asked as never, {} as never, subscriptions as never) as unknown as Plugin[]
  for (const plugin of made) plugin.screen = plugin.page
  return made
}

/** Subscriptions out of settings that anybody may have written: what has no trigger can never run. */
export function readSubscriptions(settings: Dictionary): Subscription[] {
  const found = Array.isArray(settings.subscriptions) ? settings.subscriptions : []
  return found.filter((one) => typeof one?.subscribe === 'string' && typeof one?.partnerAction === 'string')
}

/** Whether a trigger takes an event. */
export function matches(subscribe: string, event: Event): boolean {
  return validate(parseFql(subscribe), event as never)
}

/** A mapping resolved on an event. */
export function resolve(mapping: Dictionary, event: Event): Dictionary {
  return transform(mapping as never, event as never) as Dictionary
}
