// Drives an unmodified @segment/analytics-node: one client, the calls given, and what became of them.
//
//   node send.mjs '{"settings": {"writeKey": "wk", "host": "http://…"}, "calls": [["track", {…}]]}'
//
// Prints {"delivered": […messageIds], "failed": […reasons]}.
import { Analytics } from '@segment/analytics-node'

const { settings, calls } = JSON.parse(process.argv[2])
const analytics = new Analytics(settings)
const delivered = []
const failed = []
analytics.on('error', (error) => failed.push(error.code))
const settled = calls.map(
  ([method, params]) =>
    new Promise((done) =>
      analytics[method](params, (error, context) => {
        if (!error) delivered.push(context.event.messageId)
        done()
      })
    )
)
await analytics.closeAndFlush()
await Promise.all(settled)
console.log(JSON.stringify({ delivered, failed }))
