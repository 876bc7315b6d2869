/* Sorts conversations by need: unanswered first, the longest wait above; then those that wait for the member; then silent ones. */

import { folded } from "../helpers/text.js"

export function queueOf(threads, filter = "") {
  const wanted = folded(filter.trim())
  const shown = [...threads].filter((thread) => folded(thread.member?.first_name ?? "").includes(wanted))
  return {
    waiting: shown.filter(({ waitingSince }) => waitingSince).sort((one, other) => compare(one.waitingSince, other.waitingSince)),
    answered: shown.filter(({ waitingSince, last }) => !waitingSince && last).sort((one, other) => compare(other.last.at, one.last.at)),
    silent: shown.filter(({ waitingSince, last }) => !waitingSince && !last),
  }
}

const compare = (one, other) => Date.parse(one) - Date.parse(other)
