/* The words of the page. The French sentence is the key; French needs no catalogue. */

export const language = document.documentElement.lang || "fr"

const catalogue = language === "fr" ? {} : await load()

async function load() {
  try {
    const answer = await fetch(`/words/${language}.json`)
    return answer.ok ? await answer.json() : {}
  } catch {
    return {} // French words are better than no page.
  }
}

/** Say a sentence, its {names} filled in. */
export function t(sentence, values = {}) {
  return fill(catalogue[sentence] ?? typeset(sentence), values)
}

/** Say a sentence about n things. */
export function tn(one, many, n, values = {}) {
  const [single, plural] = catalogue[one] ?? [typeset(one), typeset(many)]
  const isSingle = language === "fr" ? n < 2 : n === 1
  return fill(isSingle ? single : plural, { n, ...values })
}

/** Say a list of names: "Claire, Sam et vous". */
export function tlist(names) {
  return new Intl.ListFormat(language, { type: "conjunction" }).format(names)
}

/** French sets a narrow space that never breaks before : ; ? ! and inside « » (as chat/words.py does). */
const typeset = (sentence) => sentence.replace(/ (?=[:;?!»])|(?<=«) |(?<=\d) (?=\d)/g, "\u202F")

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)
}
