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
export const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()
