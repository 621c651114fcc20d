import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { invalidField } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import type { CallContext } from '../services/coordinator-services.js';
import { ERRORS_HEADER } from './error-headers.js';
import { connectErrorOf, type Failure, failureOf, type Repetition } from './failure.js';

/** How failing calls end: with a status, or as an OK answer whose `success` is false. */
export type ErrorMode = 'status' | 'inline';

export interface CallParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** For requests that don't choose. */
  readonly errors: ErrorMode;
  /** For requests that set no timeout. */
  readonly requestTimeoutMs: number;
  /** The longest that a client may ask for. */
  readonly requestTimeoutMaxMs: number;
}

/** One RPC: what it answers with, from the request alone and from its outcome. */
export interface Call<Input extends DescMessage, Output extends DescMessage> {
  readonly method: DescMethodUnary<Input, Output>;
  /** Fields of the response that a failing call shows as well. */
  readonly echo: (request: MessageShape<Input>) => MessageInitShape<Output>;
  /** What a second run of the request would do; harmless where the call doesn't say. */
  readonly repetition?: (request: MessageShape<Input>) => Repetition;
  readonly run: (request: MessageShape<Input>, context: CallContext) => Promise<MessageInitShape<Output>>;
}

/** What a request says besides its message. */
export interface CallTerms {
  /** Its own choice of the error mode. */
  readonly errors: string | undefined;
  readonly timeoutMs: number | undefined;
  /** Aborts when the client went away. */
  readonly signal: AbortSignal;
}

export interface CallAnswer<Output extends DescMessage> {
  readonly response: MessageShape<Output>;
  /** Of a call that failed in the inline mode. */
  readonly errorCode?: string;
}

/** Fields that every response of the contract has. */
interface ResponseFields {
  success: boolean;
  /** Left alone in the answer of a call that succeeded: it may tell of a migration that failed. */
  errorMessage?: string;
  errorCode?: Failure['errorCode'];
  replicaCount?: number;
}

/**
 * Runs one RPC of the contract and shapes its answer, failing or not, in the mode that was asked for.
 * @throws ConnectError of a call that failed in the status mode
 */
export async function runCall<Input extends DescMessage, Output extends DescMessage>(
  parts: CallParts,
  { method, echo, repetition, run }: Call<Input, Output>,
  request: MessageShape<Input>,
  terms: CallTerms,
): Promise<CallAnswer<Output>> {
  const { output } = method;
  let mode = parts.errors;
  try {
    mode = errorMode(terms.errors, parts.errors);
    const fields = await run(request, callContext(parts, terms));
    return { response: respond(output, { ...echo(request), ...fields }, { success: true }) };
  } catch (error) {
    const failure = failureOf(error, method.name, parts.log, parts.random, repetition?.(request));
    const { message, errorCode, replicaCount } = failure;
    const known = { success: false, errorMessage: message, errorCode, replicaCount };
    const response = respond(output, echo(request), known);
    if (mode === 'status') throw connectErrorOf(failure, output, response);
    return { response, errorCode: failure.code };
  }
}

/** All nine responses have these fields; the type of each is the contract's, and a test compares them. */
function respond<Output extends DescMessage>(
  output: Output,
  fields: MessageInitShape<Output>,
  known: ResponseFields,
): MessageShape<Output> {
  const { replicaCount, ...common } = known;
  const counted = output.fields.some(({ localName }) => localName === 'replicaCount') && replicaCount !== undefined;
  return create(output, { ...fields, ...common, ...(counted ? { replicaCount } : {}) } as MessageInitShape<Output>);
}

function errorMode(chosen: string | undefined, otherwise: ErrorMode): ErrorMode {
  if (chosen === undefined) return otherwise;
  if (chosen === 'inline' || chosen === 'status') return chosen;
  throw invalidField(`header ${ERRORS_HEADER}`, 'must be "inline" or "status"');
}

/** A client's own timeout shortens the request's, and lengthens it to a bound. */
function callContext(parts: CallParts, { timeoutMs, signal }: CallTerms): CallContext {
  const { clock, requestTimeoutMs, requestTimeoutMaxMs } = parts;
  const withinMs = Math.min(timeoutMs ?? requestTimeoutMs, requestTimeoutMaxMs);
  return { deadlineMs: clock.monotonicMs() + withinMs, deadlineWallMs: clock.wallMs() + withinMs, signal };
}
