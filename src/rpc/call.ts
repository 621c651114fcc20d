import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { invalidField } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import type { CallContext } from '../services/coordinator-services.js';
import { ERROR_CODE_HEADER, ERRORS_HEADER } from './error-headers.js';
import { connectErrorOf, type Failure, failureOf } from './failure.js';

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
export interface CallSpec<Input extends DescMessage, Output extends DescMessage> {
  readonly rpc: string;
  readonly output: Output;
  /** Fields of the response that a failing call shows as well. */
  readonly echo: (request: MessageShape<Input>) => MessageInitShape<Output>;
  readonly run: (request: MessageShape<Input>, context: CallContext) => Promise<MessageInitShape<Output>>;
}

/** Fields that every response of the contract has. */
interface ResponseFields {
  success: boolean;
  /** Left alone in the answer of a call that succeeded: it may tell of a migration that failed. */
  errorMessage?: string;
  errorCode?: Failure['errorCode'];
  replicaCount?: number;
}

/** Runs one RPC of the contract and shapes its answer, failing or not, in the mode that was asked for. */
export function callHandler<Input extends DescMessage, Output extends DescMessage>(
  parts: CallParts,
  { rpc, output, echo, run }: CallSpec<Input, Output>,
) {
  return async (request: MessageShape<Input>, context: HandlerContext): Promise<MessageShape<Output>> => {
    let mode = parts.errors;
    try {
      mode = errorMode(context, parts.errors);
      const fields = await run(request, callContext(parts, context));
      return respond(output, { ...echo(request), ...fields }, { success: true });
    } catch (error) {
      const failure = failureOf(error, rpc, parts.log, parts.random);
      const { message, errorCode, replicaCount } = failure;
      const known = { success: false, errorMessage: message, errorCode, replicaCount };
      const response = respond(output, echo(request), known);
      if (mode === 'status') throw connectErrorOf(failure, output, response);
      context.responseHeader.set(ERROR_CODE_HEADER, failure.code);
      return response;
    }
  };
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

function errorMode(context: HandlerContext, otherwise: ErrorMode): ErrorMode {
  const chosen = context.requestHeader.get(ERRORS_HEADER);
  if (chosen === null) return otherwise;
  if (chosen === 'inline' || chosen === 'status') return chosen;
  throw invalidField(`header ${ERRORS_HEADER}`, 'must be "inline" or "status"');
}

/** A client's own timeout shortens the request's, and lengthens it to a bound. */
function callContext(parts: CallParts, context: HandlerContext): CallContext {
  const { clock, requestTimeoutMs, requestTimeoutMaxMs } = parts;
  const withinMs = Math.min(context.timeoutMs() ?? requestTimeoutMs, requestTimeoutMaxMs);
  return {
    deadlineMs: clock.monotonicMs() + withinMs,
    deadlineWallMs: clock.wallMs() + withinMs,
    signal: context.signal,
  };
}
