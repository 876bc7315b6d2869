/*
  What the pages of signed-in people have in common: finding out who is there, going live and staying so, the session that
  ends and begins again, signing out, the number of unread threads in the title. A page says what it shows in `ready`,
  and brings itself up to date in `update`.
*/

import { part } from "../../helpers/build.js"
import { backoff, pause } from "../../helpers/delay.js"
import { t } from "../../helpers/words/words.js"
import { Correspondence } from "../../models/conversations/correspondence.js"
import { recall } from "../../models/accounts/preferences.js"
import {
  currentAccount,
  homeOf,
  onKeysChangedElsewhere,
  onSignInElsewhere,
  onSignOutElsewhere,
  signOut,
  tellKeysChanged,
} from "../../models/accounts/session.js"
import "./account-menu.js"
import { countInRail, showRail } from "./rail.js"
import "../auth/session-panel.js"
import "../accounts/ways-offer.js"

const SIGN_IN = "/sign-in"
const TICK = 30_000

export class CorrespondencePage extends HTMLElement {
  account
  correspondence
  order = ""
  #wakeUp
  #panel
  #updateWanted = false

  // Lifecycle

  connectedCallback() {
    this.#panel = document.querySelector("session-panel")
    this.#panel.addEventListener("signed-in", ({ detail }) => this.#comeBack(detail.account))
    this.addEventListener("leave", () => this.#leave())
    this.addEventListener("search", () => this.search())
    this.addEventListener("export", () => this.#export())
    part(this, "try-again").addEventListener("click", () => this.#wakeUp?.())
    globalThis.addEventListener("pageshow", ({ persisted }) => persisted && this.#returnFromCache())
    this.#start()
  }

  // To be said by each page

  ready() {}
  update() {}

  /** Tell whether this page is for that role; whoever it is not for is sent home. */
  isFor(_role) {
    return true
  }

  /** Look for words in all conversations, and go to what is found. */
  async search() {
    if (!this.correspondence?.isLoaded) return
    const { openSearch } = await import("../conversations/sheets/search-sheet.js")
    openSearch(this.correspondence, ({ thread, seq }) => this.#goTo(thread, seq))
  }

  // Internal: beginning

  async #start() {
    Correspondence.askAhead(this.order)
    this.account = await this.#insist(currentAccount)
    if (!this.account) return
    if (!this.isFor(this.account.role)) return location.replace(homeOf(this.account.role))
    recall(this.account.id)
    showRail(this.account.role)
    this.querySelector("account-menu").account = this.account
    this.querySelector("account-menu").hasUnsent = () => this.correspondence?.hasUnsent ?? false
    onSignOutElsewhere(this.account, () => this.#go())
    onSignInElsewhere(this.account, () => this.hidden && this.#comeBack(this.account))
    this.#watchKeys()
    await this.begin()
  }

  #watchKeys() {
    onKeysChangedElsewhere(this.account, () => this.correspondence?.renewSafe())
    document.addEventListener("keys-changed", ({ detail }) => {
      tellKeysChanged(this.account)
      detail.work.push(this.correspondence?.renewSafe())
    })
  }

  /** Begin to correspond; a role that has no conversations does something else. */
  async begin() {
    this.correspondence = await this.#insist(() => Correspondence.of(this.account, this.order))
    if (!this.correspondence) return
    this.correspondence.addEventListener("change", () => this.#scheduleUpdate())
    this.correspondence.addEventListener("rewound", () =>
      import("./rewound-bar.js").then(({ sayRewound }) => sayRewound()),
    )
    this.correspondence.connection.addEventListener(
      "state",
      ({ detail }) => detail === "ended" && this.#noteEnd(),
    )
    this.ready()
    if (!(await this.#insist(() => this.correspondence.start().then(() => true)))) return
    this.dataset.state = "ready"
    this.querySelector("ways-offer").begin(this.account, this.correspondence.safe)
    this.#listen()
    this.update()
    const whenIdle = globalThis.requestIdleCallback ?? setTimeout
    whenIdle(() => this.#beginRest())
  }

  /** What comes after the first view; where the network went before that was here, once something is heard of it again. */
  async #beginRest() {
    const rest = await import("./after-first-view.js").catch(() => null)
    if (rest) await rest.begin(this)
    else this.correspondence.connection.addEventListener("state", () => this.#beginRest(), { once: true })
  }

  /** Do something that needs the service; when it is away say so and try again, when signed out go and sign in. */
  async #insist(action) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const result = await action()
        part(this, "away").hidden = true
        return result
      } catch (refusal) {
        if (refusal.status === 401) return void location.replace(SIGN_IN)
        if (refusal.status === undefined) throw refusal // A fault of ours, not of the service.
      }
      await this.#waitUntilTriedAgain(attempt)
    }
  }

  #waitUntilTriedAgain(attempt) {
    part(this, "away").hidden = false
    this.dataset.state = "away"
    const wakened = new Promise((done) => (this.#wakeUp = done))
    return Promise.race([wakened, pause(1000 + backoff(attempt, { base: 2000, most: 15_000 }))])
  }

  // Internal: staying live

  #listen() {
    const { connection } = this.correspondence
    const wakeIfShown = () => document.visibilityState === "visible" && connection.wake()
    document.addEventListener("visibilitychange", wakeIfShown)
    globalThis.addEventListener("online", () => connection.wake())
    globalThis.addEventListener("offline", () => connection.sleep())
    globalThis.addEventListener("pagehide", () => connection.close())
    setInterval(() => this.update(), TICK)
  }

  /** A page kept by the browser may belong to a session that is over: nothing of it is shown before that is known. */
  async #returnFromCache() {
    this.hidden = true
    const account = await currentAccount().catch(({ status }) => (status === 401 ? null : this.account))
    if (account?.id !== this.account?.id) return location.replace(SIGN_IN)
    this.hidden = false
    this.correspondence?.connection.wake()
  }

  #scheduleUpdate() {
    if (this.#updateWanted) return
    this.#updateWanted = true
    queueMicrotask(() => {
      this.#updateWanted = false
      this.update()
    })
  }

  /** Name the page, with the number of unread threads before its name. */
  sayTitle(name) {
    const count = this.correspondence?.unreadThreads ?? 0
    const title = name ? `${name} — Ailo` : "Ailo"
    const said = count ? `(${count}) ${title}` : title
    if (document.title !== said) document.title = said
    countInRail(count)
  }

  async #export() {
    const { thread } = this.querySelector("conversation-view")
    if (!thread) return
    const { openExport } = await import("../conversations/sheets/export-sheet.js")
    openExport(thread, this.account)
  }

  async #goTo(id, seq) {
    if (!this.correspondence.threads.has(id)) await this.correspondence.loadAll()
    location.hash = id
    this.update()
    this.querySelector("conversation-view").goTo(seq)
  }

  // Internal: leaving

  #noteEnd() {
    this.hidden = true
    this.#panel.show()
  }

  #comeBack(account) {
    if (account.id !== this.account.id) return location.replace(homeOf(account.role))
    this.#panel.close()
    this.hidden = false
    this.correspondence.renewSafe()
    this.correspondence.connection.restart()
    this.#withPush(({ followPush }) => followPush(account))
    this.querySelector("conversation-view").focus()
  }

  /** Being told by push belongs to the session: it goes with it, and comes back with the next. */
  async #withPush(act) {
    await import("../../models/shell/push.js").then(act).catch(() => null)
  }

  async #leave() {
    try {
      await signOut(this.account)
      await this.#withPush(({ leavePush }) => leavePush())
      this.#go()
    } catch {
      this.querySelector("account-menu").refuse(
        t("Vous n’êtes pas déconnecté·e : le service ne répond pas. Réessayez dans un instant."),
      )
    }
  }

  /** Leave nothing behind, not even for the browser's way back. */
  #go() {
    this.hidden = true
    countInRail(0)
    this.correspondence?.leave()
    this.replaceChildren()
    document.title = "Ailo"
    location.replace(SIGN_IN)
  }
}
