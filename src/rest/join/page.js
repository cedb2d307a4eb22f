// The join page's script: asks what the room needs, sends what was typed, and says what came of it.
//
// The rule: a password or an invite goes into the body of one request and nowhere else; not into an address, not into storage.
'use strict'
;(() => {
  const ANSWER_LIMIT_MS = 20_000
  const NAME = 'scrible-name'
  const part = (id) => document.getElementById(id)
  const room = part('door').dataset.room
  // The server may stand behind a path of somebody's proxy.
  const api = `${location.pathname.split('/join/', 1)[0]}/api/rooms/${encodeURIComponent(room)}/join`
  // Where the front end is on this server's site, its cookie will do, and the room keeps its plain name.
  const via = new URLSearchParams(location.search).get('via') === 'cookie' ? 'cookie' : 'link'
  let invite = new URLSearchParams(location.hash.slice(1)).get('invite')
  let busy = false
  let waiting

  /** Uncovers one part of the page and covers the others. */
  function show(id) {
    for (const other of ['wait', 'ask', 'joined', 'inside', 'stop']) part(other).hidden = other !== id
    part('lead').hidden = !['wait', 'ask'].includes(id)
  }

  /** A request to the room's door. Throws only if no answer came. */
  async function call(body) {
    const answer = await fetch(api, {
      method: body ? 'POST' : 'GET',
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body && JSON.stringify(body),
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    const said = await answer.json().catch(() => ({}))
    return { ok: answer.ok, status: answer.status, wait: Number(answer.headers.get('retry-after')), said }
  }

  async function look() {
    show()
    const slow = setTimeout(() => show('wait'), 300)
    const answer = await call().catch(() => undefined)
    // Without TLS a browser sends nothing along by which the server may take the cookie of a question, but an order it does.
    const unsure = answer?.ok && answer.said.needs !== 'nothing' && !isSecureContext
    const before = unsure ? await call({ via }).catch(() => undefined) : undefined
    clearTimeout(slow)
    if (!answer) return unreachable(look)
    if (!answer.ok) return refused(answer, look)
    ask(before?.ok ? { ...answer.said, joined: true } : answer.said)
  }

  function ask({ title, needs, joined }) {
    if (title) {
      part('room').firstChild.textContent = title
      document.title = `${title} · Scrible`
    }
    if (joined && !invite) {
      show('joined')
      return part('on').focus()
    }
    const password = needs !== 'nothing' && !invite
    part('invited').hidden = !invite
    part('password-field').hidden = !password
    part('closed').hidden = !password
    part('name').value = remembered()
    show('ask')
    const first = part('name').value && password ? part('password') : part('name')
    first.focus()
  }

  async function join(body, says, button) {
    if (busy || waiting) return
    busy = true
    const label = button.textContent
    complain(says, '')
    button.setAttribute('aria-disabled', 'true')
    button.textContent = 'Checking…'
    const answer = await call({ ...body, via }).catch(() => undefined)
    busy = false
    button.textContent = label
    button.removeAttribute('aria-disabled')
    if (!answer) return complain(says, 'The server cannot be reached. Look at your connection, then try again.')
    if (!answer.ok) return refused(answer, look, says, button)
    letIn(answer.said)
  }

  function letIn({ role, url, expires, link_room: link }) {
    part('password').value = ''
    // It has done its work; somebody who looks at this browser's history later should not find it.
    if (invite) history.replaceState(null, '', location.pathname + location.search)
    invite = null
    const place = address(url)
    const looks = role === 'viewer'
    part('inside-title').textContent = looks ? 'You are in, to look' : 'You are in'
    part('looking').hidden = !looks
    part('by-hand').hidden = Boolean(place)
    part('link').textContent = link ?? room
    part('open').href = place ?? canvas(link ?? room)
    part('open').textContent = place ? 'Open the board' : looks ? 'Look at it here' : 'Draw on it here'
    until(expires)
    show('inside')
    if (place && !looks) return location.assign(place)
    part('open').focus()
  }

  /** Where the server was told of no front end, its own canvas shows the board. */
  function canvas(name) {
    return `${location.pathname.split('/join/', 1)[0]}/try/${name.split('/').map(encodeURIComponent).join('/')}`
  }

  /** The front end's address, if it is one that a page may be sent to. */
  function address(url) {
    const place = url ? URL.parse(url) : null
    return place && /^https?:$/.test(place.protocol) ? place.href : undefined
  }

  function until(expires) {
    const end = expires ? new Date(expires) : undefined
    part('until').hidden = !end
    if (!end) return
    part('until-time').dateTime = expires
    part('until-time').textContent = end.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })
  }

  function refused({ status, wait, said }, again, says, button) {
    const code = said.code ?? ''
    if (code === 'wrong-password' && says) {
      part('password').setAttribute('aria-invalid', 'true')
      part('password').select()
      part('password').focus()
      return complain(says, 'That is not the password. Look at upper and lower case, and try again.')
    }
    if (status === 429) {
      const seconds = wait > 0 ? Math.ceil(wait) : 10
      if (says) return hold(seconds, says, button)
      return stop('Too many attempts', `Wait ${inWords(seconds)}, then try again.`, again)
    }
    if (code.startsWith('invite-')) return inviteIsGone(code)
    if (code === 'room-deleted') {
      return stop('This board was deleted', 'If that was a mistake, its owner can bring it back.')
    }
    if (status >= 500) {
      return stop('The server cannot answer now', 'Nothing is wrong with what you typed. Try again in a moment.', again)
    }
    if (status === 401 || status === 403) {
      return stop('You cannot come in with this', said.detail ? sentence(said.detail) : 'Ask the owner of the board for an invite.', again)
    }
    stop('That did not work', said.detail ? sentence(said.detail) : `The server answered ${status}.`, again)
  }

  function inviteIsGone(code) {
    invite = null
    history.replaceState(null, '', location.pathname + location.search)
    const why = {
      'invite-used-up': ['This invite is used up', 'It was good for a number of people, and they have all come.'],
    }[code] ?? ['This invite is not good any more', 'It was withdrawn or has expired, or a part of its link is missing.']
    stop(why[0], `${why[1]} Ask whoever sent it for a new one.`, look, 'Come in another way')
  }

  function unreachable(again) {
    stop('The server cannot be reached', 'Look at your connection, then try again.', again)
  }

  function stop(title, text, again, label = 'Try again') {
    part('stop-title').textContent = title
    part('stop-text').textContent = text
    part('again').hidden = !again
    part('again').textContent = label
    part('again').onclick = again
    show('stop')
    part('stop-title').focus()
  }

  /** Counts down on the button; the sentence is read out once, not every second. */
  function hold(seconds, says, button) {
    const label = button.textContent
    const end = Date.now() + seconds * 1000
    complain(says, `Too many attempts. You can try again in ${inWords(seconds)}.`)
    button.setAttribute('aria-disabled', 'true')
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000)
      if (left > 0) return (button.textContent = `Wait ${left} s`)
      clearInterval(waiting)
      waiting = undefined
      button.textContent = label
      button.removeAttribute('aria-disabled')
      complain(says, '')
    }
    waiting = setInterval(tick, 250)
    tick()
  }

  function inWords(seconds) {
    if (seconds === 1) return 'a second'
    if (seconds < 100) return `${seconds} seconds`
    return `${Math.ceil(seconds / 60)} minutes`
  }

  const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`

  const complain = (says, text) => void (says.textContent = text)

  // Storage may be switched off; then nobody is remembered.
  function remembered() {
    try {
      return localStorage.getItem(NAME) ?? ''
    } catch {
      return ''
    }
  }
  function remember(name) {
    try {
      localStorage.setItem(NAME, name)
    } catch {}
  }

  part('ask').addEventListener('submit', (event) => {
    event.preventDefault()
    const name = part('name').value.trim()
    const asks = !part('password-field').hidden
    const password = part('password').value
    part('name').removeAttribute('aria-invalid')
    part('password').removeAttribute('aria-invalid')
    for (const [id, missing, text] of [
      ['name', !name, 'Say what you want to be called.'],
      ['password', asks && !password, 'The room asks for its password.'],
    ]) {
      if (!missing) continue
      part(id).setAttribute('aria-invalid', 'true')
      part(id).focus()
      return complain(part('says'), text)
    }
    remember(name)
    const proof = invite ? { invite } : asks ? { password } : {}
    join({ name, ...proof }, part('says'), part('go'))
  })
  part('on').addEventListener('click', () => join({}, part('joined-says'), part('on')))
  part('show').addEventListener('click', () => {
    const shown = part('password').type === 'password'
    part('password').type = shown ? 'text' : 'password'
    part('show').setAttribute('aria-pressed', String(shown))
    part('show').textContent = shown ? 'Hide' : 'Show'
  })
  part('copy').addEventListener('click', async () => {
    await navigator.clipboard?.writeText(part('link').textContent).then(
      () => (part('copy').textContent = 'Copied'),
      () => getSelection().selectAllChildren(part('link'))
    )
  })
  // Back from the board: a page out of the browser's memory may have been let in long ago.
  addEventListener('pageshow', (event) => event.persisted && look())
  // An invite opened in a tab that shows this page already.
  addEventListener('hashchange', () => {
    invite = new URLSearchParams(location.hash.slice(1)).get('invite')
    look()
  })
  look()
})()
