/**
 * Braze's SDK on the page: where its script is, and that it is there. It is Braze's file, from Braze's CDN or
 * from an address the customer gives; we ship none of it.
 */

import { loadScript } from '@segment/browser-destination-runtime/load-script'

import type { Sdk } from './sdk'

const CDN = 'https://js.appboycdn.com/web-sdk'

/** The address of a version on Braze's CDN. Generation 3 has another name and another global. */
export function sdkAddress(version: string): string {
  return `${CDN}/${version}/${version.startsWith('3.') ? 'appboy.no-amd' : 'braze.no-module'}.min.js`
}

/**
 * Put the script on the page, unless it is there, and give the SDK.
 *
 * A page with a Content Security Policy marks its scripts with a nonce; ours is marked with the one given, or
 * with that of the page's first script.
 * Rejects with a sentence when the script is blocked, missing, or is not the SDK.
 */
export async function loadSdk(address: string, nonce: string | undefined): Promise<Sdk> {
  const mark = nonce ?? pageNonce()
  await loadScript(address, mark === undefined ? {} : { nonce: mark })
  const sdk = window.braze ?? window.appboy
  if (sdk === undefined) throw new Error(`${address} is loaded, but is not Braze's Web SDK: no window.braze`)
  return sdk
}

/** The nonce that the page's own scripts carry. */
export function pageNonce(): string | undefined {
  return document.querySelector<HTMLScriptElement>('script[nonce]')?.nonce || undefined
}
