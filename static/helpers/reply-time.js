/* Within which time one has promised to answer, and how a wait stands against it. */

const HOUR = 3_600_000
const SOON = 0.75

let promised = null

/** Promise to answer within so many hours; null promises nothing. */
export const promise = (hours) => (promised = hours)

/** Tell how a wait (ms) stands: "within", "soon" in the last quarter, "over"; nothing where nothing was promised. */
export function standing(wait) {
  if (!promised) return null
  const part = wait / (promised * HOUR)
  return part >= 1 ? "over" : part >= SOON ? "soon" : "within"
}
