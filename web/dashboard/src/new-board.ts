// "New board": a name and who may come in, and then what to do with it.

import { html, icon } from '../../try/src/ui/dom'
import { askJson, Refused, sentence, token } from './api'
import { code } from './code'
import { drawOn } from './draw'
import { newName } from './names'
import { choice, copyable, field, ICONS, push, says, tell } from './parts'
import { pageOf } from './rooms'

type Way = 'public' | 'password' | 'private'

/** `made`: a room is there that was not before. `look`: somebody wants to see it. */
export function newBoard(made: () => void, look: (room: string) => void): { open(): void; element: HTMLDialogElement } {
  const content = html('div', { class: 'content' })
  const close = html('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close' }, icon(ICONS.close))
  close.addEventListener('click', () => dialog.close())
  const dialog = html('dialog', { class: 'new-board', 'aria-labelledby': 'new-board-title' }, close, content)
  // A click beside it closes it, as Escape does.
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close())

  function ask() {
    const name = html('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', required: true, maxlength: 200 })
    name.value = newName()
    const way = choice<Way>(
      [
        ['public', 'Anyone with the link'],
        ['password', 'Anyone with the link and a password'],
        ['private', 'Only people with an invite'],
      ],
      'public'
    )
    const password = html('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', maxlength: 128 })
    const secret = field('Password', password)
    secret.hidden = true
    // Focus stays: a list that is closed changes with every arrow key.
    way.addEventListener('change', () => (secret.hidden = way.value !== 'password'))
    const wrong = says()
    const go = html('button', { type: 'submit', class: 'push primary' }, html('span', {}, 'Create board'))
    const form = html('form', { method: 'post' }, field('Name', name, 'It stands in the link. Any name will do; / makes folders.'), field('Who may come in', way), secret, wrong, html('div', { class: 'actions' }, go))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void create()
    })
    async function create() {
      const room = name.value.trim()
      const kind = way.value as Way
      if (!room) return tell(wrong, 'Give it a name first.')
      if (kind === 'password' && !password.value) return tell(wrong, 'Give it a password, or let anyone with the link in.')
      go.disabled = true
      tell(wrong, '')
      try {
        const body = { name: room, visibility: kind === 'private' ? 'private' : 'public', ...(kind === 'password' ? { password: password.value } : {}) }
        const there = await askJson<{ name: string }>('/api/rooms', { method: 'POST', body })
        made()
        show(there.name, kind)
      } catch (error) {
        const taken = error instanceof Refused && error.code === 'room-exists'
        tell(wrong, taken ? 'There is a board of this name already.' : sentence(error))
        name.setAttribute('aria-invalid', String(taken))
        if (taken) name.select()
      } finally {
        go.disabled = false
      }
    }
    content.replaceChildren(html('h2', { id: 'new-board-title' }, 'New board'), form)
    name.focus()
    name.select()
  }

  function show(room: string, way: Way) {
    const address = location.origin + pageOf(way === 'public' ? 'try' : 'join', room)
    const title = html('h2', { id: 'new-board-title', tabindex: '-1' }, html('bdi', {}, room), ' is ready')
    const people =
      way === 'private'
        ? html('p', {}, 'People come in by an invite, which you make when you look at the board under ', html('strong', {}, 'Share'), '.')
        : html('p', {}, way === 'password' ? 'Send people this link, and tell them the password:' : 'Send people this link:')
    const wrong = says()
    const draw = drawOn(room, 'Draw on it', 'primary', wrong)
    const more = push('Look at it here', 'plain', () => {
      dialog.close()
      look(room)
    })
    content.replaceChildren(
      title,
      html('h3', {}, 'For people'),
      people,
      ...(way === 'private' ? [] : [copyable('the link for people', address)]),
      html('div', { class: 'actions' }, ...(way === 'public' || token() !== null ? [draw] : []), more),
      wrong,
      html('h3', {}, 'For developers'),
      code(room)
    )
    title.focus()
  }

  return {
    element: dialog,
    open() {
      // First, since what is not shown takes no focus.
      dialog.showModal()
      ask()
    },
  }
}
