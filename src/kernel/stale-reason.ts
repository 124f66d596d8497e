/** Why a value past its life was served. */
export type StaleReason =
  /** It is being loaded anew in the background. */
  | 'revalidating'
  /** Loading it anew failed a moment ago, and is not tried again yet. */
  | 'resting'
  /** Loading it anew failed. */
  | 'error'
  /** Loading it anew takes longer than the soft timeout; that goes on. */
  | 'slow'
