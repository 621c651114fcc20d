import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { PageTask } from './browser-page.js';
import type { ClientAdapter, Outcome } from './client-adapter.js';

const PAGE = '<!doctype html><meta charset="utf-8"><title>page</title><script type="module" src="/page.js"></script>';
const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
];

export function findChromium(): string | undefined {
  return ['chromium', 'chromium-browser', 'google-chrome'].find((name) => spawnSync(name, ['--version']).status === 0);
}

interface Waiting {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

/** A page in a headless browser that calls the coordinator from an origin of its own. */
export class Browser {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #closeServer: () => void;
  readonly #give: (task: Omit<PageTask, 'id'>) => Promise<Outcome>;

  private constructor(
    child: ChildProcess,
    profile: string,
    closeServer: () => void,
    give: (task: Omit<PageTask, 'id'>) => Promise<Outcome>,
  ) {
    this.#child = child;
    this.#profile = profile;
    this.#closeServer = closeServer;
    this.#give = give;
  }

  /** @param pageHost what the page's origin is named; it resolves to this machine */
  static async open(chromium: string, pageHost: string): Promise<Browser> {
    const bundled = await build({
      entryPoints: [fileURLToPath(new URL('browser-page.ts', import.meta.url))],
      bundle: true,
      write: false,
      format: 'esm',
      logLevel: 'error',
    });
    const script = bundled.outputFiles[0]?.text ?? '';
    const tasks: PageTask[] = [];
    const waiting = new Map<number, Waiting>();
    let idle: ServerResponse | undefined;
    let count = 0;
    const handOut = () => {
      const task = idle && tasks.shift();
      if (task === undefined) return;
      idle?.end(JSON.stringify(task));
      idle = undefined;
    };
    const server = createServer(async (request, response) => {
      switch (request.url) {
        case '/':
          return response.setHeader('content-type', 'text/html').end(PAGE);
        case '/page.js':
          return response.setHeader('content-type', 'text/javascript').end(script);
        case '/task':
          idle = response;
          return handOut();
        case '/outcome': {
          const { id, outcome } = JSON.parse(await text(request)) as {
            id: number;
            outcome: Outcome & { broken?: string };
          };
          response.end();
          if (outcome.broken === undefined) waiting.get(id)?.resolve(outcome);
          else waiting.get(id)?.reject(new Error(outcome.broken));
          waiting.delete(id);
          return;
        }
        default:
          return response.writeHead(404).end();
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const profile = mkdtempSync(join(tmpdir(), 'quorate-browser-'));
    const url = `http://${pageHost}:${(server.address() as AddressInfo).port}/`;
    const child = spawn(chromium, [...FLAGS, `--user-data-dir=${profile}`, url], { stdio: 'ignore', detached: true });
    const closeServer = () => {
      server.closeAllConnections();
      server.close();
    };
    const give = (task: Omit<PageTask, 'id'>) =>
      new Promise<Outcome>((resolve, reject) => {
        waiting.set(++count, { resolve, reject });
        tasks.push({ ...task, id: count });
        handOut();
      });
    return new Browser(child, profile, closeServer, give);
  }

  client(baseUrl: string, transport: PageTask['transport']): ClientAdapter {
    return {
      call: (rpc, request, headers = {}) => this.#give({ baseUrl, transport, rpc, request, headers }),
      close: async () => {},
    };
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    // Its renderers are of its process group.
    process.kill(-(this.#child.pid ?? 0), 'SIGKILL');
    await exited;
    this.#closeServer();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }
}
