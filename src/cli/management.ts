// The management socket of a running system: a Unix socket, open to the user alone that runs it, in which `ps`, `stop` and the
// others ask. It belongs to the command, not to the kernel process: what it shows comes from the kernel's events, and what changes
// the system goes to the kernel as a request of the plan's operator.
//
// A request is one line of JSON, its answer lines of JSON; the last one has `done`, or `error`.
import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { OK } from '../kernel/abi.ts';
import type { KernelEvent, ManagementRequest } from '../kernel/plan.ts';
import type { SystemView } from './system-view.ts';

export interface Request {
  readonly do: 'ps' | 'logs' | 'events' | 'end' | ManagementRequest['do'];
  readonly partition?: string;
  /** `logs`, `events`: goes on until the connection ends. */
  readonly follow?: boolean;
}

export type Answer = Readonly<Record<string, unknown>>;

const MAX_REQUEST = 4096;
const MAX_CONNECTIONS = 32;
/** A reader that takes no more of what it follows is cut off. */
const MAX_PENDING = 1 << 20;
const PATIENCE_MS = 5000;

/** `$XDG_RUNTIME_DIR/virtsec`, or a folder of the user's own in the temporary one. */
export function runtimeDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const named = env['XDG_RUNTIME_DIR'] ?? '';
  if (path.isAbsolute(named)) return path.join(named, 'virtsec');
  return path.join(tmpdir(), `virtsec-${process.getuid?.() ?? 'user'}`);
}

/** Whether the folder is there, the user's own, and nobody else's. */
function isPrivate(folder: string): boolean {
  const status = lstatSync(folder, { throwIfNoEntry: false });
  if (status === undefined || !status.isDirectory()) return false;
  return status.uid === (process.getuid?.() ?? status.uid) && (status.mode & 0o077) === 0;
}

export interface ManagementPowers {
  readonly view: SystemView;
  readonly manage: (request: ManagementRequest) => void;
  /** Ends the system. */
  readonly end: () => void;
}

export class Management {
  readonly #powers: ManagementPowers;
  readonly #path: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #followers = new Set<(event: KernelEvent) => void>();
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;

  /** Undefined: there is no folder that only this user can reach. */
  static open(system: string, env: Readonly<Record<string, string | undefined>>, powers: ManagementPowers) {
    const folder = runtimeDirectory(env);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return isPrivate(folder) ? new Management(path.join(folder, `${system}-${process.pid}.sock`), powers) : undefined;
    } catch {
      return undefined;
    }
  }

  private constructor(socket: string, powers: ManagementPowers) {
    this.#path = socket;
    this.#powers = powers;
    this.#server = createServer((connection) => this.#serve(connection));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('error', () => {}); // then it cannot be managed, and runs all the same
    const mask = process.umask(0o177);
    this.#server.listen(socket);
    process.umask(mask);
    this.#server.unref();
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.end();
    rmSync(this.#path, { force: true });
  }

  take(event: KernelEvent): void {
    this.#powers.view.take(event);
    if (event.event === 'managed') {
      const { id, result, reason } = event;
      this.#waiting.get(id)?.(result === OK ? { done: true } : { error: reason ?? `the core refuses it (${result})` });
      this.#waiting.delete(id);
    }
    for (const follow of this.#followers) follow(event);
  }

  #serve(connection: Socket): void {
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    let text = '';
    connection.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= MAX_REQUEST) return;
      connection.removeAllListeners('data');
      connection.resume();
      this.#answer(connection, text.slice(0, end));
    });
  }

  #answer(connection: Socket, line: string): void {
    const tell = (answer: object) => {
      connection.write(`${JSON.stringify(answer)}\n`);
      if (connection.writableLength > MAX_PENDING) connection.destroy();
    };
    const finish = (answer: Answer) => connection.end(`${JSON.stringify(answer)}\n`);
    let request: Request;
    try {
      request = JSON.parse(line) as Request;
    } catch {
      finish({ error: 'not a request' });
      return;
    }
    const { view } = this.#powers;
    const { partition = '', follow = false } = request;
    if (request.partition !== undefined && !view.has(partition)) {
      finish({ error: `the system has no partition \`${partition}\`` });
      return;
    }
    const goOn = (matches: (event: KernelEvent) => object | undefined) => {
      if (!follow) {
        finish({ done: true });
        return;
      }
      const one = (event: KernelEvent) => {
        const answer = matches(event);
        if (answer !== undefined) tell(answer);
      };
      this.#followers.add(one);
      connection.on('close', () => this.#followers.delete(one));
    };
    switch (request.do) {
      case 'ps':
        tell(view.summary());
        finish({ done: true });
        break;
      case 'logs':
        for (const text of view.logOf(partition)) tell({ text });
        goOn((event) => (event.event === 'log' && event.partition === partition ? { text: event.text } : undefined));
        break;
      case 'events':
        goOn((event) => event);
        break;
      case 'end':
        this.#powers.end();
        finish({ done: true });
        break;
      case 'start':
      case 'stop':
      case 'restart': {
        const id = this.#nextId++;
        this.#waiting.set(id, finish);
        this.#powers.manage({ id, do: request.do, partition });
        break;
      }
      default:
        finish({ error: 'no such request' });
    }
  }
}

/** A running system that this user may manage. */
export interface RunningSystem {
  readonly name: string;
  /** Of the command that runs it. */
  readonly pid: number;
  readonly socket: string;
}

/** Those whose command runs; what a killed one has left is removed. */
export function runningSystems(env: Readonly<Record<string, string | undefined>>): RunningSystem[] {
  const folder = runtimeDirectory(env);
  if (!isPrivate(folder)) return [];
  return readdirSync(folder).flatMap((file): RunningSystem[] => {
    const match = /^([a-z][a-z0-9-]*)-(\d+)\.sock$/.exec(file);
    if (match === null) return [];
    const [, name, pid] = match;
    const socket = path.join(folder, file);
    try {
      process.kill(Number(pid), 0);
    } catch {
      rmSync(socket, { force: true });
      return [];
    }
    return [{ name, pid: Number(pid), socket }];
  });
}

/** Asks; `take` gets each line of the answer but the last. Rejects with what is wrong. */
export function ask(socket: string, request: Request, take: (answer: Answer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket, () => connection.write(`${JSON.stringify(request)}\n`));
    if (request.follow !== true) connection.setTimeout(PATIENCE_MS, () => connection.destroy(new Error('no answer')));
    connection.on('error', reject);
    connection.on('close', resolve);
    createInterface({ input: connection }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      if (typeof answer['error'] === 'string') reject(new Error(answer['error']));
      else if (answer['done'] !== true) take(answer);
    });
  });
}
