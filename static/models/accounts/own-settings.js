/* One's own settings and sessions, as the account keeps them. */

import { get, patch, post, remove } from "../../helpers/api.js"
import { prefer } from "./preferences.js"

const SETTINGS = "/api/account/settings"
const SESSIONS = "/api/account/sessions"

/**
 * Ask for the settings: {locale, zone, enterSends, singleKeys, letters, manages, refusedAt, stoppedAt, lettersADay}; letters are
 * {replies, digest, texts, programmes, encouragements, offers, quietFrom, quietTo, mostADay}.
 */
export const ownSettings = async () => take(await get(SETTINGS))

/** Change some of them, named as the protocol does; the others stay. Gives all of them. */
export const changeSettings = async (changes) => take(await patch(SETTINGS, changes))

/** Have e-mails go again to a mailbox that was refused. Gives all settings. */
export const resumeLetters = async () => take(await post("/api/account/letters/resume"))

/** What the account keeps is what this browser goes by. */
function take(told) {
  const {
    settings,
    letters_refused_at: refusedAt,
    letters_stopped_at: stoppedAt,
    letters_a_day: lettersADay,
  } = told
  const {
    locale,
    time_zone: zone,
    enter_sends: enterSends,
    single_keys: singleKeys,
    letters,
    manages,
  } = settings
  prefer({ enterSends, singleKeys })
  const { replies, digest, texts, programmes, encouragements, offers } = letters
  const { quiet_from: quietFrom, quiet_to: quietTo, most_a_day: mostADay } = letters
  const chosen = { replies, digest, texts, programmes, encouragements, offers, quietFrom, quietTo, mostADay }
  return { locale, zone, enterSends, singleKeys, letters: chosen, manages, refusedAt, stoppedAt, lettersADay }
}

/** Ask where one is signed in: {id, beganAt, seenAt, device, isCurrent}, the present one first, then the newest. */
export async function ownSessions() {
  const { sessions } = await get(SESSIONS)
  const found = sessions.map(({ id, began_at: beganAt, seen_at: seenAt, device, current: isCurrent }) => ({
    id,
    beganAt,
    seenAt,
    device,
    isCurrent,
  }))
  return [...found.filter(({ isCurrent }) => isCurrent), ...found.filter(({ isCurrent }) => !isCurrent)]
}

/** End one session. One that is over already is no error. */
export const endSession = ({ id }) =>
  remove(`${SESSIONS}/${id}`).catch((refusal) => (refusal.status === 404 ? null : Promise.reject(refusal)))

export const endOtherSessions = () => remove(SESSIONS)
