/* <connection-state>: says calmly whether the page is live. */

import { part, setText } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"

// Most breaks last less than this: saying nothing about them is calmer, and true enough.
const GRACE = 1_200

export class ConnectionState extends HTMLElement {
  #connection
  #later

  set connection(connection) {
    this.#connection = connection
    connection.addEventListener("state", () => this.#update())
    this.#show()
  }

  // Internal

  #update() {
    clearTimeout(this.#later)
    if (this.#connection.state === "reconnecting") this.#later = setTimeout(() => this.#show(), GRACE)
    else this.#show()
  }

  #show() {
    const { state } = this.#connection
    this.dataset.state = state
    setText(part(this, "words"), sayState(state))
  }
}

function sayState(state) {
  const words = {
    connecting: t("Connexion…"),
    live: t("En direct"),
    reconnecting: t("Reconnexion…"),
    offline: t("Hors ligne"),
    ended: t("Session terminée"),
  }
  return words[state]
}

customElements.define("connection-state", ConnectionState)
