/** Track purchase: an order becomes one purchase for each product, in the order's own currency. */

import type { Event } from '../analytics'
import { warn } from '../notice'
import type { Sdk } from '../sdk'
import { asNumber, asProperties, asText, type Dictionary, isDictionary } from '../values'

/** Of a product; what is named so in the order is not repeated in the properties. */
const PRODUCT_FIELDS = ['product_id', 'price', 'currency', 'quantity'] as const

/**
 * Pieces one purchase may have: more are logged as several purchases.
 * Source  Braze docs, "Log purchases", quantity, read 2026-11-26
 */
export const PIECES = 100

/**
 * Log every product of the order.
 *
 * products            [{product_id: "p1", price: 9.5, currency: "EUR", quantity: 2}]
 * purchaseProperties  the order's; its currency counts for products that carry none
 * event               its own properties say the currency when a mapping leaves it out
 *
 * A product without id, or without a price, or with half a piece, is left out by name; its neighbours are bought.
 */
export function trackPurchase(sdk: Sdk, payload: Dictionary, event: Event): void {
  const order = isDictionary(payload.purchaseProperties) ? payload.purchaseProperties : {}
  const properties = asProperties(order, 'purchase', [...PRODUCT_FIELDS, 'products'])
  const usual = currency(order.currency) ?? currency(event.properties?.currency) ?? 'USD'
  const mapped = payload.products ?? order.products
  const products = isDictionary(mapped) ? [mapped] : mapped
  for (const [place, product] of (Array.isArray(products) ? products : []).entries()) {
    const found = read(product)
    if (typeof found === 'string') {
      warn(`product ${place + 1} of the purchase is left out: ${found}`)
      continue
    }
    const isTaken = logPieces(sdk, { ...found, currency: found.currency ?? usual, properties })
    if (!isTaken) warn(`Braze did not take product ${place + 1} of the purchase`)
  }
}

/** Log a product, in as many purchases as its pieces need; false when the SDK refuses. */
export function logPieces(
  sdk: Sdk, { id, price, currency, quantity, properties }: Product & { currency: string; properties: Dictionary }
): boolean {
  let isTaken = true
  for (let left = quantity; left > 0; left -= PIECES)
    isTaken = sdk.logPurchase(id, price, currency, Math.min(left, PIECES), { ...properties }) !== false && isTaken
  return isTaken
}

interface Product {
  id: string
  price: number
  currency: string | undefined
  quantity: number
}

/** A product as it can be logged, or what is wrong with it. */
function read(product: unknown): Product | string {
  if (!isDictionary(product)) return 'it is no object'
  const id = asText(product.product_id)
  const price = asNumber(product.price)
  const quantity = product.quantity === undefined || product.quantity === null ? 1 : asNumber(product.quantity)
  if (!id) return 'it has no product_id'
  if (price === undefined) return 'its price is no number'
  if (quantity === undefined || !Number.isInteger(quantity) || quantity < 1)
    return 'its quantity is no whole number above 0'
  return { id, price, currency: currency(product.currency), quantity }
}

function currency(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim().toUpperCase() : undefined
}
