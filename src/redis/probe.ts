import { describeThrown, type SharedFinding, wallTime } from '../index'
import { type Client, evaluate } from './client'
import type { Connection } from './connection'
import { remedyFor } from './connection-errors'
import type { FeedNote } from './feed-note'
import type { Protocol } from './protocol'
import type { ServerFeed } from './server-feed'

/** What is probed. */
export interface ProbeParts {
  readonly connection: Connection
  readonly feed: ServerFeed
  readonly note: FeedNote
  readonly protocol: Protocol
  /** Whether this server has to answer for a key. */
  readonly owns: (key: string) => boolean
  readonly isInCluster: boolean
}

/** Something that is tried. */
interface Try {
  readonly command: string
  /** What becomes of calls where it is refused. */
  readonly lost: string
  readonly run: (client: Client) => Promise<unknown>
}

const everything = 'calls are answered by their methods alone, nothing is kept in Redis'
const writes =
  'puts and evictions do not arrive; they are kept back and sent again, and other processes go on with old values'
const markers = 'no tag or cache has a marker, so no entry is believed: calls are answered by their methods'
const coherence =
  'nobody tells of changes: local copies are served for `maxStaleness` and then asked for again, and two processes may load the same key at once'

/**
 * Tries everything that the protocol asks of a server, on keys beside all others that are gone afterwards; commands of
 * scripts too, one by one, since a script names only the first that it is refused.
 */
export async function probe(parts: ProbeParts): Promise<readonly SharedFinding[]> {
  const { connection, feed, note, protocol, owns } = parts
  const client = connection.client as Client
  const findings = new Map<string, SharedFinding>()
  const report = (finding: SharedFinding): void => {
    if (!findings.has(finding.subject)) findings.set(finding.subject, finding)
  }
  const tag = probeTag(protocol, owns)
  const tried: Promise<void>[] = []
  const attempt = ({ command, lost, run }: Try, key?: string): void => {
    tried.push(
      run(client).then(
        () => {},
        (error: Error) => {
          // A connection that breaks, or a slot that has just moved, is no refusal.
          if (error.name !== 'ReplyError' || /^(?:MOVED|ASK|TRYAGAIN) /.test(error.message)) return
          report(explain(error, command, lost, protocol, key))
        },
      ),
    )
  }
  for (const it of commandsOnly(parts)) attempt(it)
  if (tag !== undefined) {
    const entry = `${protocol.root}:probe:0:{${tag}}`
    const keys = [entry, `${entry}:written`, `${protocol.root}:tag:{${tag}}`, protocol.counterKey, protocol.feedKey]
    const { heartbeat } = protocol.scripts
    for (const key of keys.filter(owns)) {
      attempt({ command: 'EVALSHA', lost: everything, run: () => evaluate(client, heartbeat, [key], []) }, key)
    }
    for (const it of onKey(entry, protocol)) attempt(it, entry)
  }
  await Promise.all(tried)
  for (const [command, error] of feed.refusals) report(explain(error, command, coherence, protocol))
  if (note.finding !== undefined) report(note.finding)
  return [...findings.values()]
}

function commandsOnly({ isInCluster, protocol }: ProbeParts): readonly Try[] {
  return [
    {
      command: 'SCRIPT LOAD',
      lost: everything,
      run: (client) => client.script('LOAD', protocol.scripts.heartbeat.lua),
    },
    {
      command: 'INFO',
      lost: `a replica and a version too old are not recognised, each new connection counts as another server, and ${coherence}`,
      run: (client) => client.info('server'),
    },
    {
      command: 'TIME',
      lost: `${writes}, and hosts whose clocks differ do not agree on what has expired`,
      run: (client) => client.time(),
    },
    { command: 'PING', lost: coherence, run: (client) => client.ping() },
    ...(isInCluster
      ? [
          {
            command: 'CLUSTER SLOTS',
            lost: 'nodes are not found again after a failover',
            run: (client: Client) => client.cluster('SLOTS'),
          },
          {
            command: 'ASKING',
            lost: 'keys of a slot that is moving are answered by their methods',
            run: (client: Client) => client.asking(),
          },
        ]
      : []),
  ]
}

