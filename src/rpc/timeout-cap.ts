const GRPC_TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const MS_OF: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
const CONNECT_TIMEOUT = /^\d{1,10}$/;

/** Undefined where there is none, or what there is is no timeout. */
export function grpcTimeoutMs(value: unknown): number | undefined {
  const [, amount, unit = ''] = GRPC_TIMEOUT.exec(typeof value === 'string' ? value : '') ?? [];
  return amount === undefined ? undefined : Number(amount) * (MS_OF[unit] ?? 0);
}

/**
 * Shortens a client's timeout to what is granted at most. Node.js takes a timer of more than 2^31 ms for one of 1 ms, so
 * that the most patient clients would be refused first. What is no timeout stays, to be refused as such.
 */
export function capTimeout(headers: Headers, maxMs: number): void {
  if ((grpcTimeoutMs(headers.get('grpc-timeout')) ?? 0) > maxMs) {
    headers.set('grpc-timeout', `${Math.ceil(maxMs / 1000)}S`);
  }
  const connect = headers.get('connect-timeout-ms');
  if (connect !== null && CONNECT_TIMEOUT.test(connect) && Number(connect) > maxMs) {
    headers.set('connect-timeout-ms', String(maxMs));
  }
}
