/**
 * Update user profile: who the visitor is and what is known about them, through the SDK's setters.
 *
 * The order of calls is the published one. Each setter stands alone: one value that Braze does not take does
 * not cost the others.
 */

import type { Dictionary } from '../values'
import { asAttribute, asDay, asNumber, asText, isDictionary } from '../values'
import { warn } from '../notice'
import type { Sdk, User } from '../sdk'

export const FIELDS = [
  'external_id', 'country', 'current_location', 'custom_attributes', 'dob', 'email', 'email_subscribe',
  'first_name', 'last_name', 'gender', 'home_city', 'image_url', 'language', 'phone', 'push_subscribe',
  'subscription_groups', 'omit_attributes',
] as const

/** Never custom attributes: the fields themselves, and traits that fill them. */
const RESERVED: ReadonlySet<string> = new Set([...FIELDS, 'firstName', 'lastName', 'braze_subscription_groups'])

const GENDERS: Record<string, readonly string[]> = {
  M: ['man', 'male', 'm'],
  F: ['woman', 'female', 'w', 'f'],
  O: ['other', 'o'],
  U: ['u', 'unknown'],
  N: ['not applicable', 'n'],
  P: ['prefer not to say', 'p'],
}

/** The id the visitor gets in Braze; none when there is nothing to call them. */
export function externalId(payload: Dictionary): string | undefined {
  return asText(payload.external_id) || undefined
}

/** Say everything the payload knows to the SDK. */
export function updateUserProfile(sdk: Sdk, payload: Dictionary): void {
  const id = externalId(payload)
  if (id !== undefined) sdk.changeUser(id)
  const user = sdk.getUser()
  if (!user) return
  const set = (name: string, call: (value: string | null) => unknown): void => {
    const value = asText(payload[name])
    if (value !== undefined) tried(name, () => call(value))
  }
  const place = location(payload.current_location)
  const say = (name: string, call: (value: string) => unknown): void =>
    set(name, (value) => (value === null ? undefined : call(value)))

  set('country', (value) => user.setCountry(value))
  if (place?.key !== undefined) {
    const { key, latitude, longitude } = place
    tried('current_location', () => user.setCustomLocationAttribute(key, latitude, longitude))
  }
  if (payload.dob !== undefined) setBirthday(user, payload.dob)
  setCustom(user, payload.custom_attributes, payload.omit_attributes)
  say('email_subscribe', (value) => user.setEmailNotificationSubscriptionType(value))
  set('email', (value) => user.setEmail(value))
  set('first_name', (value) => user.setFirstName(value))
  set('gender', (value) => user.setGender(brazeGender(value)))
  set('home_city', (value) => user.setHomeCity(value))
  if (user.setAvatarImageUrl) set('image_url', (value) => user.setAvatarImageUrl?.(value))
  set('language', (value) => user.setLanguage(value))
  if (place) tried('current_location', () => user.setLastKnownLocation(place.latitude, place.longitude))
  set('last_name', (value) => user.setLastName(value))
  set('phone', (value) => user.setPhoneNumber(value))
  say('push_subscribe', (value) => user.setPushNotificationSubscriptionType(value))
  setGroups(user, payload.subscription_groups)
}

/** Braze's letter for the words people use; another word goes as it is. */
export function brazeGender(word: string | null): string | null {
  if (!word) return word
  const lower = word.toLowerCase()
  return Object.keys(GENDERS).find((letter) => GENDERS[letter]?.includes(lower)) ?? word
}

function setBirthday(user: User, value: unknown): void {
  const day = asDay(value)
  if (day === undefined) warn('the date of birth is left out: it is no date')
  else if (day === null) tried('dob', () => user.setDateOfBirth(null, null, null))
  else tried('dob', () => user.setDateOfBirth(...day))
}

function setCustom(user: User, attributes: unknown, omitted: unknown): void {
  if (!isDictionary(attributes)) return
  const kept = Array.isArray(omitted) ? without(attributes, omitted) : attributes
  for (const [name, value] of Object.entries(kept)) {
    if (RESERVED.has(name) || value === undefined) continue
    tried(`custom attribute "${name}"`, () => user.setCustomUserAttribute(name, asAttribute(value)))
  }
}

/** Attributes without those at the paths given; an object that is emptied goes too, as in the cloud. */
function without(attributes: Dictionary, omitted: readonly unknown[]): Dictionary {
  const kept = { ...attributes }
  for (const path of omitted) {
    if (typeof path !== 'string') continue
    const [first = '', ...rest] = path.split('.')
    const inner = kept[first]
    if (rest.length === 0) delete kept[first]
    else if (isDictionary(inner)) {
      const left = without(inner, [rest.join('.')])
      if (Object.keys(left).length > 0) kept[first] = left
      else delete kept[first]
    }
  }
  return kept
}

function location(value: unknown): { key: string | undefined; latitude: number; longitude: number } | undefined {
  if (!isDictionary(value)) return undefined
  const latitude = asNumber(value.latitude)
  const longitude = asNumber(value.longitude)
  if (latitude === undefined || longitude === undefined) return undefined
  return { key: asText(value.key) || undefined, latitude, longitude }
}

function setGroups(user: User, groups: unknown): void {
  for (const group of Array.isArray(groups) ? groups : [groups]) {
    if (!isDictionary(group)) continue
    const id = asText(group.subscription_group_id)
    const state = group.subscription_group_state ?? group.subscription_state
    if (!id) continue
    if (state === 'subscribed') tried('subscription group', () => user.addToSubscriptionGroup?.(id))
    else if (state === 'unsubscribed') tried('subscription group', () => user.removeFromSubscriptionGroup?.(id))
  }
}

function tried(what: string, call: () => unknown): void {
  try {
    if (call() === false) warn(`Braze did not take the ${what}`)
  } catch (error) {
    warn(`Braze did not take the ${what}`, error)
  }
}
