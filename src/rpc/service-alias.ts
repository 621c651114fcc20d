import type { ErrorMode } from './call.js';

/** Another full name under which the coordinator's service answers: the contract names no package. */
export interface ServiceAlias {
  readonly serviceName: string;
  /** Undefined: as the server is set. */
  readonly errors: ErrorMode | undefined;
}
