/* Makes elements. Text enters as text: there is no way to pass markup. */

/**
 * Make an element; a property that is no attribute of its own (`text`, `data`) is said apart.
 * @param {string} tag
 * @param {any} [properties] attributes by their names, and `text` and `data`
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any} the element: which one, the tag says
 */
export function build(tag, properties = {}, ...children) {
  const { text, data, ...attributes } = properties
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value)
  Object.assign(element.dataset, data)
  if (text !== undefined) element.textContent = text
  for (const child of children) if (child != null && child !== false) element.append(child)
  return element
}

/**
 * Find the part of an element that its page marks with data-part.
 * @returns {any}
 */
export function part(element, name) {
  return element.querySelector(`[data-part="${name}"]`)
}

/** Set a text only where it changes, so that nothing is announced twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * Put children into an element. One that looks the same as the one of its data-key (or place) there leaves it alone: what is
 * being clicked, focused or read out stays itself.
 */
export function setChildren(element, children) {
  const present = new Map(Array.from(element.children, (child, index) => [child.dataset.key ?? index, child]))
  const wanted = children.map((child, index) => sameOf(child, present.get(child.dataset.key ?? index)))
  for (const child of present.values()) if (!wanted.includes(child)) child.remove()
  let place = element.firstElementChild
  for (const child of wanted) {
    if (child === place) place = place.nextElementSibling
    else element.insertBefore(child, place)
  }
}

const sameOf = (child, known) => (known?.isEqualNode(child) ? known : child)

function setAttribute(element, name, value) {
  if (value === true) element.setAttribute(name, "")
  else if (value !== false && value != null) element.setAttribute(name, value)
}
