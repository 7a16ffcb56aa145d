/**
 * Braze's SDK as the actions see it: there or on its way, on the right visitor or between two.
 *
 *     const client = new Client(analytics, start)
 *     client.run(event, (sdk) => sdk.logCustomEvent('Seen'))   // now, or when it can be
 *
 * Nothing here is ever awaited by the page: a script that is slow, blocked or missing costs Braze's copy of an
 * event and nothing else. What waits is bounded.
 *
 *     loading --> idle --> open <--> leaving      idle: not yet started, only known visitors are wanted
 *        |         |         |
 *        +---------+---------+--> closed          closed: no script, or the SDK refused to start
 */

import type { Analytics, Event } from './analytics'
import { warn } from './notice'
import type { Sdk } from './sdk'
import { note, type Note } from './storage'

export interface Start {
  load(): Promise<Sdk>
  /** Make the SDK ready, without a session; false when it refuses. */
  initialize(sdk: Sdk): boolean
  /** Only visitors with a user id. */
  defers: boolean
  keepsUser: boolean
  /** Name a visitor whom analytics remembers before the session opens, without waiting for their identify. */
  namesAtStart?: boolean
  /** Names this app's note of who is with Braze. */
  apiKey: string
}

type Work = (sdk: Sdk) => void
type Phase = 'loading' | 'idle' | 'open' | 'leaving' | 'closed'
interface Waiting {
  event: Event
  work: Work
  externalId: string | undefined
}

/** Calls that wait for the SDK's script or for a logout to end; a page that makes more loses the later ones. */
export const WAITING_LIMIT = 500
/** The event a page can listen to on `window`; its detail is the SDK. */
export const READY = 'segue:braze'
/** Events of the visitor who leaves may still be on their way to us. */
const GRACE_MS = 100
const FLUSH_MS = 10_000
const PUSH_MS = 5_000
const RETRY_MS = [5_000, 10_000, 20_000, 40_000, 60_000]

export class Client {
  /** Settled when the script is there (or, rejected, will not be). */
  readonly outcome: Promise<void>
  private sdk!: Sdk
  private phase: Phase = 'loading'
  private waiting: Waiting[] = []
  private isInitialized = false
  private hasOverflowed = false
  /** The analytics id of the visitor that Braze is on because of us; outlives the page. */
  private visitor: string | null
  private hasChangedUser = false
  private gone: string | null = null
  private departure: object | null = null
  private readonly remembered: Note

  constructor(private readonly analytics: Analytics, private readonly start: Start) {
    this.remembered = note(`segue.braze.${start.apiKey}`)
    this.visitor = this.remembered.read()
    this.outcome = start.load().then(
      (sdk) => {
        this.sdk = sdk
        this.phase = 'idle'
        this.begin(undefined)
        this.drain()
      },
      (error: unknown) => {
        this.close()
        throw error
      }
    )
    this.outcome.catch(() => undefined)
    if (!start.keepsUser) analytics.on('reset', () => this.leave())
  }

  /**
   * Do a piece of work, now or when the SDK is there; nothing for visitors who are not wanted.
   *
   * externalId  whom the work makes the visitor, when it does
   */
  run(event: Event, work: Work, externalId?: string): void {
    const by = idOf(event.userId)
    if (this.phase === 'closed' || (this.start.defers && by === null)) return
    if (by !== null && by === this.gone && this.known() !== this.gone) return
    if (this.phase === 'idle' && !this.begin(externalId)) return
    if (this.phase === 'open' && externalId === undefined && this.isStale()) this.leave()
    if (this.phase === 'leaving') {
      if (externalId !== undefined && by === this.known()) this.take(externalId, by)
      else if (by === null || by !== this.visitor) return this.hold(event, work, externalId)
    }
    if (this.phase === 'loading') return this.hold(event, work, externalId)
    if (externalId !== undefined) this.remember(by)
    this.attempt(work)
  }

  /** Whom analytics knows now. */
  private known(): string | null {
    return idOf(this.analytics.user().id())
  }

  private hold(event: Event, work: Work, externalId: string | undefined): void {
    if (this.waiting.length < WAITING_LIMIT) this.waiting.push({ event, work, externalId })
    else if (!this.hasOverflowed) {
      this.hasOverflowed = true
      warn(`Braze's SDK is still not there after ${WAITING_LIMIT} calls; later ones do not reach Braze`)
    }
  }

  private drain(): void {
    const waiting = this.waiting
    this.waiting = []
    for (const { event, work, externalId } of waiting) this.run(event, work, externalId)
  }

  private attempt(work: Work): boolean {
    try {
      work(this.sdk)
      return true
    } catch (error) {
      warn('a call of Braze\'s SDK failed', error)
      return false
    }
  }

