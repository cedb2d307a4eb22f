// Elements in one expression. Nothing here writes markup from text, so no name or label of anybody can become an element.

type Attributes = { [name: string]: string | number | boolean | undefined }

export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children)
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

/** An icon of 24 x 24: `path` as in SVG, drawn in the colour of the text around it. */
export function icon(path: string): SVGSVGElement {
  return svg('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' }, svg('path', { d: path }))
}

/** A button that says what it does to those who cannot see its picture, and which key does the same. */
export function button(label: string, picture: string, act: () => void, key?: string): HTMLButtonElement {
  const title = key ? `${label} (${key})` : label
  const made = html('button', { type: 'button', 'aria-label': label, title }, icon(picture))
  made.addEventListener('click', act)
  return made
}

function filled<E extends Element>(element: E, attributes: Attributes, children: (Node | string)[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children)
  return element
}
