/* The page of greetings. */

customElements.define("greetings-page", class extends HTMLElement {})
