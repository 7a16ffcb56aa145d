// An app with Segment's React Native SDK: reads an order, makes its calls, prints what happened as JSON.
//
//   node app.cjs '{"os": "ios", "config": {...}, "plugins": ["braze", "debounce"], "calls": [["track", "Seen"]]}'
//
// os       "ios" | "android"
// config   as createClient takes it
// keys     instead of config.writeKey: the key for each system, chosen as the guide says
// plugins  "braze": Segment's plugin; "debounce": ours, built into the folder named by "built"
// calls    [method, ...arguments]; "identify", "track", "screen", "group", "alias", "reset", "flush"
// tables   instead of calls: lists of events, put through the plugins as they are, each list on fresh plugins
//
// Printed: {"braze": [[method, ...]], "settings": {...}, "refused": [address], "errors": [text], "tables": [...]}
const order = JSON.parse(process.argv[2])
const { braze, refused } = require('./phone.cjs').install(order.os)
// What the SDK has to say goes to the error stream, what is asked for to the other.
console.log = console.info = console.debug = console.error
const { Platform } = require('react-native')
const { createClient, Timeline, EventType } = require('@segment/analytics-react-native')
const { BrazePlugin } = require('@segment/analytics-react-native-plugin-braze')

const pluginsOf = (names) => names.map((name) => {
  if (name === 'braze') return new BrazePlugin()
  const { DebouncePlugin } = require(order.built)
  return new DebouncePlugin()
})

async function ready(client) {
  if (client.isReady.value) return
  await new Promise((resolve) => client.isReady.onChange((value) => value && resolve()))
}

// The SDK gives its storage a second, says so and goes on all the same: a busy machine is no fault of the app.
const SLOW = 'Queue restoration timeout'

async function calls() {
  const errors = []
  const writeKey = order.keys ? order.keys[Platform.OS] : order.config.writeKey
  const client = createClient({
    flushInterval: 0, trackAppLifecycleEvents: false, ...order.config, writeKey,
    errorHandler: (error) => error.message === SLOW || errors.push(String(error.message)),
  })
  for (const plugin of pluginsOf(order.plugins ?? [])) client.add({ plugin })
  await ready(client)
  for (const [method, ...given] of order.calls) await client[method](...given)
  await client.flush()
  const settings = client.settings.get()
  client.cleanup()
  return { braze, settings, refused, errors }
}

async function tables() {
  const client = createClient({ flushInterval: 0, ...order.config })
  await ready(client)
  const played = []
  for (const events of order.tables) {
    const plugins = pluginsOf(order.plugins)
    const debounce = plugins.find((plugin) => plugin.key === undefined)
    for (const plugin of plugins) {
      plugin.configure(client)
      plugin.update({ integrations: client.settings.get() }, 'initial')
    }
    const seen = []
    for (const event of events) {
      const before = braze.length
      const left = debounce ? await debounce.execute(structuredClone(event)) : structuredClone(event)
      for (const plugin of plugins) if (plugin !== debounce) await plugin.execute(left)
      seen.push({ calls: braze.slice(before), integrations: left.integrations ?? null })
    }
    played.push(seen)
  }
  client.cleanup()
  return { tables: played, refused }
}

const work = order.tables ? tables : calls
work().then((result) => {
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}, (error) => {
  console.error(error)
  process.exit(1)
})
