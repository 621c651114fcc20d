import { once } from 'node:events';
import { createServer as createHttp1Server, type Server as Http1Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { AddressUnavailableError } from '../ports/address-unavailable.js';
import type { Certificate } from './certificate.js';
import { Http2Sessions } from './http2-sessions.js';
import type { PortHandlers } from './port-handlers.js';
import type { PortLimits } from './port-limits.js';
import { sniffProtocol } from './protocol-sniffer.js';
import { Http1Refusals, headerBytes, refuseLongHeaders } from './refused-requests.js';
import { StalledExchanges } from './stalled-exchanges.js';
import type { StreamHandler } from './stream-handler.js';

/** MiB that one HTTP/2 connection may hold. */
const SESSION_MEMORY_MIB = 64;
const STREAM_WINDOW_BYTES = 1024 * 1024;
const SESSION_WINDOW_BYTES = 8 * 1024 * 1024;
/** A client whose machine is gone is noticed some time after this. */
const KEEP_ALIVE_MS = 30_000;

/** TLS below 1.2 is broken (RFC 8996); with 1.2, forward secrecy and authenticated encryption alone (RFC 9325, section 4.2). */
const TLS_OPTIONS = {
  ALPNProtocols: ['h2', 'http/1.1'],
  minVersion: 'TLSv1.2',
  honorCipherOrder: true,
  ciphers: [
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ...['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ].join(':'),
} as const;

/** One TCP port that answers HTTP/1.1, HTTP/2 with prior knowledge and, given a certificate, TLS: by a connection's first bytes. */
export class OnePort {
  readonly #limits: PortLimits;
  readonly #port: Server;
  readonly #http1: Http1Server;
  readonly #http2: Http2Server;
  readonly #tls: TlsServer | undefined;
  readonly #sockets = new Set<Socket>();
  /** Connections that have not told their protocol yet: idle ones, which neither server knows of. */
  readonly #unsniffed = new Set<Socket>();
  readonly #sessions: Http2Sessions;
  readonly #exchanges: StalledExchanges;

  constructor(handlers: PortHandlers, limits: PortLimits, certificate?: Certificate) {
    this.#limits = limits;
    this.#sessions = new Http2Sessions(limits);
    this.#exchanges = new StalledExchanges(limits);
    const refusals = new Http1Refusals();
    this.#http1 = createHttp1Server(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.requestReadMs,
        requestTimeout: limits.requestReadMs,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => {
        this.#exchanges.watchHttp1(response);
        if (refusals.owe(response)) handlers.request(request, response);
      },
    );
    this.#http2 = createHttp2Server({
      maxSessionMemory: SESSION_MEMORY_MIB,
      settings: {
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxConcurrentStreams: limits.streamsMax,
        maxHeaderListSize: limits.headerBytesMax,
      },
    });
    this.#http2.on('session', (session) => this.#greet(session));
    this.#tls = certificate && this.#createTls(certificate);
    this.#port = createNetServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
      (socket) => void this.#admit(socket),
    );
    this.#port.maxConnections = limits.connectionsMax;
    // A server that is given its connections never listens itself: without this it would neither keep its time limits
    // nor know which of its connections are idle.
    this.#http1.emit('listening');
    this.#http1.on('clientError', (error, socket) => void refusals.refuse(error, socket));
    this.#http2.on('stream', (...opened: Parameters<StreamHandler>) => {
      this.#exchanges.watchHttp2(opened[0]);
      if (headerBytes(opened[3]) > limits.headerBytesMax) refuseLongHeaders(opened[0]);
      else handlers.stream(...opened);
    });
    this.#http2.on('sessionError', () => {});
  }

  /** For connections from now on. */
  renew(certificate: Certificate): void {
    this.#tls?.setSecureContext({ ...TLS_OPTIONS, ...certificate });
  }

  /** @throws AddressUnavailableError */
  async listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    try {
      this.#port.listen(port, host);
      await once(this.#port, 'listening');
    } catch (error) {
      throw new AddressUnavailableError(host, port, error as NodeJS.ErrnoException);
    }
    const address = this.#port.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  /** Stops listening, lets running calls finish for at most `withinMs`, then ends what is left. */
  async drain(withinMs: number): Promise<void> {
    const closed = once(this.#port, 'close');
    this.#port.close();
    this.#http1.closeIdleConnections();
    this.#sessions.close();
    for (const socket of this.#unsniffed) socket.destroy();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, withinMs);
    const idle = setInterval(() => this.#http1.closeIdleConnections(), 20);
    await closed;
    clearTimeout(timer);
    clearInterval(idle);
    this.#http1.close();
    this.#exchanges.stop();
  }

  async #admit(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    this.#unsniffed.add(socket);
    const protocol = await sniffProtocol(socket, this.#limits.silenceMs);
    this.#unsniffed.delete(socket);
    switch (protocol) {
      case 'http2':
        this.#http2.emit('connection', socket);
        return;
      case 'http1':
        this.#http1.emit('connection', socket);
        socket.resume();
        return;
      case 'tls':
        if (this.#tls === undefined) socket.destroy();
        else this.#tls.emit('connection', socket);
        return;
      case 'silent':
        socket.destroy();
    }
  }

  #createTls(certificate: Certificate): TlsServer {
    const options = { ...TLS_OPTIONS, ...certificate, handshakeTimeout: this.#limits.silenceMs };
    const tls = createTlsServer(options, (socket: TLSSocket) => {
      socket.on('error', () => socket.destroy());
      if (socket.alpnProtocol === 'h2') this.#http2.emit('connection', socket);
      else serveHttp1OverTls(this.#http1, socket);
    });
    // A failed handshake ends its own connection only.
    return tls.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  #greet(session: ServerHttp2Session): void {
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    this.#sessions.add(session);
  }
}

/**
 * Node.js (seen with 20.20) reads from a TLS connection behind the stream's back, and pauses its parser while answers wait to be taken.
 * Records that were decrypted already meet a paused parser then, which calls them malformed. A listener for data makes it read
 * from the stream, which keeps them.
 */
function serveHttp1OverTls(server: Http1Server, socket: TLSSocket): void {
  server.emit('connection', socket);
  socket.on('data', () => {});
}
