import { ConnectError } from '@connectrpc/connect';
import { ConfigError } from '../config/setting-values.js';
import { AddressUnavailableError } from '../ports/address-unavailable.js';

export const FAILURE_EXIT_CODE = 1;
export const USAGE_EXIT_CODE = 2;

/** Says in a line or two what is wrong, never with a stack; returns the exit code. */
export function reportFailure(error: unknown): number {
  for (const line of failureLines(error)) process.stderr.write(`quorate: ${line}\n`);
  return error instanceof ConfigError ? USAGE_EXIT_CODE : FAILURE_EXIT_CODE;
}

export function failureLines(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems;
  if (error instanceof ConnectError) return [error.rawMessage];
  if (error instanceof AddressUnavailableError) return [`--listen: ${error.message}; choose another address`];
  return [error instanceof Error ? withCause(error) : String(error)];
}

/** The innermost cause often says most: "connect ECONNREFUSED 127.0.0.1:5432". */
function withCause(error: Error): string {
  let innermost: unknown = error;
  while (innermost instanceof Error && innermost.cause !== undefined) innermost = innermost.cause;
  const cause = innermost instanceof Error ? innermost.message : String(innermost);
  return innermost === error || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}
