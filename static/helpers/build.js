/* Makes elements. Text enters as text: there is no way to pass markup. */

/** Make an element; a property that is no attribute of its own (`text`, `data`) is said apart. */
export function build(tag, { text, data, ...attributes } = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value)
  Object.assign(element.dataset, data)
  if (text !== undefined) element.textContent = text
  element.append(...children.filter((child) => child != null && child !== false))
  return element
}

/** Find the part of an element that its page marks with data-part. */
export function part(element, name) {
  return element.querySelector(`[data-part="${name}"]`)
}

/** Set a text only where it changes, so that nothing is announced twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

function setAttribute(element, name, value) {
  if (value === true) element.setAttribute(name, "")
  else if (value !== false && value != null) element.setAttribute(name, value)
}
