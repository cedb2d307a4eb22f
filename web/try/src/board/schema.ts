// In which version of tldraw's records this page reads and writes, and whether a room is in that version. The rule not to break:
// nothing is written into a room whose records mean something else, however alike they look.

import type { Json } from './records'

/** What tldraw 5.4 writes into a room, so that it finds nothing to change here and we find nothing to change there. */
export const SCHEMA = {
  schemaVersion: 2,
  sequences: {
    'com.tldraw.store': 5,
    'com.tldraw.asset': 1,
    'com.tldraw.camera': 1,
    'com.tldraw.document': 2,
    'com.tldraw.instance': 26,
    'com.tldraw.instance_page_state': 5,
    'com.tldraw.page': 1,
    'com.tldraw.instance_presence': 6,
    'com.tldraw.pointer': 1,
    'com.tldraw.shape': 4,
    'com.tldraw.user': 1,
    'com.tldraw.asset.image': 6,
    'com.tldraw.asset.video': 5,
    'com.tldraw.asset.bookmark': 2,
    'com.tldraw.shape.group': 0,
    'com.tldraw.shape.text': 4,
    'com.tldraw.shape.bookmark': 2,
    'com.tldraw.shape.draw': 5,
    'com.tldraw.shape.geo': 12,
    'com.tldraw.shape.note': 13,
    'com.tldraw.shape.line': 5,
    'com.tldraw.shape.frame': 1,
    'com.tldraw.shape.arrow': 8,
    'com.tldraw.shape.highlight': 4,
    'com.tldraw.shape.embed': 4,
    'com.tldraw.shape.image': 5,
    'com.tldraw.shape.video': 4,
    'com.tldraw.binding.arrow': 1,
  },
} as const

/** Kinds of records that this page writes. The versions of all others are nothing to it. */
const WRITTEN = [
  'com.tldraw.store',
  'com.tldraw.document',
  'com.tldraw.page',
  'com.tldraw.shape',
  'com.tldraw.shape.geo',
  'com.tldraw.shape.draw',
  'com.tldraw.shape.arrow',
  'com.tldraw.shape.text',
  'com.tldraw.shape.note',
  'com.tldraw.shape.group',
  'com.tldraw.shape.highlight',
  'com.tldraw.binding.arrow',
] as const

/**
 * `same`: write. `none`: nobody said; pages without a schema write in the version of their day. `other`: look, and leave alone.
 */
export type Version = 'same' | 'none' | 'other'

export function versionOf(schema: Json | undefined): Version {
  if (schema === undefined) return 'none'
  const { schemaVersion, sequences } = (schema ?? {}) as { schemaVersion?: Json; sequences?: Record<string, Json> }
  const same = schemaVersion === 2 && WRITTEN.every((name) => sequences?.[name] === SCHEMA.sequences[name])
  return same ? 'same' : 'other'
}
