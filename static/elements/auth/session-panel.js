/* <session-panel>: when the session has ended, hides the page and signs in again in place. Tells `signed-in` {account}. */

import { part } from "../../helpers/build.js"

export class SessionPanel extends HTMLElement {
  // Lifecycle

  connectedCallback() {
    this.#dialog.addEventListener("cancel", (event) => event.preventDefault())
  }

  // Actions

  async show() {
    if (!this.#dialog.open) this.#dialog.showModal()
    this.querySelector("input[name=email]").focus() // Not once the form is there: somebody may be writing the password by then.
    await import("./sign-in-form.js")
  }

  close() {
    this.#dialog.close()
  }

  // Internal

  get #dialog() {
    return part(this, "dialog")
  }
}

customElements.define("session-panel", SessionPanel)
