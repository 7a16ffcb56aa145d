// Play cases with a built plugin: a window, a visitor, a clock and a Braze SDK that records what is called.
//
// stdin   {"file": "….js", "library": "brazeDestination", "cases": [{"settings": {…}, "steps": [{…}]}]}
// stdout  [{"calls": [["initialize", "key", {…}], …], "flags": […], "warnings": […], …}]
//
// Steps: {event}, {raw}, an event as it is, taken by track; {visitor: {id, anonymousId, traits}}, {reset}, {script: "loads" | "fails"}, {flush: true | false},
// {advance: seconds}, {online: true}, {drop: true} empties the record.

import { readFileSync } from 'node:fs'
import vm from 'node:vm'

const USER = [
  'setCountry', 'setCustomLocationAttribute', 'setCustomUserAttribute', 'setDateOfBirth', 'setEmail', 'setGender',
  'setEmailNotificationSubscriptionType', 'setFirstName', 'setHomeCity', 'setLanguage', 'setLastKnownLocation',
  'setLastName', 'setPhoneNumber', 'setPushNotificationSubscriptionType', 'addToSubscriptionGroup',
  'removeFromSubscriptionGroup',
]
const SDK = ['openSession', 'changeUser', 'logCustomEvent', 'logPurchase', 'addSdkMetadata', 'wipeData',
  'automaticallyShowInAppMessages']

class Clock {
  now = 0
  timers = new Map()
  next = 1
  set = (call, ms = 0) => (this.timers.set(this.next, { call, at: this.now + ms }), this.next++)
  clear = (id) => this.timers.delete(id)
  async advance(ms) {
    const end = this.now + ms
    for (;;) {
      const due = [...this.timers].filter(([, one]) => one.at <= end).sort(([, a], [, b]) => a.at - b.at)[0]
      if (!due) break
      this.timers.delete(due[0])
      this.now = due[1].at
      due[1].call()
      await settled()
    }
    this.now = end
  }
}

const settled = () => new Promise((done) => setImmediate(done))

class Stage {
  calls = []
  warnings = []
  flags = []
  scripts = []
  failed = []
  clock = new Clock()
  visitor = { id: null, anonymousId: 'a1', traits: {} }
  resets = []
  online = []
  script = 'loads'
  answer = true

  constructor(code, library, { settings, refuses = [], storage = {}, nonce, starts = true, throws = [], push = false }) {
    const record = (name) => (...values) => {
      this.calls.push([name, ...values])
      if (throws.includes(name)) throw new Error(`${name} is broken`)
      return !refuses.includes(name)
    }
    const braze = Object.fromEntries(SDK.map((name) => [name, record(name)]))
    const user = Object.fromEntries(USER.map((name) => [name, record(name)]))
    Object.assign(braze, {
      BrazeSdkMetadata: { SEGMENT: 'sg' },
      initialize: (...values) => (record('initialize')(...values), starts),
      getUser: () => user,
      isPushPermissionGranted: () => push,
      unregisterPush: (done) => (this.calls.push(['unregisterPush']), done()),
      requestImmediateDataFlush: (done) => {
        this.calls.push(['requestImmediateDataFlush'])
        if (this.answer !== null) done(this.answer)
      },
    })
    const window = {
      localStorage: {
        getItem: (name) => storage[name] ?? null,
        setItem: (name, text) => (storage[name] = text),
        removeItem: (name) => delete storage[name],
      },
      addEventListener: (_, call) => this.online.push(call),
      removeEventListener: (_, call) => (this.online = this.online.filter((one) => one !== call)),
    }
    window.window = window
    this.storage = storage
    const insert = (script) => {
      this.scripts.push({ src: script.src, nonce: script.attributes.nonce ?? null })
      this.land = () => {
        if (this.script === 'loads') window.braze = braze
        if (this.script === 'fails') script.onerror()
        else if (this.script !== 'waits') script.onload()
      }
      this.clock.set(this.land)
    }
    window.document = {
      querySelectorAll: () => [],
      querySelector: () => (nonce ? { nonce } : null),
      getElementsByTagName: () => [{ parentElement: { insertBefore: insert } }],
      createElement: () => ({ attributes: {}, setAttribute(name, value) { this.attributes[name] = value } }),
    }
    const context = vm.createContext({
      ...window, window, setTimeout: this.clock.set, clearTimeout: this.clock.clear,
      console: { warn: (...values) => this.warnings.push(values.map(String).join(' ')) },
    })
    vm.runInContext(code, context)
    this.analytics = {
      user: () => ({
        id: () => this.visitor.id, anonymousId: () => this.visitor.anonymousId, traits: () => this.visitor.traits,
      }),
      on: (_, call) => this.resets.push(call),
      queue: { failedInitializations: this.failed },
    }
    this.made = Promise.resolve(window[library](JSON.parse(JSON.stringify(settings))))
  }

  async load() {
    this.plugins = await this.made
    const loads = this.plugins.map(async (plugin) => {
      try {
        await plugin.load({}, this.analytics)
      } catch {
        this.failed.push(plugin.name)
      }
    })
    await settled()
    if (this.script !== 'waits') await this.clock.advance(0)
    await settled()
    return loads
  }

  async deliver(event) {
    if (event.type === 'identify') {
      this.visitor = { ...this.visitor, id: event.userId ?? this.visitor.id, traits: event.traits ?? {} }
    }
    event.anonymousId ??= this.visitor.anonymousId
    const context = {
      event,
      updateEvent: (path, value) => {
        const name = path.slice(path.indexOf('.') + 1)
        event.integrations = { ...event.integrations, [name]: value }
      },
    }
    for (const hook of ['before', 'destination'])
      for (const plugin of this.plugins.filter((one) => one.type === hook)) {
        const { All: all, 'Braze Web Mode (Actions)': own = all } = event.integrations ?? {}
        if (hook === 'destination' && own === false) continue
        await plugin[event.type]?.(context)?.catch?.((error) => this.warnings.push(String(error)))
      }
    this.flags.push(event.integrations ?? null)
    await settled()
  }

  async step(step) {
    if (step.event) await this.deliver(step.event)
    if (step.raw)
      for (const plugin of this.plugins)
        await plugin.track({ event: step.raw }).catch((error) => this.warnings.push(String(error)))
    if (step.visitor) this.visitor = { ...this.visitor, ...step.visitor }
    if (step.reset) {
      this.visitor = { id: null, anonymousId: 'a2', traits: {} }
      for (const call of this.resets) call()
    }
    if (step.drop) this.calls.length = 0
    if ('flush' in step) this.answer = step.flush
    if (step.script) this.script = step.script
    if (step.script && this.land) (this.land(), await settled())
    if (step.advance !== undefined) await this.clock.advance(step.advance * 1000)
    if (step.online) for (const call of [...this.online]) call()
    await settled()
  }
}

async function play(code, library, asked) {
  let stage
  try {
    stage = new Stage(code, library, asked)
    stage.script = asked.script ?? 'loads'
    await stage.load()
  } catch (error) {
    return { error: String(error) }
  }
  for (const step of asked.steps ?? []) await stage.step(step)
  const { calls, warnings, flags, scripts, failed, storage } = stage
  const plugins = stage.plugins.map(({ name, type }) => ({ name, type }))
  return { calls, warnings, flags, scripts, failed, storage, plugins }
}

const { file, library, cases } = JSON.parse(readFileSync(0, 'utf8'))
const code = readFileSync(file, 'utf8')
const results = []
for (const one of cases) results.push(await play(code, library, one))
process.stdout.write(JSON.stringify(results))
