import { Code, ConnectError } from '@connectrpc/connect';

/**
 * A client that left before it was answered: no fault of anybody here. Made once: an abort without a reason makes a new
 * error, with its stack, for each request.
 */
export const CLIENT_GONE = new ConnectError('the client has gone', Code.Canceled);
