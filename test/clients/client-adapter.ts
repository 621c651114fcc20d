/** JSON as protobuf maps it: camelCase names, bytes in base64, 64-bit integers as strings. */
export type JsonMessage = Readonly<Record<string, unknown>>;

export interface ClientFailure {
  /** As Connect spells it: `not_found`. */
  readonly status: string;
  readonly message: string;
  /** From the header or trailer `coordinator-error-code`, or from ErrorDetail where a client shows only that. */
  readonly errorCode: string | undefined;
}

export type Outcome = { readonly answer: JsonMessage } | { readonly failure: ClientFailure };

/** A client in whatever language; every one of them has to meet the same expectations. */
export interface ClientAdapter {
  call(rpc: string, request: JsonMessage, headers?: Readonly<Record<string, string>>): Promise<Outcome>;
  close(): Promise<void>;
}

/** gRPC's status codes by number, as Connect spells them. */
export const STATUSES = [
  ...['ok', 'canceled', 'unknown', 'invalid_argument', 'deadline_exceeded', 'not_found', 'already_exists'],
  ...['permission_denied', 'resource_exhausted', 'failed_precondition', 'aborted', 'out_of_range', 'unimplemented'],
  ...['internal', 'unavailable', 'data_loss', 'unauthenticated'],
] as const;
