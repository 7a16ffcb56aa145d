// The matcher of analytics.js, taken out of its bundle as published: which matcher matches which event.
//
//     echo '[matchers, events]' | node tsub.cjs path/to/tsub-middleware.bundle.….js

const { readFileSync } = require('node:fs')

globalThis.self = globalThis
require(require('node:path').resolve(process.argv[2]))
const isChunk = (each) => Array.isArray(each) && typeof each[0]?.[1] === 'object'
const chunks = Object.values(globalThis).filter(isChunk).flat()
const modules = Object.assign({}, ...chunks.map((each) => each[1]))

const made = {}
function load(id) {
  if (!made[id]) {
    made[id] = { exports: {} }
    modules[id].call(made[id].exports, made[id], made[id].exports, load)
  }
  return made[id].exports
}
load.n = (module) => {
  const get = module && module.__esModule ? () => module.default : () => module
  get.a = get
  return get
}
load.d = (to, from) => {
  for (const key in from) Object.defineProperty(to, key, { enumerable: true, get: from[key] })
}
load.o = (object, name) => Object.prototype.hasOwnProperty.call(object, name)
load.r = () => {}

const id = Object.keys(modules).find((each) => /No matcher supplied/.test(modules[each]))
const { matches } = load(id)
const [matchers, events] = JSON.parse(readFileSync(0, 'utf8'))
console.log(JSON.stringify(matchers.map((matcher) => events.map((event) => matches(event, matcher)))))
