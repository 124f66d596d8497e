import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(__dirname, '../..')
const docs = join(root, 'docs')
const page = join(docs, 'outage.md')
const [begin, end] = ['<!-- outage:begin -->', '<!-- outage:end -->']

/** Puts the picture beside the page and the figures into it. */
export function writePage(picture: string, figures: string): readonly string[] {
  const file = join(docs, 'outage.svg')
  writeFileSync(file, picture)
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/outage.md has no place for figures, ${begin} … ${end}`)
  writeFileSync(page, `${text.slice(0, from)}${begin}\n\n${figures}\n\n${text.slice(to)}`)
  return ['docs/outage.svg', 'docs/outage.md']
}

/** Keeps a picture that is not for the page. */
export function keepPicture(picture: string): readonly string[] {
  const dir = join(root, 'bench/results')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'outage.svg'), picture)
  return ['bench/results/outage.svg']
}
