/* Names people and their roles. */

import { folded } from "./text.js"
import { t, tlist } from "./words.js"

const TINTS = 5
const segmenter = "Segmenter" in Intl ? new Intl.Segmenter() : null

export function sayRole(role) {
  const roles = {
    member: t("Membre"),
    professional: t("Professionnel·le"),
    companion: t("Accompagnant·e"),
    administrator: t("Administration"),
    client: t("Entreprise cliente"),
  }
  return roles[role] ?? ""
}

export const sayNames = (people) => tlist(people.map(({ first_name: name }) => name))

/** Name somebody so that no other of the list is meant: an initial follows where two first names are the same. */
export function sayName(person, people) {
  const isShared =
    people.filter(
      ({ id, first_name: name }) => id !== person.id && folded(name) === folded(person.first_name),
    ).length > 0
  return isShared && person.initial ? `${person.first_name} ${person.initial}.` : person.first_name
}

/** Give the first names, folded, that more than one of these people have. */
export function namesakes(people) {
  const holders = new Map()
  const shared = new Set()
  for (const { id, first_name: name } of people) {
    const key = folded(name)
    if ((holders.get(key) ?? id) !== id) shared.add(key)
    holders.set(key, id)
  }
  return shared
}

/** Name somebody where their namesakes are known: what a long list does once. */
export const sayNameAmong = (person, shared) =>
  person.initial && shared.has(folded(person.first_name))
    ? `${person.first_name} ${person.initial}.`
    : person.first_name

/** Give the first letter of a name as people see it, a whole emoji included. */
export function letterOf(name) {
  const [first] = segmenter
    ? Array.from(segmenter.segment(name.trim()), ({ segment }) => segment)
    : name.trim()
  return (first ?? "").toLocaleUpperCase()
}

/** Choose the tint of a face: always the same for the same account. */
export const tintOf = ({ id }) =>
  [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) >>> 0, 7) % TINTS
