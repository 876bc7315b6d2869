/* The view of language and time zone. Another language loads the page anew, by a button and never by itself. */

import { build } from "../../helpers/build.js"
import { language, t } from "../../helpers/words/words.js"

const LANGUAGES = { fr: "Français", en: "English" }

export const sayLanguage = (locale) => LANGUAGES[locale] ?? locale

/** "Europe/Paris" as people read it: "Paris". */
export const sayZone = (zone) => zone.split("/").slice(1).reverse().join(", ").replaceAll("_", " ") || zone

export function makePlace(sheet) {
  const { locale, zone } = sheet.settings
  const languages = Object.entries(LANGUAGES).map(([value, text]) =>
    makeLanguage(value, text, value === locale),
  )
  const select = build("select", { name: "zone" }, ...makeZones(zone))
  const own = makeOwnZone(zone, select)
  const button = build("button", { class: "button", text: t("Enregistrer") })
  const form = build(
    "form",
    { class: "account__place", method: "post" },
    build(
      "fieldset",
      { class: "choices" },
      build("legend", { text: t("Langue des pages et des e-mails") }),
      ...languages,
    ),
    build(
      "label",
      { class: "field" },
      build("span", { text: t("Fuseau horaire") }),
      select,
      build("small", { class: "field__hint quiet", text: t("Il sert à vos heures calmes.") }),
    ),
    own,
    build("div", { class: "sheet__actions" }, button),
  )
  form.addEventListener("submit", (event) => take(event, sheet, button))
  return [t("Langue et heure"), form]
}

function makeLanguage(value, text, checked) {
  return build(
    "label",
    { class: "choice" },
    build("input", { type: "radio", name: "locale", value, checked }),
    build("span", { lang: value, text }),
  )
}

/** All zones that this browser knows, by continent; the chosen one is there whatever it knows. */
function makeZones(chosen) {
  const known = new Set([
    chosen,
    deviceZone(),
    "Europe/Paris",
    "UTC",
    ...(Intl.supportedValuesOf?.("timeZone") ?? []),
  ])
  const areas = new Map()
  for (const zone of [...known].filter(Boolean).sort()) {
    const area = zone.includes("/") ? zone.split("/")[0] : "UTC"
    areas.set(area, [
      ...(areas.get(area) ?? []),
      build("option", { value: zone, text: sayZone(zone), selected: zone === chosen }),
    ])
  }
  return [...areas].map(([label, options]) => build("optgroup", { label }, ...options))
}

const deviceZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone

function makeOwnZone(zone, select) {
  const own = deviceZone()
  if (!own || own === zone) return null
  const button = build("button", {
    class: "button button--plain",
    type: "button",
    text: t("Prendre celui de cet appareil : {zone}", { zone: sayZone(own) }),
  })
  button.addEventListener("click", () => {
    select.value = own
    select.focus()
  })
  return button
}

async function take(event, sheet, button) {
  event.preventDefault()
  if (button.ariaDisabled === "true") return
  button.ariaDisabled = "true"
  const { locale, zone } = Object.fromEntries(new FormData(event.target))
  const isSaved = await sheet.save({ locale, time_zone: zone })
  button.ariaDisabled = "false"
  if (isSaved && locale !== language) await reload(sheet)
}

/** Load the page anew in its new language, unless something typed would be lost by it. */
async function reload(sheet) {
  const waits = []
  document.dispatchEvent(new CustomEvent("before-reload", { detail: waits }))
  if ((await Promise.all(waits)).every(Boolean)) return location.reload()
  sheet.say(
    t(
      "C’est enregistré. Ce navigateur ne garde pas ce que vous écrivez : envoyez-le d’abord, la page changera de langue à sa prochaine ouverture.",
    ),
  )
}
