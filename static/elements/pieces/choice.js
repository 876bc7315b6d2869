/* A box to tick, which does something at once. */

import { build } from "../../helpers/build.js"

export function makeChoice(isOn, words, choose) {
  const input = build("input", { type: "checkbox", checked: isOn })
  input.addEventListener("change", () => choose(input.checked))
  return build("label", { class: "choice" }, input, build("span", { text: words }))
}
