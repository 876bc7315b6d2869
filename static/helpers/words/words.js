/* The words of the page. The French sentence is the key; French needs no catalogue. */

export const language = document.documentElement.lang || "fr"

const catalogue = {}
const numbers = new Intl.NumberFormat(language)

await learn()

/** Learn the words of all pages, or those of a part that is loaded later. */
export async function learn(part) {
  if (language === "fr") return
  try {
    const answer = await fetch(
      new URL(`../../words/${[language, part].filter(Boolean).join("-")}.json`, import.meta.url),
    )
    if (answer.ok) Object.assign(catalogue, await answer.json())
  } catch {
    // French words are better than no page.
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
  return fill(isSingle ? single : plural, { n: numbers.format(n), ...values })
}

/** Say a list of names: "Claire, Sam et vous". */
export function tlist(names) {
  return new Intl.ListFormat(language, { type: "conjunction" }).format(names)
}

/** French sets a narrow space that never breaks before : ; ? ! and inside « » (as chat/pages/words.py does). */
const typeset = (sentence) => sentence.replace(/ (?=[:;?!»])|(?<=«) |(?<=\d) (?=\d)/g, "\u202F")

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)
}
