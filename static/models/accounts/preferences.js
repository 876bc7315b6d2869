/*
  How somebody likes to write: whether Enter sends, whether single keys do something. The account keeps it; this browser keeps
  what it last knew of it, so that a first view waits for nothing. Nothing personal.
*/

const NAME = "ailo-preferences"
const USUAL = { enterSends: false, singleKeys: true }

let account
let chosen = USUAL

export const preferences = () => chosen

/** Take what this browser last knew of an account; of another's it knows nothing. */
export function recall(id) {
  const known = attempt(() => JSON.parse(localStorage.getItem(NAME)))
  account = id
  chosen = known?.account === id ? { ...USUAL, ...known } : USUAL
}

export function prefer(changes) {
  chosen = { ...chosen, ...changes }
  attempt(() => localStorage.setItem(NAME, JSON.stringify({ ...chosen, account })))
}

/** Who signs out leaves nothing that tells who it was. */
export const forgetPreferences = () => attempt(() => localStorage.removeItem(NAME))

/** Tell whether a change of the browser's storage is of these. */
export const areIn = (storageKey) => storageKey === NAME

/** Storage may be forbidden or full; the choice then lasts as long as the page. */
function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}
