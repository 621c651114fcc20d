import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorCode } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ErrorDetailSchema } from '../../src/gen/coordinator/v1/errors_pb.js';

export interface CallFailure {
  /** The gRPC status by name, such as "NotFound". */
  readonly status: string;
  /** The contract's ErrorCode by name. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly outcomeUnknown: boolean;
}

/** How the call failed, by its status and ErrorDetail. @throws Error when it succeeded */
export async function failureOfCall(call: Promise<unknown>): Promise<CallFailure> {
  const error = await call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (reason: unknown) => ConnectError.from(reason),
  );
  const [detail] = error.findDetails(ErrorDetailSchema);
  return {
    status: Code[error.code],
    code: detail === undefined ? '' : ErrorCode[detail.code],
    message: error.rawMessage,
    retryable: detail?.retryable ?? false,
    outcomeUnknown: detail?.outcomeUnknown ?? false,
  };
}
