/** One command as it reaches the server. Bytes are texts, one character each. */
export type Command =
  | {
      readonly name: 'takeLease'
      readonly key: string
      readonly lease: string
      readonly ms: number
      readonly over?: string
    }
  | { readonly name: 'renewLease'; readonly key: string; readonly lease: string; readonly ms: number }
  | { readonly name: 'releaseLease'; readonly key: string; readonly lease: string }
  | {
      readonly name: 'fillLease'
      readonly key: string
      readonly lease: string
      readonly frame: string
      readonly ms: number
      readonly version?: string
    }
  | {
      readonly name: 'replaceEntry'
      readonly key: string
      readonly over: string
      readonly frame: string
      readonly ms: number
      readonly version?: string
    }
  | { readonly name: 'dropEntry'; readonly key: string; readonly isRetry: boolean }
  | {
      readonly name: 'putEntry'
      readonly key: string
      readonly frame: string
      readonly ms: number
      readonly began: number
      readonly version?: string
    }
  | { readonly name: 'get'; readonly keys: readonly string[] }
  | { readonly name: 'ensureMarkers'; readonly keys: readonly string[]; readonly ms: number }
  | { readonly name: 'raiseMarkers'; readonly keys: readonly string[]; readonly ms: number }

/** What the server answers to one command. */
export type Answer = string | number | null | readonly (string | null)[]
