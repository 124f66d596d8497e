import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** A request and its answer, as a door hands them in: all that the core knows of a framework. */
export interface Exchange<Request> {
  /** What the framework gives to its handlers; for the functions of the options. */
  readonly request: Request
  readonly raw: IncomingMessage
  readonly response: ServerResponse
  /** Path and query as the client sent them. */
  readonly uri: string
  /** The path and query that choose the handler, never decoded: the `uri`, unless something has made another of it. */
  readonly target: string
  /** What else tells two handlers of one target apart. */
  readonly route: string
  /** The header fields that others have set before the handler is called. */
  readonly before: OutgoingHttpHeaders
  /** Calls the handler, and whatever stands before it. */
  readonly proceed: () => void
  /** Takes the answer into our own hands; `response` has the fields of `before` from then on. */
  readonly takeOver: () => void
  /** Lets the application handle a request that nobody sent, from its beginning. */
  readonly dispatch: (raw: IncomingMessage, response: ServerResponse) => void
}
