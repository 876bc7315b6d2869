/*
  Makes the forms that ask for secrets: labelled fields, a button that shows what is typed, one line for what is wrong.
  The form that is made has `refuse(words, name)`, which says it and goes to the field, and takes no second submit meanwhile.
*/

import { build } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"

export const SHORTEST_PASSWORD = 8

/**
 * A labelled field.
 * @param {string} label
 * @param {any} attributes of the input, and `hint`, which stands below it
 */
export function makeField(label, { hint, ...attributes }) {
  const input = build("input", { required: true, ...attributes })
  const isSecret = attributes.type === "password"
  const row = isSecret ? build("span", { class: "field__row" }, input, makeShow(input)) : input
  return build(
    "label",
    { class: "field" },
    build("span", { text: label }),
    row,
    hint && build("small", { class: "field__hint quiet", text: hint }),
  )
}

export const makeNewPassword = () =>
  makeField(t("Nouveau mot de passe"), {
    name: "new",
    type: "password",
    autocomplete: "new-password",
    maxlength: 1000,
    hint: t("Au moins {n} caractères. Une phrase entière est un bon choix.", { n: SHORTEST_PASSWORD }),
  })

/** `submit` gets the fields' values, and whether all goes well is its promise. */
export function makeForm(fields, label, submit, ...actions) {
  const trouble = build("p", { class: "trouble", role: "alert" })
  const button = build("button", { class: "button", text: label })
  const form = build(
    "form",
    { class: "secret", novalidate: true, method: "post" },
    ...fields,
    trouble,
    build("div", { class: "sheet__actions" }, button, ...actions),
  )
  form.refuse = (words, name) => refuse(form, trouble, words, name)
  form.addEventListener("input", () => form.refuse(""))
  form.addEventListener("submit", (event) => take(event, form, button, submit))
  return form
}

async function take(event, form, button, submit) {
  event.preventDefault()
  if (button.ariaDisabled === "true") return
  const empty = [...form.elements].find(({ required, value }) => required && !value.trim())
  if (empty) return form.refuse(t("Il manque quelque chose ici."), empty.name)
  if (form.elements.new && form.elements.new.value.length < SHORTEST_PASSWORD)
    return form.refuse(t("Ce mot de passe est trop court."), "new")
  button.ariaDisabled = "true"
  await submit(Object.fromEntries(new FormData(form)))
  button.ariaDisabled = "false"
}

function refuse(form, trouble, words, name) {
  trouble.textContent = words
  for (const field of form.elements) field.removeAttribute("aria-invalid")
  const field = form.elements[name]
  if (!field) return
  field.setAttribute("aria-invalid", "true")
  field.focus()
}

function makeShow(input) {
  const button = build("button", {
    class: "field__show",
    type: "button",
    "aria-pressed": "false",
    text: t("Montrer"),
  })
  button.addEventListener("click", () => {
    const isShown = input.type === "text"
    input.type = isShown ? "password" : "text"
    button.setAttribute("aria-pressed", String(!isShown))
    button.textContent = isShown ? t("Montrer") : t("Cacher")
  })
  return button
}
