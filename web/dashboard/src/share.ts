// Who may come into a room: links, visibility, a password, invites.

import { html } from '../../try/src/ui/dom'
import { ask, askJson, Refused, roomPath, sentence } from './api'
import type { Looked, Part } from './panel'
import { busy, choice, copyable, day, field, push, says, tell } from './parts'
import { count, pageOf, type KeptRoom, type Role } from './rooms'

interface Invite {
  id: number
  role: Role
  label: string | null
  created: string
  expires: string | null
  max_uses: number | null
  uses: number
  revoked: string | null
}

const DAY_MS = 86_400_000
const LIVES = [
  ['0', 'for ever'],
  ['1', 'for a day'],
  ['7', 'for a week'],
  ['30', 'for 30 days'],
] as const
const ROLES = [
  ['editor', 'may draw'],
  ['viewer', 'may look'],
] as const

export class Share implements Part {
  readonly element = html('div', {}, html('p', { class: 'quiet-words' }, 'Looking…'))
  #looked: Looked
  #invites = html('ul', { class: 'entries' })
  #wrong = says()
  /** What follows the room as it is kept. All else stays what it is: a sentence just said, an invite shown once. */
  #who = html('div')
  #whoDone = says('good')
  #whoWrong = says()

  constructor(looked: Looked) {
    this.#looked = looked
    askJson<KeptRoom>(roomPath(looked.room), { signal: looked.signal }).then(
      (kept) => {
        this.#show(kept)
        this.element.replaceChildren(this.#who, this.#whoDone, this.#whoWrong, html('h3', {}, 'Invites'), this.#invite(), this.#wrong, this.#invites)
        void this.#list()
      },
      (error) => {
        if (looked.signal.aborted) return
        const early = error instanceof Refused && error.status === 404
        const address = location.origin + pageOf('try', looked.room)
        this.element.replaceChildren(
          ...(early ? [html('h3', {}, 'Link'), copyable('the link for people', address)] : []),
          html('p', { class: 'quiet-words' }, early ? 'Who may come in can be changed once something is drawn.' : sentence(error))
        )
      }
    )
  }

  #show(kept: KeptRoom) {
    const { room } = this.#looked
    const closed = kept.has_password || kept.visibility === 'private'
    this.#who.replaceChildren(
      html('h3', {}, 'Link'),
      copyable('the link for people', location.origin + pageOf(closed ? 'join' : 'try', room)),
      html('h3', {}, 'Who may come in'),
      this.#visibility(kept),
      this.#password(kept)
    )
  }

  /** Changes the room, shows it as it is then, and says `words`. */
  #change(button: HTMLButtonElement, body: unknown, words: string) {
    tell(this.#whoDone, '')
    void busy(button, this.#whoWrong, async () => {
      const kept = await askJson<KeptRoom>(roomPath(this.#looked.room), { method: 'PATCH', body })
      this.#looked.changed()
      this.#show(kept)
      tell(this.#whoDone, words)
    })
  }

  #visibility({ visibility, link_role, has_password }: KeptRoom): HTMLElement {
    const open = has_password ? 'Anyone with password' : 'Anyone with the link'
    const undecided = visibility === null ? ([['unset', 'As the server has it']] as const) : []
    const who = choice<string>([...undecided, ['public', open], ['private', 'Only by invite']], visibility ?? 'unset')
    // Where nobody has decided who may come in, that people may only look is nobody's decision, either.
    const role = choice<Role>(
      [...ROLES, ...(link_role === 'owner' ? ([['owner', 'owns it']] as const) : [])],
      visibility === null ? 'editor' : link_role
    )
    // Saved when asked to: a list that is closed changes with every arrow key.
    const save = html('button', { type: 'submit', class: 'push plain' }, html('span', {}, 'Save'))
    const pair = html('div', { class: 'pair wide' }, field('Without an invite', who), field('And there', role))
    const form = html('form', { method: 'post', class: 'who-may' }, pair, html('div', { class: 'actions' }, save))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const body = {
        ...(who.value === (visibility ?? 'unset') ? {} : { visibility: who.value }),
        ...(role.value === link_role ? {} : { link_role: role.value }),
      }
      if (Object.keys(body).length) this.#change(save, body, 'It is saved.')
    })
    return form
  }

  #password({ has_password, visibility }: KeptRoom): HTMLElement {
    const input = html('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', maxlength: 128, placeholder: has_password ? 'A new password' : 'A password' })
    input.setAttribute('aria-label', 'Password')
    const set = html('button', { type: 'submit', class: 'push plain' }, html('span', {}, has_password ? 'Change' : 'Set password'))
    const form = html('form', { method: 'post', class: 'line' }, input, set)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      if (!input.value) return input.focus()
      // A password opens a room that is public; where nobody has decided yet, that is what it is for, and whoever was there could draw.
      const body = { password: input.value, ...(visibility === null ? { visibility: 'public', link_role: 'editor' } : {}) }
      this.#change(set, body, 'The password is set.')
    })
    if (!has_password) return form
    const remove = push('Remove the password', 'quiet', () => this.#change(remove, { password: null }, 'The password is removed.'))
    return html('div', {}, form, remove)
  }

  #invite(): HTMLElement {
    const role = choice<Role>([...ROLES, ['owner', 'owns it']], 'editor')
    const life = choice<string>(LIVES, '7')
    const label = html('input', { type: 'text', autocomplete: 'off', maxlength: 120, placeholder: 'For whom, if you like' })
    const uses = html('input', { type: 'number', min: 1, max: 100000, inputmode: 'numeric', placeholder: 'any number' })
    const make = html('button', { type: 'submit', class: 'push plain' }, html('span', {}, 'Make an invite'))
    const given = html('div', { class: 'given', 'aria-live': 'polite' })
    const form = html(
      'form',
      { method: 'post', class: 'invite' },
      html('div', { class: 'pair' }, field('Who comes', role), field('Good', life)),
      html('div', { class: 'pair' }, field('Label', label), field('For how many', uses)),
      html('div', { class: 'actions' }, make)
    )
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void busy(make, this.#wrong, async () => {
        const days = Number(life.value)
        const body = {
          role: role.value,
          ...(label.value.trim() ? { label: label.value.trim() } : {}),
          ...(days ? { expires: new Date(Date.now() + days * DAY_MS).toISOString() } : {}),
          ...(uses.value ? { max_uses: Number(uses.value) } : {}),
        }
        const { url } = await askJson<{ url: string }>(roomPath(this.#looked.room, '/invites'), { method: 'POST', body })
        given.replaceChildren(html('p', {}, 'Send this link. It is shown this once:'), copyable('the invite', url))
        label.value = ''
        await this.#list()
      })
    })
    return html('div', {}, form, given)
  }

  async #list() {
    const { room, signal } = this.#looked
    try {
      const { invites } = await askJson<{ invites: Invite[] }>(roomPath(room, '/invites?limit=50'), { signal })
      this.#invites.replaceChildren(...invites.map((invite) => this.#entry(invite)))
    } catch (error) {
      if (!signal.aborted) tell(this.#wrong, sentence(error))
    }
  }

  #entry({ id, role, label, created, expires, max_uses, uses, revoked }: Invite): HTMLElement {
    const over = revoked ? 'revoked' : expires && Date.parse(expires) < Date.now() ? 'expired' : max_uses !== null && uses >= max_uses ? 'used up' : null
    const used = max_uses === null ? `used ${count(uses, 'time')}` : `used ${uses} of ${max_uses}`
    const about = [role, used, ...(over ? [over] : expires ? [`until ${day(expires)}`] : [])]
    const revoke = push('Revoke', 'quiet', () =>
      void busy(revoke, this.#wrong, async () => {
        await ask(roomPath(this.#looked.room, `/invites/${id}`), { method: 'DELETE' })
        await this.#list()
      })
    )
    revoke.hidden = revoked !== null
    revoke.title = 'Whoever came by it is out at once'
    const name = html('span', { class: 'entry-name' }, label ?? `Invite of ${day(created)}`)
    return html('li', { class: over ? 'over' : undefined }, html('div', { class: 'entry' }, html('div', {}, name, html('span', { class: 'aside' }, about.join(' · '))), revoke))
  }
}
