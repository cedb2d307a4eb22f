// What whoever may not see the rooms gets to see: what this is, a field for a token, and where to go instead. Nothing secret.

import { html } from '../../try/src/ui/dom'
import { sentence, setToken, token, type Refused } from './api'
import { brand, field, push, says, tell } from './parts'
import { pageOf } from './rooms'

/** `enter`: tries again, with the token that was given. */
export function door(enter: () => void): { element: HTMLElement; show(why: Refused): void } {
  const input = html('input', { type: 'password', name: 'token', autocomplete: 'off', spellcheck: 'false', required: true })
  const wrong = says()
  const go = html('button', { type: 'submit', class: 'push primary' }, html('span', {}, 'Show the rooms'))
  const form = html(
    'form',
    { method: 'post', class: 'token' },
    field('Admin token', input, 'It stays in this window and ends with it. An operator makes one with: scrible token --sub me --admin'),
    wrong,
    go
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const given = input.value.trim()
    if (!given) return tell(wrong, 'Paste a token first.')
    tell(wrong, '')
    setToken(given)
    enter()
  })

  const name = html('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', required: true, maxlength: 200 })
  const draw = html('form', { method: 'post' }, field('Name of a board', name), push('Draw', 'primary', () => draw.requestSubmit()))
  draw.addEventListener('submit', (event) => {
    event.preventDefault()
    if (name.value.trim()) location.href = pageOf('try', name.value.trim())
  })

  const reason = html('p', { class: 'lead' })
  const element = html(
    'main',
    { class: 'door', hidden: true },
    html(
      'div',
      { class: 'card' },
      html('p', { class: 'brand' }, brand(), 'Scrible'),
      html('h1', {}, 'A sync server for whiteboards'),
      reason,
      form,
      draw,
      html('p', { class: 'foot' }, html('a', { href: '/docs' }, 'API'), ' · ', html('a', { href: '/health' }, 'Health'))
    )
  )
  return {
    element,
    show(why) {
      // Where nothing was brought and nothing is asked for, the server is open and only keeps its rooms to those at its machine.
      const guarded = why.status === 401 || token() !== null
      form.hidden = !guarded
      // Refused for something else, such as the name by which the server was called, nobody could draw either.
      const odd = why.status === 403 && why.code !== 'forbidden'
      draw.hidden = guarded || odd
      const tried = token()
      setToken(null)
      if (tried && why.status === 403 && !odd) tell(wrong, 'This token is good, but not an admin’s: it lacks the scope scrible:admin.')
      else if (tried) tell(wrong, sentence(why))
      tell(
        reason,
        guarded
          ? 'Boards that many people edit at once, and that are stored when the server says so. The rooms of this server are for its admins to see.'
          : odd
            ? sentence(why)
            : 'Boards that many people edit at once, and that are stored when the server says so. The list of rooms is shown on the server’s own machine; anybody may draw.'
      )
      input.value = ''
      ;(guarded ? input : name).focus()
    },
  }
}
