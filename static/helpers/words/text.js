/* Counts and cleans what people write, as the service does. */

/** Count code points, not the halves of surrogate pairs. */
export function lengthOf(text) {
  let count = 0
  for (const _ of text) count += 1
  return count
}

/** Replace lone surrogates, which no UTF-8 can carry. */
export const wellFormed = (text) => text.toWellFormed?.() ?? text.replace(/\p{Surrogate}/gu, "\uFFFD")

/** Fold a name for comparing: no case, no accents. */
export function folded(text) {
  const known = foldings.get(text)
  if (known !== undefined) return known
  const fold = text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()
  if (text.length <= LONGEST_NAME && foldings.size < MOST_NAMES) foldings.set(text, fold)
  return fold
}

// The names of a long list are compared at every letter of a filter and with every message.
const foldings = new Map()
const LONGEST_NAME = 100
const MOST_NAMES = 20_000
