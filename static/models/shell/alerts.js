/*
  Sound and notification of what others write: off until chosen, for this browser alone.

  A notification says that there is a reply, and no name and no word of it: a screen may be shared. The service worker shows it, where
  no tab of Ailo is in view, one for a conversation until that is read. Of several tabs one tells: the nearer to somebody's eyes, the
  sooner it claims that; one in which the conversation is being looked at tells nothing, and keeps the others from it.
*/

import { pause } from "../../helpers/delay.js"
import { t } from "../../helpers/words/words.js"
import { playTone } from "./tone.js"

const NAME = "ailo-alerts"
/** What the worker calls the notification of a push, which is about no conversation in particular. */
const PUSHED = "push"
const HESITATION = { looking: 0, near: 200, away: 600 }
const CLAIMED_FOR = 10_000
const QUIET_FOR = 3_000

export const chosenAlerts = () => ({
  sound: false,
  notices: false,
  push: null,
  ...attempt(() => JSON.parse(localStorage.getItem(NAME))),
})

export function chooseAlerts(changes) {
  attempt(() => localStorage.setItem(NAME, JSON.stringify({ ...chosenAlerts(), ...changes })))
}

export const canNotify = () =>
  "Notification" in globalThis && "serviceWorker" in navigator && globalThis.isSecureContext

/** Ask the browser for leave to notify: only ever because somebody has just chosen it. Tells whether it was given. */
export const askToNotify = async () => (await Notification.requestPermission()) === "granted"

export class Alerts {
  #correspondence
  #registration
  #attention
  #told = new Set()
  #isAllRead = false

  /**
   * `registration` is the service worker's, if there is one; `attention` tells where a thread is: "looking" (before somebody's
   * eyes), "near" (the page is in view), "away".
   */
  constructor(correspondence, { registration, attention }) {
    this.#correspondence = correspondence
    this.#registration = registration
    this.#attention = attention
    const { connection } = correspondence
    connection.addEventListener("frame", ({ detail }) => detail.type === "message" && this.#take(detail))
    connection.addEventListener(
      "state",
      ({ detail }) => detail === "ended" && this.#ask({ type: "close-all" }),
    )
    correspondence.addEventListener("change", () => this.#closeRead())
    this.#findTold()
  }

  // Internal

  async #take({ id, author, thread }) {
    if (author === this.#correspondence.account.id) return
    await pause(HESITATION[this.#attention(thread)])
    const isRead = this.#correspondence.threads.get(thread)?.unread === 0
    if (!(await claim(id, CLAIMED_FOR)) || isRead || this.#attention(thread) === "looking") return
    const { sound, notices } = chosenAlerts()
    if (sound && (await claim("tone", QUIET_FOR))) playTone() // Many replies at once are one tone.
    if (notices && this.#attention(thread) === "away") this.#notify(thread)
  }

  #notify(thread) {
    if (!canNotify() || Notification.permission !== "granted") return
    this.#told.add(thread)
    this.#ask({ type: "alert", thread, title: t("Nouvelle réponse"), page: globalThis.location.pathname })
  }

  /** What an earlier page has told of may have been read since. */
  async #findTold() {
    const shown = (await this.#registration?.getNotifications()) ?? []
    for (const { tag } of shown) this.#told.add(tag)
    this.#closeRead()
  }

  #closeRead() {
    for (const thread of this.#told) {
      if (this.#correspondence.threads.get(thread)?.unread !== 0) continue
      this.#told.delete(thread)
      this.#ask({ type: "close", thread })
    }
    const isAllRead = !this.#correspondence.unreadThreads
    if (isAllRead && !this.#isAllRead) this.#ask({ type: "close", thread: PUSHED })
    this.#isAllRead = isAllRead
  }

  #ask(wish) {
    this.#registration?.active?.postMessage(wish)
  }
}

/** Claim something among the tabs of this browser for some time; tells whether it is ours. */
function claim(what, time) {
  if (!navigator.locks) return Promise.resolve(true)
  return new Promise((done) => {
    const hold = (lock) => {
      done(Boolean(lock))
      return lock && pause(time)
    }
    navigator.locks.request(`ailo-alert ${what}`, { ifAvailable: true }, hold).catch(() => done(false))
  })
}

/** Storage may be forbidden or full: then nothing is chosen. */
function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}