  private close(): void {
    this.phase = 'closed'
    this.waiting = []
  }

  /** Start the SDK and the session, or say that it is not time. A visitor who is named is set first, so that
   * no anonymous session is opened before theirs. */
  private begin(named: string | undefined): boolean {
    const id = this.known()
    const externalId = named ?? (this.start.namesAtStart && id !== null ? id : undefined)
    if (this.start.defers && id === null) return false
    try {
      if (!this.isInitialized && !this.start.initialize(this.sdk)) {
        warn('Braze\'s SDK did not start: a crawler, a visitor who opted out, or a wrong key or endpoint')
        this.close()
        return false
      }
      if (!this.isInitialized) announce(this.sdk)
      this.isInitialized = true
      if (externalId === undefined && this.isStale()) {
        this.depart()
        return true
      }
      if (externalId !== undefined) {
        this.sdk.changeUser(externalId)
        this.remember(id)
      }
      this.sdk.openSession()
      this.phase = 'open'
      return true
    } catch (error) {
      warn('Braze\'s SDK did not start', error)
      this.close()
      return false
    }
  }

  private remember(userId: string | null): void {
    this.hasChangedUser = true
    this.gone = null
    if (userId === null) return
    this.visitor = userId
    this.remembered.write(userId)
  }

  /** Braze is on somebody whom analytics does not know any more: after a reset or another log-in that this
   * page did not see, in another tab or while the SDK was blocked. */
  private isStale(): boolean {
    return !this.start.keepsUser && this.visitor !== null && this.known() !== this.visitor
  }

  /** A logout. Before the SDK is there nothing can be done: the note is found when it is. */
  private leave(): void {
    if (this.phase === 'open' && (this.visitor !== null || this.hasChangedUser)) this.depart()
  }

  /**
   * Send what the leaver did, then make the SDK forget them: a new anonymous visitor, as after Braze's own
   * logout, but with the SDK still at work. Until then nobody else's calls reach it.
   */
  private depart(): void {
    this.phase = 'leaving'
    const departure = {}
    this.departure = departure
    const isOver = (): boolean => this.departure !== departure
    const flush = (round: number): void => {
      if (isOver()) return
      let isAnswered = false
      const answer = (isSent: boolean | undefined): void => {
        if (isAnswered || isOver()) return
        isAnswered = true
        // An old SDK never answers; only a clear no is worth another try.
        if (isSent !== false) this.unregister(() => isOver() || this.forget())
        else again(round)
      }
      setTimeout(() => answer(undefined), FLUSH_MS)
      this.attempt((sdk) => sdk.requestImmediateDataFlush((isSent) => answer(isSent)))
    }
    const again = (round: number): void => {
      let isDone = false
      const next = (): void => {
        window.removeEventListener('online', next)
        clearTimeout(timer)
        if (!isDone) flush(round + 1)
        isDone = true
      }
      const timer = setTimeout(next, RETRY_MS[Math.min(round, RETRY_MS.length - 1)])
      window.addEventListener('online', next)
    }
    setTimeout(() => flush(0), GRACE_MS)
  }

  /** The leaver's push messages must not reach the next visitor. */
  private unregister(done: () => void): void {
    let isDone = false
    const once = (): void => {
      if (!isDone) done()
      isDone = true
    }
    const isAsked = this.attempt((sdk) => {
      if (!sdk.unregisterPush || !sdk.isPushPermissionGranted?.()) return once()
      setTimeout(once, PUSH_MS)
      sdk.unregisterPush(once, once)
    })
    if (!isAsked) once()
  }

  private forget(): void {
    this.departure = null
    this.gone = this.visitor
    this.visitor = null
    this.hasChangedUser = false
    this.attempt((sdk) => sdk.wipeData())
    this.remembered.clear()
    this.phase = 'idle'
    this.begin(undefined)
    this.drain()
  }

  /** Somebody else (or the same visitor again) is named before the leaver is forgotten: what waits is theirs,
   * and what the leaver did carries the leaver's name already. */
  private take(externalId: string, userId: string | null): void {
    this.departure = null
    this.attempt((sdk) => sdk.changeUser(externalId))
    this.remember(userId)
    this.phase = 'open'
    this.drain()
  }
}

/** Tell the page that the SDK is started, before the session opens: the moment to subscribe to its messages. */
function announce(sdk: Sdk): void {
  if (typeof CustomEvent === 'function') window.dispatchEvent(new CustomEvent(READY, { detail: sdk }))
}

/** An id as text; pages pass numbers too. Nothing, and no text at all, is nobody. */
function idOf(id: unknown): string | null {
  return id === null || id === undefined || id === '' ? null : String(id)
}
