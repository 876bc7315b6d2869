/* Where somebody was reading in each thread, by the number of a message: it survives a reload, in this tab alone. */

const nameOf = (thread) => `ailo:place:${thread.id}`

/** A place is {seq, offset}: the topmost message and how far above the edge it begins; null at the end. */
export function keepPlace(thread, place) {
  thread.place = place
  attempt(() =>
    place
      ? sessionStorage.setItem(nameOf(thread), JSON.stringify(place))
      : sessionStorage.removeItem(nameOf(thread)),
  )
}

export function placeOf(thread) {
  thread.place ??= attempt(() => JSON.parse(sessionStorage.getItem(nameOf(thread))))
  return thread.place ?? null
}

export const forgetPlaces = () => attempt(() => sessionStorage.clear())

/** Storage may be forbidden or full; the page goes on without it. */
function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}
