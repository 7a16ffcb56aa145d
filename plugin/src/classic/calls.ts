/**
 * What Braze (classic) says to the SDK for each call.
 *
 * Source  segmentio/analytics.js-integrations, integrations/appboy 1.16.1, behaviour read 2026-11-26
 */

import { warn } from '../notice'
import type { Sdk } from '../sdk'
import { asNumber, asText, type Dictionary, isDictionary } from '../values'
import { logPieces } from '../web/purchase'

/** What we ask of a call: Segment's facade, which knows the spellings of traits. */
export interface Facade {
  userId(): string | undefined
  traits(): Dictionary
  properties(): Dictionary
  event(): string | undefined
  fullName(): string | undefined
  groupId(): string | undefined
  avatar(): unknown
  birthday(): unknown
  city(): unknown
  country(): unknown
  email(): unknown
  firstName(): unknown
  gender(): unknown
  lastName(): unknown
  phone(): unknown
}

const RESERVED: ReadonlySet<string> = new Set([
  'avatar', 'address', 'birthday', 'email', 'id', 'firstName', 'gender', 'lastName', 'phone', 'facebook',
  'twitter', 'first_name', 'last_name', 'dob', 'external_id', 'country', 'home_city', 'bio', 'email_subscribe',
  'push_subscribe', 'braze_subscription_groups',
])
const GENDERS: Record<string, string> = {
  woman: 'f', female: 'f', w: 'f', f: 'f', man: 'm', male: 'm', m: 'm', other: 'o', o: 'o',
}
const LONGEST = 255

export function identify(sdk: Sdk, call: Facade): void {
  const user = sdk.getUser()
  if (!user) return
  const set = (value: unknown, setter: (text: string) => unknown): void => {
    const text = asText(value)
    if (text) setter(text)
  }
  set(call.avatar(), (url) => user.setAvatarImageUrl?.(url))
  set(call.email(), (text) => user.setEmail(text))
  set(call.firstName(), (text) => user.setFirstName(text))
  set(GENDERS[String(call.gender() ?? '').toLowerCase()], (letter) => user.setGender(letter))
  set(call.lastName(), (text) => user.setLastName(text))
  set(call.phone(), (text) => user.setPhoneNumber(text))
  set(call.country(), (text) => user.setCountry(text))
  set(call.city(), (text) => user.setHomeCity(text))
  const born = call.birthday()
  const day = born === undefined || born === null ? undefined : new Date(born as string)
  if (day && !Number.isNaN(day.getTime()))
    user.setDateOfBirth(day.getUTCFullYear(), day.getUTCMonth() + 1, day.getUTCDate())
  for (const [name, value] of Object.entries(call.traits()))
    if (!RESERVED.has(name) && value !== undefined && !isDictionary(value)) user.setCustomUserAttribute(name, value)
}

export function group(sdk: Sdk, call: Facade): void {
  const id = call.groupId()
  if (id) sdk.getUser()?.setCustomUserAttribute(`ab_segment_group_${id}`, true)
}

/** A custom event, without nested properties. */
export function logEvent(sdk: Sdk, name: string, properties: Dictionary): void {
  const flat = Object.entries(properties).filter(([, value]) => !isDictionary(value) && !Array.isArray(value))
  sdk.logCustomEvent(name, Object.fromEntries(flat))
}

export function isOrder(name: string): boolean {
  return /^(order[ _]?completed|completed[ _]?order)$/i.test(name.trim())
}

/** One purchase for each product, in the order's currency; none without products. */
export function logOrder(sdk: Sdk, { products, currency, ...order }: Dictionary): void {
  if (!Array.isArray(products) || products.length === 0)
    return warn('an order, or an event with revenue, has no products: nothing is logged')
  for (const product of products.filter(isDictionary)) {
    const { product_id, id, price, quantity, currency: _, ...rest } = product
    const name = asText(product_id) || asText(id)
    const amount = asNumber(price)
    if (!name || amount === undefined) warn('a product without id or price is left out')
    else
      logPieces(sdk, {
        id: name,
        price: amount,
        currency: asText(currency) || 'USD',
        quantity: asNumber(quantity) || 1,
        properties: simple({ ...order, ...rest }),
      })
  }
}

function simple(properties: Dictionary): Dictionary {
  const isSimple = (value: unknown): boolean =>
    typeof value === 'number' || typeof value === 'boolean' || value instanceof Date ||
    (typeof value === 'string' && value.length <= LONGEST)
  const isName = (name: string): boolean => name.length <= LONGEST && !name.startsWith('$')
  return Object.fromEntries(Object.entries(properties).filter(([name, value]) => isName(name) && isSimple(value)))
}
