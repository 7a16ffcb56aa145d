/**
 * Braze (classic), maintenance mode: an integration of ours behind the loader that Segment's browser SDK has
 * for classic destinations.
 *
 *     window.appboyDeps            further scripts: none
 *     window.appboyLoader()        defines the next
 *     window.appboyIntegration     new Integration(settings): on, once, initialize(), invoke(method, facade)
 *
 * It says that it is ready at once and keeps the calls in order itself while Braze's SDK loads, so no call
 * overtakes another and a slow script holds up nothing.
 */

import type { Analytics, Event } from '../analytics'
import { Client } from '../client'
import { warn } from '../notice'
import { loadSdk, pageNonce } from '../script'
import type { Sdk } from '../sdk'
import type { Dictionary } from '../values'
import { type Facade, group, identify, isOrder, logEvent, logOrder } from './calls'
import { type Choices, readSettings } from './settings'

type Method = 'identify' | 'track' | 'page' | 'group' | 'alias'

class Integration {
  /** Set by the SDK between construction and initialize. */
  analytics!: Analytics
  readonly name!: string
  private readonly choices: Choices
  private readonly listeners: Record<string, Array<() => void>> = {}
  private client: Client | undefined

  constructor(settings: Dictionary) {
    this.choices = readSettings(settings)
  }

  on(name: string, listener: () => void): this {
    ;(this.listeners[name] ??= []).push(listener)
    return this
  }

  once(name: string, listener: () => void): this {
    return this.on(name, listener)
  }

  initialize(): void {
    if (this.client) return
    this.client = new Client(this.analytics, startOf(this.choices))
    this.client.outcome.catch((error: unknown) => {
      warn('Braze\'s SDK did not load; events go on without Braze', error)
      const failed = this.analytics.queue?.failedInitializations
      if (failed && !failed.includes(this.name)) failed.push(this.name)
    })
    for (const name of ['initialize', 'ready']) for (const listener of this.listeners[name] ?? []) listener()
  }

  invoke(method: Method, call: Facade): void {
    const work = this.work(method, call)
    if (!work) return
    const userId = call.userId() || undefined
    // Page calls carry the id too, but only these two have ever changed the user.
    const named = method === 'identify' || method === 'track' ? userId : undefined
    const event: Event = { type: method, userId: userId ?? null }
    this.client?.run(
      event,
      (sdk) => {
        if (named) sdk.changeUser(named)
        work(sdk)
      },
      named
    )
  }

  /** What a call means for Braze; nothing when it means nothing. */
  private work(method: Method, call: Facade): ((sdk: Sdk) => void) | undefined {
    switch (method) {
      case 'identify':
        return (sdk) => identify(sdk, call)
      case 'group':
        return (sdk) => group(sdk, call)
      case 'page':
        return this.page(call.fullName(), call.properties())
      case 'track':
        return this.track(call.event() ?? '', call.properties())
      case 'alias':
        return undefined
    }
  }

  private page(name: string | undefined, properties: Dictionary): ((sdk: Sdk) => void) | undefined {
    const { allPages, namedPages } = this.choices
    if ((!allPages && !namedPages) || (namedPages && !name)) return undefined
    return (sdk) => logEvent(sdk, name ? `Viewed ${name} Page` : 'Loaded a Page', properties)
  }

  private track(name: string, properties: Dictionary): (sdk: Sdk) => void {
    const isPurchase = isOrder(name) || (this.choices.revenueIsPurchase && Boolean(properties.revenue))
    return (sdk) => (isPurchase ? logOrder(sdk, properties) : logEvent(sdk, name, properties))
  }
}
Object.defineProperty(Integration.prototype, 'name', { value: 'Appboy' })

function startOf(choices: Choices): ConstructorParameters<typeof Client>[1] {
  return {
    apiKey: choices.apiKey,
    defers: choices.knownOnly,
    keepsUser: false,
    namesAtStart: true,
    load: () => loadSdk(choices.sdkUrl, choices.options.contentSecurityNonce as string | undefined),
    initialize: (sdk) => {
      const nonce = choices.options.contentSecurityNonce ?? pageNonce()
      const options = { baseUrl: window.BRAZE_BASE_URL || choices.endpoint, ...choices.options }
      if (sdk.initialize(choices.apiKey, nonce ? { ...options, contentSecurityNonce: nonce } : options) === false)
        return false
      if (choices.showsMessages) {
        if (sdk.display) sdk.display.automaticallyShowNewInAppMessages()
        else sdk.automaticallyShowInAppMessages?.()
      }
      return true
    },
  }
}

Object.assign(window, {
  appboyDeps: [],
  appboyLoader: () => Object.assign(window, { appboyIntegration: Integration }),
})
