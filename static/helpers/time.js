/* Tells times as people do. */

import { now } from "./server-clock.js"
import { language, t } from "./words/words.js"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const format = (options) => new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, options)
const hour = format({ hour: "2-digit", minute: "2-digit" })
const weekday = format({ weekday: "short" })
const shortDate = format({ day: "numeric", month: "short" })
const shortDateAndYear = format({ day: "numeric", month: "short", year: "numeric" })
const longDate = format({ weekday: "long", day: "numeric", month: "long" })
const longDateAndYear = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" })
const exact = format({ dateStyle: "full", timeStyle: "short" })

export const LONG_WAIT = DAY

export const sayHour = (at) => hour.format(new Date(at))
export const sayExactly = (at) => exact.format(new Date(at))

/** Name a date in few letters: "12 nov.". */
export const sayDate = (at) => (isThisYear(at) ? shortDate : shortDateAndYear).format(new Date(at))

/** Name a day: "aujourd’hui", "hier", "lundi 16 novembre". */
export function sayDay(at) {
  const days = daysSince(at)
  if (days === 0) return t("aujourd’hui")
  if (days === 1) return t("hier")
  return (isThisYear(at) ? longDate : longDateAndYear).format(new Date(at))
}

/** Tell a moment in few letters: "il y a 2 h", "hier", "lun.", "12 nov.". */
export function sayMoment(at) {
  const age = Math.max(0, now() - new Date(at).getTime())
  const days = daysSince(at)
  if (age < MINUTE) return t("à l’instant")
  if (age < HOUR) return t("il y a {n} min", { n: Math.floor(age / MINUTE) })
  if (days <= 0) return t("il y a {n} h", { n: Math.floor(age / HOUR) })
  if (days === 1) return t("hier")
  if (days < 7) return weekday.format(new Date(at))
  return sayDate(at)
}

/** Tell how long somebody has been waiting: "40 min", "26 h", "3 j". */
export function sayWait(since) {
  const wait = waitSince(since)
  if (wait < HOUR) return t("{n} min", { n: Math.max(1, Math.floor(wait / MINUTE)) })
  if (wait < 2 * DAY) return t("{n} h", { n: Math.floor(wait / HOUR) })
  return t("{n} j", { n: Math.floor(wait / DAY) })
}

/** Tell a short while to come: "quelques secondes", "2 minutes". */
export function sayWhile(seconds) {
  if (seconds < 50) return t("quelques secondes")
  if (seconds < 90) return t("une minute")
  if (seconds < 3000) return t("{n} minutes", { n: Math.ceil(seconds / 60) })
  return t("une heure")
}

export const waitSince = (since) => Math.max(0, now() - new Date(since).getTime())
export const dayOf = (at) => startOfDay(at).getTime()
export const isoDay = (at) =>
  new Date(startOfDay(at).getTime() - startOfDay(at).getTimezoneOffset() * MINUTE).toISOString().slice(0, 10)

const daysSince = (at) => Math.round((startOfDay(now()).getTime() - startOfDay(at).getTime()) / DAY)
const isThisYear = (at) => new Date(at).getFullYear() === new Date(now()).getFullYear()

function startOfDay(at) {
  const day = new Date(at)
  day.setHours(0, 0, 0, 0)
  return day
}
