/* How somebody likes to write, in this browser: whether Enter sends, whether single keys do something. Nothing personal. */

const NAME = "ailo-preferences"
const USUAL = { enterSends: false, singleKeys: true }

let chosen = read()

export const preferences = () => chosen

export function prefer(changes) {
  chosen = { ...chosen, ...changes }
  attempt(() => localStorage.setItem(NAME, JSON.stringify(chosen)))
}

function read() {
  return { ...USUAL, ...attempt(() => JSON.parse(localStorage.getItem(NAME))) }
}

/** Storage may be forbidden or full; the choice then lasts as long as the page. */
function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}
