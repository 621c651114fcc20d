/** Repeats the ErrorCode's name where details are hard to read: for curl, grpcurl and clients of the bare contract. */
export const ERROR_CODE_HEADER = 'coordinator-error-code';

/** A request's own choice of the error mode. */
export const ERRORS_HEADER = 'coordinator-errors';
