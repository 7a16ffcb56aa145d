/**
 * The public methods of Braze's Web SDK that we call, 3.x to 6.x. Those not every generation has are optional.
 *
 * Source  @braze/web-sdk 6.13.0, index.d.ts, read 2026-11-26
 */

export interface User {
  getUserId(callback?: (id: string | null) => void): string | null | undefined
  setCountry(value: string | null): unknown
  setCustomLocationAttribute(key: string, latitude: number | null, longitude: number | null): unknown
  setCustomUserAttribute(key: string, value: unknown): unknown
  setDateOfBirth(year: number | null, month: number | null, day: number | null): unknown
  setEmail(value: string | null): unknown
  setEmailNotificationSubscriptionType(value: string): unknown
  setFirstName(value: string | null): unknown
  setGender(value: string | null): unknown
  setHomeCity(value: string | null): unknown
  setLanguage(value: string | null): unknown
  setLastKnownLocation(latitude: number, longitude: number): unknown
  setLastName(value: string | null): unknown
  setPhoneNumber(value: string | null): unknown
  setPushNotificationSubscriptionType(value: string): unknown
  setAvatarImageUrl?(value: string | null): unknown
  addToSubscriptionGroup?(id: string): unknown
  removeFromSubscriptionGroup?(id: string): unknown
}

export interface Sdk {
  initialize(key: string, options: Record<string, unknown>): unknown
  openSession(): unknown
  changeUser(id: string): unknown
  getUser(): User | undefined
  logCustomEvent(name: string, properties?: Record<string, unknown>): unknown
  logPurchase(
    productId: string, price: number, currency: string, quantity: number, properties?: Record<string, unknown>
  ): unknown
  requestImmediateDataFlush(callback?: (success: boolean) => void): unknown
  wipeData(): unknown
  addSdkMetadata?(names: unknown[]): unknown
  BrazeSdkMetadata?: { SEGMENT?: unknown }
  automaticallyShowInAppMessages?(): unknown
  display?: { automaticallyShowNewInAppMessages(): unknown }
  isPushPermissionGranted?(): boolean
  unregisterPush?(success: () => void, failure: () => void): unknown
}

declare global {
  interface Window {
    braze?: Sdk
    appboy?: Sdk
    /** An SDK endpoint that the page names; it wins over the settings. */
    BRAZE_BASE_URL?: string
  }
}
