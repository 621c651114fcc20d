/** Which host names and web pages are let in; `*` is all. */
export interface AdmissionRules {
  readonly listenHost: string;
  /** Origins of web pages (RFC 6454). */
  readonly origins: readonly string[];
  /** Names and addresses without ports, in lower case, IPv6 in brackets. */
  readonly hosts: readonly string[];
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * While the listen address is on loopback, nobody proves who they are: so pages on this machine may call, and requests
 * by another host name may not, as a page elsewhere can have its own name resolve to 127.0.0.1 (DNS rebinding). On other
 * addresses only the configured origins count, and every host name does until some are configured.
 */
export class Admission {
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string> | undefined;
  readonly #onLoopback: boolean;

  constructor({ listenHost, origins, hosts }: AdmissionRules) {
    const own = listenHost.includes(':') ? `[${listenHost}]` : listenHost.toLowerCase();
    this.#onLoopback = LOOPBACK.test(own);
    this.#origins = new Set(origins);
    const isChecked = (this.#onLoopback || hosts.length > 0) && !hosts.includes('*');
    this.#hosts = isChecked ? new Set([...LOOPBACK_NAMES, own, ...hosts]) : undefined;
  }

  /** @param authority a Host header or an :authority; undefined where a request of HTTP/1.0 has none */
  allowsHost(authority: string | undefined): boolean {
    return authority === undefined || this.#hosts === undefined || this.#hosts.has(hostOf(authority));
  }

  /** @param ownOrigin the origin that the request itself was sent to */
  allowsOrigin(origin: string, ownOrigin: string): boolean {
    if (this.#origins.has(origin) || this.#origins.has('*')) return true;
    // Where every host name is let in, a page whose own name was made to resolve to here would be of this very origin.
    if (origin === ownOrigin && this.#hosts !== undefined) return true;
    return this.#onLoopback && URL.canParse(origin) && LOOPBACK_NAMES.includes(new URL(origin).hostname);
  }
}

/** Without its port, as names compare. */
export function hostOf(authority: string): string {
  return authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}
