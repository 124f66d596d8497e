// Everything the encoding uses as punctuation, what would disturb a terminal or a log (control characters), and lone
// surrogates: UTF-8 has no bytes for those, so that all of them would become the same replacement character.
const reserved = /[\p{Cc}\p{Cs}%(),:;=[\]{|}]/gu
const reservedOrTagged = /^[!#'@^~]|[\p{Cc}\p{Cs}%(),:;=[\]{|}]/u

/**
 * A string as it stands in a key: itself wherever that is readable and unambiguous, else with `%XX` (one UTF-16 unit
 * below 256) or `%uXXXX` (a lone surrogate) in place of each reserved character. Never empty, never begins with one of
 * the characters that mark a value of another kind, and no two strings share a text.
 */
export function encodeText(text: string): string {
  if (isWord(text)) return text
  if (text === '') return "''"
  return reservedOrTagged.test(text) ? escaped(text) : text
}

// Letters, digits, dashes and underscores: most keys are of these, and looking is cheaper than matching.
const wordUnits = Uint8Array.from({ length: 128 }, (_, unit) => (/[\w-]/.test(String.fromCharCode(unit)) ? 1 : 0))
const longestWord = 64

function isWord(text: string): boolean {
  const { length } = text
  if (length === 0 || length > longestWord) return false
  for (let at = 0; at < length; at++) if (wordUnits[text.charCodeAt(at)] !== 1) return false
  return true
}

function escaped(text: string): string {
  const body = text.replace(reserved, escapedUnit)
  // A string may not pass for a number, date or the like; what was reserved begins with % by now.
  return "!#'@^~".includes(body.charAt(0)) ? escapedUnit(body.charAt(0)) + body.slice(1) : body
}

function escapedUnit(unit: string): string {
  const code = unit.charCodeAt(0)
  const digits = code.toString(16).toUpperCase()
  return code < 256 ? `%${digits.padStart(2, '0')}` : `%u${digits.padStart(4, '0')}`
}
