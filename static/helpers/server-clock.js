/* What time it is for the service: a browser's clock may be wrong by a day. */

const TOLERATED = 60_000

let offset = 0

/** Note the Date header of an answer; small differences are the network's. */
export function noteServerTime(header) {
  const difference = Date.parse(header ?? "") - Date.now()
  if (Number.isFinite(difference)) offset = Math.abs(difference) > TOLERATED ? difference : 0
}

export function now() {
  return Date.now() + offset
}
