/* Makes the form for whoever forgot the password: address, recovery code, a new password. Loaded when it is asked for. */

import "../../helpers/words/more-words.js"
import { build } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"
import { recover } from "../../models/accounts/session.js"
import { sayRefusal } from "../pieces/refusal.js"
import { makeField, makeForm, makeNewPassword } from "../pieces/secret-form.js"

/** `enter` gets the account that is signed in then, `back` is called by whoever goes back. */
export function makeRecovery(email, { enter, back }) {
  const fields = [
    makeField(t("Adresse e-mail"), {
      type: "email",
      name: "email",
      autocomplete: "username",
      autocapitalize: "none",
      maxlength: 254,
      value: email,
    }),
    makeField(t("Code de secours"), {
      type: "text",
      name: "code",
      autocomplete: "off",
      autocapitalize: "characters",
      spellcheck: "false",
      maxlength: 100,
      hint: t("Les tirets et les majuscules ne comptent pas."),
    }),
    makeNewPassword(),
  ]
  const form = makeForm(fields, t("Entrer"), (values) => submit(form, values, enter), makeBack(back))
  return build("div", { class: "recovery" }, ...sayWhatFollows(), form)
}

function sayWhatFollows() {
  const words = [
    t(
      "Votre code de secours ouvre votre compte une fois, et vous choisissez un nouveau mot de passe. Vos conversations vous attendent, entières.",
    ),
    t("Sans code de secours, écrivez à la personne qui vous a donné votre accès."),
  ]
  return words.map((text) => build("p", { class: "quiet small", text }))
}

async function submit(form, values, enter) {
  try {
    enter(await recover(values.email.trim(), values.code, values.new))
  } catch (refusal) {
    form.refuse(
      sayRefusal(refusal, t("Cette adresse et ce code ne vont pas ensemble. Vérifiez-les, puis réessayez.")),
      "code",
    )
  }
}

function makeBack(back) {
  const button = build("button", { class: "button button--plain", type: "button", text: t("Retour") })
  button.addEventListener("click", back)
  return button
}
