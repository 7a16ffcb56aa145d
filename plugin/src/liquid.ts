/** Stands in for the mapping kit's Liquid engine: templates need a parser larger than all else together. */

export function evaluateLiquid(): never {
  throw new Error('@liquid is not available in the browser; use @template, or the cloud destination')
}

export function getLiquidKeys(): string[] {
  return []
}
