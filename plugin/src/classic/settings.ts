/**
 * The settings of Braze (classic) in a browser: what the integration does, and what the SDK is told.
 *
 * Source  Segment docs, catalogue data of "Braze" (id 54efbf12db31d978f14aa8b5), read 2026-11-26
 */

import { sdkAddress } from '../script'
import { asNumber, asText, type Dictionary } from '../values'

export interface Choices {
  apiKey: string
  endpoint: string
  sdkUrl: string
  showsMessages: boolean
  allPages: boolean
  namedPages: boolean
  revenueIsPurchase: boolean
  knownOnly: boolean
  options: Dictionary
}

const VERSIONS: Record<string, string> = { '1': '1.6', '2': '2.4', '2.7': '2.7', '3.1': '3.1' }
const REGIONS: Record<string, string> = { us: 'sdk.iad-01.braze.com', eu: 'sdk.fra-01.braze.eu' }
const FLAGS = [
  'allowCrawlerActivity', 'doNotLoadFontAwesome', 'enableHtmlInAppMessages', 'enableLogging',
  'openInAppMessagesInNewTab', 'openNewsFeedCardsInNewTab', 'requireExplicitInAppMessageDismissal',
] as const
const TEXTS = ['localization', 'safariWebsitePushId', 'serviceWorkerLocation', 'contentSecurityNonce'] as const

export function readSettings(settings: Dictionary): Choices {
  const options: Dictionary = {}
  for (const name of FLAGS) options[name] = settings[name] === true
  for (const name of TEXTS) if (asText(settings[name])) options[name] = settings[name]
  options.localization ??= 'en'
  options.minimumIntervalBetweenTriggerActionsInSeconds =
    asNumber(settings.minimumIntervalBetweenTriggerActionsInSeconds) ?? 30
  options.sessionTimeoutInSeconds = asNumber(settings.sessionTimeoutInSeconds) || 30
  return {
    apiKey: asText(settings.apiKey) || '',
    endpoint: endpoint(asText(settings.customEndpoint) || '', asText(settings.datacenter) || 'us'),
    sdkUrl: asText(settings.sdkUrl) || address(asText(settings.version) || '3.1'),
    showsMessages: settings.automaticallyDisplayMessages !== false,
    allPages: settings.trackAllPages === true,
    namedPages: settings.trackNamedPages === true,
    revenueIsPurchase: settings.logPurchaseWhenRevenuePresent === true,
    knownOnly: settings.onlyTrackKnownUsersOnWeb === true,
    options,
  }
}

/** The custom endpoint with a scheme, else the region's; this machine's own has no https. */
function endpoint(custom: string, region: string): string {
  const numbered = /^us(\d\d)$/.exec(region)
  const usual = REGIONS[region] ?? `sdk.iad-${numbered?.[1] ?? '01'}.braze.com`
  const host = (custom || usual).replace(/\/+$/, '')
  const scheme = /^(127(\.\d+){3}|localhost)(:\d+)?$/.test(host) ? 'http://' : 'https://'
  return `${/^https?:/.test(host) ? '' : scheme}${host}/api/v3`
}

function address(version: string): string {
  const known = VERSIONS[version]
  return known ? `https://js.appboycdn.com/web-sdk/${known}/appboy.min.js` : sdkAddress(version)
}