/** In this order: what cannot be deleted expires. */
function onKey(key: string, { feed, channel, writer }: Protocol): readonly Try[] {
  const call = (lost: string, command: string, ...args: (string | number)[]): Try => ({
    command,
    lost,
    run: (client) => client.call(command, key, ...args),
  })
  return [
    call(markers, 'PERSIST'),
    call(everything, 'SET', '', 'PX', 1_000),
    call(everything, 'GETEX'),
    call(everything, 'GET'),
    call(markers, 'MGET'),
    call(writes, 'GETRANGE', 0, 1),
    call('a load of more than five seconds is not kept', 'PEXPIRE', 1_000),
    call(markers, 'PEXPIREAT', wallTime() + 1_000),
    call('after a load that failed others wait until its lease has run out', 'DEL'),
    call(writes, 'UNLINK'),
    ...(feed === 'broadcast'
      ? [
          {
            command: 'PUBLISH',
            lost: `a change that cannot be told is not made: ${writes}`,
            run: (client: Client) => client.publish(channel, `${writer} ${key}`),
          },
        ]
      : []),
  ]
}

/** A hash tag that no arguments and no tag can spell, for keys of this server; undefined if none is found. */
function probeTag({ root }: Protocol, owns: (key: string) => boolean): string | undefined {
  for (let turn = 0; turn < mostTurns; turn++) {
    const tag = `%probe-${turn}`
    if (owns(`${root}:probe:0:{${tag}}`)) return tag
  }
  return undefined
}

const mostTurns = 2_000

function explain(error: unknown, command: string, lost: string, protocol: Protocol, key?: string): SharedFinding {
  const reply = describeThrown(error)
  const said = `(Redis: ${reply})`
  const pattern = `${protocol.keyPrefix}${protocol.root}:*`
  if (/NOPERM.*\bkeys?\b/.test(reply) && key !== undefined) {
    const subject = `keys ${protocol.keyPrefix}${keyForm(key)}`
    return {
      subject,
      message: `Redis forbids the ${subject} ${said}: ${everything}. Grant \`~${pattern}\` (ACL SETUSER).`,
    }
  }
  if (/NOPERM.*\bchannels?\b/.test(reply)) {
    const channel = command === 'SUBSCRIBE' && protocol.feed === 'tracking' ? '__redis__:invalidate' : protocol.channel
    return {
      subject: `channel ${channel}`,
      message: `Redis forbids the channel ${channel} to ${command} ${said}: ${lost}. Grant \`&${channel}\` (ACL SETUSER).`,
    }
  }
  const instead = insteadOf(command, protocol)
  if (/^NOPERM|no permission/i.test(reply)) {
    const rule = command.toLowerCase().replace(' ', '|')
    return {
      subject: command,
      message: `Redis forbids ${command} ${said}: ${lost}. Grant \`+${rule}\` (ACL SETUSER)${instead}.`,
    }
  }
  if (/unknown (?:command|subcommand)|not supported|disabled/i.test(reply)) {
    return {
      subject: command,
      message: `Redis, or a proxy before it, does not have ${command} ${said}: ${lost}. Use a server of version 7 or later that has it, under its own name${instead}.`,
    }
  }
  const [word = ''] = reply.split(' ')
  return {
    subject: /^[A-Z]+$/.test(word) && word !== 'ERR' ? word : command,
    message: `Redis refuses ${command} ${said}: ${word === 'OOM' ? full : lost}. ${remedyFor(error)}`.trim(),
  }
}

const full = 'nothing new is kept; what stands there is read, and evictions go on'

function insteadOf(command: string, { feed }: Protocol): string {
  const isTracking = feed === 'tracking' && command.startsWith('CLIENT')
  return isTracking ? ", or give all processes `redis({ feed: 'broadcast' })`" : ''
}

/** Which keys a key is one of. */
function keyForm(key: string): string {
  return key.replace(/:probe:0:/, ':…:').replace(/\{.*\}/, '{…}')
}
