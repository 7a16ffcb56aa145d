/**
 * Braze Web Mode (Actions), as a remote plugin of Segment's browser SDK.
 *
 *     window.brazeDestination({ api_key, endpoint, sdkVersion, …, subscriptions })  ->  plugins, one per action
 *
 * The names, settings, actions and the order of calls are those of the published plugin, so a workspace that is
 * moved here behaves as before; what differs is listed in docs/explain/differences.md.
 */

import type { Analytics, Context, Plugin } from '../analytics'
import { Client } from '../client'
import { warn } from '../notice'
import { type Definition, matches, plugins, readSubscriptions, resolve, type Subscription } from '../runtime'
import { loadSdk, pageNonce } from '../script'
import type { Sdk } from '../sdk'
import { asProperties, asText, type Dictionary } from '../values'
import { Debounce } from './debounce'
import { externalId, updateUserProfile } from './profile'
import { trackPurchase } from './purchase'
import { type Choices, readSettings } from './settings'

export const NAME = 'Braze Web Mode (Actions)'

/**
 * How long a destination says nothing about its SDK's script. A script that fails by then (a blocker, a policy)
 * is reported with the events as a failed initialization; a slow one is not waited for.
 */
const PATIENCE_MS = 300

interface House {
  client: Client
  debounce: Debounce
}

export function brazeDestination(settings: Dictionary): Plugin[] {
  const choices = readSettings(settings)
  const subscriptions = readSubscriptions(settings)
  const about = new WeakMap<Dictionary, Subscription>()
  for (const one of subscriptions) if (one.mapping) about.set(one.mapping, one)
  let house: House | undefined

  const definition: Definition<House> = {
    name: NAME,
    initialize: (analytics) => {
      house = { client: new Client(analytics, startOf(choices)), debounce: new Debounce(analytics) }
      return house
    },
    actions: {
      debounce: { lifecycleHook: 'before', perform: ({ debounce }, { context }) => debounce.look(context) },
      updateUserProfile: {
        perform: ({ client }, call) => {
          const payload = ofPerson(call.payload, call.mapping, call.context, about.get(call.mapping))
          const id = externalId(payload)
          client.run(call.context.event, (sdk) => updateUserProfile(sdk, payload), id)
        },
      },
      trackEvent: {
        perform: ({ client }, { payload, context }) => client.run(context.event, (sdk) => trackEvent(sdk, payload)),
      },
      trackPurchase: {
        perform: ({ client }, { payload, context }) =>
          client.run(context.event, (sdk) => trackPurchase(sdk, payload, context.event)),
      },
    },
  }
  const made = plugins(definition, subscriptions)
  for (const plugin of made) if (plugin.type === 'destination') reportFailure(plugin, () => house?.client)
  return made
}
brazeDestination.pluginName = NAME

/** Let a destination's load fail when the script does, if that is known soon; nothing waits longer. */
function reportFailure(plugin: Plugin, client: () => Client | undefined): void {
  const load = plugin.load
  plugin.load = async (context: Context, analytics: Analytics): Promise<void> => {
    await load(context, analytics)
    const outcome = client()?.outcome
    let isLate = false
    outcome?.catch((error: unknown) => {
      if (!isLate) return
      warn('Braze\'s SDK did not load; events go on without Braze', error)
      const failed = analytics.queue?.failedInitializations
      if (failed && !failed.includes(NAME)) failed.push(NAME)
    })
    await Promise.race([outcome, new Promise((done) => setTimeout(done, PATIENCE_MS))])
    isLate = true
  }
}

/**
 * A group call through a subscription that people's calls use too says who is meant, and nothing about them:
 * the name and plan of a company are not those of its members. A subscription for groups alone is taken at
 * its word.
 */
function ofPerson(
  payload: Dictionary, mapping: Dictionary, { event }: Context, subscription: Subscription | undefined
): Dictionary {
  if (event.type !== 'group' || !subscription) return payload
  if (!matches(subscription.subscribe, { ...event, type: 'identify' })) return payload
  return resolve(mapping, { ...event, traits: {} })
}

function trackEvent(sdk: Sdk, payload: Dictionary): void {
  const name = asText(payload.eventName)
  if (!name) return warn('an event without a name is left out')
  const isTaken = sdk.logCustomEvent(name, asProperties(payload.eventProperties, name))
  if (isTaken === false) warn(`Braze did not take the event "${name}"`)
}

function startOf(choices: Choices): ConstructorParameters<typeof Client>[1] {
  return {
    apiKey: choices.apiKey,
    defers: choices.defers,
    keepsUser: choices.keepsUser,
    load: () => loadSdk(choices.sdkUrl, choices.nonce),
    initialize: (sdk) => {
      const nonce = choices.nonce ?? pageNonce()
      const options = { baseUrl: window.BRAZE_BASE_URL || choices.endpoint, ...choices.options }
      if (sdk.initialize(choices.apiKey, nonce ? { ...options, contentSecurityNonce: nonce } : options) === false)
        return false
      const segment = sdk.BrazeSdkMetadata?.SEGMENT
      if (segment !== undefined) sdk.addSdkMetadata?.([segment])
      if (choices.showsMessages) {
        if (sdk.display) sdk.display.automaticallyShowNewInAppMessages()
        else sdk.automaticallyShowInAppMessages?.()
      }
      return true
    },
  }
}
