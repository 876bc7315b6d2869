/* <access-list>: who can read a conversation, named one by one. */

import { build, part, setChildren } from "../helpers/build.js"
import { sayName, sayRole } from "../helpers/people.js"
import { t } from "../helpers/words.js"
import { makeFace } from "./face.js"

class AccessList extends HTMLElement {
  /** Show the participants of a thread as `reader` sees them. */
  show(thread, reader) {
    const people = [...thread.others, ...thread.participants.filter(({ id }) => id === reader.id)]
    setChildren(part(this, "people"), people.map((person) => this.#makePerson(person, thread.participants, reader)))
  }

  // Internal

  #makePerson(person, people, reader) {
    const isReader = person.id === reader.id
    const name = build("b", { dir: "auto", text: isReader ? t("Vous") : sayName(person, people) })
    const role = build("span", { class: "quiet small", text: sayRole(person.role) })
    return build("li", { class: "access__person" }, makeFace(person, { small: true, showsPresence: !isReader }), build("p", {}, name, role))
  }
}

customElements.define("access-list", AccessList)
