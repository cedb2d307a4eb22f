// Puts the page together: the room, the board in it, the canvas and what stands around it.

import * as Y from 'yjs'
import { Board } from './board/board'
import { COLORS, DASHES, FILLS, FONTS, SIZES, type Styles } from './board/records'
import { Scene } from './draw/scene'
import { DARK, FAMILY, LIGHT, type Theme } from './draw/theme'
import { Editor } from './edit/editor'
import { keep, recall, recallObject } from './kept'
import { Connection } from './net/connection'
import { MAX_SELECTED, Presence } from './net/presence'
import { placeOf, type Place } from './place'
import { history, stylePanel, toolbar, TOOLS, zoomBar } from './ui/bars'
import { button, html, icon } from './ui/dom'
import { files } from './ui/files'
import { ICONS } from './ui/icons'
import { keys } from './ui/keys'
import { people } from './ui/people'
import { Pointer } from './ui/pointer'
import { Stage } from './ui/stage'
import { status } from './ui/status'
import { Textbox } from './ui/textbox'

/** How long it is said that something was copied. */
const COPIED_FOR_MS = 2000

const place = placeOf(location)
if (place) open(place)
else document.body.append(html('p', { class: 'lost' }, 'This address names no board. It should end in /try/ and a name.'))

function open(place: Place) {
  const { room, name, server } = place
  document.title = `${name} · Scrible`
  const doc = new Y.Doc()
  const board = new Board(doc, `tl_${name}`)
  const connection = new Connection(server, room, doc)
  const presence = new Presence(connection.provider.awareness, () => around())
  const scene = new Scene(board, measurer())
  const editor = new Editor(board, scene, rememberedStyles())
  const stage = new Stage(editor, presence, themeNow())
  const pointer = new Pointer(stage, editor)
  new Textbox(stage, editor)

  const tools = toolbar(editor)
  const panel = stylePanel(editor, () => stage.painter.theme, tools.swatch)
  const faces = people(presence, editor)
  const { light, notice } = status(connection, editor, name)
  const helpSheet = help()
  const showHelp = () => helpSheet.showModal()

  const theme = button('Light or dark', ICONS.moon, () => {
    keep('theme', themeNow() === LIGHT ? 'dark' : 'light')
    dress()
  })
  const copied = html('span', { class: 'copied', role: 'status' })
  const share = button('Copy the link to this board', ICONS.link, () => {
    // Not with the grant: that is a key, and this person's own.
    const address = `${location.origin}/try/${name.split('/').map(encodeURIComponent).join('/')}`
    const show = () => void window.prompt('The link to this board', address)
    // There is no clipboard on pages that came without encryption from another machine.
    if (!navigator.clipboard) return show()
    navigator.clipboard.writeText(address).then(() => {
      copied.textContent = 'Link copied'
      setTimeout(() => (copied.textContent = ''), COPIED_FOR_MS)
    }, show)
  })
  const pages = pageMenu(editor)
  const left = html('div', { class: 'bar head' }, html('h1', {}, name), light, pages)
  const right = html('div', { class: 'bar head' }, faces.element, share, files(connection, place), theme, button('Keys', ICONS.help, showHelp, '?'))
  const empty = html('div', { class: 'empty', 'aria-hidden': 'true' }, html('p', {}, 'An empty board'), html('p', {}, 'Draw anywhere, or send the link to somebody.'))
  const told = html('div', { class: 'unseen', role: 'status' })
  document.body.append(
    stage.element,
    empty,
    html('header', {}, left, right, copied),
    notice,
    panel.element,
    html('footer', {}, history(editor), tools.element, zoomBar(editor)),
    helpSheet,
    told
  )
  keys(editor, pointer, showHelp, (words) => (told.textContent = words))

  function around() {
    stage.draw()
    faces.show()
  }
  function dress() {
    const now = themeNow()
    document.documentElement.dataset.theme = now.name
    stage.renew(now)
    panel.renew()
    theme.replaceChildren(icon(now === DARK ? ICONS.sun : ICONS.moon))
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', dress)
  dress()

  let kept = editor.styles
  editor.watch(() => {
    const { page, pointer: cursor, selection, camera, screen, styles } = editor
    presence.show({ page, cursor, selected: [...selection].slice(0, MAX_SELECTED), camera: { ...camera }, screen: { x: 0, y: 0, ...screen } })
    if (styles !== kept) keep('styles', JSON.stringify((kept = styles)))
    empty.hidden = !connection.state.arrived || editor.editing !== null || board.children(page).length > 0
  })

  let arrived = false
  connection.watch((state) => {
    document.body.dataset.line = state.line
    // What was drawn before the board is here could not be told from a board of its own.
    editor.forbid(state.readOnly || !state.arrived || state.line === 'refused')
    if (!state.arrived || arrived) return
    arrived = true
    board.settleOnRoot()
    // The panel with the styles stands beside the board only where there is room for it.
    const beside = panel.element.getBoundingClientRect()
    editor.covered = { left: 0, right: beside.width ? innerWidth - beside.left : 0, top: 60, bottom: beside.width ? 70 : 116 }
    editor.take(board.children(editor.page).length ? 'select' : 'pen')
    editor.fitAll()
  })
  // Letters have their widths only once their font is here.
  document.fonts.addEventListener('loadingdone', () => {
    scene.forget()
    stage.renew(themeNow())
  })
  for (const family of Object.values(FAMILY)) void document.fonts.load(`24px ${family.split(',')[0]}`)

  window.addEventListener('beforeunload', (event) => {
    board.settle()
    if (connection.state.unsaved && !connection.state.readOnly) event.preventDefault()
  })
  window.addEventListener('pagehide', () => connection.provider.destroy())
}

/** Widths of text, each measured once. */
function measurer() {
  const context = document.createElement('canvas').getContext('2d')!
  return (text: string, face: string) => {
    context.font = face
    return context.measureText(text).width
  }
}

function themeNow(): Theme {
  const chosen = recall('theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')
  return chosen === 'dark' ? DARK : LIGHT
}

function rememberedStyles(): Styles {
  const kept = recallObject('styles')
  const one = <T extends string>(choices: readonly T[], value: unknown, otherwise: T) => choices.find((choice) => choice === value) ?? otherwise
  return {
    color: one(COLORS, kept.color, 'black'),
    size: one(SIZES, kept.size, 'm'),
    dash: one(DASHES, kept.dash, 'draw'),
    fill: one(FILLS, kept.fill, 'none'),
    font: one(FONTS, kept.font, 'draw'),
  }
}

/** Only boards that were drawn elsewhere have several pages. */
function pageMenu(editor: Editor): HTMLSelectElement {
  const menu = html('select', { class: 'pages', 'aria-label': 'Page', hidden: true })
  menu.addEventListener('change', () => editor.turnTo(menu.value))
  let shown = ''
  editor.watch(() => {
    const { pages } = editor.board
    const now = JSON.stringify(pages.map(({ id, name }) => [id, name]))
    menu.hidden = pages.length < 2
    if (now !== shown) menu.replaceChildren(...pages.map(({ id, name }) => html('option', { value: id }, name || 'Page')))
    shown = now
    menu.value = editor.page
  })
  return menu
}

function help(): HTMLDialogElement {
  const rows: [string, string][] = [
    ...TOOLS.map(({ key, label }): [string, string] => [key, label]),
    ['Space and drag', 'Move the page'],
    ['Ctrl and wheel', 'Zoom'],
    ['Ctrl Z', 'Undo what you did'],
    ['Ctrl Shift Z', 'Redo'],
    ['Ctrl D', 'Duplicate'],
    ['Ctrl A', 'Choose everything'],
    ['Enter', 'With a tool: put one in the middle'],
    ['Enter, Tab', 'Choose the first, the next'],
    ['Enter', 'Write in what is chosen'],
    ['Arrow keys', 'Move what is chosen, or the page'],
    ['Ctrl and arrows', 'Make it larger or smaller'],
    ['[ and ]', 'To the back, to the front'],
    ['Shift 1', 'Show everything'],
    ['Shift', 'Keep proportions and angles'],
  ]
  const list = html('dl', {}, ...rows.flatMap(([key, what]) => [html('dt', {}, html('kbd', {}, key)), html('dd', {}, what)]))
  const close = html('button', { type: 'submit', class: 'close' }, 'Close')
  return html('dialog', { class: 'help', 'aria-label': 'Keys' }, html('form', { method: 'dialog' }, html('h2', {}, 'Keys'), list, close))
}
