/**
 * The settings of Braze Web Mode (Actions): a table of what Braze's SDK understands, and what we do ourselves.
 *
 * Settings come from a file a customer may have written years ago, with what the page gave `load` spread over
 * them. Only the keys of this table reach the SDK; what is unset is left out, as null and 0 mean something to it.
 *
 * Source  Segment docs, "Braze Web Device Mode (Actions)", settings, read 2026-11-26;
 *         @braze/web-sdk 6.13.0, InitializationOptions, read 2026-11-26
 */

import { sdkAddress } from '../script'

export interface Choices {
  apiKey: string
  endpoint: string
  sdkUrl: string
  nonce: string | undefined
  showsMessages: boolean
  defers: boolean
  /** Leave the visitor who logged out with Braze, as the published plugin does. */
  keepsUser: boolean
  /** Options of the SDK's own, without the endpoint. */
  options: Record<string, unknown>
}

type Reader = (value: unknown) => unknown

const flag: Reader = (value) =>
  value === true || value === 'true' ? true : value === false || value === 'false' ? false : undefined
const text: Reader = (value) => (typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined)
const amount: Reader = (value) => {
  const found = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined
}
const texts: Reader = (value) => {
  const found = (Array.isArray(value) ? value : [value]).map(text).filter((one) => one !== undefined)
  return found.length > 0 ? found : undefined
}

const OPTIONS: Record<string, [read: Reader, usual?: unknown]> = {
  allowCrawlerActivity: [flag, false],
  allowUserSuppliedJavascript: [flag, false],
  appVersion: [text],
  contentSecurityNonce: [text],
  devicePropertyAllowlist: [texts],
  disablePushTokenMaintenance: [flag, false],
  doNotLoadFontAwesome: [flag, false],
  enableLogging: [flag, false],
  enableSdkAuthentication: [flag, false],
  inAppMessageZIndex: [amount],
  localization: [text, 'en'],
  manageServiceWorkerExternally: [flag, false],
  minimumIntervalBetweenTriggerActionsInSeconds: [amount, 30],
  noCookies: [flag, false],
  openCardsInNewTab: [flag, false],
  openInAppMessagesInNewTab: [flag, false],
  requireExplicitInAppMessageDismissal: [flag, false],
  safariWebsitePushId: [text],
  serviceWorkerLocation: [text],
  sessionTimeoutInSeconds: [amount, 1800],
}

export const DEFAULT_VERSION = '6.10'
export const DEFAULT_ENDPOINT = 'sdk.iad-01.braze.com'

/** Settings as they come -> what to do. Throws a sentence when the API key is missing. */
export function readSettings(settings: Record<string, unknown>): Choices {
  const apiKey = text(settings.api_key)
  if (apiKey === undefined) throw new Error('the setting api_key is missing: the App Identifier of your web app in Braze')
  const options: Record<string, unknown> = {}
  for (const [name, [read, usual]] of Object.entries(OPTIONS)) {
    const value = read(settings[name]) ?? usual
    if (value !== undefined) options[name] = value
  }
  if (flag(settings.enableHtmlInAppMessages) === true) options.allowUserSuppliedJavascript = true
  const version = text(String(settings.sdkVersion ?? '')) as string | undefined
  return {
    apiKey: apiKey as string,
    endpoint: (text(settings.endpoint) as string | undefined) ?? DEFAULT_ENDPOINT,
    sdkUrl: (text(settings.sdkUrl) as string | undefined) ?? sdkAddress(version ?? DEFAULT_VERSION),
    nonce: options.contentSecurityNonce as string | undefined,
    showsMessages: flag(settings.automaticallyDisplayMessages) !== false,
    defers: flag(settings.deferUntilIdentified) === true,
    keepsUser: flag(settings.keepUserOnReset) === true,
    options,
  }
}
