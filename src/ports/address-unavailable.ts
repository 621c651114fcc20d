/** An address that can't be listened on: taken by another program, or not this machine's. */
export class AddressUnavailableError extends Error {
  readonly host: string;
  readonly port: number;

  constructor(host: string, port: number, cause: NodeJS.ErrnoException) {
    const why = cause.code === 'EADDRINUSE' ? 'is in use by another program' : `can't be listened on (${cause.code})`;
    super(`${host}:${port} ${why}`, { cause });
    this.name = 'AddressUnavailableError';
    this.host = host;
    this.port = port;
  }
}
