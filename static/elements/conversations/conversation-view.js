/* <conversation-view>: one thread, read and answered. Marks it read once its end is seen on a page that is shown. */

import "../pieces/connection-state.js"
import "./log/message-composer.js"
import "./log/message-log.js"

export class ConversationView extends HTMLElement {
  #correspondence
  #thread
  #log
  #composer

  // Lifecycle

  connectedCallback() {
    this.#log = this.querySelector("message-log")
    this.#composer = this.querySelector("message-composer")
    this.addEventListener("at-end", () => this.markRead())
    this.addEventListener("write", ({ detail }) => this.#thread.write(detail.text))
    this.addEventListener("typing", () => this.#thread.tellTyping())
    this.addEventListener("retry", ({ detail }) => this.#retry(detail.id))
    this.addEventListener("take-back", ({ detail }) => this.#takeBack(detail.id))
    this.addEventListener("whole-mail", ({ detail }) => this.#showMail(detail.message))
    document.addEventListener("visibilitychange", () => this.markRead())
  }

  set correspondence(correspondence) {
    this.#correspondence = correspondence
    this.querySelector("connection-state").connection = correspondence.connection
    correspondence.connection.addEventListener("state", ({ detail }) => detail === "live" && this.#noteLive())
  }

  get thread() {
    return this.#thread
  }

  // Actions

  /** Show a thread; `words` has what the page says around it: placeholder, empty. */
  show(thread, words) {
    this.#composer.placeholder = words.placeholder
    if (thread === this.#thread) return
    this.#thread = thread
    this.#log.show(thread, words.empty)
    this.#composer.show(thread, this.#correspondence.drafts)
    this.dispatchEvent(new Event("shown"))
  }

  /** Show one message in its context. */
  async goTo(seq) {
    await this.#log.load()
    await this.#log.goTo(seq)
  }

  markRead() {
    if (this.#thread && this.#log.isAtEnd && document.visibilityState === "visible") this.#thread.markRead()
  }

  focus() {
    this.#composer.focus()
  }

  // Internal

  #noteLive() {
    if (!this.#thread) return
    this.#log.load()
    this.markRead()
  }

  #retry(id) {
    this.#correspondence.connection.wake()
    this.#thread.outbox.retry(id)
  }

  #takeBack(id) {
    const message = this.#thread.outbox.find(id)
    if (!message) return
    this.#thread.outbox.drop(id)
    this.#composer.takeBack(message.text)
  }

  async #showMail(message) {
    const { openWholeMail } = await import("../inbound/whole-mail-sheet.js")
    await openWholeMail(this.#thread, message)
  }
}

customElements.define("conversation-view", ConversationView)
