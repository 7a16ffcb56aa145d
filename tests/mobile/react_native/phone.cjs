// What a phone gives the SDK, for plain Node: the native modules, and nothing of Segment's or Braze's plugin.
//
//   const { braze, refused } = require('./phone.cjs').install('ios')
//
// braze    every call to Braze's native module, in order: [method, ...arguments]
// refused  every address outside this machine the SDK asked for; none of them is reached
const Module = require('node:module')

function install(os) {
  const braze = []
  const refused = []
  const storage = new Map()
  const nothing = () => {}
  const nativeBraze = new Proxy(
    {},
    { get: (_, method) => (method === '__esModule' ? false : (...given) => void braze.push([method, ...given])) },
  )
  const context = {
    appName: 'Shop', appVersion: '3.1', buildNumber: '7', bundleId: 'com.example.shop', locale: 'de-DE',
    networkType: 'wifi', osName: os === 'ios' ? 'iOS' : 'Android', osVersion: '17', screenHeight: 844,
    screenWidth: 390, timezone: 'Europe/Berlin', manufacturer: os === 'ios' ? 'Apple' : 'Google',
    model: 'Phone', deviceName: 'Phone', deviceId: 'device-1', deviceType: os, screenDensity: 3,
  }
  const modules = {
    'react-native': {
      Platform: { OS: os, select: (each) => each[os] ?? each.default },
      NativeModules: {
        AnalyticsReactNative: { getContextInfo: async () => context },
        Sovran: { getConstants: () => ({ ON_STORE_ACTION: 'action' }), addListener: nothing, removeListeners: nothing },
      },
      NativeEventEmitter: class { addListener() { return { remove: nothing } } },
      AppState: { addEventListener: () => ({ remove: nothing }) },
      Linking: { getInitialURL: async () => null },
      TurboModuleRegistry: { get: () => null },
    },
    'react': { createContext: () => ({}), useContext: nothing, useMemo: (make) => make(), createElement: nothing },
    '@react-native-async-storage/async-storage': {
      default: {
        getItem: async (key) => storage.get(key) ?? null,
        setItem: async (key, value) => void storage.set(key, value),
      },
    },
    'react-native-get-random-values': {},
    '@braze/react-native-sdk': nativeBraze,
  }
  const load = Module._load
  Module._load = (name, ...rest) => modules[name] ?? load(name, ...rest)
  const fetch = globalThis.fetch
  globalThis.fetch = async (address, ...rest) => {
    if (new URL(address).hostname !== '127.0.0.1') {
      refused.push(String(address))
      throw new TypeError(`not on this machine: ${address}`)
    }
    return fetch(address, ...rest)
  }
  return { braze, refused }
}

module.exports = { install }
