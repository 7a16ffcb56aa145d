/* The npm original, driven without network, one command a line:

       {"events": "path"}                         read {"identify": [...], "track": [...], "order": [...]}
       {"kind": "track", "size": 75, "seconds": 1}  measure; size 1 is one event a call
       {"kind": "track", "size": 75, "bodies": 2}   give the bodies of so many calls

   Every answer is one line of JSON. Its HTTP layer is a function that answers 201 at once.
*/
'use strict'

for (const name of ['http', 'https']) {
  const client = require(name)
  client.request = client.get = () => {
    throw new Error('the bench does not use the network')
  }
}

const crossFetch = require.resolve('cross-fetch', { paths: [require.resolve('@segment/actions-core')] })
const real = require(crossFetch)
const headers = { 'content-type': 'application/json' }
let kept = null
const answer = async (url, options) => {
  if (kept) kept.push(url && url.text ? await url.clone().text() : options.body)
  return new real.Response('{"message":"success"}', { status: 201, headers })
}
Object.assign(answer, real)
answer.default = answer
answer.fetch = answer
require.cache[crossFetch].exports = answer

const { Destination, defaultValues } = require('@segment/actions-core')
const braze = require('@segment/action-destinations/dist/destinations/braze').default

const CASES = {
  identify: { action: 'updateUserProfile2', mode: 'update', subscribe: 'type = "identify"' },
  track: {
    action: 'trackEvent2',
    mode: 'add',
    subscribe: 'type = "track" and event != "Order Completed"'
  },
  order: { action: 'trackPurchase2', mode: 'add', subscribe: 'event = "Order Completed"' }
}

const destination = new Destination(braze)
let events = {}

function settingsOf(kind) {
  const { action, mode, subscribe } = CASES[kind]
  const mapping = { ...defaultValues(braze.actions[action].fields), __segment_internal_sync_mode: mode }
  return {
    api_key: 'bench',
    app_id: 'bench',
    endpoint: 'https://rest.iad-01.braze.com',
    subscriptions: [{ partnerAction: action, subscribe, mapping }]
  }
}

async function call(kind, settings, start, size) {
  const all = events[kind]
  if (size === 1) {
    await destination.onEvent(all[start % all.length], settings)
  } else {
    const from = start % (all.length - size + 1)
    await destination.onBatch(all.slice(from, from + size), settings)
  }
  destination.responses = []
}

async function measure({ kind, size, seconds }) {
  const settings = settingsOf(kind)
  let count = 0
  const began = process.hrtime.bigint()
  let took = 0
  do {
    await call(kind, settings, count, size)
    count += size
    took = Number(process.hrtime.bigint() - began) / 1e9
  } while (took < seconds)
  return { us: (took * 1e6) / count, events: count }
}

async function bodies({ kind, size, bodies: wanted }) {
  kept = []
  const settings = settingsOf(kind)
  for (let index = 0; index < wanted; index++) await call(kind, settings, index * size, size)
  const found = kept
  kept = null
  return { bodies: found.map((body) => JSON.parse(body)) }
}

async function act(order) {
  if (order.events) {
    events = JSON.parse(require('fs').readFileSync(order.events, 'utf8'))
    return { node: process.version, version: require('@segment/action-destinations/package.json').version }
  }
  return order.bodies ? bodies(order) : measure(order)
}

async function main() {
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await act(JSON.parse(line))) + '\n')
  }
}

main()
