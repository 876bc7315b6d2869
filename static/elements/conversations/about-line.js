/*
  What stands above the composer: that the conversation is closed, who is away until when and with which words, else within
  which time an answer comes. Its place is kept from the beginning, so that nothing moves once it is known, and it is
  announced once. Begun after the first view.
*/

import "../../helpers/words/more-words.js"
import { build, part, setChildren } from "../../helpers/build.js"
import { wear } from "../../helpers/late-styles.js"
import { sayNames } from "../../helpers/words/names.js"
import { promise } from "../../helpers/reply-time.js"
import { sayLastDay, sayWithin } from "../../helpers/words/reply-time-words.js"
import { sayDate } from "../../helpers/time.js"
import { t } from "../../helpers/words/words.js"
import { learnAbout, practice, reopen } from "../../models/conversations/about.js"

const REST = 300
const LONG = 150

class AboutLine {
  #view
  #page
  #known = new Map()
  #ownTimer

  constructor(page) {
    this.#page = page
    this.#view = page.querySelector("conversation-view")
  }

  // Lifecycle

  begin() {
    const { correspondence } = this.#page
    correspondence.addEventListener("change", () => this.#look())
    correspondence.addEventListener("about", ({ detail }) => this.#noteChange(detail))
    correspondence.connection.addEventListener(
      "state",
      ({ detail }) => detail === "live" && this.#noteChange(null),
    )
    this.#view.addEventListener("shown", () => this.#look())
    part(this.#view, "about").addEventListener(
      "click",
      ({ target }) => target.closest("button") && reopen(this.#view.thread).catch(() => null),
    )
    document.addEventListener("practice-changed", () => this.#learnOwn())
    this.#learnOwn()
    this.#look()
  }

  // Internal

  /** Say what is known of the thread that is shown, and ask for it when nothing is, or others take part than did. */
  #look() {
    const { thread } = this.#view
    if (!thread) return
    setChildren(part(this.#view, "about"), makeLines(thread, this.#page.account))
    const people = thread.participants.map(({ id }) => id)
    if (this.#known.get(thread) === people.join() || !people.includes(this.#page.account.id)) return
    this.#known.set(thread, people.join())
    learnAbout(thread)
  }

  /** One thread has changed, or any may have: what is shown is asked for now, the rest when it is looked at. */
  #noteChange(id) {
    const thread = this.#page.correspondence.threads.get(id)
    if (id) this.#known.delete(thread)
    else this.#known.clear()
    if (thread && thread !== this.#view.thread) learnAbout(thread) // Its place in the list may be another.
    this.#look()
    clearTimeout(this.#ownTimer)
    this.#ownTimer = setTimeout(() => this.#learnOwn(), REST)
  }

  /** By what one promised oneself the list says how long others wait. */
  async #learnOwn() {
    if (this.#page.account.role === "member") return
    part(this.#page, "open-practice").hidden = false
    const own = await practice().catch(() => null)
    if (!own) return
    promise(own.reply_within_hours)
    this.#page.update()
  }
}

function makeLines(thread, { id: reader, role }) {
  const people = (thread.about?.people ?? []).map((person) => ({
    ...person,
    ...thread.participants.find(({ id }) => id === person.id),
  }))
  const others = people.filter((person) => person.id !== reader && person.first_name)
  const away = people.filter((person) => person.away_until)
  const lines = away.map((person) => makeAway(person, person.id === reader))
  const promised = sayPromises(others.filter((person) => person.reply_within_hours && !person.away_until))
  if (thread.closedAt)
    lines.unshift(role === "member" ? sentence(sayClosedToMember(thread)) : makeClosed(thread))
  if (promised && role === "member") lines.push(sentence(promised))
  return lines
}

function makeAway(person, isOwn) {
  const date = sayLastDay(person.away_until)
  if (isOwn) return sentence(t("Votre absence est affichée jusqu’au {date}.", { date }))
  const words = t("{name} s’absente jusqu’au {date}.", { name: person.first_name, date })
  const own =
    person.away_words && build("span", { class: "about__words", dir: "auto", text: person.away_words })
  const reached = person.away_words?.length > LONG && { tabindex: "0", role: "group", "aria-label": words } // It may scroll.
  return build("p", { class: "about__away", ...reached }, build("span", { text: words }), own)
}

function makeClosed({ closedAt }) {
  const words = t("Conversation close le {date} : écrire la rouvre.", { date: sayDate(closedAt) })
  return build("p", {}, words, " ", build("button", { class: "link", type: "button", text: t("Rouvrir") }))
}

function sayClosedToMember({ staff }) {
  if (staff.length !== 1) return t("Cette conversation est close. Écrire la rouvre.")
  return t("{name} a mis fin à cette conversation. Écrire la rouvre.", { name: staff[0].first_name })
}

/** Say who answers within which time, those who promise the same together. */
export function sayPromises(people) {
  const hours = [...new Set(people.map(({ reply_within_hours: within }) => within))].sort(
    (one, other) => one - other,
  )
  return hours
    .map((within) =>
      sayPromise(
        people.filter(({ reply_within_hours: own }) => own === within),
        sayWithin(within),
      ),
    )
    .join(" ")
}

function sayPromise(people, within) {
  const names = sayNames(people)
  if (people.length > 1) return t("{names} répondent d’habitude en {within} au plus.", { names, within })
  return t("{name} répond d’habitude en {within} au plus.", { name: names, within })
}

const sentence = (text) => build("p", { text })

/** Have a page know about its conversations, and say it. */
export async function begin(page) {
  await wear("about")
  new AboutLine(page).begin()
}
