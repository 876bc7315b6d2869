/* <offline-page>: stands where a page could not be loaded, and loads it as soon as the service answers. */

import { part, setText } from "../../helpers/build.js"
import { backoff, pause } from "../../helpers/delay.js"
import { t } from "../../helpers/words/words.js"

const PLACE = "/offline"
const LEAST = 2_000
const MOST = 30_000

export class OfflinePage extends HTMLElement {
  #wake = () => {}

  // Lifecycle

  connectedCallback() {
    part(this, "try-again").addEventListener("click", () => this.#insist())
    globalThis.addEventListener("online", () => this.#wake())
    document.addEventListener(
      "visibilitychange",
      () => document.visibilityState === "visible" && this.#wake(),
    )
    this.#watch()
  }

  // Internal

  /** Ask now and then, rarer and rarer; at once when the network or the reader is back. Never at once on loading: that could turn in circles. */
  async #watch() {
    let attempt = 0
    do {
      const wakened = new Promise((done) => (this.#wake = () => done(undefined)))
      await Promise.race([wakened, pause(LEAST + backoff(attempt++, { base: LEAST, most: MOST }))])
    } while (!(await isServiceThere()))
    goOn()
  }

  async #insist() {
    setText(part(this, "state"), t("Nouvel essai…"))
    if (await isServiceThere()) return goOn()
    setText(part(this, "state"), t("Toujours pas de connexion. Ailo continue d’essayer."))
  }
}

async function isServiceThere() {
  try {
    return (await fetch(PLACE, { method: "HEAD", cache: "no-store" })).ok
  } catch {
    return false
  }
}

function goOn() {
  if (location.pathname === PLACE) location.replace("/")
  else location.reload()
}

customElements.define("offline-page", OfflinePage)
