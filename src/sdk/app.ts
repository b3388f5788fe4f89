// virtsec/sdk: what a native application imports. Everything here belongs to the partition in which it is imported.
import { own } from './app/own.ts';

/** The partition's channels, by their names in the system description. */
export const port = own.port;
/** Time, sleep and periodic work. */
export const time = own.time;
/** The health monitor: heartbeat, faults of its own. */
export const health = own.health;
/** Modes of the schedule. */
export const mode = own.mode;
/** Files that the plan grants. */
export const storage = own.storage;
/** A subset of WebCrypto. */
export const crypto = own.crypto;
/** What the plan says of this partition: name, memory, config, channels, why it was started. */
export const self = own.self;
/** A line for the system's log; what is longer than 2,048 bytes is cut off. */
export const log = own.log.bind(own);
/** Faults, restarts and illegal calls of another partition (`may: { audit: [NAME] }`). */
export const audit = own.audit.bind(own);
/** Ends this partition with a status of 0 to 255. */
export const exit = own.exit.bind(own);
/** Ends the whole system (`may: { shut-down: true }`). */
export const shutDown = own.shutDown.bind(own);
/** Called when the system ends: finish, then `exit()`; whoever has not after 3 seconds is stopped. */
export const onStop = own.onStop.bind(own);

export { ChannelError } from './app/kernel.ts';
export type { ChannelFault, Patience } from './app/kernel.ts';
export { text, utf8 } from './app/message.ts';
export type { Message } from './app/message.ts';
export type {
  Client,
  Handler,
  Listener,
  Managed,
  Reader,
  Receiver,
  Sample,
  Sender,
  Server,
  Signaller,
  Writer,
} from './app/ports.ts';
export type { Stream } from './app/stream.ts';
export type { Audit, StoredFile } from './app/application.ts';
export type { Algorithm, Key, KeyPair, KeyUsage } from './app/crypto.ts';
export type { Facts } from './link.ts';
