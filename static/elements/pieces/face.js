/* Makes a face: the first letter of a name on a tint of its own, with a point when the person is here. */

import { build } from "../../helpers/build.js"
import { letterOf, tintOf } from "../../helpers/words/names.js"

export function makeFace(person, { small = false, showsPresence = true } = {}) {
  const names = ["face", `face--tint-${tintOf(person)}`]
  if (small) names.push("face--small")
  if (showsPresence && person.online) names.push("face--here")
  return build("span", { class: names.join(" "), "aria-hidden": "true", text: letterOf(person.first_name) })
}
