/* Says within which time somebody answers, and until when they are away. */

import { language, t, tn } from "./words.js"

const DAY = 24

const longDate = (options) =>
  new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...options,
  })

/** Say a time to answer in, in whole hours: "deux jours", "36 heures". */
export function sayWithin(hours) {
  const known = {
    1: t("une heure"),
    24: t("un jour"),
    48: t("deux jours"),
    72: t("trois jours"),
    168: t("une semaine"),
    336: t("deux semaines"),
  }
  if (known[hours]) return known[hours]
  return hours % DAY ? tn("{n} heure", "{n} heures", hours) : tn("{n} jour", "{n} jours", hours / DAY)
}

/** Name the last day of an absence; its end is the first moment of the next. */
export function sayLastDay(until) {
  const day = new Date(Date.parse(until) - 1)
  const isThisYear = day.getFullYear() === new Date().getFullYear()
  return longDate(isThisYear ? {} : { year: "numeric" }).format(day)
}
