/*
  <access-list>: who can read a conversation, named one by one: since when, brought in by whom, from where on; and the recovery
  key by its fingerprint, or an honest none. Asks for it only where it is seen.
*/

import { build, part, setChildren, setText } from "../../helpers/build.js"
import { sayName, sayRole } from "../../helpers/words/names.js"
import { sayDate, sayExactly } from "../../helpers/time.js"
import { t } from "../../helpers/words/words.js"
import { makeFace } from "../pieces/face.js"

export class AccessList extends HTMLElement {
  #thread
  #reader

  // Lifecycle

  connectedCallback() {
    new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.#thread?.loadAccess()).observe(
      this,
    )
  }

  /** Show the participants of a thread as `reader` sees them. */
  show(thread, reader) {
    this.#thread = thread
    this.#reader = reader
    if (this.checkVisibility()) thread.loadAccess()
    const people = [...thread.others, ...thread.participants.filter(({ id }) => id === reader.id)]
    setChildren(
      part(this, "people"),
      people.map((person) => this.#makePerson(person)),
    )
    this.#showRecovery()
  }

  // Internal

  #makePerson(person) {
    const isReader = person.id === this.#reader.id
    const name = build("b", {
      dir: "auto",
      text: isReader ? t("Vous") : sayName(person, this.#thread.participants),
    })
    const seat = this.#thread.access?.participants.find(({ id }) => id === person.id)
    const role = build("span", { class: "quiet small", text: sayRole(person.role) })
    return build(
      "li",
      { class: "access__person" },
      makeFace(person, { small: true, showsPresence: !isReader }),
      build("p", {}, name, role, seat && this.#makeSince(seat)),
    )
  }

  #makeSince({ since, brought_by: giver, whole_history: isWhole }) {
    const name = giver && (giver === this.#reader.id ? t("vous") : this.#thread.nameOf(giver))
    const begun = name
      ? t("depuis le {date}, par {name}", { date: sayDate(since), name })
      : t("depuis le {date}", { date: sayDate(since) })
    const reach = isWhole ? t("lit tout") : t("ne lit rien d’avant")
    return build("span", { class: "quiet small", title: sayExactly(since), text: `${begun} · ${reach}` })
  }

  #showRecovery() {
    const { access } = this.#thread
    if (!access) return
    const groups = access.recovery?.fingerprint.match(/.{1,4}/g).join(" ")
    setText(
      part(this, "recovery-name"),
      groups ? t("La clé de secours, hors ligne") : t("Aucune clé de secours"),
    )
    const words = groups
      ? t("Gardée loin du service, pour le jour où plus personne ne pourrait ouvrir la conversation.")
      : t("Si tous oubliaient leur mot de passe, cette conversation serait perdue.")
    setText(part(this, "recovery-words"), words)
    part(this, "fingerprint").hidden = !groups
    setText(part(this, "fingerprint"), groups ?? "")
    setText(part(this, "sealed-for"), groups ? SEALED_WITH() : SEALED_WITHOUT())
  }
}

const SEALED_WITH = () =>
  t(
    "Chaque message est chiffré pour ces personnes et pour cette clé. Le disque du service, ses clés et ses sauvegardes, même réunis, ne suffisent pas à le lire.",
  )
const SEALED_WITHOUT = () =>
  t(
    "Chaque message est chiffré pour ces personnes. Le disque du service, ses clés et ses sauvegardes, même réunis, ne suffisent pas à le lire.",
  )

customElements.define("access-list", AccessList)
