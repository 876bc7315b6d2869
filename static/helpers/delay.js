/* Waiting times between attempts. */

/** Exponential backoff with full jitter: browsers that lost the service together must not come back together. */
export const backoff = (attempt, { base = 500, most = 30_000 } = {}) =>
  Math.random() * Math.min(most, base * 2 ** attempt)

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds))
